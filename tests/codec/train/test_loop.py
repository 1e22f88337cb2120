"""The loop learns, resumes to the bit, and stops with a clear error."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from codec.config import PRESETS
from codec.train.augment import Corpus
from codec.train.checkpoint import begun_with
from codec.train.errors import TrainingError
from codec.train.log import perplexity
from codec.train.loop import Trainer
from codec.train.quantizer import DECAY
from codec.train.recipe import Recipe, learning_rate

# 4 steps of 256 frames feed k-means, which wants as many vectors as a codebook has entries.
RECIPE = Recipe(steps=6, batch=8, frames=32, continuous_steps=4, start_vectors=1024, warmup_steps=2)


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [value.clone() for value in trainer.average.model.state_dict().values()]


def test_a_run_resumes_exactly_where_it_stopped(tiny_corpus: Corpus, tmp_path: Path) -> None:
    whole = Trainer(RECIPE, tiny_corpus, tmp_path / "whole")
    whole.run()
    first = Trainer(RECIPE, tiny_corpus, tmp_path / "parts")
    first.out.mkdir()
    for _ in range(3):  # in the middle of the embeddings being collected for the codebooks' start
        first.train_step()
    first.save()
    second = Trainer(replace(RECIPE, seed=99), tiny_corpus, tmp_path / "parts")
    second.resume()
    assert second.step == 3
    second.run()
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(second), strict=True))
    assert (tmp_path / "whole" / "log.csv").read_text().startswith("step,seconds,mel,complex")


def test_training_lowers_the_loss(tiny_corpus: Corpus, tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=25, frames=16, batch=2, continuous_steps=100, learning_rate=1e-3)
    trainer = Trainer(recipe, tiny_corpus, tmp_path)
    figures = [trainer.train_step()["mel"] for _ in range(25)]
    assert sum(figures[-5:]) < sum(figures[:5])


def test_a_gradient_that_is_no_number_stops_the_run(tiny_corpus: Corpus, tmp_path: Path) -> None:
    trainer = Trainer(replace(RECIPE, frames=16, batch=2, continuous_steps=100), tiny_corpus, tmp_path)
    with torch.no_grad():
        next(trainer.model.encoder.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match="the gradient of step 0 is not finite"):
        trainer.train_step()


def test_without_a_checkpoint_there_is_nothing_to_resume(tiny_corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no checkpoint at"):
        Trainer(RECIPE, tiny_corpus, tmp_path).resume()


def test_a_file_that_is_no_checkpoint_is_refused(tiny_corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"rubbish")
    with pytest.raises(TrainingError, match="is not a checkpoint"):
        Trainer(RECIPE, tiny_corpus, tmp_path).resume()
    torch.save({"recipe": asdict(RECIPE), "denoiser": {}}, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="is no codec's checkpoint"):
        Trainer(RECIPE, tiny_corpus, tmp_path).resume()
    torch.save({"model": {}}, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="is no run's checkpoint: it has no recipe"):
        begun_with(RECIPE, tmp_path / "checkpoint.pt")


def test_the_learning_rate_rises_then_falls() -> None:
    recipe = Recipe(steps=100, warmup_steps=10, continuous_steps=20)
    rates = [learning_rate(recipe, step) for step in range(101)]
    assert rates[:10] == sorted(rates[:10])
    assert set(rates[10:20]) == {recipe.continuous_learning_rate}
    assert rates[20] == recipe.learning_rate
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[100] == pytest.approx(recipe.final_learning_rate)


def test_perplexity_counts_codes_in_use() -> None:
    assert perplexity(torch.arange(8)) == pytest.approx(8)
    assert perplexity(torch.zeros(8, dtype=torch.long)) == pytest.approx(1)


def test_with_discriminators_a_run_resumes_exactly_too(tiny_corpus: Corpus, tmp_path: Path) -> None:
    recipe = replace(
        RECIPE, batch=2, frames=16, continuous_steps=100, adversarial_from=2, adversarial_ramp=2, steps=5,
        discriminators=("stft:256",), discriminator_channels=4,
    )
    whole = Trainer(recipe, tiny_corpus, tmp_path / "whole")
    figures = [whole.train_step() for _ in range(5)]
    assert "discriminator" not in figures[1]
    assert figures[2]["discriminator"] > 0
    first = Trainer(recipe, tiny_corpus, tmp_path)
    for _ in range(3):
        first.train_step()
    first.save()
    second = Trainer(recipe, tiny_corpus, tmp_path)
    second.resume()
    for _ in range(2):
        second.train_step()
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(second), strict=True))


def test_discriminators_may_come_into_a_run_that_had_none(tiny_corpus: Corpus, tmp_path: Path) -> None:
    recipe = replace(RECIPE, batch=2, frames=16, continuous_steps=100, discriminators=("stft:256",))
    first = Trainer(recipe, tiny_corpus, tmp_path)
    first.train_step()
    first.save()
    second = Trainer(replace(recipe, adversarial_from=0), tiny_corpus, tmp_path)
    second.resume()
    assert second.train_step()["discriminator"] > 0


def test_a_run_with_other_discriminators_is_refused(tiny_corpus: Corpus, tmp_path: Path) -> None:
    recipe = replace(RECIPE, batch=2, frames=16, adversarial_from=0, discriminators=("stft:256",))
    first = Trainer(recipe, tiny_corpus, tmp_path)
    first.save()
    with pytest.raises(TrainingError, match=r"the adversary of .* other discriminators"):
        Trainer(replace(recipe, discriminators=("stft:512", "period:3")), tiny_corpus, tmp_path).resume()


def encoder(trainer: Trainer) -> list[torch.Tensor]:
    return [value.clone() for value in trainer.model.encoder.parameters()]


def test_at_last_the_averaged_encoder_stays_and_the_rest_learns_on(tiny_corpus: Corpus, tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=10, settle=0.4)
    trainer = Trainer(recipe, tiny_corpus, tmp_path)
    for _ in range(6):
        trainer.train_step()
    assert trainer.codebooks.decay == DECAY
    averaged = [value.clone() for value in trainer.average.model.encoder.parameters()]
    before = trainer.average.model.decoder.last.conv.weight.clone(), trainer.model.quantizer.codebooks.clone()
    for _ in range(4):
        figures = trainer.train_step()
    assert all(torch.equal(a, b) for a, b in zip(averaged, encoder(trainer), strict=True))
    after = trainer.average.model.decoder.last.conv.weight, trainer.model.quantizer.codebooks
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert figures["grad_norm"] > 0
    assert trainer.codebooks.decay > DECAY


def test_a_run_resumes_exactly_where_the_encoder_rests_and_goes_on_when_it_is_made_longer(
    tiny_corpus: Corpus, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, steps=8, settle=0.4)
    whole = Trainer(recipe, tiny_corpus, tmp_path / "whole")
    for _ in range(8):
        whole.train_step()
    first = Trainer(recipe, tiny_corpus, tmp_path)
    for _ in range(6):
        first.train_step()
    first.save()
    second = Trainer(recipe, tiny_corpus, tmp_path)
    second.resume()
    for _ in range(2):
        second.train_step()
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(second), strict=True))
    longer = Trainer(replace(recipe, steps=40), tiny_corpus, tmp_path)
    longer.resume()
    before = encoder(longer)
    longer.train_step()
    assert longer.codebooks.decay == DECAY
    assert not all(torch.equal(a, b) for a, b in zip(before, encoder(longer), strict=True))


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_of_the_steps_lies_between_none_and_all(share: float) -> None:
    with pytest.raises(TrainingError, match="is no share of the steps"):
        Recipe(settle=share)


def test_the_encoder_learns_with_a_quantizer_before_it_rests() -> None:
    assert Recipe(steps=100, continuous_steps=10, settle=0.2).settle_from == 80
    assert Recipe(steps=100, continuous_steps=90, settle=0.2).settle_from == 91
    assert Recipe(steps=100, continuous_steps=0, settle=1).settle_from == 0


def test_an_encoder_that_shall_rest_from_the_start_does_not_move(tiny_corpus: Corpus, tmp_path: Path) -> None:
    trainer = Trainer(replace(RECIPE, continuous_steps=0, settle=1.0), tiny_corpus, tmp_path)
    before, decoder = encoder(trainer), trainer.model.decoder.last.conv.weight.clone()
    trainer.train_step()
    assert all(torch.equal(a, b) for a, b in zip(before, encoder(trainer), strict=True))
    assert not torch.equal(decoder, trainer.model.decoder.last.conv.weight)


@pytest.mark.parametrize(("figure", "weight"), [("gain", 1.0), ("level", 0.0)], ids=["gain", "level"])
def test_the_network_learns_to_need_less_of_the_equalizer_and_what_levels_are(
    figure: str, weight: float, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    """Levels from themselves alone: no other loss has a weight."""
    recipe = replace(RECIPE, steps=40, continuous_steps=100, continuous_learning_rate=1e-3, batch=2, frames=16)
    weights = {"mel": 0.0, "complex": 0.0, "wave": 0.0, "gain": weight}
    trainer = Trainer(replace(recipe, loss_weights=weights), tiny_corpus, tmp_path)
    figures = []
    for _ in range(24):
        trainer.rng = np.random.default_rng(5)  # the same examples each time
        figures.append(trainer.train_step()[figure])
    assert figures[-1] < 0.8 * figures[0]


def test_a_picture_shows_the_run(tiny_corpus: Corpus, tmp_path: Path) -> None:
    trainer = Trainer(RECIPE, tiny_corpus, tmp_path)
    trainer.draw()
    assert (tmp_path / "pictures" / "0000000.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_with_networks_of_other_sizes_is_refused(
    tiny_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Trainer(RECIPE, tiny_corpus, tmp_path).save()
    base = PRESETS["base"]
    monkeypatch.setitem(PRESETS, "base", replace(base, code_dimension=base.code_dimension + 16))
    with pytest.raises(TrainingError, match=r"the model of .* of other sizes"):
        Trainer(RECIPE, tiny_corpus, tmp_path).resume()
