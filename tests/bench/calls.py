"""Real calls on a bad network: `python -m tests.bench.calls {clean,poor,burst} [--seconds 300]`. Needs pystoi.

One call by RTP through a server of its own; both participants' sockets lose and delay datagrams, each way, as those of
`thinline load --impair` do. Says by time: mouth to ear, the server's playout delay, what was concealed, and STOI of
what is heard, gaps concealed as the page does, against what was said. Figures and reading: docs/resilience.md.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pystoi import stoi

from client.frame import CODEC, FULL_SCALE, Frame, Samples
from client.load.ear import ALIKE, FRAME_SECONDS, Ear, Mouth, Window
from client.load.impairment import Impairment
from client.load.likeness import find, levels
from client.load.network import ImpairedLoop
from client.load.peer import Peer
from client.load.plan import LoadPlan
from client.load.voice import SPEECH, Voice, cut
from codec.audiofile import read_audio
from codec.conceal import Concealment
from tests.server.media.network import bursty

POOR = Impairment(3, 60, 10)
SETTLE_SECONDS = 3.0
PIECE_SECONDS = 2
PIECE = round(PIECE_SECONDS / FRAME_SECONDS)
EARLIEST = round(1.5 / FRAME_SECONDS)  # frames: how long sound may have been under way
TROUBLE_SECONDS = (20.0, 30.0)  # of `burst`: 20 % loss, in bursts of 4
SCENARIOS = {"clean": Impairment(), "poor": POOR, "burst": Impairment(0, 60, 10)}


class Row(NamedTuple):
    """`mouth_to_ear_ms`: median, NaN where the sound could not be found; `lost`: share of frames that never came."""

    second: float
    stoi: float
    mouth_to_ear_ms: float
    lost: float


class Bursts:
    """A way of the network that loses in bursts for some seconds, and is steady before and after."""

    def __init__(self, impairment: Impairment, begin: float, end: float, seed: int) -> None:
        self._impairment, self._begin, self._end = impairment, begin, end
        self._random = random.Random(seed)
        self._lost = bursty(0.2, 4, seed)
        self.passed = self.lost = 0

    def delay_seconds(self) -> float | None:
        if self._begin <= time.monotonic() < self._end and self._lost():
            self.lost += 1
            return None
        self.passed += 1
        return (self._impairment.delay_ms + self._random.random() * self._impairment.jitter_ms) / 1000


class KeepingEar(Ear):
    """Keeps everything: frames by sequence number, with their arrival."""

    def __init__(self, mouth: Mouth, window: Window) -> None:
        super().__init__(mouth, window)
        self.mouth = mouth
        self.frames: dict[int, tuple[float, Frame]] = {}

    def push(self, frame: Frame, now: float) -> None:
        if now in self._window:
            self.frames.setdefault(frame.sequence, (now, frame))

    def pieces(self) -> Iterator[Row]:
        """What each piece of 2 s was like."""
        heard, first = self._played(), min(self.frames)
        for start in range(0, len(heard) - PIECE + 1, PIECE):
            arrivals = {n: self.frames[first + n][0] for n in range(start, start + PIECE) if first + n in self.frames}
            if len(arrivals) >= PIECE / 2:
                yield self._row(heard[start : start + PIECE].reshape(-1), start, arrivals)

    def _played(self) -> Samples:
        """pcm [frames, hop]: what a page would play."""
        heard, page = [], Concealment(CODEC.hop)
        for sequence in range(min(self.frames), max(self.frames) + 1):
            here = self.frames.get(sequence)
            pcm = page.conceal() if here is None else page.play(here[1].pcm.astype(np.float32) / FULL_SCALE)
            heard.append(np.rint(pcm * (FULL_SCALE - 1)).astype(np.int16))
        return np.array(heard)

    def _row(self, piece: Samples, start: int, arrivals: dict[int, float]) -> Row:
        """`arrivals` by frame, counted from the first that was heard; the piece begins with frame `start`."""
        sent = np.asarray(self.mouth.sent)
        known = np.isfinite(sent)
        sent = np.interp(np.arange(len(sent)), np.flatnonzero(known), sent[known])
        oldest = int(np.searchsorted(sent, max(arrivals.values()))) - PIECE - EARLIEST
        said = self.mouth.voice.samples(oldest, PIECE + EARLIEST)
        place = find(levels(piece), levels(said))
        clean = said[round(place.offset) :][: len(piece)]
        at, lost = min(arrivals.values()) - self._window.begin, 1 - len(arrivals) / PIECE
        if len(clean) < len(piece) or place.likeness < ALIKE:
            return Row(at, 0.0, nan, lost)
        ends = oldest + np.array(list(arrivals)) - start + place.offset / CODEC.hop + 1
        spoken = np.interp(ends, np.arange(len(sent)) + 1, sent) - FRAME_SECONDS
        late_ms = 1000 * float(np.median(np.array(list(arrivals.values())) - spoken))
        return Row(at, float(stoi(clean.astype(float), piece.astype(float), CODEC.sample_rate)), late_ms, lost)


async def hold(url: str, scenario: str, seconds: float, loop: ImpairedLoop) -> list[tuple[Peer, KeepingEar]]:
    impairment = SCENARIOS[scenario]
    plan = LoadPlan(url, 1, seconds, 0.0, "bench", SPEECH, 1, transport="rtp", impairment=impairment)
    window = Window(time.monotonic() + SETTLE_SECONDS, time.monotonic() + SETTLE_SECONDS + seconds)
    if scenario == "burst":
        begin, end = (window.begin + second for second in TROUBLE_SECONDS)
        loop.out = Bursts(impairment, begin, end, 1)  # type: ignore[assignment]
        loop.back = Bursts(impairment, begin, end, 2)  # type: ignore[assignment]
    pieces = cut(read_audio(SPEECH))
    mouths = [Mouth(Voice(pieces, side)) for side in range(2)]
    couple = []
    for side in range(2):
        ear = KeepingEar(mouths[1 - side], window)
        couple.append((Peer(plan, f"bench-{scenario}", "ab"[side], mouths[side], ear, window), ear))
    await asyncio.gather(*(peer.run() for peer, _ in couple))
    return couple


def tell(couple: list[tuple[Peer, KeepingEar]], scenario: str, loop: ImpairedLoop) -> None:
    for peer, ear in couple:
        if peer.failure:
            print(f"{peer.name}: {peer.failure} {peer.failure_text}")
            continue
        print(f"{scenario}, ear {peer.name}\n| second | STOI | mouth to ear ms | lost % | playout ms | concealed |")
        rows = list(ear.pieces())
        group = 1 if scenario == "burst" else max(1, len(rows) // 6)
        stats = [(at - peer.window.begin, entry) for at, entry in peer.stats]
        for first in range(0, len(rows), group):
            part = np.array(rows[first : first + group])
            low, high = part[0, 0], part[-1, 0] + PIECE_SECONDS
            within = [entry for at, entry in stats if low <= at < high + 1]
            playout = np.mean([entry.playout_delay_ms for entry in within]) if within else np.nan
            concealed = within[-1].downlink_concealed - within[0].downlink_concealed if within else 0
            print(f"| {low:.0f} to {high:.0f} | {part[:, 1].mean():.3f} | {_median(part[:, 2]):.0f} | "
                  f"{100 * part[:, 3].mean():.1f} | {playout:.0f} | {concealed} |")  # fmt: skip
        all_rows = np.array(rows)
        print(f"all: STOI {all_rows[:, 1].mean():.3f}, mouth to ear {_median(all_rows[:, 2]):.0f} ms")
    for name, fate in (("out", loop.out), ("back", loop.back)):
        print(f"datagrams {name}: {fate.passed} passed, {fate.lost} lost")


def _median(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else nan


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--seconds", type=float, default=300.0)
    args = parser.parse_args()
    command = [sys.executable, "-m", "thinline", "serve", "--host", "127.0.0.1", "--port", "0"]
    server = subprocess.Popen([*command, "--log-level", "warning"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[3]
        loop = ImpairedLoop(SCENARIOS[args.scenario], 1)
        asyncio.set_event_loop(loop)
        couple = loop.run_until_complete(hold(url, args.scenario, args.seconds, loop))
    finally:
        server.kill()
        server.wait()
    tell(couple, args.scenario, loop)
    return int(any(peer.failure is not None for peer, _ in couple))


if __name__ == "__main__":
    sys.exit(main())
