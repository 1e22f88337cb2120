"""A blind listening test after ITU-R BS.1534-3 (MUSHRA): a folder of static files that any browser opens.

index.html mushra.css mushra.js   the same in every test
test.js                           the trials, and which sound is what, in base64 against a glance by chance
sounds/N.js                       the sounds of trial N, FLAC in base64: a page opened from a disk may not fetch
"""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import firwin

from codec.atomicfile import replacing
from codec.audiofile import SAMPLE_RATE, to_flac
from codec.engine.base import Pcm
from codec.evaluation.errors import EvaluationError
from codec.evaluation.pair import lined_up
from codec.evaluation.runner import Outcome, kind_of

PAGES = files("codec.evaluation") / "pages"
REFERENCE, ANCHOR = "reference", "3.5 kHz anchor"
MAX_SOUNDS = 12  # a trial, with reference and anchor: BS.1534-3, section 5.3
PAGE_FILES = {"mushra.html": "index.html", "mushra.css": "mushra.css", "mushra.js": "mushra.js"}


def write_test(folder: Path, outcomes: Sequence[Outcome], title: str) -> int:
    """Trials from the outcomes that kept their sounds, denoising aside -> how many. Raises EvaluationError, OSError."""
    kept = [outcome for outcome in outcomes if outcome.reference is not None and not outcome.job.denoising]
    if not kept:
        raise EvaluationError("there is no clip for a listening test")
    (folder / "sounds").mkdir(parents=True, exist_ok=True)
    trials = [write_trial(folder, number, outcome) for number, outcome in enumerate(kept, 1)]
    test = {"id": secrets.token_hex(8), "title": title, "trials": trials}
    write(folder / "test.js", f"window.mushraTest = {json.dumps(test, indent=1)};\n")
    for source, name in PAGE_FILES.items():
        write(folder / name, (PAGES / source).read_text())
    return len(trials)


def check_size(conditions: int) -> None:
    """Raises EvaluationError for more conditions than a listener can compare."""
    size = conditions + 2
    if size > MAX_SOUNDS:
        raise EvaluationError(
            f"a trial of the listening test would have {size} sounds with reference and anchor; BS.1534 allows "
            f"{MAX_SOUNDS}: choose fewer --bitrates, --opus-bitrates or --peers"
        )


def write_trial(folder: Path, number: int, outcome: Outcome) -> dict[str, Any]:
    """The sounds' file; -> what test.js says of the trial. Nothing in the order tells which sound is which."""
    assert outcome.reference is not None
    reference = outcome.reference
    named = {REFERENCE: reference, ANCHOR: low_pass(reference)}
    named |= {condition.label: lined_up(reference, pcm) for condition, pcm in outcome.sounds.items()}
    ids = {secrets.token_hex(4): name for name in named}
    sounds = {"open": base64(to_flac(reference))} | {key: base64(to_flac(named[ids[key]])) for key in sorted(ids)}
    write(folder / "sounds" / f"{number}.js", f"window.mushraSounds({number}, {json.dumps(sounds)});\n")
    stimuli = [{"id": key, "is": base64(ids[key].encode())} for key in sorted(ids)]
    name = f"{kind_of(outcome.job)}: {outcome.job.clip.name}"
    return {"file": f"sounds/{number}.js", "number": number, "name": base64(name.encode()), "stimuli": stimuli}


def low_pass(pcm: Pcm) -> Pcm:
    """The low anchor: 3.5 kHz within 0.1 dB, 25 dB down at 4 kHz and 50 dB at 4.5 kHz (BS.1534-3, annex 1)."""
    taps = firwin(241, 3750, window=("kaiser", 5.65), fs=SAMPLE_RATE)
    return np.convolve(pcm, taps, mode="same").astype(np.float32)


def base64(content: bytes) -> str:
    return b64encode(content).decode()


def write(path: Path, text: str) -> None:
    with replacing(path) as part:
        part.write_text(text)
