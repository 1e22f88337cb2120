"""A short run of what `python -m tests.fuzz` does at length."""

from __future__ import annotations

import pytest

from tests.fuzz.http import fuzz_http
from tests.fuzz.media import fuzz_media
from tests.fuzz.signalling import fuzz_signalling


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_damaged_media_are_refused_or_taken(seed: int) -> None:
    through = fuzz_media(6_000, seed)
    assert all(count > 500 for count in through.values()), through  # the rest of the way is tried as well


@pytest.mark.parametrize("seed", [1, 2])
async def test_damaged_signalling_leaves_no_session_and_no_fault(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    kinds = await fuzz_signalling(800, seed)
    assert {"joined", "malformed", "state", "sdp", "pong", "answer"} <= kinds.keys(), kinds
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


async def test_damaged_requests_leave_no_session_and_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    answers = await fuzz_http(400, 1)
    assert {200, 201, 204, 400, 401, 404, 422} <= answers.keys(), answers
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]
