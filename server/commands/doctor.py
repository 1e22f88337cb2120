"""`thinline doctor`."""

from __future__ import annotations

import asyncio
import logging
import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from server.config import ConfigError, ServerConfig
from server.doctor import Verdict, examine
from server.settings import read_config

HELP = (
    "Check whether this machine can serve calls with the settings that `thinline serve` would have: engine, weights, "
    "rights, certificate, ports, addresses, STUN and TURN. Ends with 1 where something fails."
)
ERRORS = (ConfigError,)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="the server's settings, as for serve")
    parser.add_argument("--host", help="as for serve")
    parser.add_argument("--port", type=int, help="as for serve")
    parser.add_argument("--open", action="store_true", default=None, help="as for serve")
    parser.add_argument("--tls-self-signed", action="store_true", default=None, help="as for serve")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="as for serve")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="as for serve")


def run(args: Namespace) -> int:
    logging.disable(logging.WARNING)  # of the libraries: the findings say it
    try:
        return asyncio.run(_print(read_config(os.environ, vars(args))))
    finally:
        logging.disable(logging.NOTSET)


async def _print(config: ServerConfig) -> int:
    verdicts = []
    async for finding in examine(config):
        print(finding, flush=True)
        verdicts.append(finding.verdict)
    return int(Verdict.FAIL in verdicts)
