"""Compiles the native engine into one shared library: `python codec/engine/native/build.py`.

Needs a C++17 compiler (CXX, or c++) and nothing else. Stands alone, so that the installation can run it too.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
LIBRARY = HERE / "libthinline.so"
SOURCES = (
    *("model.h", "vectors.h", "search.h", "entropy.h", "filter.h", "spectrum.h", "bandmaps.h", "denoiser.h"),
    *("levels.h", "postfilter.h", "isa.cpp", "library.cpp"),
)
FLAGS = ("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-ffp-contract=fast", "-fno-math-errno", "-Wall")
AVX512 = ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mprefer-vector-width=512")
X86_SETS = {  # from the least to the best
    "avx2": ("-mavx2", "-mfma"),
    "avx512": AVX512,
    "avx512bf16": (*AVX512, "-mavx512bf16", "-mavx512vnni"),
    "amx": (*AVX512, "-mavx512bf16", "-mavx512vnni", "-mamx-tile", "-mamx-bf16", "-mamx-int8"),
}


class BuildError(Exception):
    """The library can't be built here; the text says why."""


def digest() -> str:
    """Names the state of the sources; the library carries that of those which it was built from."""
    sources = b"".join((HERE / name).read_bytes() for name in (*SOURCES, Path(__file__).name))
    return hashlib.sha256(sources).hexdigest()[:16]


def refresh() -> None:
    """Builds the library unless it is of these sources. Raises BuildError."""
    if not LIBRARY.is_file() or digest().encode() not in LIBRARY.read_bytes():
        build()


def build(library: Path = LIBRARY, extra: Sequence[str] = ()) -> None:
    """Compiles the sources, once for each instruction set of this kind of processor. Raises BuildError."""
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    sets: dict[str, tuple[str, ...]] = {"portable": ()}
    sets |= X86_SETS if platform.machine().lower() in ("x86_64", "amd64") else {}
    listed = " ".join(f"SET({name})" for name in reversed(sets))
    with tempfile.TemporaryDirectory() as folder:
        defined = (f'-DTHINLINE_SOURCES="{digest()}"', f"-DTHINLINE_SETS={listed}")
        jobs: list[tuple[str, str, tuple[str, ...]]] = [("library", "library.cpp", defined)]
        jobs += [(name, "isa.cpp", (f"-DTHINLINE_ISA={name}", *flags)) for name, flags in sets.items()]
        objects = [str(Path(folder, f"{name}.o")) for name, _, _ in jobs]

        def compile_one(index: int) -> None:
            _, source, flags = jobs[index]
            _run([*compiler, *FLAGS, *flags, *extra, "-c", str(HERE / source), "-o", objects[index]])

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(compile_one, range(len(jobs))))
        unfinished = library.with_suffix(f".{os.getpid()}")
        _run([*compiler, *extra, "-shared", *objects, "-o", str(unfinished)])
    unfinished.replace(library)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BuildError(f"no C++ compiler: {error}") from None
    if done.returncode:
        raise BuildError(f"{shlex.join(command)}\n{done.stderr}")


if __name__ == "__main__":
    try:
        build()
    except BuildError as error:
        sys.exit(str(error))
    print(LIBRARY)
