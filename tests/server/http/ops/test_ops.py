"""The ops API with real calls behind it: what operators see, what they change, and who may."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from server.auth import Authority, Grant, Role, new_secret
from server.protocol import VERSION, Bitrate, Bye, Denoise, Join, PeerLeft
from server.session import orders
from tests.server.doubles import PATIENT, TinyEngine
from tests.server.http.ops.conftest import SECRET, Operate
from tests.server.test_call import call, level_heard


async def test_calls_and_sessions_with_live_figures(operate: Operate) -> None:
    operator = await operate(replace(PATIENT, stats_seconds=0.2))
    assert await operator.ask("GET", "/calls") == (200, {"calls": []})
    (ada, ada_sound), (_, bob_sound), bob_session = await call(operator.server)
    await level_heard(ada_sound, bob_sound, 0.5)
    await ada.hear_any()  # the first figures are there
    _, listed = await operator.ask("GET", "/calls")
    (found,) = listed["calls"]
    assert (found["room"], found["bitrate_kbps"]) == ("r", 6.0)
    assert [session["name"] for session in found["sessions"]] == ["Ada", "Bob"]
    _, again = await operator.ask("GET", f"/calls/{found['call']}")
    assert (again["call"], again["room"]) == (found["call"], "r")
    _, sessions = await operator.ask("GET", "/sessions")
    assert [session["call"] for session in sessions["sessions"]] == [found["call"]] * 2
    status, bob = await operator.ask("GET", f"/sessions/{bob_session}")
    assert (status, bob["transport"], bob["flowing"], bob["denoise"]) == (200, "channel", True, False)
    while bob["figures"] is None or not bob["figures"]["downlink_played"]:
        _, bob = await operator.ask("GET", f"/sessions/{bob_session}")
    assert bob["seconds"] > 0


async def test_changes_name_the_frame_and_are_logged_with_their_author(
    operate: Operate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    operator = await operate()
    (ada, ada_sound), (bob, bob_sound), bob_session = await call(operator.server)
    await level_heard(ada_sound, bob_sound, 0.5)
    _, listed = await operator.ask("GET", "/calls")
    running = listed["calls"][0]
    ada_session = running["sessions"][0]["session"]

    status, done = await operator.ask("PUT", f"/sessions/{ada_session}/denoise", {"denoise": True})
    assert status == 200
    assert 0 < done.pop("frame") <= ada_sound.sent
    assert done == {"session": ada_session, "denoise": True}
    told = await bob.hear()
    assert isinstance(told, Denoise)
    assert (told.session, told.denoise) == (ada_session, True)
    assert isinstance(await ada.hear(), Denoise)

    status, done = await operator.ask("PUT", f"/calls/{running['call']}/bitrate", {"bitrate_kbps": 3})
    assert (status, done["bitrate_kbps"]) == (200, 3)
    frames = {entry["session"]: entry["frame"] for entry in done["sessions"]}
    assert 0 < frames[ada_session] <= ada_sound.sent
    assert frames[bob_session] is None  # who has said nothing yet
    heard = await ada.hear()
    assert heard == Bitrate(3, "operator", frames[ada_session])

    changes = [record.facts for record in caplog.records if record.message.startswith("operator")]  # type: ignore[attr-defined]
    assert [fact["operator"] for fact in changes] == ["grace", "grace"]
    assert changes[0]["session"] == ada_session


async def test_an_operator_ends_a_session(operate: Operate) -> None:
    operator = await operate()
    (ada, _), (bob, _), bob_session = await call(operator.server)
    assert await operator.ask("DELETE", f"/sessions/{bob_session}") == (204, None)
    assert await bob.hear() == Bye("operator")
    assert await bob.closed()
    assert await ada.hear() == PeerLeft(bob_session, "left")
    status, fault = await operator.ask("GET", f"/sessions/{bob_session}")
    assert (status, fault["code"], bob_session in fault["text"]) == (404, "not-found", True)


async def test_an_order_to_a_session_that_ends_first_is_not_answered_for_ever(
    operate: Operate, engine: TinyEngine
) -> None:
    operator = await operate()
    (_, ada_sound), (_, _), bob_session = await call(operator.server)
    ada_sound.send(0.5)
    engine.held.clear()
    ending = asyncio.create_task(operator.ask("DELETE", f"/sessions/{bob_session}"))
    await asyncio.sleep(0)
    session = orders.find_session(operator.server.node, bob_session)
    session.post(orders.HangUp())
    late = asyncio.create_task(orders.order_denoise(session, True))
    await asyncio.sleep(0)
    engine.held.set()
    assert (await ending)[0] in (204, 404)
    with pytest.raises(orders.GoneError, match="ended before"):
        await late


async def test_a_slow_session_is_not_waited_for(operate: Operate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "ORDER_SECONDS", 0.05)
    operator = await operate()
    client = await operator.server.connect()
    session = (await client.join()).session
    found = orders.find_session(operator.server.node, session)
    monkeypatch.setattr(found, "post", lambda item: None)
    status, fault = await operator.ask("PUT", f"/sessions/{session}/denoise", {"denoise": True})
    assert (status, fault["code"]) == (504, "slow")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"bitrate_kbps": 5}, 422, "5"),
        ({"bitrate_kbps": "6"}, 400, "field bitrate_kbps must be a number"),
        ({"bitrate_kbps": True}, 400, "must be a number"),
        ({"bitrate_kbps": 10**400}, 400, "common size"),
        ({}, 400, "field bitrate_kbps is missing"),
        ({"bitrate_kbps": 6, "more": 1}, 400, "field 'more' is unknown"),
        ([], 400, "must be a JSON object"),
        ({"bitrate_kbps": 6, "x": "y" * 5000}, 413, "4096 bytes at most"),
    ],
    ids=["no-bitrate", "text", "bool", "huge", "missing", "unknown", "list", "long"],
)
async def test_a_wrong_order_names_what_is_wrong(operate: Operate, body: object, status: int, says: str) -> None:
    operator = await operate()
    await (await operator.server.connect()).join()
    _, listed = await operator.ask("GET", "/calls")
    got, fault = await operator.ask("PUT", f"/calls/{listed['calls'][0]['call']}/bitrate", body)
    assert (got, says in fault["text"]) == (status, True), fault


@pytest.mark.parametrize(
    ("token", "status"),
    [
        (None, 401),
        ("nonsense", 401),
        (Authority(SECRET).issue(Grant(Role.CALLER, "r"), 3600), 403),
        (Authority(SECRET).issue(Grant(Role.OPS, name="root"), -3600), 401),
        (Authority(new_secret()).issue(Grant(Role.OPS, name="root"), 3600), 401),
    ],
    ids=["none", "nonsense", "caller", "expired", "forged"],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/calls"), ("DELETE", "/sessions/x"), ("PUT", "/drain"), ("GET", "/nothing")]
)
async def test_without_right_there_is_nothing_to_see(
    operate: Operate, token: str | None, status: int, method: str, path: str
) -> None:
    got, fault = await (await operate()).ask(method, path, token=token)
    assert (got, fault.keys()) == (status, {"code", "text"})


async def test_a_node_without_a_secret_has_no_operators(operate: Operate) -> None:
    operator = await operate(token_secret=None)
    status, fault = await operator.ask("GET", "/calls")
    assert (status, "no token secret" in fault["text"]) == (401, True)


async def test_what_is_not_there_is_said_in_json(operate: Operate) -> None:
    operator = await operate()
    assert (await operator.ask("GET", "/nothing"))[0] == 404
    status, fault = await operator.ask("POST", "/calls", {})
    assert (status, fault["code"]) == (405, "http")


async def test_capacity(operate: Operate) -> None:
    operator = await operate(max_sessions=4)
    await (await operator.server.connect()).join()
    status, capacity = await operator.ask("GET", "/capacity")
    assert (status, capacity["seats"], capacity["seats_taken"], capacity["calls"]) == (200, 4, 1, 1)
    assert (capacity["ready"], capacity["draining"], capacity["reasons"]) == (True, False, [])
    assert capacity["bitrates_kbps"][0] == 0.75


async def test_a_drain_takes_nothing_new_until_it_is_called_off(
    operate: Operate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    operator = await operate()
    status, capacity = await operator.ask("PUT", "/drain", {"seconds": 600})
    assert (status, capacity["draining"], capacity["ready"], len(capacity["reasons"])) == (200, True, False, 1)
    client = await operator.server.connect()
    await client.say(Join(VERSION, "r", "Ada"))
    assert (await client.hear_error()).code == "draining"
    status, capacity = await operator.ask("DELETE", "/drain")
    assert (status, capacity["draining"], capacity["ready"]) == (200, False, True)
    await (await operator.server.connect()).join()
    assert [record.message for record in caplog.records if record.message.startswith("operator")] == [
        "operator began drain",
        "operator ended drain",
    ]
    for seconds in (-1, 1e6):
        status, fault = await operator.ask("PUT", "/drain", {"seconds": seconds})
        assert (status, "0..86400" in fault["text"]) == (422, True)
