"""The pictures of both voices: what they show, and that they cost nothing while nobody looks."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.pages import serve_files, watch

pytestmark = pytest.mark.browser

PATIENCE_MS = 60_000
HELD_MS = 400
SHADES = """(name) => {
  const canvas = document.querySelector(`#picture-${name}`);
  const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return [new Set(pixels).size, pixels.reduce((sum, pixel) => (Math.imul(sum, 31) + pixel) | 0, 0)];
}"""
TAPS_HOOK = """{
  const { connect, disconnect } = AudioNode.prototype;
  window.taps = 0;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AnalyserNode) window.taps += 1;
    return connect.call(this, target, ...rest);
  };
  AudioNode.prototype.disconnect = function (...targets) {
    if (targets[0] instanceof AnalyserNode) window.taps -= 1;
    return disconnect.apply(this, targets);
  };
}"""


async def _in_call(browser: Browser, server: str, room: str, **context: object) -> Page:
    made = await browser.new_context(viewport={"width": 1280, "height": 900}, **context)  # type: ignore[arg-type]
    await made.add_init_script(TAPS_HOOK)
    page = await made.new_page()
    await page.goto(f"{server}?room={room}&name=Ida&raw=1&autojoin=1")
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)
    return page


async def _shades(page: Page, name: str, at_least: int) -> None:
    await page.wait_for_function(f"([name, least]) => ({SHADES})(name)[0] >= least", arg=[name, at_least])


async def test_each_row_shows_the_frequency_that_is_marked_beside_it(speaking: Browser) -> None:
    page = await speaking.new_page()
    await serve_files(page)
    rows = await page.evaluate(
        """async () => {
          const { bands, fillColumn, rowOf } = await import("/static/instruments/spectrum.js");
          const rows = bands(96, 12000 / 1024, 12000);
          return [100, 250, 1000, 4000, 11900].map((hertz) => {
            const bins = new Uint8Array(1024);
            const column = new Uint8Array(96);
            bins[Math.round(hertz / (12000 / 1024))] = 255;
            fillColumn(column, bins, rows);
            return [column.indexOf(255), rowOf(hertz, 96, 12000)];
          });
        }"""
    )
    for loudest, marked in rows:
        assert abs(loudest + 0.5 - marked) <= 1


async def test_both_voices_are_drawn_in_both_themes(speaking: Browser, server: str, out: Path) -> None:
    ida = await _in_call(speaking, server, "pictures", color_scheme="light")
    complaints = watch(ida)
    await _in_call(speaking, server, "pictures")
    for name in ("said", "heard"):
        await _shades(ida, name, 60)
    await ida.wait_for_timeout(4000)
    for theme in ("light", "dark"):
        await ida.locator("#theme").select_option(theme)
        await ida.locator("#pictures").scroll_into_view_if_needed()
        await ida.screenshot(path=out / f"pictures-{theme}.png")
    await ida.set_viewport_size({"width": 390, "height": 844})
    await ida.locator("#pictures").scroll_into_view_if_needed()
    await ida.screenshot(path=out / "pictures-phone.png", full_page=True)
    await ida.set_viewport_size({"width": 360, "height": 740})
    assert await ida.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints == []


async def test_nothing_is_measured_while_nobody_looks(speaking: Browser, server: str) -> None:
    page = await _in_call(speaking, server, "unseen")
    assert await page.evaluate("window.taps") == 2
    await _shades(page, "said", 60)
    await page.locator("#pictures-freeze").focus()
    await page.keyboard.press("Space")
    assert await page.evaluate("window.taps") == 0
    held = await page.evaluate(SHADES, "said")
    await page.wait_for_timeout(HELD_MS)
    assert await page.evaluate(SHADES, "said") == held
    await page.keyboard.press("Space")
    assert await page.evaluate("window.taps") == 2
    await page.locator("#pictures > summary").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_function("() => window.taps === 0")
    await page.reload()
    await page.locator("#join").click()
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.locator("#pictures")).not_to_have_attribute("open", "")
    assert await page.evaluate("window.taps") == 0


async def test_who_wants_no_motion_sees_a_picture_a_second(speaking: Browser, server: str) -> None:
    page = await _in_call(speaking, server, "still", reduced_motion="reduce")
    await _shades(page, "said", 60)
    paints = await page.evaluate(
        """() => new Promise((resolve) => {
          const { putImageData } = CanvasRenderingContext2D.prototype;
          const times = [];
          CanvasRenderingContext2D.prototype.putImageData = function (...all) {
            if (this.canvas.id === "picture-said" && times.push(performance.now()) === 3) resolve(times);
            return putImageData.apply(this, all);
          };
        })"""
    )
    assert all(later - earlier > 950 for earlier, later in pairwise(paints))
