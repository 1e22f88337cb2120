"""The command line: lazy, polite about mistakes, and the same from any directory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

import thinline

HEAVY = ("torch", "onnxruntime", "aiortc", "av", "numpy", "aiohttp")


def python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A command `thinline probe` whose run() a test sets."""
    module = ModuleType("probe_command")
    module.HELP = "Probe."  # type: ignore[attr-defined]
    module.ERRORS = (ValueError, OSError)  # type: ignore[attr-defined]
    module.add_arguments = lambda parser: parser.add_argument("--level", type=int, default=0)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "probe_command", module)
    monkeypatch.setitem(thinline.COMMANDS, "probe", ("probe_command", "probe"))
    return module


def raising(command: ModuleType, error: BaseException) -> None:
    def run(args: object) -> int:
        raise error

    command.run = run  # type: ignore[attr-defined]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["nonsense"], []], ids=" ".join)
def test_the_top_level_imports_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    code = f"import sys, thinline; thinline.main({arguments}); print([m for m in {HEAVY} if m in sys.modules])"
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_lists_every_command_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert thinline.main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, (_, summary) in thinline.COMMANDS.items():
        assert [line for line in lines if line.split()[:1] == [name] and line.endswith(summary)]


@pytest.mark.parametrize("name", thinline.COMMANDS)
def test_every_command_of_the_table_exists(name: str) -> None:
    assert find_spec(thinline.COMMANDS[name][0]) is not None


def test_no_command_shows_the_list_and_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert thinline.main([]) == 2
    assert "encode" in capsys.readouterr().err


def test_an_unknown_command_is_named_beside_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert thinline.main(["encoed", "a.wav"]) == 2
    shown = capsys.readouterr().err
    assert "there is no command 'encoed'" in shown
    assert "serve" in shown
    assert "encode" in shown


def test_bad_arguments_are_bad_usage(command: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        thinline.main(["probe", "--level", "high"])
    assert left.value.code == 2
    assert "usage: thinline probe" in capsys.readouterr().err


def test_arguments_reach_the_command_and_its_status_comes_back(command: ModuleType) -> None:
    command.run = lambda args: args.level  # type: ignore[attr-defined]
    assert thinline.main(["probe", "--level", "3"]) == 3


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("bitrate 5 is not one of 6"), "bitrate 5 is not one of 6"),
        (FileNotFoundError(2, "No such file or directory", "a.tl"), "a.tl: No such file or directory"),
        (OSError("out of something"), "out of something"),
    ],
    ids=["value", "file", "nameless"],
)
def test_an_error_that_the_command_declares_is_one_line(
    command: ModuleType, capsys: pytest.CaptureFixture[str], error: Exception, text: str
) -> None:
    raising(command, error)
    assert thinline.main(["probe"]) == 1
    assert capsys.readouterr().err == f"thinline: {text}\n"


def test_any_other_error_is_a_fault_and_shows_where(command: ModuleType) -> None:
    raising(command, KeyError("fault"))
    with pytest.raises(KeyError):
        thinline.main(["probe"])


def test_an_interrupt_is_quiet(command: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    raising(command, KeyboardInterrupt())
    assert thinline.main(["probe"]) == 130
    assert capsys.readouterr().err == ""


def test_a_package_that_is_not_installed_is_named(command: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    raising(command, ModuleNotFoundError("No module named 'torch'", name="torch"))
    assert thinline.main(["probe"]) == 1
    assert "probe needs torch, which is not installed" in capsys.readouterr().err


def test_a_missing_module_of_our_own_is_a_fault(command: ModuleType) -> None:
    raising(command, ModuleNotFoundError("No module named 'codec.gone'", name="codec.gone"))
    with pytest.raises(ModuleNotFoundError):
        thinline.main(["probe"])


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    """The reader leaves before the first line: nothing on stderr, and the status of a program that SIGPIPE ended."""
    code = """
import os, sys, thinline
end, begin = os.pipe()
os.close(end)
os.dup2(begin, sys.stdout.fileno())
sys.exit(thinline.main(["--help"]))
"""
    done = python(code, tmp_path)
    assert (done.returncode, done.stderr) == (141, "")


def test_the_installed_command_runs_from_any_directory(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("thinline")
    if not script.exists():
        pytest.skip("thinline is not installed beside this interpreter")
    done = subprocess.run([script, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "encode" in done.stdout
