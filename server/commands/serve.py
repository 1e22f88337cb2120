"""`thinline serve`."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import ssl
from argparse import ArgumentParser, Namespace
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from codec.config import BitrateError
from codec.engine import ENGINES, Engine, EngineError, load_engine
from server.app import NODE, make_app
from server.config import ConfigError, ServerConfig
from server.log import set_up_logging
from server.rtc.interfaces import host_addresses
from server.session import Node
from server.settings import print_config, read_config
from server.tls import TlsError, context_from_files, self_signed_context
from server.traces import TracesError

HELP = (
    "Serve calls: the page, the signalling and the sound. SIGTERM lets running calls end first, for a while; "
    "Ctrl-C, or a second SIGTERM, ends them at once."
)

EVERYWHERE = ("0.0.0.0", "::", "")
FAREWELL_SECONDS = 6.0  # how long sessions may take to end when the server does


class ServeError(Exception):
    """The server can't listen where it should."""


ERRORS = (BitrateError, ConfigError, EngineError, ServeError, TlsError, TracesError)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--host", help="the name or address to listen on (default: localhost; 0.0.0.0: everywhere)")
    parser.add_argument("--port", type=int, help="the TCP port (default: 8080; 0: any free one)")
    parser.add_argument("--engine", choices=sorted(ENGINES), help="what runs the codec (default: native, else onnx)")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="a folder of weights (default: the shipped ones)")
    parser.add_argument("--workers", type=int, metavar="N", help="codec threads (default: one for each CPU)")
    parser.add_argument("--max-sessions", type=int, metavar="N", help="seats (default: as many as it can bear)")
    parser.add_argument("--tls-self-signed", action="store_true", default=None, help="HTTPS, certificate made now")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="HTTPS with this certificate chain, PEM")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="the key of --tls-cert, PEM")
    parser.add_argument("--open", action="store_true", default=None, help="whoever reaches this server may call")
    parser.add_argument("--log-level", help="debug, info, warning or error (default: info)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="more settings: docs/operations.md")
    parser.add_argument("--print-config", action="store_true", help="check all settings, print them, and do no more")


def run(args: Namespace) -> int:
    config = read_config(os.environ, vars(args))
    if args.print_config:
        print(print_config(config))
        return 0
    set_up_logging(config.log_level)
    context = _tls_context(config)
    engine = load_engine(config.engine, config.weights)
    uvloop.run(_serve(config, engine, context))
    return 0


def _tls_context(config: ServerConfig) -> ssl.SSLContext | None:
    if config.tls_cert is not None and config.tls_key is not None:
        return context_from_files(config.tls_cert, config.tls_key)
    return self_signed_context() if config.tls_self_signed else None


async def _serve(config: ServerConfig, engine: Engine, context: ssl.SSLContext | None) -> None:
    drain, stop = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGTERM, lambda: stop.set() if drain.is_set() else drain.set())
    app = await make_app(config, engine)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=FAREWELL_SECONDS)
    try:
        await runner.setup()
        port = await _listen(runner, config, context)
        gc.collect()
        gc.freeze()  # what is there now stays; to look through it again takes longer than a frame
        print(_greeting(config, engine, port, app[NODE].rooms.capacity), flush=True)
        await _first_of(stop.wait(), _drain(app[NODE], drain, config.drain_seconds))
    finally:
        await runner.cleanup()


async def _drain(node: Node, asked: asyncio.Event, seconds: float) -> None:
    """Once it is asked for, lets the calls end by themselves, but not for longer than this."""
    await asked.wait()
    node.drain(seconds)
    with suppress(TimeoutError):
        await asyncio.wait_for(node.drained(), seconds + FAREWELL_SECONDS)


async def _first_of(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _listen(runner: web.AppRunner, config: ServerConfig, context: ssl.SSLContext | None) -> int:
    """The port that was taken. Raises ServeError."""
    try:
        await web.TCPSite(runner, config.host, config.port, ssl_context=context).start()
    except OSError as error:
        why = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise ServeError(f"can't listen on {config.host} port {config.port}: {why}") from None
    return int(runner.addresses[0][1])


def _greeting(config: ServerConfig, engine: Engine, port: int, seats: int) -> str:
    hosts = [config.host]
    if config.host in EVERYWHERE:
        hosts = ["localhost", *(address for address in host_addresses() if ":" not in address)]
    scheme = "https" if config.tls else "http"
    urls = ", ".join(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}" for host in hosts)
    engine_facts = f"model {engine.model_id}, engine {engine.name}, workers {config.workers}"
    return f"thinline serves on {urls} ({engine_facts}, seats {seats})"
