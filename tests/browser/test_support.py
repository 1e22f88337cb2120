"""The panel for support: what it says of a call, and what its copy must not say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.pages import serve_files, watch

pytestmark = pytest.mark.browser

PATIENCE_MS = 60_000
ADDRESS = re.compile(r"\b\d+\.\d+\.\d+\.\d+:|127\.0\.0\.1|\.local\b|candidate:")
CONNECTION = {
    "connectionState": "connected",
    "iceConnectionState": "completed",
    "reports": [
        {"id": "T", "type": "transport", "dtlsState": "connected", "tlsVersion": "FEFD",
         "selectedCandidatePairId": "P2",
         "dtlsCipher": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "srtpCipher": "AES_CM_128_HMAC_SHA1_80",
         "bytesSent": 900, "bytesReceived": 800, "packetsSent": 9, "packetsReceived": 8},
        {"id": "P1", "type": "candidate-pair", "nominated": True, "state": "succeeded", "localCandidateId": "L2",
         "remoteCandidateId": "R", "currentRoundTripTime": 9},
        {"id": "P2", "type": "candidate-pair", "nominated": True, "state": "succeeded", "localCandidateId": "L1",
         "remoteCandidateId": "R", "currentRoundTripTime": 0.0214},
        {"id": "L1", "type": "local-candidate", "candidateType": "relay", "protocol": "udp", "relayProtocol": "tls",
         "address": "203.0.113.9", "url": "turns:turn.example.org"},
        {"id": "L2", "type": "local-candidate", "candidateType": "host", "protocol": "udp", "address": "192.0.2.7"},
        {"id": "R", "type": "remote-candidate", "candidateType": "host", "protocol": "udp", "address": "198.51.100.3"},
        {"id": "I", "type": "inbound-rtp", "kind": "audio", "packetsReceived": 70, "packetsLost": 2, "jitter": 0.003},
        {"id": "F", "type": "remote-inbound-rtp", "kind": "audio", "packetsLost": 5, "jitter": 0.0042},
    ],
}  # fmt: skip


async def _describe(page: Page, connection: dict[str, Any]) -> dict[str, Any]:
    script = "async (c) => (await import('/static/instruments/connection.js')).describeConnection(c)"
    described: dict[str, Any] = await page.evaluate(script, connection)
    return described


async def test_a_connection_is_described_without_its_addresses(fresh: Browser) -> None:
    page = await fresh.new_page()
    await serve_files(page)
    way = await _describe(page, CONNECTION)
    assert way["ice_pair"] == "relay udp by tls – host udp"
    assert way["ice_round_trip_ms"] == 21.4
    assert (way["ice_candidates_here"], way["ice_candidates_there"]) == ("1 relay, 1 host", "1 host")
    assert (way["dtls_version"], way["srtp_cipher"]) == ("DTLS 1.2", "AES_CM_128_HMAC_SHA1_80")
    assert (way["rtp_lost_up"], way["rtp_lost_down"], way["rtp_jitter_up_ms"]) == (5, 2, 4.2)
    assert not re.search(r"203\.|192\.|198\.|turns", json.dumps(way))


async def test_a_browser_that_tells_nothing_is_described_too(fresh: Browser) -> None:
    page = await fresh.new_page()
    await serve_files(page)
    way = await _describe(page, {"connectionState": "new", "iceConnectionState": "new", "reports": []})
    assert (way["ice_pair"], way["dtls"], way["bytes_sent"]) == (None, None, None)


async def _in_call(browser: Browser, server: str, room: str, transport: str) -> Page:
    context = await browser.new_context(
        viewport={"width": 1280, "height": 900},
        reduced_motion="reduce",
        permissions=["microphone", "clipboard-read", "clipboard-write"],
    )
    page = await context.new_page()
    await page.goto(f"{server}?room={room}&name=Idaho&autojoin=1&transport={transport}")
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)
    return page


@pytest.mark.parametrize("transport", ["rtp", "channel", "opus"])
async def test_the_copy_describes_the_call_and_gives_nothing_away(
    fresh: Browser, server: str, out: Path, transport: str
) -> None:
    page = await _in_call(fresh, server, f"secret-room-{transport}", transport)
    complaints = watch(page)
    await _in_call(fresh, server, f"secret-room-{transport}", transport)
    await page.locator("#support > summary").focus()
    await page.keyboard.press("Enter")
    rows = page.locator("#support-groups dl > div")
    for label, value in (("Round trip by ICE", r"\d+\sms"), ("Sent, all headers above UDP", r"[1-9][\d.,]*\skbit/s")):
        row = rows.filter(has=page.get_by_text(label, exact=True)).locator("dd")
        await expect(row).to_have_text(re.compile(value), timeout=PATIENCE_MS)
    await page.locator("#support-copy").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#support-copied")).to_have_text("Copied.")
    text = await page.evaluate("navigator.clipboard.readText()")
    record = json.loads(text)
    _check(record, transport)
    assert not ADDRESS.search(text)
    for secret in ("secret-room", "Idaho", "token", "credential", "resume", "ufrag", "fingerprint"):
        assert secret not in text
    if transport == "rtp":
        await _take_pictures(page, out)
    assert complaints == []


def _check(record: dict[str, Any], transport: str) -> None:
    call, way = record["call"], record["way"]
    assert call["transport"] == transport
    assert call["other_there"] is True
    assert re.fullmatch(r"[0-9a-f]{12}", call["session"])
    assert (way["connection"], way["dtls"]) == ("connected", "connected")
    assert way["ice_pair"].startswith("host udp") or way["ice_pair"].startswith("prflx udp")
    assert transport == "channel" or "AES" in way["srtp_cipher"]
    assert record["codec"]["encode_step_ms"] == pytest.approx(record["codec"]["encode_rtf"] * 40 / 3, abs=0.006)
    assert record["codec"]["redundancy_copies"] in (0, 1, 2)
    assert record["up"]["frames_arrived"] > 0
    assert record["devices"]["microphone"].startswith("Fake")
    assert record["devices"]["page_rate_hz"] == 24000
    assert "Chrome" in record["browser"]["user_agent"]


async def _take_pictures(page: Page, out: Path) -> None:
    for theme in ("light", "dark"):
        await page.locator("#theme").select_option(theme)
        await page.locator("#support").screenshot(path=out / f"support-{theme}.png")
    await page.locator("#language").select_option("de")
    await expect(page.locator("#support > summary")).to_have_text("Für den Support")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.locator("#support").screenshot(path=out / "support-phone.png")
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_where_nothing_may_be_copied_the_text_is_there_to_copy(fresh: Browser, server: str) -> None:
    page = await _in_call(fresh, server, "by-hand", "channel")
    await page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    await page.locator("#support > summary").click()
    await page.locator("#support-copy").click()
    await expect(page.locator("#support-json")).to_be_focused()
    assert json.loads(await page.locator("#support-json").input_value())["call"]["transport"] == "channel"
    await page.locator("#leave").click()
    await expect(page.locator("#support")).to_be_hidden()
