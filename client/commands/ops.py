"""`thinline ops`: watch and steer a node from the terminal (docs/ops-api.md)."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from client.errors import CallError
from client.ops import Ask, OpsClient, OpsError
from client.opstext import call_lines, capacity_lines, session_lines

HELP = "Watch and steer a running server. It needs an operator's token: thinline token --role ops --name NAME"
ERRORS: tuple[type[Exception], ...] = (OpsError, CallError)

TOKEN_VARIABLE = "THINLINE_OPS_TOKEN"
DRAIN_SECONDS = 1800.0

Answer = dict[str, Any] | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    common = _common_arguments()
    orders = parser.add_subparsers(dest="order", required=True, metavar="ORDER")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return orders.add_parser(name, help=text, description=text, parents=[common], allow_abbrev=False)

    add("calls", "list all calls and who is in them, with live figures")
    add("show", "all figures of one session or call").add_argument("id", help="as `thinline ops calls` lists them")
    denoise = add("denoise", "take the noise out of a voice, or leave it in")
    denoise.add_argument("session")
    denoise.add_argument("state", choices=("on", "off"))
    bitrate = add("bitrate", "set the bitrate of a call, both directions")
    bitrate.add_argument("call")
    bitrate.add_argument("kbps", type=float, metavar="KBPS", help="a multiple of 0.75 up to 18")
    add("hangup", "end a session").add_argument("session")
    drain = add("drain", "take no new calls; those that run may go on for a while")
    drain.add_argument("--seconds", type=float, default=DRAIN_SECONDS, help="and then end (default: %(default)g)")
    add("undrain", "take calls again")
    add("capacity", "how full the node is, and whether it keeps up")


def _common_arguments() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--server", default="http://localhost:8080", metavar="URL", help="default: %(default)s")
    common.add_argument("--token", help=f"the operator's token (default: {TOKEN_VARIABLE}, which nobody else sees)")
    common.add_argument("--json", action="store_true", help="print the server's answer as JSON")
    common.add_argument("--insecure", action="store_true", help="accept any certificate of an https server")
    return common


def run(args: argparse.Namespace) -> int:
    token = args.token or os.environ.get(TOKEN_VARIABLE)
    if not token:
        raise OpsError(f"operators need a token: {TOKEN_VARIABLE} or --token; thinline token --role ops makes one")
    client = OpsClient(args.server, token.strip(), args.insecure)
    answer, lines = asyncio.run(client.carry_out(_order(args)))
    print(json.dumps(answer, indent=2, ensure_ascii=False) if args.json else "\n".join(lines))
    return 0


def _order(args: argparse.Namespace) -> Callable[[Ask], Any]:
    """What the command line asks for: asks the server and gives its answer, with lines for a person."""

    async def order(ask: Ask) -> tuple[Answer, list[str]]:
        match args.order:
            case "calls":
                answer = await ask("GET", "/calls")
                return answer, call_lines(answer)
            case "show":
                return await _show(ask, args.id)
            case "denoise":
                answer = await ask("PUT", _path("sessions", args.session, "denoise"), {"denoise": args.state == "on"})
                what = "taken out of" if answer["denoise"] else "left in"
                return answer, [f"noise is {what} the voice of {answer['session']}{_since(answer['frame'])}"]
            case "bitrate":
                answer = await ask("PUT", _path("calls", args.call, "bitrate"), {"bitrate_kbps": args.kbps})
                members = (f"  {entry['session']}{_since(entry['frame'])}" for entry in answer["sessions"])
                return answer, [f"call {answer['call']} runs at {answer['bitrate_kbps']:g} kbit/s", *members]
            case "hangup":
                await ask("DELETE", _path("sessions", args.session))
                return {"session": args.session}, [f"session {args.session} has ended"]
            case "drain":
                answer = await ask("PUT", "/drain", {"seconds": args.seconds})
            case "undrain":
                answer = await ask("DELETE", "/drain")
            case _:
                answer = await ask("GET", "/capacity")
        return answer, capacity_lines(answer)

    return order


async def _show(ask: Ask, name: str) -> tuple[Answer, list[str]]:
    """A session, or all of a call."""
    listed = await ask("GET", "/calls")
    for call in listed["calls"]:
        if call["call"] == name:
            return call, [line for session in call["sessions"] for line in session_lines(session)]
        for session in call["sessions"]:
            if session["session"] == name:
                return session, session_lines(session)
    raise OpsError(f"there is no session and no call {name!r}; thinline ops calls lists them")


def _since(frame: int | None) -> str:
    return ", from its first frame on" if frame is None else f", from frame {frame} on"


def _path(*parts: str) -> str:
    return "".join(f"/{quote(part, safe='')}" for part in parts)
