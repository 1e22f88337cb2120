from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from pathlib import Path

import uvloop

from client.load.plan import LoadPlan
from client.load.process import Crowd


def test_a_long_result_waits_for_its_reader() -> None:
    """The event loop looks at the pipe, and leaves it as it was."""
    ours, theirs = multiprocessing.Pipe()
    plan = LoadPlan("http://localhost", 1, 1.0, 0.0, "run", Path("speech"), 1)
    with ours, theirs, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Crowd(plan, [], [], time.monotonic()).run(theirs))
        assert os.get_blocking(theirs.fileno())
