from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from client.load.plot import Curve, plot


@pytest.mark.parametrize(
    "points", [[], [(0.0, 0.0)], [(1.0, 5.0)], [(0, -3.0), (10, 4e-6)], [(n, n**3) for n in range(100)]], ids=len
)
def test_any_points_give_a_drawing(points: list[tuple[float, float]]) -> None:
    drawing = ET.fromstring(plot([Curve("a <b>", points), Curve("c", points)], "s & more", "%"))
    texts = [element.text for element in drawing.iter("text")]
    assert "s & more" in texts
    assert "a <b>" in texts
    for line in drawing.iter("polyline"):
        for place in line.attrib["points"].split():
            across, down = map(float, place.split(","))
            assert 0 <= across <= 440
            assert 0 <= down <= 240
