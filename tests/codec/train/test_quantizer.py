from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from codec.rvq import ResidualVectorQuantizer
from codec.train.quantizer import DECAY, LEVEL_SHARE, CodebookTrainer, Whitening, settling_decay, steady, weigh_levels
from codec.train.team import Team
from tests.codec.models import SMALL


@pytest.fixture
def vectors() -> torch.Tensor:
    """Clustered vectors, as speech is."""
    generator = torch.Generator().manual_seed(5)
    centres = torch.randn(40, SMALL.code_dimension, generator=generator)
    choice = torch.randint(40, (2000,), generator=generator)
    return centres[choice] + 0.1 * torch.randn(2000, SMALL.code_dimension, generator=generator)


@pytest.fixture
def trainer(vectors: torch.Tensor) -> CodebookTrainer:
    torch.manual_seed(0)
    trainer = CodebookTrainer(ResidualVectorQuantizer(SMALL), Team())
    trainer.start(vectors[None])
    return trainer


def error(trainer: CodebookTrainer, vectors: torch.Tensor, n_q: int) -> float:
    codes = trainer.quantizer.search(vectors, n_q)
    entries = sum(trainer.quantizer.codebooks[q][codes[:, q]] for q in range(n_q))
    return float((vectors - entries).square().mean())


def test_k_means_start_explains_most_and_every_stage_more(trainer: CodebookTrainer, vectors: torch.Tensor) -> None:
    errors = [error(trainer, vectors, n_q) for n_q in (1, 2, 3, 4)]
    assert errors[0] < 0.5 * float(vectors.var())
    assert errors == sorted(errors, reverse=True)


