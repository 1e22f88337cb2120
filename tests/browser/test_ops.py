"""The operators' page in front of a real call: what it shows, what it changes, by keyboard alone, on a phone too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser, Page, expect

from server.auth import Authority, Grant, Role, new_secret
from server.protocol import VERSION, Bye, Join
from tests.browser.chromium import chromium
from tests.browser.conftest import serve
from tests.browser.pages import watch
from tests.server.doubles import Client, Sound, TinyEngine

pytestmark = pytest.mark.browser

PATIENCE_MS = 30_000
FRAME_SECONDS = TinyEngine.config.frame_ms / 1000
SECRET = new_secret()


@pytest.fixture(scope="module")
def watched_server() -> Iterator[str]:
    with serve(THINLINE_TOKEN_SECRET=SECRET, THINLINE_MAX_SESSIONS="6") as served:
        yield served.address


def token(role: Role = Role.OPS) -> str:
    grant = Grant(role, name="grace") if role is Role.OPS else Grant(role, "kitchen")
    return Authority(SECRET).issue(grant, 600)


async def join(browser: Browser, address: str, name: str) -> Page:
    page = await browser.new_page()
    await page.goto(f"{address}?room=kitchen&name={name}&autojoin=1#token={token(Role.CALLER)}")
    await expect(page.locator("#place-room")).to_have_text("kitchen", timeout=PATIENCE_MS)
    return page


@asynccontextmanager
async def talking(address: str, name: str) -> AsyncIterator[Client]:
    """A caller without a browser, who hums."""
    async with aiohttp.ClientSession() as http:
        client, sound = Client(await http.ws_connect(address + "ws")), Sound()
        await client.say(Join(VERSION, "kitchen", name, token=token(Role.CALLER)))
        await client.hear()
        await sound.open(client)
        humming = asyncio.create_task(hum(sound))
        try:
            yield client
        finally:
            humming.cancel()
            await asyncio.gather(humming, return_exceptions=True)
            await sound.connection.close()


async def hum(sound: Sound) -> None:
    due = time.monotonic()
    while sound.channel.readyState == "open":
        sound.send(0.1 if sound.sent % 2 else -0.1)
        due += FRAME_SECONDS
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def sign_in(page: Page, address: str, secret: str) -> None:
    """As an operator without a mouse does it."""
    await page.goto(address + "ops")
    await page.locator("#token").focus()
    await page.keyboard.type(secret)
    await page.keyboard.press("Enter")


async def test_a_call_is_watched_and_steered_by_keyboard(watched_server: str, out: Path) -> None:
    async with chromium() as browser, talking(watched_server, "<b>Bob</b>") as bob:
        ada = await join(browser, watched_server, "Ada")
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        complaints = watch(page)
        await sign_in(page, watched_server, token())
        await expect(page.locator("#headline")).to_have_text("One call on the line.", timeout=PATIENCE_MS)
        await expect(page.locator("#operator")).to_have_text("grace")
        await expect(page.locator("#gauge")).to_have_attribute("aria-valuenow", "2", timeout=PATIENCE_MS)
        assert token() not in page.url
        for name in ("Ada", "<b>Bob</b>"):
            row = page.get_by_role("row").filter(has_text=name)
            await expect(row.locator("output").first).not_to_have_text("–", timeout=PATIENCE_MS)

        button = page.get_by_role("button", name="Denoise Ada")
        await button.focus()
        await page.keyboard.press("Space")
        await expect(button).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
        await expect(page.locator("#status")).to_contain_text("Noise is taken out of the voice of Ada from frame")
        await expect(ada.locator("#denoise")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
        await expect(button).to_be_focused()
        await page.get_by_label("Bitrate").select_option("3")
        await expect(ada.locator("#bitrate-value")).to_contain_text("3", timeout=PATIENCE_MS)
        await page.wait_for_timeout(2000)  # a little of a line for the picture
        await page.screenshot(path=out / "ops.png")
        await page.set_viewport_size({"width": 390, "height": 844})
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.screenshot(path=out / "ops-phone.png", full_page=True)

        await page.locator("#drain").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#drain")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
        await expect(page.locator("#headline")).to_contain_text("no more to come")
        await page.keyboard.press("Enter")
        await expect(page.locator("#drain")).to_have_attribute("aria-pressed", "false", timeout=PATIENCE_MS)

        await page.get_by_role("button", name="End the session of <b>Bob</b>").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("row").filter(has_text="Bob")).to_have_count(0, timeout=PATIENCE_MS)
        while await bob.hear() != Bye("operator"):
            pass
        await page.get_by_role("button", name="End the session of Ada").press("Enter")
        await page.get_by_role("button", name="Really end the session of Ada").press("Enter")
        await expect(ada.locator("#problem-title")).to_have_text("The call was ended", timeout=PATIENCE_MS)
        assert complaints == []


async def test_a_token_that_does_not_count_is_refused_and_forgotten(watched_server: str) -> None:
    async with chromium() as browser:
        page = await browser.new_page()
        await sign_in(page, watched_server, token(Role.CALLER))
        await expect(page.locator("#problem-text")).to_contain_text("not for an operator", timeout=PATIENCE_MS)
        await expect(page.locator("#token")).to_be_focused()
        assert await page.evaluate("sessionStorage.length") == 0
        await sign_in(page, watched_server, token())
        await expect(page.locator("#headline")).to_have_text("The line is quiet.", timeout=PATIENCE_MS)
        await page.reload()
        await expect(page.locator("#board")).to_be_visible(timeout=PATIENCE_MS)
        await page.locator("#forget").click()
        await expect(page.locator("#board")).to_be_hidden()
        assert await page.evaluate("sessionStorage.length") == 0
