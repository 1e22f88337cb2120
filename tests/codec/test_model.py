"""Promises of the whole codec: the same codes and sound however it is cut, causality, shared weights."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codec import rvq
from codec.model import SoundStream
from tests.codec.models import SMALL, small_model

FRAMES = 24


@pytest.fixture(scope="module")
def model() -> SoundStream:
    return small_model()


@pytest.fixture(scope="module")
def sound() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(1, 1, FRAMES * SMALL.hop, generator=generator) * 0.3


def stream(
    model: SoundStream, sound: torch.Tensor, cuts: list[int], n_q: int, denoise: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes and PCM with the sound given in pieces of so many frames."""
    encoder, decoder = model.encoder_state(1), model.decoder_state(1)
    codes, pcm = [], []
    for piece in sound.split([frames * SMALL.hop for frames in cuts], dim=-1):
        mode = torch.full((1, piece.shape[-1] // SMALL.hop), denoise)
        code, encoder = model.encode_step(piece, n_q, mode, encoder)
        y, decoder = model.decode_step(code, decoder)
        codes.append(code)
        pcm.append(y)
    return torch.cat(codes, dim=-1), torch.cat(pcm, dim=-1)


@given(st.data())
@settings(max_examples=15)
def test_any_chunking_gives_equal_codes_and_pcm(model: SoundStream, sound: torch.Tensor, data: st.DataObject) -> None:
    marks = sorted(data.draw(st.sets(st.integers(1, FRAMES - 1))))
    cuts = [end - start for start, end in zip([0, *marks], [*marks, FRAMES], strict=True)]
    n_q = data.draw(st.integers(1, SMALL.quantizers))
    denoise = data.draw(st.sampled_from([0.0, 1.0]))
    codes, pcm = stream(model, sound, cuts, n_q, denoise)
    assert torch.equal(codes, model.encode(sound, n_q, denoise))
    torch.testing.assert_close(pcm, model.decode(codes), rtol=0, atol=1e-5)


@pytest.mark.parametrize("at", [1, 10, 23])
def test_a_frame_does_not_change_what_came_before(model: SoundStream, sound: torch.Tensor, at: int) -> None:
    other = sound.clone()
    other[..., at * SMALL.hop :] = 0
    codes, changed = model.encode(sound, 4), model.encode(other, 4)
    assert torch.equal(codes[..., :at], changed[..., :at])
    assert not torch.equal(codes, changed)
    torch.testing.assert_close(
        model.decode(codes)[..., : at * SMALL.hop], model.decode(changed)[..., : at * SMALL.hop], rtol=0, atol=1e-6
    )


@pytest.fixture(scope="module")
def embeddings(model: SoundStream, sound: torch.Tensor) -> torch.Tensor:
    """Projected, [N, d]."""
    z, _ = model.encoder.step(sound, model.encoder.initial_state(1))
    return model.quantizer.project(z)[0].T


def test_switched_off_denoising_leaves_no_trace(model: SoundStream, sound: torch.Tensor) -> None:
    """In embeddings, once the encoder sees no frame of it any more: what codes stand for they say of the frames before,
    too, so these may differ for longer."""
    mode, sees = torch.zeros(1, FRAMES), 16
    plain, _ = model.embed_step(sound, mode, model.embedding_state(1))
    mode[:, :4] = 1.0
    changed, _ = model.embed_step(sound, mode, model.embedding_state(1))
    assert not torch.allclose(changed[..., :4], plain[..., :4], atol=1e-2)
    torch.testing.assert_close(changed[..., 4 + 1 + sees :], plain[..., 4 + 1 + sees :], rtol=0, atol=1e-5)


def errors(model: SoundStream, embeddings: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Squared distances [N, n_q + 1] of embeddings [N, d] from the sums of the first 0, 1, ... of their entries."""
    left = [embeddings]
    for quantizer, code in enumerate(codes.T):
        left.append(left[-1] - model.quantizer.codebooks[quantizer][code])
    return torch.stack(left, dim=1).square().sum(dim=-1)


def test_every_quantizer_brings_the_embedding_nearer(model: SoundStream, embeddings: torch.Tensor) -> None:
    means = errors(model, embeddings, model.quantizer.search(embeddings, 4)).mean(dim=0).tolist()
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("n_q", [1, 2, 3])
def test_codes_without_the_last_still_bring_it_nearer(model: SoundStream, embeddings: torch.Tensor, n_q: int) -> None:
    """So that a copy of a packet at a lower bitrate is cut from its codes."""
    cut = model.quantizer.search(embeddings, 4)[:, :n_q]
    own = model.quantizer.search(embeddings, n_q)
    means = [float(errors(model, embeddings, codes)[:, -1].mean()) for codes in (own, cut, own[:, :-1])]
    assert means == sorted(means)


def test_the_search_is_the_nearest_entry_s_with_one_path_and_beats_it_with_more(
    model: SoundStream, embeddings: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, greedy = embeddings, list[torch.Tensor]()
    for quantizer, book in enumerate(model.quantizer.codebooks[:4]):
        greedy.append(model.quantizer.nearest(left, quantizer))
        left = left - book[greedy[-1]]
    found = model.quantizer.search(embeddings, 4)
    distances = [errors(model, embeddings, codes)[:, -1] for codes in (found, torch.stack(greedy, dim=1))]
    assert float(distances[0].mean()) < 0.99 * float(distances[1].mean())
    monkeypatch.setattr(rvq, "search_paths", lambda n_q: 1)
    assert torch.equal(model.quantizer.search(embeddings, 4), torch.stack(greedy, dim=1))


def test_enough_paths_find_the_best_of_all_codes(
    model: SoundStream, embeddings: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = model.quantizer.codebooks
    monkeypatch.setattr(rvq, "search_paths", lambda n_q: books.shape[1])
    sums = (books[0][:, None] + books[1]).flatten(0, 1)
    best = torch.cdist(embeddings, sums).argmin(dim=1)
    wanted = torch.stack([best // books.shape[1], best % books.shape[1]], dim=1)
    assert torch.equal(model.quantizer.search(embeddings, 2), wanted)


def test_streams_share_weights_and_do_not_disturb_each_other(model: SoundStream, sound: torch.Tensor) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    other = torch.flip(sound, dims=[-1])
    states = [model.encoder_state(1) for _ in range(2)]
    codes: list[list[torch.Tensor]] = [[], []]
    for start in range(0, FRAMES * SMALL.hop, SMALL.hop):
        for index, pcm in enumerate((sound, other)):
            code, states[index] = model.encode_step(
                pcm[..., start : start + SMALL.hop], 4, torch.zeros(1, 1), states[index]
            )
            codes[index].append(code)
    assert torch.equal(torch.cat(codes[0], dim=-1), model.encode(sound, 4))
    assert torch.equal(torch.cat(codes[1], dim=-1), model.encode(other, 4))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
