"""One event a line: the time, the level, what happened, then its facts as `name=value`."""

from __future__ import annotations

import json
import logging
import sys


class EventFormatter(logging.Formatter):
    """Facts come as `extra={"facts": {...}}`. Texts are quoted as in JSON: nobody can write a line of his own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the library's name)
        facts = getattr(record, "facts", {})
        pairs = (f" {name}={_quote(value)}" for name, value in facts.items() if value is not None)
        return super().formatMessage(record) + "".join(pairs)


def _quote(value: object) -> str:
    text = str(value)
    return text if text.replace("-", "").replace(".", "").isalnum() and text.isascii() else json.dumps(text)


def set_up_logging(level: str) -> None:
    """Logs to stderr. The libraries beneath say only what went wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(EventFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for library in ("aioice", "aiortc", "aiohttp.access"):
        logging.getLogger(library).setLevel(logging.WARNING)
