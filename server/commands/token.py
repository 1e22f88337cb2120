"""`thinline token`."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from server.auth import AuthError, Authority, Grant, Role, new_secret
from server.config import ConfigError
from server.protocol.fields import FieldError, read_label
from server.settings import read_config

HELP = (
    "Make a token that lets someone into a room, or an operator to the node. It is signed with the server's own "
    "token secret (THINLINE_TOKEN_SECRET) and says nothing to whoever has not the same."
)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class TokenError(Exception):
    """A token that would be of no use."""


ERRORS = (AuthError, ConfigError, FieldError, TokenError)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--room", help="the room that a caller may enter")
    parser.add_argument("--name", help="who it is (default, for callers: whatever name they give)")
    parser.add_argument("--role", choices=[str(role) for role in Role], default=str(Role.CALLER))
    parser.add_argument("--expires", type=_duration, default=12 * 3600, metavar="TIME", help="30s, 15m, 12h, 7d (12h)")
    parser.add_argument("--max-kbps", type=_positive, metavar="KBPS", help="the highest bitrate the caller may ask for")
    parser.add_argument("--max-call", type=_duration, metavar="TIME", help="the call ends after this, as 15m")
    parser.add_argument("--url", metavar="URL", help="print a link to this server with the token in it")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the server's settings, with its token_secret")
    parser.add_argument("--new-secret", action="store_true", help="print a secret for THINLINE_TOKEN_SECRET instead")


def run(args: Namespace) -> int:
    if args.new_secret:
        print(new_secret())
        return 0
    grant = _grant(args)
    config = read_config(os.environ, vars(args))
    if config.token_secret is None:
        raise TokenError("there is no THINLINE_TOKEN_SECRET; thinline token --new-secret makes one, for the server too")
    token = Authority(config.token_secret).issue(grant, args.expires)
    print(token if args.url is None else _link(args.url, grant, token))
    return 0


def _grant(args: Namespace) -> Grant:
    room = None if args.room is None else read_label(args.room, "room")
    name = None if args.name is None else read_label(args.name, "name")
    role = Role(args.role)
    if role is Role.CALLER and room is None:
        raise TokenError("a caller needs a room: --room ROOM")
    if role is Role.OPS and name is None:
        raise TokenError("an operator needs a name, for the log of changes: --name NAME")
    if role is Role.OPS and any(value is not None for value in (room, args.max_kbps, args.max_call, args.url)):
        raise TokenError("an operator takes no part in calls: leave --room, --max-kbps, --max-call and --url out")
    return Grant(role, room, name, args.max_kbps, args.max_call)


def _link(server: str, grant: Grant, token: str) -> str:
    """The token stands behind the #: browsers send that part to nobody."""
    url = urlsplit(server)
    if url.scheme not in ("http", "https") or not url.netloc:
        raise TokenError(f"{server!r} is no address of a server, such as https://call.example.org")
    asked = {"room": grant.room} | ({} if grant.name is None else {"name": grant.name})
    return f"{url.scheme}://{url.netloc}/?{urlencode(asked)}#token={token}"


def _duration(text: str) -> float:
    parts = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if parts is None or int(parts[1]) == 0:
        raise ArgumentTypeError(f"{text!r} is no time such as 30s, 15m, 12h or 7d")
    return float(int(parts[1]) * SECONDS[parts[2]])


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text!r} is no positive number")
    return number
