"""What a container's limits leave of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.cpus import usable_cores, usable_cpus


@pytest.mark.parametrize(
    ("limits", "cores"),
    [
        ({}, None),
        ({"": "max 100000"}, None),
        ({"a/b": "50000 100000"}, 0.5),
        ({"a": "25000 100000", "a/b": "50000 100000"}, 0.25),
        ({"a/other": "25000 100000"}, None),
        ({"a/b": "nonsense"}, None),
    ],
    ids=["no-file", "no-limit", "own", "the-one-above", "someone-else's", "unreadable"],
)
def test_a_quota_of_the_control_group_counts(tmp_path: Path, limits: dict[str, str], cores: float | None) -> None:
    membership = tmp_path / "membership"
    membership.write_text("1:name=systemd:/x\n0::/a/b\n")
    for group, text in limits.items():
        (tmp_path / "groups" / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / group / "cpu.max").write_text(text + "\n")
    assert usable_cores(tmp_path / "groups", membership) == (cores or len(usable_cpus()))


def test_without_control_groups_the_cpus_count(tmp_path: Path) -> None:
    assert usable_cores(tmp_path, tmp_path / "nothing") == len(usable_cpus())


def test_the_affinity_counts() -> None:
    assert usable_cpus() == sorted(os.sched_getaffinity(0))
