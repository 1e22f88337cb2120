"""What several test rooms need: the corpus that stands beside the checkout."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from codec.engine.native import build
from thinline import ONE_THREAD

for library in ONE_THREAD:
    os.environ.setdefault(library, "1")

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT.parent / "shared" / "corpus"


def pytest_sessionstart() -> None:
    """Whoever has changed the native engine's sources tests what they say; its tests are skipped where it can't be."""
    with suppress(build.BuildError):
        build.refresh()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder with `train/` and `heldout/`; tests that need it are skipped where it is absent."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not beside this checkout")
    return CORPUS


@pytest.fixture(scope="session")
def heldout_speech(corpus: Path) -> list[Path]:
    return sorted((corpus / "heldout" / "speech").rglob("*.flac"))


@pytest.fixture(scope="session")
def heldout_noise(corpus: Path) -> list[Path]:
    return sorted((corpus / "heldout" / "noise").rglob("*.flac"))
