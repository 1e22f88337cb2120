"""Levels as loud in the mean as those that went in (docs/decisions/0027).

The decoder's levels are right in the mean of their logarithms, and formants are made to stand out: so their powers in
the mean, which ears and PESQ go by, are too great by up to a decibel. That is measured after training and taken back.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tqdm import trange

from codec.engine.base import Engine, Pcm
from codec.levels import LevelAnalysis, whole
from codec.model import SoundStream
from codec.stream import StreamDecoder, StreamEncoder
from codec.train.augment import Corpus, at_level, rms
from codec.train.errors import TrainingError
from codec.train.export import export
from codec.weights import Weights

BITRATES_KBPS = 6.0, 12.0
FRAMES = 225  # of a clip, 3 s
LEVEL_DBFS = -34.0, -20.0
SILENT = 0.003  # RMS of a clip that says nothing
DRAWS = 10  # for each clip, at the most
FAINTEST = 2.4e-10  # a power, beside which none is 0
MOST = 1.5  # nepers, of one clip

Floats = NDArray[np.float32]


def excess(engine: Engine, corpus: Corpus, clips: int, seed: int = 1) -> Floats:
    """How much louder, in nepers of power, each band comes out than it went in [bands]: the mean over `clips` drawn
    clips of speech, through packets as in calls. Raises TrainingError where all speech is silence."""
    config, rng = engine.config, np.random.default_rng(seed)
    analysis, found = LevelAnalysis(config), []
    for _ in trange(clips, desc="measuring levels", unit="clip", mininterval=2):
        speech = _draw(corpus, rng, FRAMES * config.hop)
        wanted = _powers(analysis, speech)
        for bitrate in BITRATES_KBPS:
            given = _powers(analysis, _carried(engine, speech, config.n_q(bitrate)))
            found.append(np.log((given + FAINTEST) / (wanted + FAINTEST)).clip(-MOST, MOST))
    return np.asarray(np.mean(found, axis=0), dtype=np.float32)


def with_levels(weights: Weights, less: Floats) -> str:
    """Makes the weights' decoder give each band so much less [bands], in nepers of power -> the new model id."""
    model = SoundStream(weights.config)
    model.load_state_dict(load_file(weights.file("model.safetensors")))
    with torch.no_grad():
        model.decoder.correction.pointwise.bias.sub_(torch.from_numpy(less))
    return export(model.eval().requires_grad_(False), weights.folder)


def _draw(corpus: Corpus, rng: np.random.Generator, length: int) -> Pcm:
    for _ in range(DRAWS):
        speech = corpus.speech.cut(rng, length)
        if rms(speech) > SILENT:
            return at_level(speech, rng.uniform(*LEVEL_DBFS))
    raise TrainingError("the speech is silence")


def _carried(engine: Engine, speech: Pcm, n_q: int) -> Pcm:
    encoder, decoder = StreamEncoder(engine, n_q, variable=True), StreamDecoder(engine)
    for packet in encoder.push(speech):
        decoder.push(packet)
    return decoder.pull(decoder.waiting)


def _powers(analysis: LevelAnalysis, sound: Pcm) -> NDArray[np.float64]:
    """Mean powers in bands [bands]."""
    powers, _ = analysis.step(torch.from_numpy(sound)[None, None], analysis.initial_state(1))
    return np.asarray(whole(powers)[0].mean(dim=1).numpy(), dtype=np.float64)