def test_whitening_evens_the_axes_out_and_keeps_what_the_projections_do(vectors: torch.Tensor) -> None:
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(SMALL)
    spread = torch.logspace(0, -3, SMALL.dimension + SMALL.bands)
    z = torch.randn(1, SMALL.dimension + SMALL.bands, 500) * spread[:, None]
    before = quantizer.project_out(quantizer.project(z))
    projected = quantizer.project_in(z[:, : SMALL.dimension])[0].T
    whitening = Whitening.of(projected, strength=1.0)
    whitening.move(quantizer)
    torch.testing.assert_close(quantizer.project_out(quantizer.project(z)), before, rtol=1e-3, atol=1e-4)
    moved = quantizer.project(z)[0, : SMALL.projected].T
    torch.testing.assert_close(moved, whitening(projected), rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(torch.cov(moved.T), torch.eye(SMALL.projected), rtol=0, atol=0.05)


def test_levels_get_the_deviation_that_is_asked_for_and_the_decoder_sees_what_it_saw() -> None:
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(SMALL).requires_grad_(False)
    z = torch.randn(1, SMALL.dimension + SMALL.bands, 500)
    z[:, -SMALL.bands :] = 0.3 + 0.1 * z[:, -SMALL.bands :]
    before = quantizer.project_out(quantizer.project(z))
    for deviation in (5.0, 0.7):
        weigh_levels(quantizer, z[0, -SMALL.bands :].T, deviation)
        quantized = quantizer.project(z)
        torch.testing.assert_close(quantizer.project_out(quantized), before, rtol=1e-3, atol=1e-4)
        levels = quantized[0, SMALL.projected :]
        assert float(levels.std()) == pytest.approx(deviation, rel=1e-3)
        torch.testing.assert_close(levels.mean(dim=1), torch.zeros(SMALL.bands), rtol=0, atol=1e-3)
        torch.testing.assert_close(quantizer.project_back(quantized)[:, -SMALL.bands :], z[:, -SMALL.bands :])


def test_an_encoder_that_gets_louder_takes_no_bits_from_levels() -> None:
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(SMALL).requires_grad_(False)
    trainer = CodebookTrainer(quantizer, Team())
    z, whole = torch.randn(60, SMALL.dimension + SMALL.bands, 2), torch.full((60, 2), SMALL.quantizers)
    trainer.start(quantizer.project(z).transpose(1, 2))
    average = deepcopy(quantizer)
    for _ in range(600):
        quantizer.project_in.weight *= 1.001
        quantizer.project_in.bias *= 1.001
        codes = trainer(quantizer.project(z), whole).codes.view(60, 2, -1).transpose(1, 2)
        heard, _ = quantizer.decode(codes, quantizer.initial_state(60))
        trainer.balance(average)
        again, _ = quantizer.decode(codes, quantizer.initial_state(60))
        torch.testing.assert_close(again, heard, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(trainer.sums / trainer.usage[..., None], quantizer.codebooks, rtol=1e-3, atol=1e-3)
    learned, levels = quantizer.project(z).split((SMALL.projected, SMALL.bands), dim=1)
    torch.testing.assert_close(average.level_scale, quantizer.level_scale)
    torch.testing.assert_close(average.project_out.weight, quantizer.project_out.weight)
    assert LEVEL_SHARE * 0.7 < float(levels.std() / learned.std()) < LEVEL_SHARE * 1.1


def test_no_gradient_makes_all_learned_numbers_louder() -> None:
    torch.manual_seed(0)
    z, wanted = torch.randn(2, 3, 6, 50).unbind()
    wanted = wanted + 0.7 * z
    seen = z.clone().requires_grad_()
    (steady(seen, 4) * wanted).sum().backward()
    assert seen.grad is not None
    assert float((seen.grad * z)[:, :4].sum()) == pytest.approx(0, abs=1e-3)
    torch.testing.assert_close(seen.grad[:, 4:], wanted[:, 4:])
    taken = (wanted - seen.grad)[:, :4] / z[:, :4]
    torch.testing.assert_close(taken, taken.mean().expand_as(taken), rtol=1e-2, atol=1e-2)


def test_gradients_pass_straight_through(trainer: CodebookTrainer, vectors: torch.Tensor) -> None:
    z = vectors[:20].T[None].clone().requires_grad_()
    trainer(z, torch.full((1, 20), 4)).z.sum().backward()
    assert z.grad is not None
    torch.testing.assert_close(z.grad, torch.ones_like(z))


def test_a_frame_sees_its_own_depth_and_the_frames_before_it(trainer: CodebookTrainer, vectors: torch.Tensor) -> None:
    depths = torch.tensor([1, 2, 4, 3]).repeat(5)
    trainer.quantizer.prediction.fill_(0.5)
    books, wanted = trainer.quantizer.codebooks.clone(), torch.zeros(SMALL.code_dimension)
    quantized = trainer(vectors[:20].T[None], depths[None])
    for frame, depth in enumerate(depths):
        own = torch.stack([books[q][quantized.codes[frame, q]] for q in range(depth)]).sum(dim=0)
        wanted = 0.5 * wanted + own
        torch.testing.assert_close(quantized.z[0, :, frame], wanted)


def test_what_the_frame_before_makes_likely_is_not_coded() -> None:
    """Half of the numbers stay much as they were from frame to frame; the error is less at equal bits, and what
    training hears the decoder gives."""
    torch.manual_seed(0)
    steady_half, frames = torch.arange(SMALL.code_dimension) % 2 == 0, [torch.randn(60, SMALL.code_dimension)]
    for _ in range(29):
        news = torch.randn(60, SMALL.code_dimension)
        frames.append(torch.where(steady_half, 0.95 * frames[-1] + 0.3 * news, news))
    vectors = torch.stack(frames, dim=1)
    depths, errors = torch.full((60, 30), 2), []
    for predicted in (True, False):
        quantizer = ResidualVectorQuantizer(SMALL).requires_grad_(False)
        trainer = CodebookTrainer(quantizer, Team(), decay=0.9)
        trainer.start(vectors)
        assert torch.all(quantizer.prediction[steady_half] > 0.55)
        assert torch.all(quantizer.prediction[~steady_half] < 0.1)
        quantizer.prediction *= predicted
        for _ in range(20):
            trainer(vectors.transpose(1, 2), depths)
        before = deepcopy(quantizer)  # it learns from what it codes
        quantized = trainer(vectors.transpose(1, 2), depths)
        codes = quantized.codes[:, :2].view(60, 30, 2).transpose(1, 2)
        heard, _ = before.decode(codes, before.initial_state(60))
        torch.testing.assert_close(heard, before.project_back(quantized.z))
        errors.append(float((quantized.z.transpose(1, 2) - vectors).square().mean()))
    assert errors[0] < 0.85 * errors[1]


def test_learning_lowers_the_error(vectors: torch.Tensor) -> None:
    torch.manual_seed(0)
    trainer = CodebookTrainer(ResidualVectorQuantizer(SMALL), Team(), decay=0.9)
    before = error(trainer, vectors, 4)
    for batch in vectors.split(200) * 5:
        trainer(batch[:, :, None], torch.full((200, 1), 4))
    assert error(trainer, vectors, 4) < 0.5 * before


def test_a_settling_average_lengthens_and_forgets_its_beginning() -> None:
    assert settling_decay(0) == pytest.approx(DECAY)
    share = 1.0  # of the first update in the average
    for update in range(2000):
        share *= settling_decay(update)
    assert share < 0.01
    assert settling_decay(2000) > 0.999


def test_unused_entries_come_back_to_life(trainer: CodebookTrainer, vectors: torch.Tensor) -> None:
    trainer.quantizer.codebooks[0][3] = 1e6
    trainer.sums[0][3], trainer.usage[0][3] = 1e6, 1.0
    for _ in range(400):
        trainer(vectors[:200, :, None], torch.ones(200, 1))
    assert trainer.quantizer.codebooks.abs().max() < 10
