"""The page's playout buffer, in a real browser's JavaScript, against a simulated network and loudspeaker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.browser.chromium import chromium
from tests.browser.pages import serve_files

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
Simulate = Any

FRAME_SAMPLES = 320
SAMPLE_RATE = 24000
FRAME_RATE = SAMPLE_RATE / FRAME_SAMPLES
STEP_FACTOR = 2.0  # a splice may bend the wave, but not break it: a click would be 10 times the voice's own steps


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def simulate() -> AsyncIterator[Simulate]:
    async with chromium() as browser:
        page = await browser.new_page()
        await serve_files(page)

        async def run(**scenario: object) -> dict[str, Any]:
            return await _simulate(page, scenario)

        yield run


async def _simulate(page: Page, scenario: dict[str, object]) -> dict[str, Any]:
    script = "async (scenario) => (await import('/test/playout_sim.js')).simulate(scenario)"
    result: dict[str, Any] = await page.evaluate(script, scenario)
    return result


async def test_an_even_stream_comes_out_unchanged(simulate: Simulate) -> None:
    heard = await simulate()
    assert heard["error"] < 1e-9
    assert (heard["missing"], heard["late"], heard["underruns"], heard["skipped"]) == (0, 0, 0, 0)
    assert all(delay <= 4 * FRAME_SAMPLES for delay in heard["delays"][1:])


@pytest.mark.parametrize("first", [2**32 - 40, 2**31 - 40], ids="first-{}".format)
async def test_the_sequence_number_may_wrap(simulate: Simulate, first: int) -> None:
    heard = await simulate(first=first)
    assert heard["error"] < 1e-9
    assert heard["missing"] == heard["late"] == 0


async def test_frames_out_of_order_and_twice_are_put_right(simulate: Simulate) -> None:
    heard = await simulate(jitter=1.6, repeat=1, seconds=3)
    assert heard["missing"] == heard["underruns"] == 0


async def test_a_lost_frame_is_concealed_without_a_click(simulate: Simulate) -> None:
    lost = [40, 41, 90, 130, 170]
    heard = await simulate(lost=lost)
    assert heard["missing"] == len(lost)
    assert heard["underruns"] == 0
    assert heard["step"] < STEP_FACTOR * heard["voiceStep"]


@pytest.mark.parametrize("loss", [0.01, 0.1], ids="loss-{}".format)
async def test_jitter_and_loss_end_in_a_buffer_that_holds(simulate: Simulate, loss: float) -> None:
    heard = await simulate(jitter=4, loss=loss, seconds=40, seed=7)
    assert heard["underruns"] + heard["late"] < 12
    assert heard["step"] < STEP_FACTOR * heard["voiceStep"]
    assert heard["delays"][-1] < 4 * FRAME_SAMPLES
    assert heard["missing"] == pytest.approx(loss * 40 * FRAME_RATE, rel=0.5)


async def test_three_percent_loss_and_jitter_do_not_make_the_delay_grow_in_five_minutes(simulate: Simulate) -> None:
    heard = await simulate(jitter=0.75, loss=0.03, seconds=300)
    assert (heard["late"], heard["underruns"], heard["skipped"]) == (0, 0, 0)
    assert max(heard["delays"][5:]) < 2 * FRAME_SAMPLES
    assert heard["step"] < STEP_FACTOR * heard["voiceStep"]


@pytest.mark.parametrize("seed", range(3), ids="seed-{}".format)
async def test_the_delay_returns_after_ten_seconds_of_bursty_loss(simulate: Simulate, seed: int) -> None:
    heard = await simulate(jitter=0.75, bursts=[[10, 20, 0.2]], seconds=30, seed=seed)
    assert heard["missing"] > 0.1 * 10 * FRAME_RATE
    assert max(heard["delays"][25:]) <= max(heard["delays"][5:10]) + 0.020 * SAMPLE_RATE
    assert heard["step"] < STEP_FACTOR * heard["voiceStep"]


async def test_the_delay_follows_jitter_up_and_down(simulate: Simulate) -> None:
    stalls = [[10 + count / 2, 10 + count / 2 + 0.08] for count in range(20)]
    heard = await simulate(stalls=stalls, seconds=30)
    assert heard["late"] + heard["underruns"] <= 10  # the first stalls; six frames come late in each of the twenty
    assert min(heard["delays"][13:19]) > 3 * FRAME_SAMPLES
    assert max(heard["delays"][25:]) <= max(heard["delays"][5:10]) + 0.020 * SAMPLE_RATE


@pytest.mark.parametrize("stall_seconds", [0.1, 0.5, 2.0], ids="{}-s".format)
async def test_a_stall_leaves_no_lasting_delay_and_no_click(simulate: Simulate, stall_seconds: float) -> None:
    heard = await simulate(stalls=[[3, 3 + stall_seconds]], seconds=20)
    assert heard["underruns"] <= 1
    assert heard["step"] < STEP_FACTOR * heard["voiceStep"]
    clean = round(3.5 + stall_seconds)
    assert max(heard["delays"][clean + 5 :]) <= heard["delays"][2] + 0.020 * SAMPLE_RATE


@pytest.mark.parametrize("ppm", [-300, 300], ids="{}-ppm".format)
async def test_clocks_that_drift_apart_do_not_run_the_buffer_dry_or_full(simulate: Simulate, ppm: int) -> None:
    heard = await simulate(ppm=ppm, seconds=180)
    assert (heard["underruns"], heard["late"], heard["skipped"]) == (0, 0, 0)
    assert max(heard["delays"][1:]) < 2 * FRAME_SAMPLES
    assert heard["step"] < STEP_FACTOR * heard["voiceStep"]


async def test_a_stream_that_starts_anew_is_heard(simulate: Simulate) -> None:
    heard = await simulate(first=5000, restart=150)
    assert heard["played"] > 290
    assert heard["late"] == 0
    assert heard["step"] < STEP_FACTOR * heard["voiceStep"]


async def test_even_noise_is_brought_back_in_time(simulate: Simulate) -> None:
    """Nothing in noise looks alike, so that the perfect place for a splice never comes."""
    heard = await simulate(noise=True, stalls=[[3, 3.12]], seconds=30)
    assert heard["skipped"] == 0
    assert heard["delays"][-1] <= heard["delays"][2] + 1.5 * FRAME_SAMPLES
