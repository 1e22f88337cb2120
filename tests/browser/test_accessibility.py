"""What axe-core finds in every state of both pages, light and dark, wide and narrow: nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

from server.auth import Authority, Grant, Role, new_secret
from tests.browser.conftest import serve

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PATIENCE_MS = 30_000
SIZES: list[ViewportSize] = [{"width": 1280, "height": 900}, {"width": 390, "height": 844}]
SECRET = new_secret()


@pytest.fixture(scope="module")
def closed_server() -> Iterator[str]:
    """The address of a server that has operators."""
    with serve(THINLINE_TOKEN_SECRET=SECRET) as served:
        yield served.address


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(reduced_motion="reduce", permissions=["microphone", "clipboard-write"])
    yield context
    await context.close()


async def find_nothing(page: Page, state: str) -> None:
    """Fails with what is wrong, and where, if anything is."""
    found: list[str] = []
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        await expect(page.locator("html")).to_have_attribute("data-theme", theme)
        for size in SIZES:
            await page.set_viewport_size(size)
            result = await Axe().run(page)
            found += [
                f"{state}, {theme}, {size['width']}: {fault['id']}: {node['html'][:200]} {node['failureSummary']}"
                for fault in result.response["violations"]
                for node in fault["nodes"]
            ]
    assert not found, "\n".join(found)


async def _join(context: BrowserContext, address: str) -> Page:
    page = await context.new_page()
    await page.goto(address)
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)
    return page


async def test_before_and_after_a_call(context: BrowserContext, server: str) -> None:
    page = await context.new_page()
    await page.goto(f"{server}?room=axe-before&name=Ida")
    await find_nothing(page, "before")
    await page.locator("#check > summary").click()
    await page.locator("#check-network").click()
    await expect(page.locator("#check-network")).to_be_enabled(timeout=2 * PATIENCE_MS)
    await find_nothing(page, "checked")
    await page.locator("#try-microphone").click()
    await expect(page.locator("#try-microphone")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
    await find_nothing(page, "trying the microphone")
    await page.locator("#join").click()
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)
    await find_nothing(page, "alone")
    await page.locator("#leave").click()
    await expect(page.locator("#status")).to_contain_text("You left")
    await find_nothing(page, "ended")


@pytest.mark.parametrize("language", ["en", "de"])
async def test_in_a_call(browser: Browser, server: str, language: str) -> None:
    context = await browser.new_context(locale=language, permissions=["microphone", "clipboard-write"])
    page = await _join(context, f"{server}?room=axe-call-{language}&name=Ida&autojoin=1")
    await _join(context, f"{server}?room=axe-call-{language}&name=Ole&autojoin=1")
    await page.bring_to_front()
    await expect(page.locator("#headline")).to_contain_text("Ole", timeout=PATIENCE_MS)
    await page.locator("#mute").click()
    await page.locator("#denoise").click()
    await page.locator("#copy").click()
    for panel in await page.locator("details:not([open]) > summary:visible").all():
        await panel.click()
    await expect(page.locator("#denoise-status")).not_to_be_empty(timeout=PATIENCE_MS)
    await find_nothing(page, "call")
    await page.locator("#keys-open").click()
    await find_nothing(page, "keys")
    await context.close()


async def test_when_something_went_wrong(context: BrowserContext, server: str) -> None:
    address = f"{server}?room=axe-full&autojoin=1"
    for name in ("Ida", "Ole"):
        await _join(context, f"{address}&name={name}")
    page = await context.new_page()
    await page.goto(f"{address}&name=Tom")
    await expect(page.locator("#problem")).to_be_visible(timeout=PATIENCE_MS)
    await find_nothing(page, "error")


async def test_without_right_to_enter(context: BrowserContext, closed_server: str) -> None:
    page = await context.new_page()
    await page.goto(f"{closed_server}?room=k&name=Eve&autojoin=1#token=none")
    await expect(page.locator("#problem-said")).to_be_visible(timeout=PATIENCE_MS)
    await find_nothing(page, "no right")


async def test_the_operators_page(context: BrowserContext, closed_server: str) -> None:
    authority = Authority(SECRET)
    invitation = authority.issue(Grant(Role.CALLER, "kitchen"), 600)
    page = await context.new_page()
    await page.goto(f"{closed_server}ops")
    await find_nothing(page, "ops, signed out")
    await page.locator("#token").fill("none")
    await page.keyboard.press("Enter")
    await expect(page.locator("#problem")).to_be_visible(timeout=PATIENCE_MS)
    await find_nothing(page, "ops, refused")
    await page.locator("#token").fill(authority.issue(Grant(Role.OPS, name="grace"), 600))
    await page.keyboard.press("Enter")
    await expect(page.locator("#board")).to_be_visible(timeout=PATIENCE_MS)
    await find_nothing(page, "ops, no call")
    for name in ("Ada", "Bob"):
        await _join(context, f"{closed_server}?room=kitchen&name={name}&autojoin=1#token={invitation}")
    await page.bring_to_front()
    for name in ("Ada", "Bob"):
        row = page.get_by_role("row").filter(has_text=name)
        await expect(row.locator("output").first).not_to_have_text("–", timeout=PATIENCE_MS)
    await page.get_by_role("button", name="Denoise Ada").click()
    await expect(page.locator("#status")).to_contain_text("Ada", timeout=PATIENCE_MS)
    await find_nothing(page, "ops, a call")
    await page.locator("#drain").click()
    await expect(page.locator("#headline")).to_contain_text("no more to come", timeout=PATIENCE_MS)
    await find_nothing(page, "ops, draining")
    await page.locator("#drain").click()
    await expect(page.locator("#drain")).to_have_attribute("aria-pressed", "false", timeout=PATIENCE_MS)


async def test_a_planted_fault_is_found(context: BrowserContext, server: str) -> None:
    page = await context.new_page()
    await page.goto(server)
    await page.evaluate("document.querySelector('label[for=name]').remove()")
    with pytest.raises(AssertionError, match="planted, dark, 390: label"):
        await find_nothing(page, "planted")
