"""Two processes under torchrun train one model, and end together where one alone is told to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch

from codec.train.team import Team

SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path

import torch

from codec.train.augment import Corpus
from codec.train.data import load_clips
from codec.train.loop import Trainer
from codec.train.recipe import Recipe

torch.set_num_threads(1)
data, out = map(Path, sys.argv[1:])
corpus = Corpus(**{kind: load_clips([data / kind], out / "cache") for kind in ("speech", "noise", "music", "rir")})
recipe = Recipe(
    steps=1000, batch=4, frames=32, continuous_steps=2, start_vectors=128, adversarial_from=2,
    discriminators=("stft:256",), discriminator_channels=4,
)
trainer = Trainer(recipe, corpus, out)
trainer.codebooks.start = lambda vectors: trainer.model.quantizer.codebooks.copy_(
    vectors.flatten(0, 1).repeat(8, 1).view(1, 1024, -1).expand_as(trainer.model.quantizer.codebooks)
)
if trainer.team.rank == 1:
    trainer.train_step = lambda step=trainer.train_step: (trainer.stop() if trainer.step == 3 else None, step())[1]
try:
    trainer.run()
except KeyboardInterrupt:
    torch.save([*trainer.model.state_dict().values()], out / f"{trainer.team.rank}.pt")
"""


def test_two_processes_keep_equal_models_and_end_together(sounds: Path, tiny_corpus: object, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*command, str(script), str(sounds), str(tmp_path)], env=environment, check=True, timeout=300)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    saved = torch.load(tmp_path / "checkpoint.pt")
    assert (saved["step"], len(saved["rngs"])) == (4, 2)


def test_alone_a_team_changes_nothing() -> None:
    team, tensor = Team(), torch.ones(3)
    team.average([tensor])
    team.share([tensor])
    assert team.leads
    assert team.gather("a") == ["a"]
    assert torch.equal(tensor, torch.ones(3))
