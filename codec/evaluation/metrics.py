"""The metrics: what each is called, which packages it needs, and how it is computed.

All are libraries of others; a metric whose library is not installed is absent, by name. See docs/evaluation.md for
what each can and can't see.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np

from codec.evaluation.errors import EvaluationError
from codec.evaluation.pair import Pair, Sound

Measure = Callable[[Pair], tuple[float, ...]]

DISTILLMOS_PACKAGES = ("distillmos", "xls_r_sqa", "torch")
VISQOL_RATE, SPEECH_RATE, STOI_RATE = 48_000, 16_000, 10_000


@dataclass(frozen=True)
class Metric:
    """`load` gives a function from a pair to one number for each of `figures`; higher is better in all."""

    name: str
    titles: dict[str, str]
    packages: tuple[str, ...]
    for_music: bool
    load: Callable[[], Measure]

    @property
    def missing(self) -> list[str]:
        """Packages that it needs and that are not installed."""
        return [package for package in self.packages if find_spec(package) is None]


def load_visqol(band_rate: int) -> Measure:
    """ViSQOL v3, audio mode: arXiv 2004.09584. `band_rate` limits both sounds to half of it."""
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode="audio")

    def measure(pair: Pair) -> tuple[float, ...]:
        reference, degraded = pair.at(VISQOL_RATE, through=band_rate)
        return (float(api.measure_from_arrays(reference, degraded, sample_rate=VISQOL_RATE).moslqo),)

    return measure


def load_visqol_audio() -> Measure:
    return load_visqol(24_000)


def load_visqol_a16() -> Measure:
    return load_visqol(SPEECH_RATE)


def load_pesq() -> Measure:
    """Wide-band PESQ, ITU-T P.862.2."""
    from pesq import NoUtterancesError, pesq

    def measure(pair: Pair) -> tuple[float, ...]:
        reference, degraded = (as_int16(sound) for sound in pair.at(SPEECH_RATE))
        try:
            return (float(pesq(SPEECH_RATE, reference, degraded, "wb")),)
        except NoUtterancesError:
            raise ValueError("there is no speech in it") from None

    return measure


def load_stoi() -> Measure:
    """Short-time objective intelligibility: Taal et al., IEEE TASLP 2011."""
    from pystoi import stoi

    return lambda pair: (float(stoi(*pair.at(STOI_RATE), STOI_RATE)),)


def load_dnsmos() -> Measure:
    """DNSMOS P.835 (arXiv 2110.01763): its network from the package `speechmos`, which would run it on all cores."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = package_folder("speechmos") / "dnsmos_models" / "sig_bak_ovr.onnx"
    network = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # The published curves from the network's raw numbers to mean opinions, highest power first.
    curves = (
        (-0.08397278, 1.22083953, 0.0052439),
        (-0.13166888, 1.60915514, -0.39604546),
        (-0.06766283, 1.11546468, 0.04602535),
    )

    def measure(pair: Pair) -> tuple[float, ...]:
        windows = dnsmos_windows(np.clip(pair.at(SPEECH_RATE)[1], -1, 1))
        raw = np.stack([network.run(None, {"input_1": window[None].astype(np.float32)})[0][0] for window in windows])
        return tuple(float(np.mean(np.polyval(curve, raw[:, i]))) for i, curve in enumerate(curves))

    return measure


def dnsmos_windows(sound: Sound) -> list[Sound]:
    """Windows of 9.01 s, a second apart; a shorter sound is repeated by doubling, as the metric's authors do it."""
    size = int(9.01 * SPEECH_RATE)
    while len(sound) < size:
        sound = np.concatenate([sound, sound])
    count = int(len(sound) // SPEECH_RATE - 9.01) + 1
    windows = [sound[start : start + size] for start in range(0, max(count, 1) * SPEECH_RATE, SPEECH_RATE)]
    return [window for window in windows if len(window) == size]


def load_distillmos() -> Measure:
    """DistillMOS v7 (arXiv 2502.05356). It names torchaudio, which its network does not use: a stand-in will do."""
    import torch

    if "torchaudio" not in sys.modules and find_spec("torchaudio") is None:
        stand_in, transforms = ModuleType("torchaudio"), ModuleType("torchaudio.transforms")
        transforms.MFCC = object  # type: ignore[attr-defined]
        stand_in.transforms = transforms  # type: ignore[attr-defined]
        sys.modules.update({"torchaudio": stand_in, "torchaudio.transforms": transforms})
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # it prints where its weights are
        from distillmos import ConvTransformerSQAModel

        network = ConvTransformerSQAModel().eval()
    torch.set_num_threads(1)

    def measure(pair: Pair) -> tuple[float, ...]:
        with torch.inference_mode():
            return (float(network(torch.from_numpy(pair.at(SPEECH_RATE)[1]).float()[None])),)

    return measure


METRICS = {
    metric.name: metric
    for metric in (
        Metric("visqol", {"visqol_a": "ViSQOL audio"}, ("visqol",), True, load_visqol_audio),
        Metric("a16", {"visqol_a16": "ViSQOL a16"}, ("visqol",), True, load_visqol_a16),
        Metric("pesq", {"pesq": "PESQ-WB"}, ("pesq",), False, load_pesq),
        Metric("stoi", {"stoi": "STOI"}, ("pystoi",), False, load_stoi),
        Metric("distillmos", {"distillmos": "DistillMOS"}, DISTILLMOS_PACKAGES, False, load_distillmos),
        Metric(
            "dnsmos",
            {"dnsmos_sig": "DNSMOS SIG", "dnsmos_bak": "DNSMOS BAK", "dnsmos_ovrl": "DNSMOS OVRL"},
            ("speechmos",),
            False,
            load_dnsmos,
        ),
    )
}
TITLES = {figure: title for metric in METRICS.values() for figure, title in metric.titles.items()}


def parse_metrics(text: str) -> list[Metric]:
    """Metrics from their names with commas between. Raises EvaluationError for a name that there is not."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in METRICS:
            raise EvaluationError(f"metric {name!r} is not one of {', '.join(METRICS)}")
    if not names:
        raise EvaluationError(f"no metric is named; there are {', '.join(METRICS)}")
    return [METRICS[name] for name in dict.fromkeys(names)]


def as_int16(sound: Sound) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.clip(np.rint(sound * 32767), -32768, 32767).astype(np.int16)


def package_folder(package: str) -> Path:
    """Where an installed package lies, without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EvaluationError(f"package {package} is not installed")
    return Path(spec.origin).parent
