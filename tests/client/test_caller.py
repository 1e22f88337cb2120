from __future__ import annotations

import pytest

from client.caller import Caller, offer_loopback
from client.caller import caller as caller_module
from client.clip import silence
from client.errors import PeerConnectionError
from client.frame import Frame
from server.protocol import IceServer


async def test_the_offer_has_one_data_channel_and_all_candidates() -> None:
    offer_loopback()
    caller = Caller((), on_frame=lambda frame: None)
    try:
        sdp = await caller.offer()
    finally:
        await caller.close()
    assert sdp.count("m=") == 1
    assert "m=application" in sdp
    assert " 127.0.0.1 " in sdp
    assert "a=end-of-candidates" in sdp


async def test_transport_rtp_offers_one_track_of_opus() -> None:
    caller = Caller((), on_frame=lambda frame: None, transport="rtp")
    sdp = await caller.offer()
    assert not caller.send(Frame(0, 0, silence()))
    await caller.close()
    assert sdp.count("m=") == 1
    assert "opus/48000/2" in sdp
    assert "PCMU" not in sdp


async def test_nothing_is_sent_before_the_channel_is_open() -> None:
    caller = Caller((), on_frame=lambda frame: None)
    assert not caller.send(Frame(0, 0, silence()))
    await caller.close()
    assert caller.broken


async def test_an_answer_that_is_none() -> None:
    caller = Caller((), on_frame=lambda frame: None)
    await caller.offer()
    with pytest.raises(PeerConnectionError, match="answer"):
        await caller.accept("v=nonsense")
    await caller.close()


async def test_ice_servers_that_make_no_sense() -> None:
    with pytest.raises(PeerConnectionError, match="ICE servers"):
        Caller((IceServer(("carrier-pigeon:home",)),), on_frame=lambda frame: None)


async def test_a_connection_that_never_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller_module, "OPEN_SECONDS", 0.1)
    caller = Caller((), on_frame=lambda frame: None)
    with pytest.raises(PeerConnectionError, match="did not open within"):
        await caller.wait_open()
    await caller.close()
    with pytest.raises(PeerConnectionError, match="failed"):
        await caller.wait_open()
