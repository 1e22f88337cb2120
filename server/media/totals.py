"""What sessions have carried, as counters that only grow; sums over many sessions make a node's."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Totals:
    """Frames, where nothing else is said."""

    received: int = 0  # from browsers
    uplink_lost: int = 0  # missing in their sequence
    uplink_dropped: int = 0  # came faster than sound can, or too late to be encoded in time
    malformed: int = 0  # messages that were no frames
    payload_bits: int = 0
    wire_bytes: int = 0
    played: int = 0
    concealed: int = 0
    noise: int = 0
    downlink_dropped: int = 0  # no codec thread had time for them
    unsent: int = 0  # the way to the browser was full or not open
    line_lost: int = 0  # on the line, between encoder and decoder
    recovered: int = 0  # of those that were lost, the ones that came as copies
    waited: int = 0  # that were in a jitter buffer
    waited_ms: float = 0.0

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))
