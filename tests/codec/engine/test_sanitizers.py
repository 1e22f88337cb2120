"""The native engine under AddressSanitizer and UndefinedBehaviorSanitizer: each instruction set, single and batched."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from codec.engine.native import build

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-O1")

PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from codec.engine import native
from codec.engine.base import DecodeStep, EncodeStep
from codec.weights import open_weights, shipped
native.LIBRARY = Path(sys.argv[1])
sound = np.random.default_rng(0).standard_normal((2, 320)).astype(np.float32)
for name, runs in native.instruction_sets(native.open_library(native.LIBRARY)).items():
    for precision in native.PRECISIONS if runs else ():
        engine = native.NativeEngine(open_weights(shipped("base")), precision, name)
        for size in (1, 3, 17):
            encoders = [engine.encoder_state() for _ in range(size)]
            decoders = [engine.decoder_state() for _ in range(size)]
            for frame in sound:
                coded = engine.encode_many([EncodeStep(frame, 1 + i % 24, 0.5, s) for i, s in enumerate(encoders)])
                engine.decode_many([DecodeStep(codes, s) for (codes, _), s in zip(coded, decoders)])
        for n_q in (1, 24):
            engine.code_model.encode([1023] * n_q)
        del engine
        print(name, precision)
"""


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("sanitized") / "libthinline.so"
    try:
        build.build(library, SANITIZERS)
    except build.BuildError as error:
        pytest.skip(f"the compiler builds nothing with sanitizers: {str(error).splitlines()[-1]}")
    return library


def runtime(name: str) -> str:
    done = subprocess.run(["c++", f"-print-file-name={name}"], capture_output=True, text=True, check=False)
    path = done.stdout.strip()
    if not os.path.isabs(path):
        pytest.skip(f"the compiler has no {name}")
    return path


@pytest.mark.skipif(platform.system() != "Linux", reason="the sanitizers are loaded first by LD_PRELOAD, Linux's way")
def test_no_step_leaves_its_memory_or_the_language(sanitized: Path) -> None:
    preloaded = f"{runtime('libasan.so')} {runtime('libubsan.so')}"
    environment = os.environ | {"LD_PRELOAD": preloaded, "ASAN_OPTIONS": "detect_leaks=0"}  # Python itself leaks
    command = [sys.executable, "-c", PROGRAM, str(sanitized)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "portable fp32" in done.stdout
    assert "portable int8" in done.stdout
