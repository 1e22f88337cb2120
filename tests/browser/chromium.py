"""Debian's Chromium, one process for each fake microphone."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

EXECUTABLE = "/usr/bin/chromium"
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
]
MICROPHONE = "--use-fake-device-for-media-stream"
CONSENT = "--use-fake-ui-for-media-stream"


@asynccontextmanager
async def chromium(
    clip: Path | None = None, *, consent: bool = True, flags: Sequence[str] = ()
) -> AsyncIterator[Browser]:
    """A new Chromium process. Its microphone plays the WAV file over and over, or beeps without one.

    Without consent, a page that asks for the microphone is refused.
    """
    arguments = [*FLAGS, MICROPHONE, *flags]
    if consent:
        arguments.append(CONSENT)
    if clip is not None:
        arguments.append(f"--use-file-for-fake-audio-capture={clip.resolve()}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=EXECUTABLE, args=arguments)
        try:
            yield browser
        finally:
            if browser.is_connected():
                await browser.close()


async def kill(browser: Browser) -> None:
    """Ends the whole process at once, as a crash or a dead battery would."""
    session = await browser.new_browser_cdp_session()
    processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
    for process in processes:
        if process["type"] == "browser":
            os.kill(process["id"], signal.SIGKILL)
