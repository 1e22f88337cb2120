from __future__ import annotations

import pytest

from codec.bench import probe
from codec.bench.probe import Core, measure_core


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SECONDS", 0.02)


def check(core: Core) -> None:
    assert all(peak > 0 for peak in core.peak_gmac_s.values())
    assert core.read_gb_s(1 << 20) > 0
    arithmetic_ms, reading_ms = core.floor_ms("fp32", 10_000_000, 4_000_000)
    assert arithmetic_ms == pytest.approx(10 / core.peak_gmac_s["fp32"])
    assert reading_ms > 0


def test_the_kernel_and_numpy_measure_the_same_things(monkeypatch: pytest.MonkeyPatch) -> None:
    check(measure_core())
    monkeypatch.setenv("CXX", "no-such-compiler")
    core = measure_core()
    assert "no C++ compiler" in core.measured_by
    check(core)


def test_a_coarse_precision_is_never_slower_than_a_fine_one() -> None:
    core = Core({"fp32": 100.0, "bf16": 50.0, "int8": 400.0}, lambda size: 10.0, "")
    assert core.floor_ms("bf16", 10**6, 0)[0] == core.floor_ms("fp32", 10**6, 0)[0] == pytest.approx(0.01)
    assert core.floor_ms("int8", 10**6, 10**6) == pytest.approx((0.0025, 0.1))


def test_a_matrix_unit_counts_in_the_precisions_that_it_has() -> None:
    core = Core({"fp32": 100.0, "matrix_bf16": 1000.0, "matrix_int8": 2000.0}, lambda size: 10.0, "")
    floors = [core.floor_ms(precision, 10**6, 0)[0] for precision in ("fp32", "bf16", "int8")]
    assert floors == pytest.approx([0.01, 0.001, 0.0005])
