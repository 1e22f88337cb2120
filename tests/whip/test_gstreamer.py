"""WHIP and WHEP with a client that is not ours: GStreamer's webrtcbin, where Debian's packages are installed.

`apt install python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-plugins-{base,good,bad} gstreamer1.0-nice`
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import serve

PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for
ELEMENTS = ("webrtcbin", "opusenc", "opusdec", "rtpopuspay", "nicesrc", "dtlsdec", "srtpdec", "level")
LOOK = (
    "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstWebRTC', '1.0')\n"
    "from gi.repository import Gst, GstWebRTC, GstSdp\nGst.init(None)\n"
    f"lacking = [name for name in {ELEMENTS!r} if not Gst.ElementFactory.find(name)]\n"
    "raise SystemExit('lacks ' + ', '.join(lacking) if lacking else 0)"
)
CLIENT = Path(__file__).parent / "gst_client.py"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    if not Path(PYTHON).exists():
        pytest.skip(f"there is no {PYTHON}")
    look = subprocess.run([PYTHON, "-c", LOOK], capture_output=True, text=True, check=False)
    if look.returncode:
        pytest.skip(f"GStreamer with webrtcbin is not installed: {look.stderr.strip().splitlines()[-1]}")
    with serve(THINLINE_MAX_SESSIONS="4") as served:
        yield served.address


def test_a_tone_goes_through_the_room_from_gstreamer_to_gstreamer(address: str) -> None:
    clients = {
        kind: subprocess.Popen(
            [PYTHON, str(CLIENT), kind, f"{address}{kind}/studio", seconds],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for kind, seconds in (("whip", "12"), ("whep", "9"))
    }  # fmt: skip
    said = {kind: client.communicate(timeout=120) for kind, client in clients.items()}
    result = {kind: json.loads(out.splitlines()[-1]) if out else err for kind, (out, err) in said.items()}
    for kind in clients:
        assert isinstance(result[kind], dict), result[kind]
        assert (result[kind]["post"], result[kind]["patch"], result[kind]["delete"]) == (201, 204, 200), result
        assert result[kind]["ice"] in ("connected", "completed"), result
    assert result["whep"]["level_dbfs"] > -40, result
