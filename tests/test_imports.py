"""Who may import whom: the arrows between the rooms of the house, and which rooms may load the heavy libraries."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("codec", "server", "client", "web")

# The most specific importer decides. A name allows itself and all below it.
ARROWS: dict[str, set[str]] = {
    "thinline": {"codec", "server", "client"},
    "codec": {"codec"},
    "codec.packet": {"codec.codebits", "codec.entropy", "codec.highband", "codec.redundancy"},
    "codec.highband": {"codec.codebits"},
    "codec.entropy": {"codec.codebits"},
    "codec.redundancy": {"codec.codebits"},
    "codec.codebits": set(),
    "client": {"client", "codec", "server.protocol"},
    "server": {"server", "codec", "web"},
    "server.http": {"server.http", "server.session", "server.rooms", "server.auth", "server.protocol"},
    "server.session": {
        "server.session", "server.rtc", "server.media", "server.rooms", "server.cluster.bus", "server.protocol",
        "server.auth", "server.turn", "codec.packet",
    },
    "server.rooms": set(),
    "server.auth": {"server.protocol.token"},
    "server.turn": {"server.protocol"},
    "server.protocol": {"server.protocol"},
}  # fmt: skip

KEEPERS: dict[str, set[str]] = {
    "aiortc": {"server.rtc", "client.caller"},
    "aioice": {"server.rtc", "client.caller"},
    "av": {
        "server.rtc", "client.caller", "codec.audiofile", "codec.evaluation.opus", "codec.bench.opus", "codec.libopus",
    },
    "torch": {"codec"},
    "nats": {"server.cluster.nats"},
    "jwt": {"server.auth", "server.protocol.token"},
    "aiohttp": {"server", "client"},
    "asyncio": {"server", "client"},
}  # fmt: skip

# What runs without torch installed, each with everything that it pulls in when it is imported.
SERVING = (
    "thinline", "server", "client", "codec.stream", "codec.engine.onnx", "codec.engine.native", "codec.packet",
    "codec.audiofile",
)  # fmt: skip


def find_modules() -> dict[str, Path]:
    files = [ROOT / "thinline.py", *(path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))]
    modules = {}
    for path in files:
        parts = path.relative_to(ROOT).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


MODULES = find_modules()


def within(name: str, prefixes: set[str] | tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def statements(tree: ast.AST, top_level: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """All import statements, or those that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif top_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        elif top_level and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from (found for other in node.orelse for found in statements(ast.Module([other], []), top_level))
        else:
            yield from statements(node, top_level)


def imported(module: str, source: str, is_package: bool, top_level: bool = False) -> set[str]:
    """Absolute names of what a module imports; `from a import b` is a.b where that is a module of ours."""
    names: set[str] = set()
    for node in statements(ast.parse(source), top_level):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
            continue
        base = node.module or ""
        if node.level:
            parents = module.split(".")[: len(module.split(".")) - node.level + is_package]
            base = ".".join([*parents, base] if base else parents)
        for alias in node.names:
            full = f"{base}.{alias.name}"
            names.add(full if full in MODULES else base)
    return names


def imports_of(module: str, top_level: bool = False) -> set[str]:
    path = MODULES[module]
    return imported(module, path.read_text(encoding="utf-8"), path.name == "__init__.py", top_level)


def wrong_arrows(module: str, names: set[str]) -> list[str]:
    """What a module may not import."""
    importer = max((rule for rule in ARROWS if within(module, (rule,))), key=len, default="")
    ours = {name for name in names if within(name, (*ROOMS, "thinline"))}
    wrong = {name for name in ours if not within(name, ARROWS.get(importer, set())) and name != module}
    for library, keepers in KEEPERS.items():
        if not within(module, keepers):
            wrong |= {name for name in names if within(name, (library,))}
    return sorted(wrong)


def chain_to(library: str, start: str) -> list[str]:
    """The way from a module to a library by what runs on import, parents included; empty if there is none."""
    ways, waiting = {start: [start]}, [start]
    while waiting:
        module = waiting.pop()
        for name in imports_of(module, top_level=True):
            if within(name, (library,)):
                return [*ways[module], name]
            parts = name.split(".")
            for parent in (".".join(parts[:end]) for end in range(1, len(parts) + 1)):
                if parent in MODULES and parent not in ways:
                    ways[parent] = [*ways[module], parent]
                    waiting.append(parent)
    return []


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_what_its_room_may_not(module: str) -> None:
    assert wrong_arrows(module, imports_of(module)) == []


@pytest.mark.parametrize("module", [name for name in MODULES if within(name, SERVING)])
def test_torch_is_never_on_the_serving_path(module: str) -> None:
    assert chain_to("torch", module) == []


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("client.call", "from server.rooms import Rooms", ["server.rooms"]),
        ("client.call", "from server import protocol, nothing", ["server"]),
        ("client.call", "import aiortc.contrib", ["aiortc.contrib"]),
        ("client.caller", "import aiortc, av", []),
        ("codec.stream", "def late():\n    import server.app", ["server.app"]),
        ("codec.stream", "from . import config\nfrom .engine import base", []),
        ("codec.packet", "from codec.config import CodecConfig", ["codec.config"]),
        ("server.media.jitter", "import torch", ["torch"]),
        ("server.protocol", "from codec.config import CodecConfig", ["codec.config"]),
        ("server.rtcx", "import aiortc", ["aiortc"]),
    ],
)  # fmt: skip
def test_the_check_sees_a_wrong_arrow(module: str, source: str, wrong: list[str]) -> None:
    assert wrong_arrows(module, imported(module, source, is_package=False)) == wrong


def test_what_a_function_imports_is_not_imported_with_its_module() -> None:
    source = "import a\nif TYPE_CHECKING:\n    import b\nelse:\n    import c\ntry:\n    import d\nexcept E: ...\n"
    source += "def f():\n    import e\nclass G:\n    import g\n    def h(self): import h\n"
    assert imported("m", source, is_package=False, top_level=True) == {"a", "c", "d", "g"}
    assert imported("m", source, is_package=False) == set("abcdegh")


def run_elsewhere(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program where no checkout is the working directory."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)


IMPORT_ALL = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"


def test_every_module_imports_from_elsewhere() -> None:
    """The working directory hides a broken install."""
    done = run_elsewhere(IMPORT_ALL, *MODULES)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["server.app", "server.commands.serve", "client.commands.call", "codec.stream"])
def test_imports_where_torch_is_not_installed(module: str) -> None:
    done = run_elsewhere("import sys\nsys.modules['torch'] = None\n" + IMPORT_ALL, module)
    assert done.returncode == 0, done.stderr
