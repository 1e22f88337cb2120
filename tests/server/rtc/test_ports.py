"""The range of ports and the public address, in what a real peer connection offers and where it can be reached."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from server.rtc.interfaces import host_addresses, loopback_offered
from server.rtc.peer import Peer, PeerContext, PeerEvents, SdpError
from server.rtc.ports import Exposure, expose
from tests.server.doubles import run_at_once

FIRST = 43210
RANGE = (FIRST, FIRST + 19)


@pytest.fixture(autouse=True)
def _exposed_as_before() -> Iterator[None]:
    yield
    expose(Exposure())


async def offered(loopback: bool = True) -> list[tuple[str, int]]:
    """Address and port of each candidate of a connection, which is still open when they were looked at."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.createDataChannel("pcm")
    try:
        with loopback_offered(loopback):
            await connection.setLocalDescription(await connection.createOffer())
        found = re.findall(r"candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", connection.localDescription.sdp)
        return [(host, int(port)) for host, port in found]
    finally:
        await connection.close()


async def test_all_ports_are_of_the_range() -> None:
    expose(Exposure(RANGE))
    seen = [await offered() for _ in range(5)]
    assert {host for candidates in seen for host, _ in candidates} == {"127.0.0.1", *host_addresses()}
    assert all(RANGE[0] <= port <= RANGE[1] for candidates in seen for _, port in candidates)
    assert len({port for candidates in seen for _, port in candidates}) > 1  # not always the same


async def test_without_a_range_the_kernel_picks() -> None:
    expose(Exposure(public_address="192.0.2.7"))
    assert not any(RANGE[0] <= port <= RANGE[1] for _, port in await offered())


@pytest.mark.parametrize("public", ["192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize("loopback", [True, False], ids=["from-here", "from-elsewhere"])
async def test_the_public_address_stands_for_the_own_ones(public: str, loopback: bool) -> None:
    expose(Exposure(RANGE, public))
    try:
        candidates = await offered(loopback)
    except OSError:
        pytest.skip("this machine has no IPv6") if ":" in public else None
        raise
    assert {host for host, _ in candidates} == ({public, "127.0.0.1"} if loopback else {public})


async def test_a_port_that_is_taken_is_left_out_and_none_is_a_clear_error() -> None:
    expose(Exposure((FIRST, FIRST + 1), "192.0.2.7"))
    with ExitStack() as stack:
        stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("0.0.0.0", FIRST))
        assert await offered(loopback=False) == [("192.0.2.7", FIRST + 1)]
        stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("0.0.0.0", FIRST + 1))
        browser = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        browser.createDataChannel("pcm", ordered=False, maxRetransmits=0)
        expose(Exposure())
        await browser.setLocalDescription(await browser.createOffer())
        expose(Exposure((FIRST, FIRST + 1), "192.0.2.7"))
        events = PeerEvents(lambda: None, lambda _: None, lambda _: None)
        server = Peer(PeerContext(events, run_at_once), (), loopback=False)
        with pytest.raises(SdpError, match=f"udp_ports {FIRST}-{FIRST + 1} are all taken"):
            await server.answer(browser.localDescription.sdp)
        await server.close()
        await browser.close()
    assert len(await offered(loopback=False)) == 1


async def test_closing_gives_the_ports_back() -> None:
    expose(Exposure((FIRST, FIRST + 1), "192.0.2.7"))
    for _ in range(10):
        assert len(await offered(loopback=False)) == 1
