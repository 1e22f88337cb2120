"""What the page's own modules decide: which transports to try, and how long to wait before the next try."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.browser.chromium import chromium
from tests.browser.pages import serve_files

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

CHOOSE = "async ([forced, scope]) => (await import('/static/transports/choose.js')).chooseTransports(forced, scope)"
OLD_BROWSER = {"RTCRtpSender": {"prototype": {}}, "RTCDataChannel": {}}
NEW_BROWSER = {"RTCRtpScriptTransform": {}, "RTCRtpSender": {"prototype": {"transform": None}}, "RTCDataChannel": {}}
WAIT = """async (times) => {
  const backoff = new (await import('/static/backoff.js')).Backoff();
  return times.map((now) => backoff.nextMs(now, 0.5));
}"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page() -> AsyncIterator[Page]:
    async with chromium() as browser:
        page = await browser.new_page()
        await serve_files(page)
        yield page


@pytest.mark.parametrize(
    ("forced", "scope", "chosen"),
    [
        (None, NEW_BROWSER, ["rtp", "channel", "opus"]),
        (None, OLD_BROWSER, ["channel", "opus"]),
        (None, {}, ["opus"]),
        ("opus", NEW_BROWSER, ["opus"]),
        ("rtp", {}, ["rtp"]),
        ("tin cans", NEW_BROWSER, ["rtp", "channel", "opus"]),
        ("constructor", NEW_BROWSER, ["rtp", "channel", "opus"]),
    ],
    ids=["new", "old", "bare", "forced", "forced-unseen", "unknown", "inherited"],
)
async def test_the_best_transports_that_the_browser_has(
    page: Page, forced: str | None, scope: dict[str, object], chosen: list[str]
) -> None:
    assert await page.evaluate(CHOOSE, [forced, scope]) == chosen


async def test_this_browser_has_them_all(page: Page) -> None:
    script = "async () => (await import('/static/transports/choose.js')).chooseTransports(null)"
    assert await page.evaluate(script) == ["rtp", "channel", "opus"]


async def test_the_next_try_comes_later_each_time_and_in_the_end_not_at_all(page: Page) -> None:
    assert await page.evaluate(WAIT, [0, 1, 2, 3, 4, 5, 120_000, 120_001]) == [
        250, 500, 1000, 2000, 4000, 4000, 4000, None,
    ]  # fmt: skip
