"""The listening test in a real browser, opened from the disk: blind, by keyboard, saved as CSV, safe from a reload."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Browser, Page, expect

from codec.audiofile import SAMPLE_RATE
from codec.evaluation.clips import SPEECH, Clip
from codec.evaluation.mushra import ANCHOR, REFERENCE, write_test
from codec.evaluation.mushra_results import read_results
from codec.evaluation.runner import Job, Outcome
from codec.evaluation.scores import Condition
from tests.browser.chromium import chromium

pytestmark = pytest.mark.browser

TRIALS = ("one", "two, and more")
SCORES = {REFERENCE: 100, ANCHOR: 25, "thinline 6": 75}
PHONE = {"width": 360, "height": 740}

# What the page plays: the gain of every sound, by the sound's own file.
HEARD = """() => [...voices].map(([id, {gain}]) => [id, Math.round(gain.gain.value * 100) / 100])
    .filter(([, level]) => level > 0).map(([id]) => id)"""


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async with chromium() as browser:
        yield await opened(browser, tmp_path)


async def opened(browser: Browser, folder: Path) -> Page:
    time = np.arange(SAMPLE_RATE, dtype=np.float32) / SAMPLE_RATE
    outcomes = []
    for name, pitch in zip(TRIALS, (300, 500), strict=True):
        tone = np.sin(2 * np.pi * pitch * time) * np.float32(0.1)
        job = Job(Clip(name, SPEECH, Path(name)), listen=True)
        outcomes.append(Outcome(job, [], tone, {Condition(SPEECH, "thinline", 6): tone / 2}))
    write_test(folder, outcomes, "Listening test")
    page = await browser.new_page(accept_downloads=True)
    page.set_default_timeout(30_000)
    await page.goto((folder / "index.html").as_uri())
    return page


async def order(page: Page) -> list[str]:
    """What the sounds of the trial really are, from A on: read where the page keeps it."""
    found = await page.evaluate("""() => [...document.querySelectorAll('#stimuli li')].map(
        (item) => trialOf(entry()).stimuli.find((stimulus) => stimulus.id === item.dataset.id).is)""")
    return [b64decode(name).decode() for name in found]


async def begin(page: Page) -> None:
    await page.get_by_label("Your name").fill("Ann Ünal")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Try it out")).to_be_focused()


async def judge(page: Page) -> list[str]:
    """All sounds of a trial, heard and judged without a mouse -> what they were, from A on."""
    names = await order(page)
    for index, name in enumerate(names):
        letter = "ABC"[index]
        await page.keyboard.press(letter)
        await expect(page.get_by_role("button", name=f"Sound {letter}")).to_have_attribute("aria-pressed", "true")
        slider = page.get_by_role("slider", name=f"Sound {letter}")
        await slider.focus()
        await page.keyboard.press("End")
        for _ in range((100 - SCORES[name]) // 10):
            await page.keyboard.press("PageDown")
        for _ in range((100 - SCORES[name]) % 10):
            await page.keyboard.press("ArrowLeft")
        await expect(slider).to_have_value(str(SCORES[name]))
    return names


async def press_next(page: Page) -> None:
    await page.locator("#next").focus()
    await page.keyboard.press("Enter")


async def test_a_whole_test_by_keyboard_ends_in_a_file_that_sums_up(page: Page, tmp_path: Path, out: Path) -> None:
    await begin(page)
    await page.screenshot(path=out / "mushra-practice.png")
    await judge(page)
    await press_next(page)
    await expect(page.locator("#place")).to_have_text("Clip 1 of 2")
    await judge(page)
    await page.screenshot(path=out / "mushra-judged.png")
    await press_next(page)
    await expect(page.locator("#place")).to_have_text("Clip 2 of 2")
    await judge(page)
    async with page.expect_download() as saving:
        await press_next(page)
    download = await saving.value
    assert download.suggested_filename == "mushra-ann-ünal.csv"
    await download.save_as(tmp_path / "ann.csv")
    await expect(page.get_by_role("heading", name="Thank you.")).to_be_focused()

    rows = list(csv.DictReader(io.StringIO((tmp_path / "ann.csv").read_text())))
    assert len(rows) == 6  # practice is not kept
    assert {row["trial"] for row in rows} == {f"speech: {name}" for name in TRIALS}
    assert {row["listener"] for row in rows} == {"Ann Ünal"}
    results = read_results([tmp_path / "ann.csv"])
    assert {name: mean.mean for name, mean in results.means.items()} == SCORES


async def test_one_sound_is_heard_at_a_time_and_switching_keeps_the_place(page: Page) -> None:
    await begin(page)
    ids = await page.evaluate("entry().stimuli")
    await page.get_by_role("button", name="Reference").click()
    await page.wait_for_function(f"({HEARD})().join() === 'open' && context.state === 'running'")
    before = await page.evaluate("context.currentTime")
    await page.get_by_role("button", name="Sound B").click()
    await page.wait_for_function(f"({HEARD})().join() === '{ids[1]}'")
    assert await page.evaluate("context.currentTime") > before
    await page.keyboard.press("p")
    await page.wait_for_function("context.state === 'suspended'")
    assert await page.locator("[aria-pressed=true]").count() == 0


async def test_nobody_goes_on_without_hearing_and_judging_all(page: Page) -> None:
    await begin(page)
    await page.keyboard.press("a")
    await press_next(page)
    await expect(page.get_by_role("alert").first).to_have_text("Please listen to B, C first. Please judge A, B, C.")
    slider = page.get_by_role("slider", name="Sound A")
    await expect(slider).to_have_attribute("aria-valuetext", "not judged yet")
    await slider.focus()
    await page.keyboard.press("Home")  # 0 is a judgement, too, though the slider stands there already
    await expect(slider).to_have_attribute("aria-valuetext", "0, bad")
    await page.locator("#keys").uncheck()
    await page.keyboard.press("b")
    assert await page.evaluate("state.current.heard.length") == 1


async def test_a_reload_loses_nothing(page: Page) -> None:
    await begin(page)
    names = await judge(page)
    await page.reload()
    await expect(page.get_by_role("heading", name="Try it out")).to_be_visible()
    assert await order(page) == names
    for index, name in enumerate(names):
        slider = page.get_by_role("slider", name=f"Sound {'ABC'[index]}")
        await expect(slider).to_have_value(str(SCORES[name]))
    await press_next(page)
    await expect(page.locator("#place")).to_have_text("Clip 1 of 2")
    assert len(json.loads(await page.evaluate("JSON.stringify(state.ratings)"))) == 0


async def test_it_fits_a_phone_and_the_order_is_random(page: Page, out: Path) -> None:
    orders = set()
    for _ in range(12):
        orders.add(await page.evaluate("newState('x').order.map((place) => place.stimuli.join()).join('|')"))
    assert len(orders) > 3
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await page.screenshot(path=out / "mushra-welcome-phone.png")
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    await begin(page)
    await page.screenshot(path=out / "mushra-phone.png", full_page=True)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
