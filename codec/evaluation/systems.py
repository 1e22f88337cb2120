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
    variable: bool = False

    @cached_property
    def engine(self) -> Engine:
        return load_engine(self.engine_name, self.weights)

    def carry(self, pcm: Pcm, denoise: bool = False) -> dict[float, Carried]:
        """Encodes for each bitrate, as the search for its codes is another."""
        return {bitrate: self._carry(pcm, self.engine.config.n_q(bitrate), denoise) for bitrate in self.bitrates_kbps}

    def _carry(self, pcm: Pcm, n_q: int, denoise: bool) -> Carried:
        encoder = StreamEncoder(self.engine, n_q, denoise, self.frames_per_packet, self.variable)
        sent = [packet.to_bytes() for packet in encoder.push(pcm) + encoder.flush()]
        decoder = StreamDecoder(self.engine)
        sound = []
        for packet in (Packet.from_bytes(data, self.engine.code_model) for data in sent):
            decoder.push(packet)
            sound.append(decoder.pull(packet.frames))
        size = sum(map(len, sent))
        return Carried(np.concatenate(sound)[: len(pcm)], size - HEADER.size * len(sent), size)
