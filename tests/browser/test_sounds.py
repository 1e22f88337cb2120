"""The sounds for coming and going: what they are, when they are heard, and that they stay out of the call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.pages import serve_files

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PATIENCE_MS = 30_000
RATE = 48_000
RENDER = """async ([name, rate]) => {
  const { ring, SOUND_SECONDS } = await import("/static/sounds.js");
  const context = new OfflineAudioContext(1, rate, rate);
  ring(context, name);
  const sound = await context.startRendering();
  return [SOUND_SECONDS, ...sound.getChannelData(0)];
}"""
LISTEN = """{
  window.rung = []; // the first note of each sound
  window.mixed = false; // whether a sound shares its audio context with the call
  const calls = new Set();
  const Worklet = AudioWorkletNode;
  const Note = OscillatorNode;
  window.AudioWorkletNode = class extends Worklet {
    constructor(context, ...rest) { super(context, ...rest); calls.add(context); }
  };
  window.OscillatorNode = class extends Note {
    constructor(context, options) {
      super(context, options);
      window.mixed ||= calls.has(context);
      window.notes = [...(window.notes ?? []), Math.round(options.frequency)];
      if (window.notes.length % 2 === 0) window.rung.push(window.notes.at(-2) < window.notes.at(-1) ? "up" : "down");
    }
  };
}"""


@pytest.mark.parametrize("name", ["arrive", "depart"])
async def test_a_sound_is_short_quiet_and_does_not_click(browser: Browser, name: str) -> None:
    page = await browser.new_page()
    await serve_files(page)
    rendered: list[float] = await page.evaluate(RENDER, [name, RATE])
    seconds, sound = rendered[0], np.array(rendered[1:])
    audible = np.flatnonzero(np.abs(sound) > 1e-4)
    assert 0.2 < audible[-1] / RATE <= seconds < 0.6
    assert 0.02 < np.abs(sound).max() < 0.07
    assert np.abs(np.diff(sound)).max() < 0.01  # a full step at the peak would be 0.05
    first, last = _pitch(sound[: RATE // 12]), _pitch(sound[RATE // 4 :])
    assert (first < last) == (name == "arrive")
    await page.close()


def _pitch(sound: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), RATE))
    return float(np.argmax(spectrum))


@pytest.mark.parametrize("speaker", ["", "headphones"])
async def test_they_are_played_by_the_loudspeaker_that_was_chosen(browser: Browser, speaker: str) -> None:
    page = await browser.new_page()
    await serve_files(page)
    script = """async (speaker) => {
      const { Sounds } = await import("/static/sounds.js");
      const Real = AudioContext;
      let sink = null;
      window.AudioContext = class extends Real {
        constructor({ sinkId, ...rest }) { super(rest); sink = sinkId ?? ""; }
      };
      new Sounds({ speaker: () => speaker, allowed: true }).play("arrive");
      return sink;
    }"""
    assert await page.evaluate(script, speaker) == speaker
    await page.close()


async def _join(context: BrowserContext, address: str) -> Page:
    page = await context.new_page()
    await page.goto(address)
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)
    return page


async def _wait_for_sounds(page: Page, *rung: str) -> None:
    await page.wait_for_function("(rung) => window.rung.join() === rung", arg=",".join(rung), timeout=PATIENCE_MS)


async def test_coming_and_going_are_heard_and_never_enter_the_call(browser: Browser, server: str) -> None:
    context = await browser.new_context()
    await context.add_init_script(LISTEN)
    ida = await _join(context, f"{server}?room=doorbell&name=Ida&autojoin=1")
    await _wait_for_sounds(ida, "up")
    ole = await _join(context, f"{server}?room=doorbell&name=Ole&autojoin=1")
    await _wait_for_sounds(ida, "up", "up")
    await _wait_for_sounds(ole, "up")  # one sound, not one for each who is there
    await ole.locator("#leave").click()
    await _wait_for_sounds(ole, "up", "down")
    await _wait_for_sounds(ida, "up", "up", "down")
    assert await ida.evaluate("window.mixed") is False
    await context.close()


async def test_they_can_be_switched_off_for_good(browser: Browser, server: str) -> None:
    context = await browser.new_context()
    await context.add_init_script(LISTEN)
    page = await _join(context, f"{server}?room=no-doorbell&name=Ida&autojoin=1")
    await _wait_for_sounds(page, "up")
    await page.locator("#sounds").uncheck()
    await page.locator("#leave").click()
    await expect(page.locator("#join")).to_be_enabled()
    await _wait_for_sounds(page, "up")
    page = await _join(context, f"{server}?room=no-doorbell-2&name=Ida&autojoin=1")
    await _wait_for_sounds(page)
    await page.locator("#sounds").check()
    await _wait_for_sounds(page, "up")  # a sample
    await context.close()


async def test_a_call_that_is_measured_has_none(browser: Browser, server: str) -> None:
    context = await browser.new_context()
    await context.add_init_script(LISTEN)
    page = await _join(context, f"{server}?room=measured&name=Ida&autojoin=1&raw=1")
    await page.locator("#leave").click()
    await expect(page.locator("#join")).to_be_enabled()
    await _wait_for_sounds(page)
    await context.close()
