"""Links with a token in them: what the page makes of one, and what it says to those who have none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from server.auth import Authority, Grant, Role, new_secret
from tests.browser.chromium import chromium
from tests.browser.conftest import serve

pytestmark = pytest.mark.browser

PATIENCE_MS = 15_000
SECRET = new_secret()


@pytest.fixture(scope="module")
def closed_server() -> Iterator[str]:
    """The address of a server that wants tokens."""
    with serve(THINLINE_TOKEN_SECRET=SECRET) as served:
        yield served.address


def token(name: str | None = None) -> str:
    return Authority(SECRET).issue(Grant(Role.CALLER, "küche", name), 600)


async def test_a_link_with_a_name_fills_in_the_form_and_lets_in(closed_server: str) -> None:
    fragment = f"#token={token('Ädä')}"
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(closed_server + fragment)
        for field, value in (("#room", "küche"), ("#name", "Ädä")):
            await expect(page.locator(field)).to_have_value(value)
            await expect(page.locator(field)).not_to_be_editable()
        assert "token" not in await page.locator("#link").input_value()
        await page.locator("#join").click()
        await expect(page.locator("#place-room")).to_have_text("küche", timeout=PATIENCE_MS)
        assert page.url.endswith(fragment)


async def test_a_link_for_anyone_can_be_passed_on(closed_server: str) -> None:
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(f"{closed_server}#token={token()}")
        await expect(page.locator("#name")).to_be_editable()
        link = await page.locator("#link").input_value()
        other = await browser.new_page()
        await other.goto(link)
        await other.locator("#name").fill("Eve")
        await other.locator("#join").click()
        await expect(other.locator("#place-room")).to_have_text("küche", timeout=PATIENCE_MS)


@pytest.mark.parametrize("fragment", ["", "#token=nonsense", "#token=a.bm90IGpzb24.c"], ids=["none", "text", "dots"])
async def test_without_right_the_page_says_what_is_missing(closed_server: str, fragment: str) -> None:
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(f"{closed_server}?room=k&name=Eve&autojoin=1{fragment}")
        await expect(page.locator("#problem-title")).to_have_text("You need another link", timeout=PATIENCE_MS)
