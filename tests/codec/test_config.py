from __future__ import annotations

import numpy as np
import pytest

from codec.config import FEW_QUANTIZERS, MANY_QUANTIZERS, PRESETS, BitrateError, CodecConfig
from codec.model import SoundStream


def test_the_facts_follow_from_strides_and_codebook() -> None:
    config = CodecConfig()
    assert (config.hop, config.frame_rate, config.codebook_size, config.quantizer_bps) == (320, 75, 1024, 750)
    assert config.frame_ms == pytest.approx(40 / 3)


@pytest.mark.parametrize("n_q", range(1, 25))
def test_bitrate_and_quantizers_convert_both_ways(n_q: int) -> None:
    config = CodecConfig()
    assert config.n_q(config.bitrate_kbps(n_q)) == n_q


@pytest.mark.parametrize("bitrate_kbps", [0, -6, 0.5, 6.1, 18.75, float("nan"), float("inf")])
def test_another_bitrate_is_refused_and_the_valid_ones_named(bitrate_kbps: float) -> None:
    with pytest.raises(BitrateError, match=r"0\.75, 1\.5, .*, 17\.25, 18$"):
        CodecConfig().n_q(bitrate_kbps)


@pytest.mark.parametrize(("preset", "millions"), [("base", 2.4), ("large", 8.4)])
def test_presets_have_the_papers_parameter_counts(preset: str, millions: float) -> None:
    """But for the denoiser and the network that corrects levels, which are ours (docs/decisions/0017, 0020)."""
    named = SoundStream(PRESETS[preset]).named_parameters()
    count = sum(p.numel() for name, p in named if not name.startswith(("denoiser.", "decoder.correction.")))
    assert count / 1e6 == pytest.approx(millions, abs=0.1)


def test_what_depends_on_quantizers_goes_straight_from_few_to_many() -> None:
    config = PRESETS["base"]
    found = config.by_n_q(3.0, 1.0)
    assert len(found) == config.quantizers
    assert set(found[:FEW_QUANTIZERS]) == {3.0}
    assert set(found[MANY_QUANTIZERS - 1 :]) == {1.0}
    assert np.allclose(np.diff(found[FEW_QUANTIZERS - 1 : MANY_QUANTIZERS], n=2), 0)
