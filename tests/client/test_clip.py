from __future__ import annotations

import numpy as np
import pytest

from client.clip import Clip
from client.frame import CODEC


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 1000], ids="{}-samples".format)
def test_a_clip_is_played_whole_then_zeros_follow(samples: int) -> None:
    pcm = np.linspace(-0.5, 0.5, samples, dtype=np.float32)
    clip = Clip(pcm)
    played = []
    while not clip.ended:
        played.append(clip.next_frame())
    assert len(played) == clip.frames == clip.played == -(-samples // CODEC.hop)
    sound = np.concatenate(played)
    assert np.allclose(sound[:samples] / 32_768, pcm, atol=1 / 32_768)
    assert not sound[samples:].any()
    assert not clip.next_frame().any()
    assert clip.played == clip.frames


def test_an_empty_clip_has_ended() -> None:
    clip = Clip(np.zeros(0, np.float32))
    assert clip.ended
    assert clip.next_frame().shape == (CODEC.hop,)


def test_what_is_too_loud_is_clipped_not_wrapped() -> None:
    frame = Clip(np.array([2.0, 1.0, -1.0, -2.0], np.float32)).next_frame()
    assert frame[:4].tolist() == [32_767, 32_767, -32_768, -32_768]
