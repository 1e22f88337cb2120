"""The check before a call: a verdict on the microphone, one's own voice, a sound, a network that is really tried."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Browser, Page, expect

from codec.audiofile import write_audio
from server.auth import Authority, Grant, Opening, Role, new_secret
from tests.browser.chromium import chromium
from tests.browser.conftest import Server, serve
from tests.browser.pages import serve_files, watch
from tests.browser.recording import hook_tap

pytestmark = pytest.mark.browser

PATIENCE_MS = 90_000
PLAYED_HOOK = """{
  const { start } = AudioBufferSourceNode.prototype;
  window.played = [];
  AudioBufferSourceNode.prototype.start = function (...all) {
    if (!this.loop) window.played.push(this.buffer.duration);
    return start.apply(this, all);
  };
}"""


async def _open(browser: Browser, address: str, **context: object) -> Page:
    made = await browser.new_context(reduced_motion="reduce", viewport={"width": 1280, "height": 900}, **context)  # type: ignore[arg-type]
    await hook_tap(made)
    await made.add_init_script(PLAYED_HOOK)
    page = await made.new_page()
    await page.goto(address)
    await page.locator("#check > summary").focus()
    await page.keyboard.press("Enter")
    return page


async def test_a_verdict_is_plain(speaking: Browser) -> None:
    page = await speaking.new_page()
    await serve_files(page)
    verdicts = await page.evaluate(
        """async () => {
          const { LevelJudge } = await import("/static/check/level.js");
          const of = (amplitude) => {
            const judge = new LevelJudge();
            for (let frame = 0; frame < 100; frame += 1) {
              judge.add(Int16Array.from({ length: 320 }, (_, i) =>
                Math.max(-32768, Math.min(32767, Math.round(32768 * amplitude * Math.sin(i / 5))))));
            }
            return judge.verdict;
          };
          return [0, 0.0005, 0.005, 0.2, 1.5].map(of);
        }"""
    )
    assert verdicts == ["nothing", "silent", "quiet", "fine", "clipping"]


async def test_a_delay_is_found_and_other_sound_is_not_taken_for_it(speaking: Browser) -> None:
    page = await speaking.new_page()
    await serve_files(page)
    steps = await page.evaluate(
        """async () => {
          const { delaySteps } = await import("/static/check/echo.js");
          const said = Array.from({ length: 3000 }, (_, i) => (i % 500 < 150 ? -1 : -3));
          const late = said.map((_, i) => (said[i - 70] ?? -3) * 0.8 + 0.1 * Math.sin(i));
          const other = said.map((_, i) => Math.sin(i * i));
          return [delaySteps(said, late, 500), delaySteps(said, other, 500)];
        }"""
    )
    assert steps == [70, None]


async def test_one_hears_oneself_and_the_microphone_is_let_go(speaking: Browser, server: str, out: Path) -> None:
    page = await _open(speaking, f"{server}?raw=1")
    complaints = watch(page)
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    await page.locator("#check-voice").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#check-voice-status")).to_contain_text("The level is fine", timeout=PATIENCE_MS)
    await page.wait_for_function("window.played.some((seconds) => Math.abs(seconds - 5) < 0.05)")
    live = "window.tap.microphones().filter((track) => track.readyState === 'live').length"
    assert await page.evaluate(live) == 0
    await expect(page.locator("#check-voice")).to_be_enabled(timeout=PATIENCE_MS)
    await expect(page.locator("#check-voice")).to_be_focused()
    await page.locator("#check-speaker").focus()
    await page.keyboard.press("Space")
    await expect(page.locator("#check-speaker-status")).to_contain_text("Heard nothing?", timeout=PATIENCE_MS)
    assert sockets == []
    assert complaints == []


async def test_a_dead_microphone_is_told(server: str, tmp_path: Path) -> None:
    write_audio(tmp_path / "nothing.wav", np.zeros(48_000, np.float32), 48_000)
    async with chromium(tmp_path / "nothing.wav") as browser:
        page = await _open(browser, f"{server}?raw=1")
        await page.locator("#check-voice").click()
        await expect(page.locator("#check-voice-status")).to_contain_text("no sound at all", timeout=PATIENCE_MS)
        assert await page.evaluate("window.played") == []


@pytest.mark.parametrize("transport", ["rtp", "channel", "opus"])
async def test_the_network_is_tried_with_real_sound(speaking: Browser, server: str, out: Path, transport: str) -> None:
    page = await _open(speaking, f"{server}?room=try&transport={transport}")
    complaints = watch(page)
    await page.locator("#check-network").focus()
    await page.keyboard.press("Enter")
    verdict = page.locator("#check-network-status")
    await expect(verdict).to_have_text(re.compile(r"A call will work"), timeout=PATIENCE_MS)
    await expect(page.locator("#check-steps li[data-ok=true]")).to_have_count(4)
    assert re.search(r"host udp – host udp|prflx udp", await page.locator("#check-steps").inner_text())
    print(transport, await verdict.inner_text())
    for label, size in (("desktop", (1280, 900)), ("phone", (390, 844))):
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        await page.screenshot(path=out / f"check-{label}.png", full_page=True)
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints == []
    await page.locator("#name").fill("Ida")
    await page.locator("#join").click()
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.locator("#check")).to_be_hidden()


async def test_the_check_needs_a_token_where_a_call_does(speaking: Browser, out: Path) -> None:
    secret = new_secret()
    token = Authority(secret, Opening.NOBODY).issue(Grant(Role.CALLER, "kitchen"), 3600)
    with serve(THINLINE_TOKEN_SECRET=secret) as guarded:
        stranger = await _open(speaking, guarded.address)
        await stranger.locator("#check-network").click()
        await expect(stranger.locator("#check-network-status")).to_contain_text(
            "You need another link", timeout=PATIENCE_MS
        )
        await expect(stranger.locator("#check-steps li[data-ok=false]")).to_contain_text("or does not let this page in")
        await stranger.screenshot(path=out / "check-refused.png")
        guest = await _open(speaking, f"{guarded.address}#token={token}")
        await guest.locator("#check-network").click()
        await expect(guest.locator("#check-network-status")).to_contain_text("A call will work", timeout=PATIENCE_MS)


async def test_a_server_that_is_not_there_is_told(speaking: Browser, own_server: Server) -> None:
    page = await _open(speaking, own_server.address)
    own_server.stop()
    await page.locator("#check-network").click()
    await expect(page.locator("#check-network-status")).to_contain_text(
        re.compile("server does not answer|No way|could not"), timeout=PATIENCE_MS
    )


async def test_a_call_ends_a_check_that_runs(speaking: Browser, server: str) -> None:
    page = await _open(speaking, f"{server}?room=at-once&name=Ida")
    await page.locator("#check-network").click()
    await page.locator("#join").click()
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)
    await page.locator("#leave").click()
    await expect(page.locator("#check-network")).to_be_enabled(timeout=PATIENCE_MS)
    await expect(page.locator("#check-network-status")).to_be_empty()
