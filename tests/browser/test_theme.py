"""Light and dark: the system's, until the user chooses; the same on the operators' page; before anything is painted."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.pages import watch

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

LINE_COLOUR = """() => {
  const canvas = document.querySelector("#line");
  return [...canvas.getContext("2d").getImageData(10, canvas.height / 2, 1, 1).data];
}"""


async def expect_theme(page: Page, theme: str) -> None:
    await expect(page.locator("html")).to_have_attribute("data-theme", theme)
    paper = {"light": "rgb(250, 250, 247)", "dark": "rgb(16, 19, 21)"}[theme]
    await expect(page.locator("body")).to_have_css("background-color", paper)
    frame = await page.locator("meta[name=theme-color]").get_attribute("content")
    assert frame == {"light": "#fafaf7", "dark": "#101315"}[theme]


async def test_the_page_follows_the_system_until_the_user_chooses(browser: Browser, server: str) -> None:
    context = await browser.new_context(color_scheme="dark", reduced_motion="reduce")
    page = await context.new_page()
    complaints = watch(page)
    await page.goto(server)
    await expect_theme(page, "dark")
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    await expect_theme(page, "light")
    await page.wait_for_function(f"() => ({LINE_COLOUR})()[3] > 200")
    light = await page.evaluate(LINE_COLOUR)
    await page.locator("#theme").select_option("dark")
    await expect_theme(page, "dark")
    await page.wait_for_function(f"(light) => ({LINE_COLOUR})().join() !== light.join()", arg=light)
    await page.reload()
    await expect_theme(page, "dark")
    await page.locator("#theme").select_option("")
    await expect_theme(page, "light")
    assert complaints == []
    await context.close()


async def test_the_choice_holds_on_the_operators_page_and_in_other_tabs(browser: Browser, server: str) -> None:
    context = await browser.new_context(color_scheme="light")
    page, ops = await context.new_page(), await context.new_page()
    await page.goto(server)
    await ops.goto(f"{server}ops")
    await expect_theme(ops, "light")
    await page.locator("#theme").select_option("dark")
    await expect_theme(ops, "dark")
    await ops.reload()
    await expect_theme(ops, "dark")
    await expect(ops.locator("#theme")).to_have_value("dark")
    await ops.locator("#theme").select_option("light")
    await expect_theme(page, "light")
    await context.close()


async def test_the_theme_needs_no_module_to_have_run(browser: Browser, server: str) -> None:
    """So that nothing flashes up in the other theme while the modules load."""
    context = await browser.new_context(color_scheme="light")
    await context.add_init_script("localStorage.setItem('thinline-theme', 'dark')")
    page = await context.new_page()

    async def refuse(route: Route) -> None:
        await route.abort()

    await page.route("**/app.js", refuse)
    await page.goto(server)
    await expect_theme(page, "dark")
    await context.close()


@pytest.mark.parametrize("kept", ["constructor", "", "blue"], ids=["inherited", "empty", "unknown"])
async def test_what_is_no_theme_is_not_taken_for_one(browser: Browser, server: str, kept: str) -> None:
    context = await browser.new_context(color_scheme="dark")
    await context.add_init_script(f"localStorage.setItem('thinline-theme', '{kept}')")
    page = await context.new_page()
    complaints = watch(page)
    await page.goto(server)
    await expect_theme(page, "dark")
    assert complaints == []
    await context.close()
