"""Handing the link on: copied, shared, or selected where the browser allows neither; each said aloud."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PATIENCE_MS = 30_000
NO_CLIPBOARD = "navigator.clipboard.writeText = () => Promise.reject(new DOMException('no', 'NotAllowedError'));"
SHARING = "window.shared = []; navigator.share = async (what) => { window.shared.push(what); };"


async def _open(browser: Browser, address: str, script: str = "") -> Page:
    context = await browser.new_context(permissions=["clipboard-read", "clipboard-write", "microphone"])
    await context.add_init_script(script)
    page = await context.new_page()
    await page.goto(address)
    return page


async def test_the_link_is_copied_and_that_is_said(browser: Browser, server: str) -> None:
    page = await _open(browser, f"{server}?room=copy-me")
    status = page.locator("#copy-status")
    await expect(status).to_have_role("status")
    await page.locator("#copy").click()
    await expect(status).to_have_text("The link is copied.")
    await expect(page.locator("#copy")).to_have_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == f"{server}?room=copy-me"
    await expect(status).to_be_empty(timeout=PATIENCE_MS)
    await expect(page.locator("#copy")).to_have_text("Copy")
    await expect(page.locator("#share")).to_be_hidden()
    await page.context.close()


async def test_who_waits_alone_has_the_link_at_hand(browser: Browser, server: str) -> None:
    page = await _open(browser, f"{server}?room=come-in&name=Ida&autojoin=1")
    await expect(page.locator("#invite")).to_be_visible(timeout=PATIENCE_MS)
    await page.locator("#invite").click()
    await expect(page.locator("#invite")).to_have_text("Copied")
    link = await page.evaluate("navigator.clipboard.readText()")
    other = await page.context.new_page()
    await other.goto(f"{link}&name=Ole&autojoin=1")
    await expect(page.locator("#headline")).to_have_text("Ole is on the line.", timeout=PATIENCE_MS)
    await expect(page.locator("#invite")).to_be_hidden()
    await page.context.close()


async def test_where_nothing_may_be_copied_the_link_is_selected(browser: Browser, server: str) -> None:
    page = await _open(browser, f"{server}?room=by-hand", NO_CLIPBOARD)
    await page.locator("#copy").click()
    await expect(page.locator("#copy-status")).to_contain_text("copy it with")
    assert await page.evaluate("document.activeElement.id + getSelection().toString()") == f"link{server}?room=by-hand"
    await page.context.close()


async def test_a_device_that_shares_is_asked_to(browser: Browser, server: str) -> None:
    page = await _open(browser, f"{server}?room=share-me", SHARING)
    await page.locator("#share").click()
    assert await page.evaluate("window.shared") == [{"title": "thinline", "url": f"{server}?room=share-me"}]
    await page.context.close()
