"""A call between two real browsers: each hears the other's voice, through the codec, and may change the line."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import chromium
from tests.browser.recording import Heard, Recording, hook_tap, start_tap, stretches, take_recording

pytestmark = pytest.mark.browser

LISTEN_MS = 12_000  # each clip once and a bit
STOI_FLOOR = 0.5
STOI_MARGIN = 0.2  # how much more of the other's voice than of one's own
ENVELOPE_FLOOR = 0.5
SANE_DELAY_MS = 1_400
PATIENCE_MS = 15_000
QUIET = re.compile(r"-[3-6]\d")  # dB


@dataclass(frozen=True)
class Pair:
    """Two pages in one room, with different microphones."""

    anna: Page
    ben: Page


@pytest.fixture
async def pair(server: str, clips: list[Path], request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        pages = []
        for name, clip in zip(("Anna", "Ben"), clips, strict=True):
            browser = await stack.enter_async_context(chromium(clip))
            context = await browser.new_context(
                reduced_motion="reduce", viewport={"width": 1280, "height": 800}, bypass_csp=True
            )
            await hook_tap(context)
            page = await context.new_page()
            await page.goto(f"{server}?room=call-{request.param}&name={name}&raw=1&transport={request.param}")
            pages.append(page)
        yield Pair(*pages)


@pytest.mark.parametrize("pair", ["opus"], indirect=True)
async def test_opus_carries_the_voices(pair: Pair) -> None:
    await _join_at_full_rate(pair)
    _check_voices(await _listen(pair))
    await _check_mute(pair)
    await expect(pair.ben.locator("#them-meter")).to_have_attribute("aria-valuenow", QUIET, timeout=PATIENCE_MS)


@pytest.mark.parametrize("pair", ["channel"], indirect=True)
async def test_a_data_channel_carries_the_voices_and_keeps_the_muted_one(pair: Pair) -> None:
    await _join_at_full_rate(pair)
    _check_voices(await _listen(pair))
    await _check_mute(pair)
    assert not any(await pair.anna.evaluate("window.tap.lastFrame()"))
    await pair.anna.locator("#mute").click()
    await pair.anna.wait_for_function("window.tap.lastFrame().some((sample) => sample !== 0)")


@pytest.mark.parametrize("pair", ["rtp"], indirect=True)
async def test_each_side_hears_the_other_while_line_and_denoise_change(pair: Pair, out: Path) -> None:
    anna, ben = pair.anna, pair.ben
    await _join_at_full_rate(pair)
    thick = await _listen(pair)

    await _set_bitrate_by_keyboard(anna, "6")
    for page in (anna, ben):
        await expect(page.locator("#bitrate-status")).to_contain_text("6 kbit/s from frame", timeout=PATIENCE_MS)
        await expect(page.locator("#bitrate")).to_have_value("6")
    await ben.locator("#denoise").click()
    await expect(ben.locator("#denoise-status")).to_contain_text("out of your voice from frame", timeout=PATIENCE_MS)
    await expect(ben.locator("#denoise")).to_have_attribute("aria-pressed", "true")
    await expect(anna.locator("#them-note")).to_have_text("denoised")
    await expect(anna.locator("#n-payload")).to_contain_text("6.", timeout=PATIENCE_MS)
    thin = await _listen(pair)

    await _take_pictures(pair, out)
    await _check_mute(pair)
    await anna.locator("#mute").click()
    await expect(anna.locator("#me-meter")).not_to_have_attribute("aria-valuenow", "-60", timeout=PATIENCE_MS)
    for page in (anna, ben):
        await expect(page.locator("#n-transport")).to_have_text("PCM in RTP")
        await expect(page.locator("#problem")).to_be_hidden()
    _write_report(out, thick, thin, await anna.locator("#numbers").inner_text())
    _check_voices(thick)


async def _join_at_full_rate(pair: Pair) -> None:
    await pair.anna.locator("#bitrate").focus()
    await pair.anna.keyboard.press("End")
    for page in (pair.anna, pair.ben):
        await page.locator("#join").click()
        await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)
        await start_tap(page)
    await expect(pair.anna.locator("#headline")).to_have_text("Ben is on the line.")
    await expect(pair.ben.locator("#headline")).to_have_text("Anna is on the line.")
    await expect(pair.ben.locator("#bitrate-value")).to_have_text("18 kbit/s")
    for page in (pair.anna, pair.ben):
        await expect(page.locator("#n-payload")).to_contain_text("kbit/s", timeout=PATIENCE_MS)


async def _listen(pair: Pair) -> tuple[Recording, Recording]:
    """What Anna's and Ben's page sent and played in the next seconds."""
    await take_recording(pair.anna)
    await take_recording(pair.ben)
    await pair.anna.wait_for_timeout(LISTEN_MS)
    return await take_recording(pair.anna), await take_recording(pair.ben)


def _check_voices(recordings: tuple[Recording, Recording]) -> None:
    """The clearest stretch counts: on a starved machine others have gaps, and speed is not what is tested here."""
    anna, ben = recordings
    for listener, speaker in ((anna, ben), (ben, anna)):
        other, own = stretches(speaker, listener), stretches(listener, listener)
        clearest = max(other, key=lambda heard: heard.stoi)
        assert clearest.stoi > STOI_FLOOR, other
        assert clearest.stoi > max(heard.stoi for heard in own) + STOI_MARGIN, (other, own)
        assert clearest.envelope > ENVELOPE_FLOOR, other
        assert clearest.envelope > max(heard.envelope for heard in own), (other, own)
        assert 0 < clearest.delay_ms < SANE_DELAY_MS


async def _set_bitrate_by_keyboard(page: Page, value: str) -> None:
    slider = page.locator("#bitrate")
    await slider.focus()
    while await slider.input_value() != value:
        await page.keyboard.press("ArrowLeft")
    await expect(slider).to_have_attribute("aria-valuetext", f"{value} kilobits per second")


async def _check_mute(pair: Pair) -> None:
    await pair.anna.locator("#mute").click()
    await expect(pair.anna.locator("#mute")).to_have_attribute("aria-pressed", "true")
    await expect(pair.anna.locator("#me-note")).to_have_text("muted")
    await expect(pair.anna.locator("#me-meter")).to_have_attribute("aria-valuenow", "-60", timeout=PATIENCE_MS)


async def _take_pictures(pair: Pair, out: Path) -> None:
    for scheme in ("light", "dark"):
        await pair.anna.emulate_media(reduced_motion="no-preference", color_scheme=scheme)
        await pair.anna.wait_for_timeout(2000)
        await pair.anna.screenshot(path=out / f"call-{scheme}.png", full_page=True)
    await pair.anna.emulate_media(reduced_motion="reduce", color_scheme="light")
    await pair.ben.emulate_media(reduced_motion="no-preference")
    await pair.ben.set_viewport_size({"width": 390, "height": 844})
    await pair.ben.wait_for_timeout(2000)
    await pair.ben.screenshot(path=out / "call-phone.png")
    await pair.ben.set_viewport_size({"width": 360, "height": 740})
    assert await pair.ben.evaluate("document.documentElement.scrollWidth") <= 360


def _write_report(
    out: Path, thick: tuple[Recording, Recording], thin: tuple[Recording, Recording], numbers: str
) -> None:
    report: dict[str, object] = {"numbers_on_the_page": numbers.splitlines()}
    for name, (anna, ben) in (("18 kbit/s", thick), ("6 kbit/s, Ben denoised", thin)):
        for direction, speaker, listener in (("Anna to Ben", anna, ben), ("Ben to Anna", ben, anna)):
            heard = stretches(speaker, listener)
            report[f"{direction}, {name}"] = {**_summary(heard), "stretches": [asdict(each) for each in heard]}
            print(f"{direction}, {name}: {_summary(heard)}")
    (out / "call.json").write_text(json.dumps(report, indent=2) + "\n")


def _summary(heard: list[Heard]) -> dict[str, float]:
    return {
        "mouth_to_ear_ms": round(median(each.delay_ms for each in heard), 1),
        "stoi_median": round(median(each.stoi for each in heard), 3),
        "stoi_best": round(max(each.stoi for each in heard), 3),
        "envelope_median": round(median(each.envelope for each in heard), 3),
    }
