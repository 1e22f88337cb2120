"""Messages to text and back, and every way in which text can be no message."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.protocol import (
    MESSAGE_LIMIT_BYTES,
    VERSION,
    Answer,
    Bitrate,
    Bye,
    Candidate,
    ClientMessage,
    Codec,
    Denoise,
    Draining,
    Error,
    IceServer,
    Join,
    Joined,
    Leave,
    MalformedError,
    Offer,
    Participant,
    PeerJoined,
    PeerLeft,
    Ping,
    Pong,
    ProtocolError,
    Room,
    ServerMessage,
    SetBitrate,
    SetDenoise,
    Stats,
    VersionError,
    parse_client,
    parse_server,
    serialise,
)

FROM_CLIENT: list[ClientMessage] = [
    Join(VERSION, "tea", "Ada"),
    Join(VERSION, "tea", "Ada Łovelace 👩‍💻", 4.5, True),
    Offer("v=0\r\n"),
    Candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host", "0", 0),
    Candidate(""),
    SetBitrate(0.75),
    SetDenoise(True),
    Ping(7),
    Leave(),
]

PARTICIPANT = Participant("s", "Ada", True)
FROM_SERVER: list[ServerMessage] = [
    Joined(
        VERSION,
        "s",
        (IceServer(("stun:a", "turn:b"), "u", "c"), IceServer(("stun:c",))),
        Room("tea", 6.0, (0.75, 1.5), (PARTICIPANT,)),
        Codec("0" * 16, "base", "onnx", 24000, 320),
    ),
    Answer("v=0"),
    Candidate("", None, 1),
    PeerJoined(PARTICIPANT),
    PeerLeft("s", "vanished"),
    Bitrate(6.0, "s", None),
    Denoise("s", False, 2**32 - 1),
    Stats(1, 2, 3, 4.0, 5.5, 0.1, 0.2, 6, 7, 8, 26.6),
    Pong(7),
    Draining(20.0),
    Draining(None),
    Bye("shutdown"),
    Error("sdp", "no\nsdp"),
]


def name_of(message: object) -> str:
    return type(message).__name__


@pytest.mark.parametrize("message", FROM_CLIENT, ids=name_of)
def test_a_client_message_comes_back_the_same(message: ClientMessage) -> None:
    assert parse_client(serialise(message)) == message


@pytest.mark.parametrize("message", FROM_SERVER, ids=name_of)
def test_a_server_message_comes_back_the_same(message: ServerMessage) -> None:
    assert parse_server(serialise(message)) == message


def test_every_message_is_tried_here() -> None:
    assert {*map(type, FROM_CLIENT)} == {*ClientMessage.__args__}
    assert {*map(type, FROM_SERVER)} == {*ServerMessage.__args__}


def test_what_stands_at_its_default_is_left_out() -> None:
    assert json.loads(serialise(Join(VERSION, "r", "n"))) == {"type": "join", "version": 1, "room": "r", "name": "n"}
    assert json.loads(serialise(Bitrate(6.0, "s", None)))["frame"] is None


def test_labels_are_stripped() -> None:
    assert parse_client('{"type":"join","version":1,"room":" r ","name":"\\tn\\n"}') == Join(1, "r", "n")


JOIN = {"type": "join", "version": 1, "room": "r", "name": "n"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "one JSON object"),
        ("null", "one JSON object"),
        ('"bye"', "one JSON object"),
        ("{}", "no type"),
        ('{"type":3}', "type must be a string"),
        ('{"type":"joined"}', "unknown message type 'joined'"),
        ('{"type":"' + "x" * 99 + '"}', "unknown message type 'xxx"),
        ('{"type":"bye","type":"bye"}', "twice"),
        ('{"type":"bye","why":1}', "bye: field 'why' is unknown"),
        ('{"type":"ping","id":true}', "ping: field id must be an integer"),
        ('{"type":"ping","id":1.5}', "field id must be an integer"),
        ('{"type":"ping","id":NaN}', "NaN is no JSON number"),
        ('{"type":"ping","id":' + "1" * 5000 + "}", "not JSON"),
        ('{"type":"ping","id":9007199254740992}', "field id must be an integer"),
        ('{"type":"set-bitrate","bitrate_kbps":"6"}', "field bitrate_kbps must be a number"),
        ('{"type":"set-bitrate","bitrate_kbps":1e999}', "field bitrate_kbps must be a number"),
        ('{"type":"set-bitrate","bitrate_kbps":true}', "field bitrate_kbps must be a number"),
        ('{"type":"set-denoise","denoise":1}', "field denoise must be true or false"),
        ('{"type":"set-denoise","denoise":null}', "field denoise must be true or false"),
        ('{"type":"offer"}', "offer: field sdp is missing"),
        ('{"type":"offer","sdp":["v=0"]}', "field sdp must be a string"),
        ('{"type":"offer","sdp":"","transport":["rtp"]}', "field transport must be one of channel, rtp, opus"),
        ('{"type":"offer","sdp":"\\ud800"}', "half a character"),
        ("[" * 60_000, "nested too deeply"),
        ('{"type":"offer","sdp":"' + "x" * MESSAGE_LIMIT_BYTES + '"}', "65536 bytes at most"),
        ('{"type":"offer","sdp":"' + "é" * (MESSAGE_LIMIT_BYTES // 2) + '"}', "65536 bytes at most"),
        (json.dumps({**JOIN, "room": " "}), "field room must have 1 to 64 characters"),
        (json.dumps({**JOIN, "name": "x" * 65}), "field name must have 1 to 64 characters"),
        (json.dumps({**JOIN, "name": "a\nb"}), "field name must not hold control characters"),
        (json.dumps({**JOIN, "name": "a\u2028b"}), "field name must not hold control characters"),
        (json.dumps({**JOIN, "version": "1"}), "field version must be an integer"),
        (json.dumps({**JOIN, "version": None}), "field version must be an integer"),
    ],
    ids=range(34),
)  # fmt: skip
def test_malformed_text_is_refused_with_its_cause(text: str, says: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_client(text)
    assert says in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"codec": []}, "joined: field codec must be an object"),
        ({"codec": {}}, "field codec.model_id is missing"),
        ({"ice_servers": {}}, "field ice_servers must be a list"),
        ({"ice_servers": [{"urls": ["stun:a", 3]}]}, "field ice_servers[0].urls[1] must be a string"),
        ({"ice_servers": [{"urls": [], "x": 1}]}, "field ice_servers[0].'x' is unknown"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_error_names_the_place_inside_a_message(change: dict[str, object], says: str) -> None:
    body = json.loads(serialise(FROM_SERVER[0])) | change
    with pytest.raises(MalformedError) as refused:
        parse_server(json.dumps(body))
    assert str(refused.value).endswith(says)


def test_another_version_is_told_apart_whatever_else_it_has() -> None:
    with pytest.raises(VersionError, match="version 2 is not spoken here; this server speaks 1") as refused:
        parse_client('{"type":"join","version":2,"rooms":[]}')
    assert refused.value.code == "version"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
types = st.sampled_from([message.type for message in (*FROM_CLIENT, *FROM_SERVER)]) | st.text(max_size=9)
field_names = st.sampled_from(sorted({field.name for message in FROM_CLIENT for field in fields(message)}))


@given(st.fixed_dictionaries({"type": types}), st.dictionaries(field_names, json_values))
@example({"type": "join"}, {"version": 1, "room": "\x00", "name": "n"})
def test_any_object_is_a_message_or_refused(head: dict[str, object], body: dict[str, object]) -> None:
    text = json.dumps(head | body)
    for parse in (parse_client, parse_server):
        try:
            message = parse(text)
        except ProtocolError:
            continue
        assert parse(serialise(message)) == message


@given(st.text())
def test_any_text_is_a_message_or_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_client(text)
