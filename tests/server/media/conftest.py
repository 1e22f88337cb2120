"""A codec thread for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.media.workers import CodecWorker


@pytest.fixture
async def worker() -> AsyncIterator[CodecWorker]:
    worker = CodecWorker("codec-test")
    yield worker
    worker.close()
