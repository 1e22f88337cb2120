"""The files of a listening test, and what becomes of what listeners save. The page itself: tests/browser."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from scipy.signal import freqz

import thinline
from codec.engine.base import Pcm
from codec.evaluation import mushra
from codec.evaluation.clips import SPEECH, Clip
from codec.evaluation.errors import EvaluationError
from codec.evaluation.mushra import ANCHOR, REFERENCE, check_size, low_pass, write_test
from codec.evaluation.mushra_results import read_results
from codec.evaluation.runner import Job, Outcome
from codec.evaluation.scores import Condition

HEADER = "test,listener,trial,condition,score,position,trial_order,seconds,finished\r\n"


def outcome(name: str, reference: Pcm, listen: bool = True) -> Outcome:
    """Two systems: one late, one quiet."""
    job = Job(Clip(name, SPEECH, Path(name)), listen=listen)
    late = np.concatenate([np.zeros(100, np.float32), reference])
    sounds = {Condition(SPEECH, "late", 6): late, Condition(SPEECH, "quiet", 3): reference / 4}
    return Outcome(job, [], reference if listen else None, sounds if listen else {})


@pytest.fixture
def written(tmp_path: Path, speech: Pcm) -> Path:
    outcomes = [
        outcome("a.wav", speech),
        outcome("not heard.wav", speech, listen=False),
        outcome("b.wav", speech[:24_000]),
    ]
    assert write_test(tmp_path / "test", outcomes, "Listening test") == 2
    return tmp_path / "test"


def described(folder: Path) -> dict[str, Any]:
    text = (folder / "test.js").read_text()
    parsed: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return parsed


def sounds(folder: Path, number: int) -> dict[str, Pcm]:
    text = (folder / "sounds" / f"{number}.js").read_text()
    found = {}
    for key, content in json.loads(text[text.index("{") : text.rindex("}") + 1]).items():
        path = folder / f"{key}.flac"
        path.write_bytes(b64decode(content))
        with av.open(str(path)) as file:
            found[key] = np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)]).astype(np.float32) / 2**15
    return found


def test_a_trial_has_the_reference_open_and_hidden_an_anchor_and_all_systems(written: Path, speech: Pcm) -> None:
    trial = described(written)["trials"][0]
    heard = sounds(written, 1)
    names = {b64decode(stimulus["is"]).decode(): stimulus["id"] for stimulus in trial["stimuli"]}
    assert set(names) == {REFERENCE, ANCHOR, "late 6", "quiet 3"}
    assert set(heard) == {"open", *names.values()}
    for key in ("open", names[REFERENCE], names["late 6"]):  # the delay is taken out: switching stays on the word
        np.testing.assert_allclose(heard[key], speech, atol=2**-15)
    np.testing.assert_allclose(heard[names["quiet 3"]], speech / 4, atol=2**-15)


def test_nothing_in_the_page_tells_which_sound_is_which(written: Path) -> None:
    for path in (written / "test.js", *(written / "sounds").iterdir()):
        text = path.read_text()
        assert not [name for name in ("late 6", "quiet 3", ANCHOR, "a.wav", "b.wav") if name in text]


def test_the_low_anchor_is_the_recommendations() -> None:
    """BS.1534-3, annex 1: within 0.1 dB to 3.5 kHz, 25 dB down at 4 kHz, 50 dB from 4.5 kHz on."""
    impulse = np.zeros(4801, np.float32)
    impulse[2400] = 1
    frequencies, response = freqz(low_pass(impulse), worN=4096, fs=24_000)
    level = 20 * np.log10(np.abs(response) + 1e-12)
    assert np.abs(level[frequencies <= 3500]).max() < 0.1
    assert level[frequencies >= 4000].max() < -25
    assert level[frequencies >= 4500].max() < -50


def test_too_many_sounds_are_refused() -> None:
    check_size(mushra.MAX_SOUNDS - 2)
    with pytest.raises(EvaluationError, match="would have 13 sounds"):
        check_size(mushra.MAX_SOUNDS - 1)
    with pytest.raises(EvaluationError, match="no clip"):
        write_test(Path("nowhere"), [], "")


def results(path: Path, listener: str, reference: float, ours: float, trials: int = 2, test: str = "t1") -> Path:
    rows = [
        f'{test},{listener},"speech: {trial}, cut",{condition},{score},1,1,30,2026-01-01T00:00:00Z\r\n'
        for trial in range(trials)
        for condition, score in ((REFERENCE, reference), ("thinline 6", ours + 10 * trial), (ANCHOR, 20))
    ]
    path.write_text(HEADER + "".join(rows))
    return path


def test_means_are_over_all_judgements_of_listeners_who_found_the_reference(tmp_path: Path) -> None:
    files = [results(tmp_path / f"{n}.csv", n, reference, ours) for n, reference, ours in (
        ("ann", 100, 60), ("bo", 95, 80), ("deaf", 60, 5),
    )]  # fmt: skip
    found = read_results(files)
    assert found.listeners == ["ann", "bo"]
    assert found.screened == {"deaf": (2, 2)}
    assert list(found.means) == [REFERENCE, "thinline 6", ANCHOR]
    mean = found.means["thinline 6"]
    assert (mean.mean, mean.count) == (75, 4)
    assert mean.half == pytest.approx(3.1824 * 12.9099 / 2, abs=1e-3)  # t(0.975, 3) s / sqrt(4)
    assert found.medians["thinline 6"] == 75


def test_who_misses_the_reference_once_in_seven_stays(tmp_path: Path) -> None:
    path = results(tmp_path / "ann.csv", "ann", 100, 30, trials=7)
    path.write_text(path.read_text().replace(f"{REFERENCE},100", f"{REFERENCE},70", 1))
    assert read_results([path]).screened == {}


def test_the_command_draws_the_bar_chart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [results(tmp_path / "ann.csv", "ann <b>", 100, 60), results(tmp_path / "deaf.csv", "deaf", 10, 60)]
    out = {"--json": tmp_path / "o.json", "--html": tmp_path / "o.html", "--pictures": tmp_path / "pictures"}
    given = [str(part) for pair in out.items() for part in pair]
    assert thinline.main(["evaluate", "--mushra-results", *map(str, files), *given]) == 0
    assert "left out: deaf, who rated the hidden reference below 90 in 2 of 2 trials" in capsys.readouterr().out
    summary = json.loads(out["--json"].read_text())
    assert summary["conditions"]["thinline 6"]["mean"] == 65
    assert summary["screened"] == {"deaf": {"missed": 2, "of": 2}}
    page = out["--html"].read_text()
    assert page.count("<svg") == 1
    assert "thinline 6</th><td>65.0" in page
    assert (out["--pictures"] / "mushra.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "there is no column test, listener"),
        ("a,b\n1,2\n", "there is no column test"),
        (HEADER, "there is no judgement in it"),
        (HEADER + "t,ann,a,reference,high,1,1,1,x\n", "line 2: score 'high' is not a number"),
        (HEADER + "t,ann,a,reference,101,1,1,1,x\n", "line 2: score 101 is outside 0..100"),
        (HEADER + 2 * "t,ann,a,reference,100,1,1,1,x\n", "'ann' has judged 'reference' in 'a' already"),
        (HEADER + "t,ann,a,reference,10,1,1,1,x\n", "no listener is left of 1"),
        (HEADER + "t,ann,a,reference,100,1,1,1,x\nu,bo,a,reference,100,1,1,1,x\n", "of 2 different tests: t, u"),
        (HEADER + 't,"ann,a,reference,100', "not a CSV file"),
        ("\x00\x01", "ann.csv"),
    ],
)
def test_files_that_are_no_results_are_named(tmp_path: Path, text: str, cause: str) -> None:
    path = tmp_path / "ann.csv"
    path.write_text(text)
    with pytest.raises(EvaluationError) as caught:
        read_results([path])
    assert cause in str(caught.value)
