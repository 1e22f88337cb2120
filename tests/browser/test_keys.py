"""A whole call by keyboard events alone: no click, no focus set by the test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.pages import watch

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PATIENCE_MS = 30_000
MOST_STOPS = 60
NEXT_STOP = """() => {
  const at = document.activeElement;
  window.stops ??= new Set([document.body]);
  if (window.stops.has(at)) return "";
  window.stops.add(at);
  return at.id || at.localName;
}"""
MOST_LOOKS = 10
AROUND = """() => {
  const { x, y, width, height } = document.activeElement.getBoundingClientRect();
  return { x: Math.max(0, x - 8), y: Math.max(0, y - 8), width: width + 16, height: height + 16 };
}"""


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write", "microphone"],
        viewport={"width": 1280, "height": 1600},
    )
    page = await context.new_page()
    yield page
    await context.close()


async def _focused(page: Page) -> str:
    focused: str = await page.evaluate("document.activeElement.id")
    return focused


async def _tab_to(page: Page, identifier: str, key: str = "Tab") -> None:
    for _ in range(MOST_STOPS):
        if await _focused(page) == identifier:
            return
        await page.keyboard.press(key)
    pytest.fail(f"#{identifier} is not reached by {key}")


async def _join(page: Page, server: str, room: str) -> None:
    await page.goto(f"{server}?room={room}&name=Keyla")
    await _tab_to(page, "join")
    await page.keyboard.press("Enter")
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)


async def test_a_call_by_tab_enter_space_and_arrows(page: Page, server: str) -> None:
    complaints = watch(page)
    await page.goto(f"{server}#token=kept")
    await page.keyboard.press("Tab")
    await expect(page.locator("#skip")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    assert await _focused(page) == "name"
    assert page.url.endswith("#token=kept")
    await page.keyboard.type("Keyla")
    await _tab_to(page, "bitrate")
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#bitrate")).to_have_value("6.75")
    await _tab_to(page, "try-microphone")
    await page.keyboard.press("Space")
    await expect(page.locator("#try-microphone")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
    await page.keyboard.press("Space")
    await expect(page.locator("#try-microphone")).to_have_attribute("aria-pressed", "false", timeout=PATIENCE_MS)
    await _tab_to(page, "copy")
    await page.keyboard.press("Enter")
    await expect(page.locator("#copy-status")).to_have_text("The link is copied.")
    await _tab_to(page, "room", "Shift+Tab")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("by keyboard alone")
    await page.keyboard.press("Enter")
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)
    assert await _focused(page) == "headline"
    for control in ("mute", "denoise"):
        await _tab_to(page, control)
        for pressed in ("true", "false"):
            await page.keyboard.press("Space")
            await expect(page.locator(f"#{control}")).to_have_attribute("aria-pressed", pressed, timeout=PATIENCE_MS)
    await _tab_to(page, "bitrate")
    await page.keyboard.press("End")
    await expect(page.locator("#bitrate-status")).to_contain_text("18 kbit/s", timeout=PATIENCE_MS)
    await _tab_to(page, "microphone")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#microphone")).not_to_have_value("", timeout=PATIENCE_MS)
    await expect(page.locator("#problem")).to_be_hidden()
    await _tab_to(page, "leave", "Shift+Tab")
    await page.keyboard.press("Enter")
    assert await _focused(page) == "join"
    assert complaints == []


async def test_the_keys_of_a_call(page: Page, server: str) -> None:
    complaints = watch(page)
    await _join(page, server, "short-cuts")
    mute, status = page.locator("#mute"), page.locator("#heard-status")
    await page.keyboard.press("m")
    await expect(mute).to_have_attribute("aria-pressed", "true")
    await expect(status).to_have_text("You are muted.")
    await page.keyboard.down(" ")
    await expect(mute).to_have_attribute("aria-pressed", "false")
    await page.keyboard.down(" ")  # repeats, as a key that is held does
    await expect(mute).to_have_attribute("aria-pressed", "false")
    await page.keyboard.up(" ")
    await expect(mute).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press("M")
    await expect(mute).to_have_attribute("aria-pressed", "false")
    await page.keyboard.press(" ")
    await expect(mute).to_have_attribute("aria-pressed", "false")
    await page.keyboard.press("n")
    await expect(page.locator("#denoise")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
    for key, kbps in (("+", "6.75"), ("+", "7.5"), ("-", "6.75")):
        await page.keyboard.press(key)
        await expect(page.locator("#bitrate")).to_have_value(kbps)
    await expect(page.locator("#bitrate-status")).to_contain_text("carries 6.75 kbit/s", timeout=PATIENCE_MS)
    await page.keyboard.press("c")
    await expect(page.locator("#copy-status")).to_have_text("The link is copied.")
    await page.keyboard.press("l")  # not by a slip of the hand
    await page.keyboard.press("Control+m")
    await expect(mute).to_have_attribute("aria-pressed", "false")
    await page.keyboard.press("d")
    assert await _focused(page) == "microphone"
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Shift+L")
    await expect(page.locator("#status")).to_contain_text("You left the call")
    assert complaints == []


async def test_the_keys_are_listed_and_can_be_switched_off(page: Page, server: str) -> None:
    await _join(page, server, "key-list")
    before = await _focused(page)
    await page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard")
    await expect(sheet).to_be_visible()
    await page.keyboard.press("m")
    await expect(page.locator("#mute")).to_have_attribute("aria-pressed", "false")
    await _tab_to(page, "keys-on")
    await page.keyboard.press("Space")
    await page.keyboard.press("Escape")
    await expect(sheet).to_be_hidden()
    assert await _focused(page) == before
    await page.keyboard.press("m")
    await page.keyboard.press("?")
    await expect(page.locator("#mute")).to_have_attribute("aria-pressed", "false")
    await expect(sheet).to_be_hidden()
    await _tab_to(page, "keys-open")
    await page.keyboard.press("Enter")
    await expect(page.locator("#keys-on")).not_to_be_checked()
    await _tab_to(page, "keys-on")
    await page.keyboard.press("Space")
    await _tab_to(page, "keys-close")
    await page.keyboard.press("Enter")
    await page.keyboard.press("m")
    await expect(page.locator("#mute")).to_have_attribute("aria-pressed", "true")


async def test_keys_rest_while_one_writes_and_outside_a_call(page: Page, server: str) -> None:
    await page.goto(f"{server}?room=lobby-keys")
    await page.keyboard.press("m")
    await _tab_to(page, "name")
    await page.keyboard.type("mnd +-?L")
    await expect(page.locator("#name")).to_have_value("mnd +-?L")
    await expect(page.locator("#keys")).to_be_hidden()
    await expect(page.locator("#mute")).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_wherever_the_focus_is_it_shows(page: Page, server: str, scheme: str) -> None:
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    await _join(page, server, f"focus-{scheme}")
    stops: list[str] = []
    for _ in range(MOST_STOPS):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(NEXT_STOP)
        if not stop:
            break
        stops.append(stop)
        assert await _shows(page), stop
    controls = {"mute", "denoise", "leave", "bitrate", "microphone", "copy", "language", "theme", "sounds", "keys-open"}
    assert controls <= set(stops)


async def _shows(page: Page) -> bool:
    """Whether what has the focus looks otherwise without it. A busy browser may paint that late, or move it."""
    for _ in range(MOST_LOOKS):
        clip = await page.evaluate(AROUND)
        with_focus = await page.screenshot(clip=clip)
        await page.evaluate("window.was = document.activeElement; document.activeElement.blur()")
        without = await page.screenshot(clip=clip)
        await page.evaluate("window.was.focus()")
        if with_focus != without:
            return True
    return False
