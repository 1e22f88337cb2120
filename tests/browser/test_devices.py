"""Changing microphone and loudspeaker in mid-call, and devices that go away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.pages import watch
from tests.browser.recording import hook_tap

pytestmark = pytest.mark.browser

PATIENCE_MS = 60_000
LIVE = "window.tap.microphones().filter((track) => track.readyState === 'live').map((track) => track.label)"
HOOKS = """{
  window.sinks = [];
  window.missing = new Set();
  const { setSinkId } = AudioContext.prototype;
  AudioContext.prototype.setSinkId = function (id) {
    window.sinks.push(id);
    return setSinkId.call(this, id);
  };
  const devices = navigator.mediaDevices;
  const enumerate = devices.enumerateDevices.bind(devices);
  devices.enumerateDevices = async () => (await enumerate()).filter(({ label }) => !window.missing.has(label));
  window.unplug = (label) => {
    window.missing.add(label);
    for (const track of window.tap.microphones()) {
      if (track.readyState === "live" && track.label === label) {
        track.stop();
        track.dispatchEvent(new Event("ended"));
      }
    }
    devices.dispatchEvent(new Event("devicechange"));
  };
  window.plugIn = (label) => {
    window.missing.delete(label);
    devices.dispatchEvent(new Event("devicechange"));
  };
}"""


async def _context(browser: Browser) -> BrowserContext:
    context = await browser.new_context(reduced_motion="reduce", viewport={"width": 1280, "height": 900})
    await hook_tap(context)
    await context.add_init_script(HOOKS)
    return context


async def _in_call(context: BrowserContext, server: str, room: str) -> Page:
    page = await context.new_page()
    await page.goto(f"{server}?room={room}&name=Ida&autojoin=1")
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)
    return page


async def _uses(page: Page, label: str) -> None:
    await page.wait_for_function(f"(label) => {LIVE}.join() === label", arg=label)


async def test_the_microphone_changes_in_mid_call_and_is_remembered(fresh: Browser, server: str, out: Path) -> None:
    context = await _context(fresh)
    page = await _in_call(context, server, "other-microphone")
    complaints = watch(page)
    await page.locator("#microphone").select_option(label="Fake Audio Input 1")
    await _uses(page, "Fake Audio Input 1")
    await expect(page.locator("#devices-status")).to_have_text("Now in use: Fake Audio Input 1.")
    await expect(page.locator("#me-meter")).not_to_have_attribute("aria-valuenow", "-60", timeout=PATIENCE_MS)
    await expect(page.locator("#problem")).to_be_hidden()
    await page.screenshot(path=out / "devices.png", full_page=True)
    await page.locator("#leave").click()
    await expect(page.locator("#devices-status")).to_be_empty()
    again = await _in_call(context, server, "other-microphone-2")
    await _uses(again, "Fake Audio Input 1")
    await expect(again.locator("#microphone option:checked")).to_have_text("Fake Audio Input 1")
    assert complaints == []


async def test_a_microphone_that_is_unplugged_is_stood_in_for_until_it_is_back(fresh: Browser, server: str) -> None:
    page = await _in_call(await _context(fresh), server, "unplugged")
    await page.locator("#microphone").select_option(label="Fake Audio Input 2")
    await _uses(page, "Fake Audio Input 2")
    await page.evaluate("window.unplug('Fake Audio Input 2')")
    await expect(page.locator("#devices-status")).to_have_text(
        "Fake Audio Input 2 is gone. You are heard by Fake Default Audio Input now."
    )
    await expect(page.locator("#microphone option:checked")).to_have_text("Default microphone")
    await expect(page.locator("#problem")).to_be_hidden()
    await page.evaluate("window.plugIn('Fake Audio Input 2')")
    await _uses(page, "Fake Audio Input 2")
    await expect(page.locator("#microphone option:checked")).to_have_text("Fake Audio Input 2")


async def test_the_last_microphone_that_goes_away_is_a_problem_with_a_way_out(fresh: Browser, server: str) -> None:
    page = await _in_call(await _context(fresh), server, "last-one")
    await page.evaluate("""() => {
      window.open_ = navigator.mediaDevices.getUserMedia;
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("none", "NotFoundError"));
      window.unplug("Fake Default Audio Input");
    }""")
    await expect(page.locator("#problem-title")).to_have_text("The microphone is gone", timeout=PATIENCE_MS)
    await page.evaluate("() => { navigator.mediaDevices.getUserMedia = window.open_; }")
    await page.locator("#problem-retry").click()
    await _uses(page, "Fake Default Audio Input")


async def test_a_remembered_microphone_that_is_not_there_is_no_obstacle(fresh: Browser, server: str) -> None:
    context = await _context(fresh)
    await context.add_init_script("localStorage.setItem('thinline-microphone', 'from-another-life')")
    page = await _in_call(context, server, "another-life")
    await expect(page.locator("#devices-status")).to_have_text(re.compile("not there. In use: Fake"))
    await expect(page.locator("#problem")).to_be_hidden()


async def test_the_loudspeaker_is_chosen_remembered_and_given_up_when_it_goes(fresh: Browser, server: str) -> None:
    context = await _context(fresh)
    page = await _in_call(context, server, "loudspeaker")
    await expect(page.locator("#speaker-field")).to_be_visible()
    await page.locator("#speaker").select_option(label="Fake Audio Output 1")
    chosen = await page.locator("#speaker").input_value()
    await page.wait_for_function("(id) => window.sinks.at(-1) === id", arg=chosen)
    again = await _in_call(context, server, "loudspeaker-2")
    await again.wait_for_function("(id) => window.sinks.at(-1) === id", arg=chosen)
    await again.evaluate("window.unplug('Fake Audio Output 1')")
    await again.wait_for_function("() => window.sinks.at(-1) === ''")
    await expect(again.locator("#devices-status")).to_contain_text("The system’s own plays on.")
