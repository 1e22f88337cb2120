"""What one core can do at most: a small kernel, compiled on the spot, or numpy where there is no compiler."""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("probe.cpp")
FLAGS = ("-std=c++17", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-shared", "-fPIC")
PRECISIONS = ("fp32", "bf16", "int8")  # from the finest
MATRIX = ("matrix_bf16", "matrix_int8")  # Intel's matrix unit (AMX), where there is one
SECONDS = 0.25  # for one figure
TRIES = 3  # of each figure; the best one counts, for a busy machine only takes away
ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Core:
    """One core: billions of multiply-adds a second from registers, by precision, and what read them; GB/s of reading as
    many bytes as are given."""

    peak_gmac_s: dict[str, float]
    read_gb_s: Callable[[int], float]
    measured_by: str

    def floor_ms(self, precision: str, multiply_adds: int, weight_bytes: int) -> tuple[float, float]:
        """The least time for these multiply-adds, and the least for reading these weights. What is coarser may be
        computed in a finer precision too, where that is faster."""
        coarse = PRECISIONS.index(precision)
        units = (*PRECISIONS[: coarse + 1], *MATRIX[:coarse])
        peak = max(self.peak_gmac_s.get(unit, 0.0) for unit in units)
        return multiply_adds / peak / 1e6, weight_bytes / self.read_gb_s(weight_bytes) / 1e6


def measure_core() -> Core:
    """Takes about 2 s."""
    with tempfile.TemporaryDirectory() as folder:
        library = _compile(Path(folder) / "probe.so")
        return _by_numpy() if library is None else _by_library(library)


def _compile(target: Path) -> ctypes.CDLL | None:
    """None where there is no compiler that can."""
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    try:
        subprocess.run([*compiler, *FLAGS, str(SOURCE), "-o", str(target)], check=True, capture_output=True)
        return ctypes.CDLL(str(target))
    except (OSError, subprocess.CalledProcessError):
        return None


def _by_library(library: ctypes.CDLL) -> Core:
    peaks = {}
    for name in (*PRECISIONS, *MATRIX):
        probe = getattr(library, f"probe_{name}")
        probe.restype, probe.argtypes = ctypes.c_double, [ctypes.c_double]
        peaks[name] = max(probe(SECONDS / TRIES) for _ in range(TRIES))
    read = library.probe_read
    read.restype, read.argtypes = ctypes.c_double, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_double]

    def read_gb_s(size: int) -> float:
        block = _aligned(size)
        return float(max(read(block.ctypes.data, size, SECONDS / TRIES) for _ in range(TRIES)))

    return Core({name: peak for name, peak in peaks.items() if peak}, read_gb_s, "a kernel compiled for this processor")


def _by_numpy() -> Core:
    """BLAS reaches nearly the peak, for fp32 only; a sum reads memory, but pairwise: a little below its bandwidth."""
    side = 512
    a = np.ones((side, side), np.float32)
    peak = side**3 / _best_seconds(lambda: a @ a) / 1e9

    def read_gb_s(size: int) -> float:
        block = _aligned(size)
        return block.nbytes / _best_seconds(lambda: block.sum()) / 1e9

    return Core({"fp32": peak}, read_gb_s, "numpy, for there is no C++ compiler: BLAS in fp32, and a sum")


def _aligned(size: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """About `size` bytes, every page of which was written to; the address suits any vector."""
    raw = np.ones(size // 4 + ALIGNMENT, np.float32)
    start = -raw.ctypes.data % ALIGNMENT // 4
    return raw[start : start + size // 4]


def _best_seconds(work: Callable[[], object]) -> float:
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best
