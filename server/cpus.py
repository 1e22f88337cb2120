"""How much of this machine the process may use. Linux; elsewhere every CPU counts."""

from __future__ import annotations

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def usable_cpus() -> list[int]:
    """The CPUs that this process may run on, by number."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def usable_cores(cgroups: Path = CGROUPS, membership: Path = Path("/proc/self/cgroup")) -> float:
    """How many cores' time the process gets: its CPUs, or fewer where a container's quota (cgroup v2) says so."""
    limits = [float(len(usable_cpus()))]
    for group in _own_groups(cgroups, membership):
        try:
            quota, period = (group / "cpu.max").read_text().split()
        except (OSError, ValueError):
            continue
        if quota != "max":
            limits.append(float(quota) / float(period))
    return min(limits)


def _own_groups(cgroups: Path, membership: Path) -> list[Path]:
    """The process's control group and all above it."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        if line.startswith("0::/"):
            own = cgroups / line.removeprefix("0::/")
            return [group for group in (own, *own.parents) if group.is_relative_to(cgroups)]
    return []
