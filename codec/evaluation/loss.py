"""What loss does to speech, and what concealment and copies make good: `python -m codec.evaluation.loss --data DIR`.

Every system is judged against its own output without loss, so that concealment is told from the codec. PLCMOS judges
without a reference; it says something where the undisturbed sound is good. Figures and reading: docs/resilience.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from codec.audiofile import SAMPLE_RATE
from codec.conceal import Concealment
from codec.engine import load_engine
from codec.engine.base import Engine, Pcm
from codec.evaluation import opusplc
from codec.evaluation.clips import find_clips
from codec.evaluation.metrics import SPEECH_RATE, Measure, load_pesq, load_stoi
from codec.evaluation.pair import Pair
from codec.packet import Packet
from codec.redundancy import NO_REDUNDANCY, Redundancy
from codec.stream import StreamDecoder, StreamEncoder

Lost = NDArray[np.bool_]
Receive = Callable[[Pcm, Lost], Pcm]  # sound sent, which frames are lost -> sound heard

SHARES = (0.01, 0.03, 0.05, 0.10, 0.20)
BURST_SECONDS = 0.06
COPIES = (Redundancy((1,)), Redundancy((1, 3)))


def losses(frames: int, frame_seconds: float, share: float, bursty: bool, seed: int) -> Lost:
    """Independent loss, or Gilbert's bursts of BURST_SECONDS on average."""
    chances = np.random.default_rng(seed).random(frames)
    if not bursty:
        return chances < share
    length = BURST_SECONDS / frame_seconds
    lost, bad = np.zeros(frames, bool), False
    for frame, chance in enumerate(chances):
        bad = chance < (1 - 1 / length if bad else share / (1 - share) / length)
        lost[frame] = bad
    return lost


class Sender:
    """Encodes each sound once, whatever is lost of it."""

    def __init__(self, engine: Engine, n_q: int, redundancy: Redundancy) -> None:
        self.engine, self.n_q, self.redundancy = engine, n_q, redundancy
        self._sent: dict[int, list[Packet]] = {}

    def send(self, pcm: Pcm) -> list[Packet]:
        key = hash(pcm.tobytes())
        if key not in self._sent:
            encoder = StreamEncoder(self.engine, self.n_q)
            encoder.redundancy = self.redundancy
            self._sent[key] = encoder.push(pcm)
        return self._sent[key]


def codec(sender: Sender, zeros: bool, pcm: Pcm, lost: Lost) -> Pcm:
    """Through packets. A receiver that waits long enough plays a lost frame from any copy that came."""
    sent, decoder = sender.send(pcm), StreamDecoder(sender.engine)
    there = {older.frame_index: older for packet in came(sent, lost) for older in packet.copied()}
    there |= {packet.frame_index: packet for packet in came(sent, lost)}
    silence, heard = np.zeros(sender.engine.config.hop, np.float32), []
    for frame in range(len(sent)):
        if frame in there:
            decoder.push(there[frame])
        heard.append(silence if zeros and frame not in there else decoder.pull())
    return np.concatenate(heard)


def came(sent: list[Packet], lost: Lost) -> Iterator[Packet]:
    return (packet for packet, missing in zip(sent, lost, strict=False) if not missing)


def plain(hop: int, zeros: bool, pcm: Pcm, lost: Lost) -> Pcm:
    """Without a codec, as the last leg to the browser carries sound."""
    concealment, silence = Concealment(hop), np.zeros(hop, np.float32)
    heard = []
    for frame, missing in zip(pcm.reshape(-1, hop), lost, strict=False):
        heard.append((silence if zeros else concealment.conceal()) if missing else concealment.play(frame))
    return np.concatenate(heard)


