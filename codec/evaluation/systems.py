"""What is compared: a system takes a clip over the line and back at each of its bitrates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from codec.engine import Engine, load_engine
from codec.engine.base import Pcm
from codec.packet import HEADER, Packet
from codec.stream import StreamDecoder, StreamEncoder


@dataclass(frozen=True)
class Carried:
    """What came out at the far end, and what it took: bytes of codes alone, and of whole packets."""

    pcm: Pcm
    payload_bytes: int
    packet_bytes: int


class System(Protocol):
    """Crosses process borders, so it loads what it needs when it is first used."""

    name: str
    bitrates_kbps: tuple[float, ...]

    def carry(self, pcm: Pcm, denoise: bool = False) -> dict[float, Carried]:
        """pcm [samples] at the codec's rate -> what became of it, by nominal bitrate."""


@dataclass
class Thinline:
    """Our codec with the weights of a folder, or the shipped ones; packets become bytes and packets again."""

    name: str
    bitrates_kbps: tuple[float, ...]
    engine_name: str = "onnx"
    weights: Path | None = None
    frames_per_packet: int = 1

    @cached_property
    def engine(self) -> Engine:
        return load_engine(self.engine_name, self.weights)

    def carry(self, pcm: Pcm, denoise: bool = False) -> dict[float, Carried]:
        """Encodes once: what a lower bitrate sends is the first codes of what the highest does."""
        sizes = {bitrate: self.engine.config.n_q(bitrate) for bitrate in self.bitrates_kbps}
        encoder = StreamEncoder(self.engine, max(sizes.values()), denoise, self.frames_per_packet)
        packets = encoder.push(pcm) + encoder.flush()
        return {bitrate: self._decode(packets, n_q, len(pcm)) for bitrate, n_q in sizes.items()}

    def _decode(self, packets: list[Packet], n_q: int, samples: int) -> Carried:
        decoder, sent = StreamDecoder(self.engine), [packet.with_n_q(n_q).to_bytes() for packet in packets]
        sound = []
        for packet in map(Packet.from_bytes, sent):
            decoder.push(packet)
            sound.append(decoder.pull(packet.frames))
        size = sum(map(len, sent))
        return Carried(np.concatenate(sound)[:samples], size - HEADER.size * len(sent), size)
