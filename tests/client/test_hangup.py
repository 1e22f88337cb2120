from __future__ import annotations

from client.hangup import HangUp


def test_stays_while_alone_before_the_clip() -> None:
    assert HangUp(joined_at=0.0).reason(now=1e6) is None


def test_the_limit_counts_from_joining() -> None:
    hang_up = HangUp(joined_at=10.0, limit_seconds=5.0)
    assert hang_up.reason(now=14.9) is None
    assert hang_up.reason(now=15.0) == "time-limit"


def test_leaves_at_once_when_the_other_has_left_and_the_clip_has_ended() -> None:
    hang_up = HangUp(joined_at=0.0)
    assert hang_up.reason(now=3.0) is None
    hang_up.clip_ended(now=3.0)
    assert hang_up.reason(now=3.0) == "other-left"


def test_leaves_after_two_seconds_of_silence() -> None:
    hang_up = HangUp(joined_at=0.0, others={"a"})
    hang_up.clip_ended(now=4.0)
    hang_up.heard_at = 5.0
    assert hang_up.reason(now=6.9) is None
    assert hang_up.reason(now=7.0) == "other-silent"


def test_the_silence_starts_with_the_end_of_the_clip() -> None:
    hang_up = HangUp(joined_at=0.0, others={"a"})
    hang_up.clip_ended(now=60.0)
    hang_up.clip_ended(now=61.0)
    assert hang_up.reason(now=61.9) is None
    assert hang_up.reason(now=62.0) == "other-silent"


def test_stays_while_the_other_speaks() -> None:
    hang_up = HangUp(joined_at=0.0, others={"a"})
    hang_up.clip_ended(now=1.0)
    for second in range(2, 100):
        hang_up.heard_at = float(second)
        assert hang_up.reason(now=second + 0.5) is None