def call(engine: Engine, n_q: int, pcm: Pcm, lost: Lost) -> Pcm:
    """Both legs lose alike, at other moments: what never came is not encoded, what was decoded goes on as PCM."""
    hop, encoder, decoder = engine.config.hop, StreamEncoder(engine, n_q), StreamDecoder(engine)
    heard = []
    for frame, missing in zip(pcm.reshape(-1, hop), lost, strict=False):
        if missing:
            encoder.skip(1)
        else:
            decoder.push(encoder.push(frame)[0])
        heard.append(decoder.pull())
    return plain(hop, False, np.concatenate(heard), np.roll(lost, len(lost) // 2))


def systems(engine: Engine, bitrate_kbps: float, opus_kbps: float) -> dict[str, tuple[int, Receive]]:
    """By name: samples of a packet's frame, and what is heard."""
    hop, n_q = engine.config.hop, engine.config.n_q(bitrate_kbps)
    bare, one, two = (Sender(engine, n_q, redundancy) for redundancy in (NO_REDUNDANCY, *COPIES))
    return {
        "PCM, zeros": (hop, partial(plain, hop, True)),
        "PCM, concealed": (hop, partial(plain, hop, False)),
        f"thinline {bitrate_kbps:g}, zeros": (hop, partial(codec, bare, True)),
        f"thinline {bitrate_kbps:g}, concealed": (hop, partial(codec, bare, False)),
        f"thinline {bitrate_kbps:g}, one copy": (hop, partial(codec, one, False)),
        f"thinline {bitrate_kbps:g}, two copies": (hop, partial(codec, two, False)),
        f"a call at {bitrate_kbps:g}, both legs": (hop, partial(call, engine, n_q)),
        f"Opus {opus_kbps:g}, its own": (opusplc.FRAME, lambda pcm, lost: opusplc.conceal(pcm, opus_kbps, lost)),
    }


def load_plcmos() -> Measure:
    """PLCMOS v2 (arXiv 2305.15127), with the same chance for every sound."""
    from speechmos.plcmos import PLCMOS

    metric, options = PLCMOS(), ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    metric.session = ort.InferenceSession(metric.model_path, options, providers=["CPUExecutionProvider"])

    def measure(pair: Pair) -> tuple[float, ...]:
        np.random.seed(0)  # its raters are drawn from the global generator
        return (float(metric(np.clip(pair.at(SPEECH_RATE)[1], -1, 1))["plcmos"]),)

    return measure


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m codec.evaluation.loss", description=__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="speech")
    parser.add_argument("--max-clips", type=int, default=12, metavar="N")
    parser.add_argument("--bitrate", type=float, default=6.0, metavar="KBPS", help="ours (default: 6)")
    parser.add_argument("--opus-bitrate", type=float, default=12.0, metavar="KBPS", help="default: 12")
    parser.add_argument("--only", default="", metavar="TEXT", help="systems whose name has it")
    args = parser.parse_args()
    sounds = [clip.load(5.0)[0] for clip in find_clips(args.data, args.max_clips)]
    measures: tuple[Measure, ...] = (load_pesq(), load_stoi(), load_plcmos())
    print("| system | loss | PESQ | STOI | PLCMOS |\n| --- | --- | --- | --- | --- |")
    for name, (frame, receive) in systems(load_engine("onnx"), args.bitrate, args.opus_bitrate).items():
        if args.only in name:
            judge(name, frame, receive, sounds, measures)


def judge(name: str, frame: int, receive: Receive, sounds: list[Pcm], measures: tuple[Measure, ...]) -> None:
    """Prints a row for each kind of loss: means over the clips."""
    whole = [sound[: len(sound) // 960 * 960] for sound in sounds]  # frames of 320 and of 480
    clean = [receive(sound, np.zeros(len(sound) // frame, bool)) for sound in whole]
    conditions = [(0.0, False), *((share, bursty) for bursty in (False, True) for share in SHARES)]
    for share, bursty in conditions:
        scores = []
        for seed, (sound, reference) in enumerate(zip(whole, clean, strict=True)):
            lost = losses(len(sound) // frame, frame / SAMPLE_RATE, share, bursty, seed)
            pair = Pair(reference, receive(sound, lost))
            scores.append([measure(pair)[0] for measure in measures])
        pesq, stoi, plcmos = np.mean(scores, axis=0)
        kind = f"{100 * share:g} % {'bursty' if bursty else 'random'}" if share else "none"
        print(f"| {name} | {kind} | {pesq:.2f} | {stoi:.3f} | {plcmos:.2f} |", flush=True)


if __name__ == "__main__":
    main()
