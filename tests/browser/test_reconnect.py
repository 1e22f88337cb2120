"""Breaks that mend themselves: a socket that breaks, a way for the sound that breaks, a server that is killed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, WebSocket, expect

from tests.browser.conftest import Server, serve

pytestmark = pytest.mark.browser

PATIENCE_MS = 15_000
RESTART_MS = 30_000  # the goal is 10 s; the rest is for a slow machine

# Remembers the page's sockets and connections, so that a test can break them, and every status that is announced.
HOOKS = """
window.sockets = []; window.connections = []; window.announced = [];
const Socket = window.WebSocket, Connection = window.RTCPeerConnection;
window.WebSocket = class extends Socket { constructor(...all) { super(...all); window.sockets.push(this); } };
window.RTCPeerConnection = class extends Connection {
  constructor(...all) { super(...all); window.connections.push(this); }
};
addEventListener("DOMContentLoaded", () => {
  const say = () => window.announced.push(document.querySelector("#status").textContent);
  new MutationObserver(say).observe(document.querySelector("#status"), { childList: true });
});
"""
CONNECTED_ANEW = "window.connections.length > 1 && window.connections.at(-1).connectionState === 'connected'"


@dataclass
class Guest:
    """A page in a call, and every `joined` that the server said to it."""

    page: Page
    joined: list[dict[str, Any]] = field(default_factory=list)

    def watch(self, socket: WebSocket) -> None:
        socket.on("framereceived", self.take)

    def take(self, text: str | bytes) -> None:
        message = json.loads(text)
        if message["type"] == "joined":
            self.joined.append(message)


async def _enter(browser: Browser, address: str, room: str, name: str, **more: str) -> Guest:
    """Rooms are not used twice: a page that was closed without a goodbye keeps its seat for a while."""
    context = await browser.new_context(reduced_motion="reduce", bypass_csp=True)
    await context.add_init_script(HOOKS)
    page = await context.new_page()
    guest = Guest(page)
    page.on("websocket", guest.watch)
    extra = "".join(f"&{key}={value}" for key, value in more.items())
    await page.goto(f"{address}?room={room}&name={name}&autojoin=1{extra}")
    await expect(page.locator("#controls")).to_be_visible(timeout=PATIENCE_MS)
    return guest


async def _sound_arrives(page: Page) -> None:
    """The payload of one's own voice is counted by the server, second by second."""
    await page.wait_for_function(
        "() => parseFloat(document.querySelector('#n-payload').textContent) > 0", timeout=RESTART_MS
    )


@pytest.mark.parametrize("transport", ["rtp", "channel"])
async def test_a_broken_socket_is_mended_in_the_same_seat(
    fresh: Browser, server: str, out: Path, transport: str
) -> None:
    ida = await _enter(fresh, server, f"mended-{transport}", "Ida", transport=transport)
    ole = await _enter(fresh, server, f"mended-{transport}", "Ole", transport=transport)
    await expect(ida.page.locator("#headline")).to_have_text("Ole is on the line.", timeout=PATIENCE_MS)
    await _sound_arrives(ole.page)
    broken_at = time.monotonic()
    await ole.page.evaluate("window.sockets.at(-1).close(4444)")
    await ole.page.wait_for_function(CONNECTED_ANEW, timeout=PATIENCE_MS)
    mended_seconds = time.monotonic() - broken_at
    await expect(ole.page.locator("#headline")).to_have_text("Ida is on the line.", timeout=PATIENCE_MS)
    await expect(ole.page.locator("body")).to_have_attribute("data-link", "whole")
    first, second = ole.joined[:2]
    assert second["resumed"] is True
    assert second["session"] == first["session"]
    assert any("set up again" in status for status in await ole.page.evaluate("window.announced"))
    assert not any("vanished" in status for status in await ida.page.evaluate("window.announced"))
    await _sound_arrives(ole.page)
    print(f"{transport}: in the call again {mended_seconds:.2f} s after the socket broke")
    (out / f"reconnect-{transport}.json").write_text(json.dumps({"mended_seconds": round(mended_seconds, 2)}) + "\n")


async def test_a_broken_way_of_the_sound_is_replaced_on_the_same_socket(fresh: Browser, server: str) -> None:
    ida = await _enter(fresh, server, "replaced", "Ida")
    await _sound_arrives(ida.page)
    await ida.page.evaluate("window.connections.at(-1).close()")
    await ida.page.wait_for_function(CONNECTED_ANEW, timeout=PATIENCE_MS)
    await _sound_arrives(ida.page)
    assert len(ida.joined) == 1
    await expect(ida.page.locator("#problem")).to_be_hidden()


async def test_after_a_killed_server_starts_again_the_call_goes_on(
    fresh: Browser, own_server: Server, out: Path
) -> None:
    ida = await _enter(fresh, own_server.address, "restarted", "Ida")
    ole = await _enter(fresh, own_server.address, "restarted", "Ole")
    await expect(ida.page.locator("#headline")).to_have_text("Ole is on the line.", timeout=PATIENCE_MS)
    own_server.process.kill()
    own_server.process.wait()
    for guest in (ida, ole):
        await expect(guest.page.locator("#headline")).to_contain_text("Reconnecting", timeout=PATIENCE_MS)
        assert await guest.page.locator("#status").get_attribute("role") == "status"
    with serve(port=urlsplit(own_server.address).port or 0):
        started_at = time.monotonic()
        await expect(ida.page.locator("#headline")).to_have_text("Ole is on the line.", timeout=RESTART_MS)
        await expect(ole.page.locator("#headline")).to_have_text("Ida is on the line.", timeout=RESTART_MS)
        for guest in (ida, ole):
            await _sound_arrives(guest.page)
            assert len({joined["session"] for joined in guest.joined}) == 2, "the new server knows no old seats"
            await expect(guest.page.locator("#problem")).to_be_hidden()
        back_seconds = time.monotonic() - started_at
        print(f"in a call again {back_seconds:.2f} s after the server was ready")
        (out / "restart.json").write_text(json.dumps({"back_seconds": round(back_seconds, 2)}) + "\n")
