"""Dashboard and alerts: promtool understands them, and every metric that they name is really there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from server.media.plane import MediaPlane
from server.metrics import metrics_of
from server.rooms import Rooms
from server.session import Node
from tests.server.doubles import TinyEngine

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "rules" / "thinline.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "thinline.json"
METRIC = re.compile(r"\b(?:voice|process)_[a-z_]+")

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian package prometheus)"
)


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
async def metrics() -> str:
    """Of a node that has just begun."""
    media = MediaPlane.start(TinyEngine(), 1)
    try:
        return metrics_of(Node(media, Rooms(2), 6.0))().decode()
    finally:
        await media.stop()


@pytest.fixture
def known(metrics: str) -> set[str]:
    """The name of every sample."""
    return {line.partition(" ")[0].partition("{")[0] for line in metrics.splitlines() if not line.startswith("#")}


async def test_every_metric_of_the_dashboard_is_there(known: set[str]) -> None:
    expressions = [target["expr"] for panel in panels() for target in panel["targets"]]
    named = {name for expression in expressions for name in METRIC.findall(expression)}
    assert len(named) > 20
    assert named <= known


async def test_every_metric_of_the_alerts_is_there(known: set[str]) -> None:
    named = {
        name
        for line in RULES.read_text().splitlines()
        if not line.lstrip().startswith(("#", "description:", "summary:"))
        for name in METRIC.findall(line)
    }
    assert len(named) > 10
    assert named <= known


async def test_every_metric_is_in_the_documentation(known: set[str]) -> None:
    text = (ROOT / "docs" / "metrics.md").read_text()
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in known if name.startswith("voice_")}

    def described(name: str) -> bool:
        """In full, or by its ending after dots."""
        return f"`{name}" in text or f"`...{name.removeprefix('voice_frames')}`" in text

    assert [name for name in sorted(families) if not described(name)] == []


def test_no_two_panels_overlap_and_each_has_a_query() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        assert panel["targets"], panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
    assert len(numbers) == len(set(numbers))


@needs_promtool
def test_promtool_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{panel['id']}:{target['refId']}", "expr": _filled_in(target["expr"])}
        for panel in panels()
        for target in panel["targets"]
    ]
    file = tmp_path / "dashboard.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


@needs_promtool
async def test_metrics_are_named_as_prometheus_wants_it(metrics: str) -> None:
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_promtool
def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    promtool("check", "rules", RULES)
    cases = tmp_path / "cases.yml"
    text = (Path(__file__).parent / "rules_test.yml").read_text()
    cases.write_text(text.replace("- RULES", f"- {RULES}"))
    promtool("test", "rules", cases)


def _filled_in(expression: str) -> str:
    return expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
