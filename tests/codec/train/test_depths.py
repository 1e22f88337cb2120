"""Training draws depths as calls have them."""

from __future__ import annotations

import numpy as np
import torch

from codec.config import PRESETS
from codec.ratecontrol import RateControl
from codec.train.depths import CONSTANT, draw_depths
from tests.codec.test_ratecontrol import choices

CONFIG = PRESETS["base"]
FRAMES = 64


def examples(size: int, loud_db: float = -20.0, faint_db: float = -40.0) -> torch.Tensor:
    """Noise that is loud and faint by turns, eight frames each."""
    gain = np.where(np.arange(FRAMES) // 8 % 2 == 0, 10 ** (loud_db / 20), 10 ** (faint_db / 20))
    noise = np.random.default_rng(0).choice((-1.0, 1.0), (size, FRAMES, CONFIG.hop))
    return torch.from_numpy((noise * gain[:, None]).reshape(size, -1)).float()


def test_depths_are_of_every_kind_and_within_what_there_is() -> None:
    depths = draw_depths(examples(2000), CONFIG, np.random.default_rng(1))
    assert depths.shape == (2000, FRAMES)
    assert depths.min() == 1
    assert depths.max() == CONFIG.quantizers
    assert bool((depths == depths.round()).all())
    alike = (depths == depths[:, :1]).all(dim=1)
    assert CONSTANT < alike.float().mean() < CONSTANT + 0.15  # some are at a bound throughout
    means = depths[~alike].mean(dim=1)
    assert (means < 9).float().mean() > 0.5


def test_loud_frames_get_as_many_more_as_the_rate_control_gives_them() -> None:
    sound = examples(300)
    depths = draw_depths(sound, CONFIG, np.random.default_rng(2))
    loud, faint = depths[:, :8].mean(dim=1), depths[:, 8:16].mean(dim=1)
    control, frames = RateControl(CONFIG), sound[0].reshape(FRAMES, -1).numpy()
    chosen = np.array([choices(control, list(frames), 8) for _ in range(20)])[-5:]
    difference = chosen[:, :8].mean() - chosen[:, 8:16].mean()
    free = (faint > 1) & (loud < CONFIG.quantizers) & (loud > faint)
    assert int(free.sum()) > 50
    assert abs(float((loud - faint)[free].mean()) - difference) <= 1  # both round
