"""The long run: `python -m tests.fuzz [--packets 1000000] [--messages 100000] [--requests 20000] [--seed 1]`.

Ends with 1 at a fault.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time

from tests.fuzz.http import fuzz_http
from tests.fuzz.media import fuzz_media
from tests.fuzz.signalling import fuzz_signalling


class Faults(logging.Handler):
    """Counts what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        print(self.format(record), file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    faults = Faults()
    logging.getLogger().addHandler(faults)
    for name, run in (
        (f"{args.packets} packets", lambda: fuzz_media(args.packets, args.seed)),
        (f"{args.messages} messages", lambda: asyncio.run(fuzz_signalling(args.messages, args.seed))),
        (f"{args.requests} requests", lambda: asyncio.run(fuzz_http(args.requests, args.seed))),
    ):
        begin = time.monotonic()
        print(f"{name}: {run()}, {time.monotonic() - begin:.0f} s, faults logged so far {faults.count}", flush=True)
    return min(1, faults.count)


if __name__ == "__main__":
    sys.exit(main())
