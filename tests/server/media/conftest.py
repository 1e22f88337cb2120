"""A codec thread for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.media.workers import CodecWorker
from tests.server.doubles import TinyEngine


@pytest.fixture
async def worker(engine: TinyEngine) -> AsyncIterator[CodecWorker]:
    worker = CodecWorker(engine, "codec-test")
    yield worker
    worker.close()
