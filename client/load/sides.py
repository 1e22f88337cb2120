"""What a load process hands back: the figures of each participant, and its own."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from client.load.ear import ALIKE
from client.load.peer import Peer
from server.protocol import Stats

Values = NDArray[np.float32]
NO_VALUES: Values = np.zeros(0, np.float32)
LEAST_ALIKE = 0.5  # of the pieces: with less the sound is somebody else's, or ruined


@dataclass(frozen=True, slots=True)
class Side:
    """One participant. All but `setup_ms` and `failure` is of the measured time only; None where nothing was measured.

    Counters of the server are from its `stats` messages: `uplink_...` of this voice, `downlink_...` of this ear.
    """

    call: int
    name: str
    failure: str | None
    failure_text: str
    setup_ms: float | None
    sent: int
    skipped: int
    received: int
    missing: int
    gaps_ms: Values
    likeness: Values  # of each piece that was judged
    mouth_to_ear_ms: Values  # of each frame in a piece that was alike
    late_ms: Values  # by how much this load process was late for each frame
    encode_rtf: float | None
    decode_rtf: float | None
    playout_delay_ms: float | None
    uplink_lost: int
    uplink_dropped: int
    downlink_dropped: int
    downlink_played: int
    downlink_concealed: int
    downlink_noise: int


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """One load process: CPU in percent of one core and largest memory, over the measured time."""

    pid: int
    calls: int
    cpu_percent: float | None
    memory_mb: float
    datagrams: int  # that went through a simulated network
    datagrams_lost: int  # by it


@dataclass(frozen=True, slots=True)
class Progress:
    """What a load process says while it runs. `frames` is how many its ears have heard."""

    up: int  # calls that talk now
    failed: int
    frames: int


@dataclass(frozen=True, slots=True)
class ProcessResult:
    sides: list[Side]
    figures: ProcessFigures


def side_of(peer: Peer, call: int) -> Side:
    """The figures of a participant whose call is over."""
    judgements = peer.ear.judge()
    within = [stats for at, stats in peer.stats if at in peer.window]
    sent = np.asarray(peer.mouth.sent)
    late = [judgement.mouth_to_ear_ms for judgement in judgements]
    return Side(
        call=call,
        name=peer.name,
        failure=peer.failure,
        failure_text=peer.failure_text,
        setup_ms=None if peer.setup_seconds is None else 1000 * peer.setup_seconds,
        sent=int(np.count_nonzero((sent >= peer.window.begin) & (sent < peer.window.end))),
        skipped=peer.skipped,
        received=peer.ear.received,
        missing=peer.ear.missing,
        gaps_ms=peer.ear.gaps_ms().astype(np.float32),
        likeness=np.array([judgement.likeness for judgement in judgements], np.float32),
        mouth_to_ear_ms=np.concatenate([NO_VALUES, *late]).astype(np.float32),
        late_ms=np.asarray(peer.late_ms, np.float32),
        encode_rtf=_mean(within, "encode_rtf"),
        decode_rtf=_mean(within, "decode_rtf"),
        playout_delay_ms=_mean(within, "playout_delay_ms"),
        uplink_lost=_growth(within, "uplink_lost"),
        uplink_dropped=_growth(within, "uplink_dropped"),
        downlink_dropped=_growth(within, "downlink_dropped"),
        downlink_played=_growth(within, "downlink_played"),
        downlink_concealed=_growth(within, "downlink_concealed"),
        downlink_noise=_growth(within, "downlink_noise"),
    )


def unlike(side: Side) -> str | None:
    """What is wrong with what a side heard, in a word; None if nothing is, or nothing could be judged."""
    if side.likeness.size == 0:
        return None
    return "wrong-sound" if np.mean(side.likeness >= ALIKE) < LEAST_ALIKE else None


def _mean(stats: list[Stats], name: str) -> float | None:
    return fmean(getattr(entry, name) for entry in stats) if stats else None


def _growth(stats: list[Stats], name: str) -> int:
    return int(getattr(stats[-1], name) - getattr(stats[0], name)) if stats else 0
