"""The search for the most streams, with an engine whose steps take as long as it is told."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from codec.bench import streams
from codec.bench.streams import Held, most_streams, pace
from codec.engine import load_engine


@dataclass
class Machine:
    """Misses where more than `bears` streams run, and in its first `hiccups` confirmations."""

    bears: int
    hiccups: int = 0

    def pace(self, engine: object, n_q: int, count: int, seconds: float, threads: int) -> Held:
        missed = count > self.bears
        if seconds > streams.TRIAL_SECONDS and self.hiccups:
            self.hiccups, missed = self.hiccups - 1, True
        return Held(count, seconds, threads, 3 * missed, count * 75)


@pytest.mark.parametrize("bears", [1, 3, 8, 50, 200])
def test_the_search_comes_near(bears: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "pace", Machine(bears).pace)
    (held,) = most_streams(None, 8, 30.0, threads=2)  # type: ignore[arg-type]
    assert held.missed == 0
    assert 0.9 * bears <= held.count <= bears


def test_after_a_miss_it_tries_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "pace", Machine(40, hiccups=2).pace)
    counts = [held.count for held in most_streams(None, 8, 30.0, threads=2)]  # type: ignore[arg-type]
    assert len(counts) == 3
    assert counts == sorted(counts, reverse=True)


def test_a_machine_that_bears_none_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "pace", Machine(0).pace)
    assert most_streams(None, 8, 30.0, threads=2)[-1] == Held(1, 30.0, 2, 3, 75)  # type: ignore[arg-type]


def test_real_streams_are_paced_and_all_their_frames_counted() -> None:
    held = pace(load_engine(), 8, 3, 0.3, 2)
    assert (held.count, held.frames) == (3, 3 * 22)
    assert 0 <= held.missed <= held.frames
