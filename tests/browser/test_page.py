"""The page around the call: joining by keyboard, errors in words, leaving, small screens."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.chromium import chromium, kill
from tests.browser.conftest import Server
from tests.browser.pages import watch
from tests.browser.recording import hook_tap

pytestmark = pytest.mark.browser

PATIENCE_MS = 15_000
VANISHED_MS = 10_000  # the server notices within 5 s; the rest is for a slow machine
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


async def _open(browser: Browser, address: str, **context: object) -> Page:
    made = await browser.new_context(reduced_motion="reduce", **{"viewport": DESKTOP, **context})  # type: ignore[arg-type]
    page = await made.new_page()
    await page.goto(address)
    return page


async def _join(page: Page) -> None:
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)


async def _picture(page: Page, out: Path, name: str) -> None:
    """The page on a desktop and on a phone, on which nothing may stick out."""
    for label, size in (("desktop", DESKTOP), ("phone", PHONE)):
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        await page.wait_for_timeout(200)
        await page.screenshot(path=out / f"{name}-{label}.png", full_page=label == "phone")
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_lobby_offers_a_room_and_a_link(fresh: Browser, server: str, out: Path, scheme: str) -> None:
    page = await _open(fresh, server, color_scheme=scheme)
    room = await page.locator("#room").input_value()
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d{3}", room)
    assert (await page.locator("#link").input_value()).endswith(f"/?room={room}")
    await expect(page.locator("#problem")).to_be_hidden()
    await _picture(page, out, f"lobby-{scheme}")


async def test_a_call_can_be_joined_and_left_by_keyboard_alone(fresh: Browser, server: str) -> None:
    page = await _open(fresh, server)
    complaints = watch(page)
    await page.reload()
    await _tab_to(page, "name")
    await page.keyboard.type("Keyla")
    await _tab_to(page, "room")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("by keyboard")
    await page.keyboard.press("Enter")
    await _join(page)
    await expect(page.locator("#place-room")).to_have_text("by keyboard")
    assert "room=by+keyboard" in page.url
    await _tab_to(page, "mute")
    await page.keyboard.press("Space")
    await expect(page.locator("#mute")).to_have_attribute("aria-pressed", "true")
    await _tab_to(page, "leave")
    await page.keyboard.press("Enter")
    await expect(page.locator("#join")).to_be_focused()
    assert complaints == []


async def _tab_to(page: Page, identifier: str) -> None:
    for _ in range(20):
        if await page.evaluate("document.activeElement.id") == identifier:
            return
        await page.keyboard.press("Tab")
    pytest.fail(f"#{identifier} is not reached by the Tab key")


async def test_leaving_releases_the_microphone_and_one_may_come_back(fresh: Browser, server: str) -> None:
    context = await fresh.new_context()
    await hook_tap(context)
    page = await context.new_page()
    await page.goto(f"{server}?room=come-back&name=Ida&autojoin=1")
    states = "window.tap.microphones().map((track) => track.readyState)"
    for joins in (1, 2):
        await _join(page)
        assert await page.evaluate(states) == ["ended"] * (joins - 1) + ["live"]
        await page.locator("#leave").click()
        await expect(page.locator("#status")).to_contain_text("You left")
        assert await page.evaluate(states) == ["ended"] * joins
        await page.locator("#join").click()
    await _join(page)


async def test_denoise_takes_over_from_the_browsers_noise_suppression(fresh: Browser, server: str) -> None:
    context = await fresh.new_context()
    await hook_tap(context)
    page = await context.new_page()
    await page.goto(f"{server}?room=suppression&name=Ida&autojoin=1")
    await _join(page)
    settings = "window.tap.microphones().filter((t) => t.readyState === 'live').map((t) => t.getSettings())"
    for pressed in ("true", "false"):
        await page.locator("#denoise").click()
        await expect(page.locator("#denoise")).to_have_attribute("aria-pressed", pressed)
        await page.wait_for_function(
            f"(on) => {{ const all = {settings}; return all.length === 1 && all[0].noiseSuppression === !on; }}",
            arg=pressed == "true",
        )
        [now] = await page.evaluate(settings)
        assert now["echoCancellation"] is True


async def test_a_third_person_reads_that_the_room_is_full(fresh: Browser, server: str, out: Path) -> None:
    for name in ("Ida", "Ole"):
        await _join(await _open(fresh, f"{server}?room=full-house&name={name}&autojoin=1"))
    third = await _open(fresh, f"{server}?room=full-house&name=Tom&autojoin=1")
    await expect(third.locator("#problem-title")).to_have_text("This room is full", timeout=PATIENCE_MS)
    await _picture(third, out, "error")
    await third.emulate_media(color_scheme="dark")
    await _picture(third, out, "error-dark")
    await third.locator("#problem-retry").click()
    await expect(third.locator("#room")).to_be_focused()
    await third.keyboard.type("another-house")
    await third.keyboard.press("Enter")
    await _join(third)
    await expect(third.locator("#problem")).to_be_hidden()


async def test_a_browser_that_dies_is_missed_by_the_other(fresh: Browser, server: str) -> None:
    page = await _open(fresh, f"{server}?room=lost&name=Ida&autojoin=1")
    await _join(page)
    async with chromium() as doomed:
        await _join(await _open(doomed, f"{server}?room=lost&name=Ole&autojoin=1"))
        await expect(page.locator("#headline")).to_have_text("Ole is on the line.", timeout=PATIENCE_MS)
        await kill(doomed)
        await expect(page.locator("#status")).to_contain_text("Ole vanished", timeout=VANISHED_MS)
    await expect(page.locator("#them-name")).to_have_text("Nobody yet")
    await expect(page.locator("#controls")).to_be_visible()


async def test_a_forbidden_microphone_is_explained(server: str, out: Path) -> None:
    async with chromium(consent=False) as browser:
        page = await _open(browser, f"{server}?room=shy&name=Ida")
        await page.locator("#join").click()
        await expect(page.locator("#problem-title")).to_have_text("The microphone is not allowed", timeout=PATIENCE_MS)
        await expect(page.locator("#problem-hint")).not_to_be_empty()
        await expect(page.locator("#problem-retry")).to_be_focused()
        await _picture(page, out, "error-microphone")


async def test_a_page_without_https_says_so(server: str) -> None:
    async with chromium(flags=["--host-resolver-rules=MAP thinline.test 127.0.0.1"]) as browser:
        page = await _open(browser, f"http://thinline.test:{urlsplit(server).port}/")
        await expect(page.locator("#problem-text")).to_contain_text("HTTPS")
        await expect(page.locator("#join")).to_be_disabled()


async def test_a_server_that_goes_away_is_waited_for_until_one_leaves(fresh: Browser, own_server: Server) -> None:
    page = await _open(fresh, f"{own_server.address}?room=gone&name=Ida&autojoin=1")
    await _join(page)
    own_server.stop()
    await expect(page.locator("#headline")).to_contain_text("Reconnecting", timeout=PATIENCE_MS)
    await expect(page.locator("#denoise")).to_be_disabled()
    await page.locator("#leave").click()
    await page.locator("#join").click()
    await expect(page.locator("#problem-title")).to_have_text("The server does not answer", timeout=PATIENCE_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_colour_stands_out_from_its_paper(fresh: Browser, server: str, scheme: str) -> None:
    page = await _open(fresh, server, color_scheme=scheme)
    names = ["paper", "alarm-paper", "ink", "soft", "me", "them", "alarm", "edge"]
    read = "(names) => names.map((n) => getComputedStyle(document.documentElement).getPropertyValue('--' + n).trim())"
    colour = dict(zip(names, await page.evaluate(read, names), strict=True))
    for name in ("ink", "soft", "me", "them", "alarm"):
        assert _contrast(colour[name], colour["paper"]) >= 4.5, name
    for name in ("ink", "alarm"):
        assert _contrast(colour[name], colour["alarm-paper"]) >= 4.5, name
    assert _contrast(colour["edge"], colour["paper"]) >= 3


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2 for two #rrggbb colours: 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
