"""The compose file and the configurations of what stands around the server, each by the program that reads it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Skips the test where the program is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("THINLINE_")}
    return subprocess.run(command, cwd=ROOT, env=environment | variables, capture_output=True, text=True, check=False)


def test_the_compose_file_is_one() -> None:
    done = run("docker-compose", "config", "--services")
    assert done.returncode == 0, done.stderr
    assert {"server", "caddy"} <= set(done.stdout.split())


def test_without_the_hosts_network_the_public_address_must_be_said() -> None:
    command = ("docker-compose", "-f", "docker-compose.yml", "-f", "deploy/bridge.yml", "config")
    done = run(*command, THINLINE_PUBLIC_ADDRESS="192.0.2.1")
    assert done.returncode == 0, done.stderr
    published = set(map(int, re.findall(r"published: (\d+)", done.stdout)))
    assert published == {443, *range(40000, 40200)}
    refused = run(*command)
    assert refused.returncode != 0
    assert "the address by which browsers reach this host" in refused.stderr


@pytest.mark.parametrize(
    "site", [{}, {"SITE_TLS": "public", "SITE_ADDRESS": "call.example.org"}], ids=["lan", "public"]
)
def test_caddys_configuration_is_one(site: dict[str, str]) -> None:
    done = run("caddy", "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile"), **site)
    assert done.returncode == 0, done.stderr


def test_prometheus_configuration_is_one() -> None:
    done = run("promtool", "check", "config", str(DEPLOY / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
