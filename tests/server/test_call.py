"""Whole calls through the application: real sockets, real data channels; once with the real codec and speech."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codec.audiofile import read_audio
from codec.engine import load_engine
from codec.stream import StreamDecoder, StreamEncoder
from server.media.frame import frame_from_bytes, frame_to_bytes
from server.media.jitter import JitterBuffer, JitterPolicy
from server.protocol import Bitrate, Denoise, PeerLeft, SetBitrate, SetDenoise, Stats
from server.session import Limits
from tests.server.doubles import PATIENCE_SECONDS, PATIENT, Client, Serve, Server, Sound, TinyEngine

HOP = TinyEngine.config.hop
FRAME_SECONDS = TinyEngine.config.frame_ms / 1000


async def call(server: Server) -> tuple[tuple[Client, Sound], tuple[Client, Sound], str]:
    """Two in a room, with open channels; the second one's session."""
    ada, bob = await server.connect(), await server.connect()
    ada_sound, bob_sound = server.sound(), server.sound()
    await ada.join(name="Ada")
    session = (await bob.join(name="Bob")).session
    await ada.hear()
    await ada_sound.open(ada)
    await bob_sound.open(bob)
    return (ada, ada_sound), (bob, bob_sound), session


async def level_heard(speaker: Sound, listener: Sound, level: float) -> float:
    """Speaks at `level` until the listener hears something like it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            speaker.send(level)
            await asyncio.sleep(FRAME_SECONDS)
            while not listener.heard.empty():
                heard = float(np.median(frame_from_bytes(listener.heard.get_nowait(), HOP).pcm))
                if abs(heard - level) < 0.05:
                    return heard


async def test_each_hears_the_other(serve: Serve) -> None:
    (_, ada_sound), (_, bob_sound), _ = await call(await serve())
    assert await level_heard(ada_sound, bob_sound, 0.5) == pytest.approx(0.5, abs=0.01)
    assert await level_heard(bob_sound, ada_sound, -0.25) == pytest.approx(-0.25, abs=0.01)


async def test_alone_one_hears_nothing(serve: Serve) -> None:
    server = await serve()
    client, sound = await server.connect(), server.sound()
    await client.join()
    await sound.open(client)
    for _ in range(20):
        sound.send(0.5)
        await asyncio.sleep(FRAME_SECONDS)
    assert sound.heard.empty()


async def test_both_directions_of_a_call_keep_to_their_thread(serve: Serve, engine: TinyEngine) -> None:
    (_, ada_sound), (_, bob_sound), _ = await call(await serve())
    await level_heard(ada_sound, bob_sound, 0.5)
    await level_heard(bob_sound, ada_sound, 0.5)
    assert all(len(threads) == 1 for threads in engine.threads.values())
    assert len(engine.threads) == 4


async def test_changes_in_mid_call_name_their_frame(serve: Serve) -> None:
    (ada, ada_sound), (bob, bob_sound), session = await call(await serve())
    await level_heard(ada_sound, bob_sound, 0.5)
    await bob.say(SetBitrate(3))
    changed = await ada.hear()
    assert isinstance(changed, Bitrate)
    assert (changed.bitrate_kbps, changed.session) == (3, session)
    assert changed.frame is not None
    assert changed.frame <= ada_sound.sent
    assert await bob.hear() == Bitrate(3, session, None)  # who has said nothing yet
    await ada.say(SetDenoise(True))
    change = await bob.hear()
    assert isinstance(change, Denoise)
    assert change.denoise
    assert change.frame is not None
    assert changed.frame <= change.frame <= ada_sound.sent
    await level_heard(ada_sound, bob_sound, -0.5)


async def test_figures_add_up(serve: Serve) -> None:
    server = await serve(replace(PATIENT, stats_seconds=0.2))
    (ada, ada_sound), (bob, bob_sound), _ = await call(server)
    await level_heard(ada_sound, bob_sound, 0.5)
    while not isinstance(said := await ada.hear_any(), Stats) or said.uplink_frames < ada_sound.sent:
        pass
    assert said.uplink_lost == 0
    assert said.downlink_played == 0
    while not isinstance(heard := await bob.hear_any(), Stats) or not heard.downlink_played:
        pass
    assert heard.uplink_frames == 0
    assert heard.downlink_played <= ada_sound.sent


async def test_a_peer_that_freezes_is_noticed(serve: Serve) -> None:
    """Its socket stays open, but no sound comes any more."""
    server = await serve(replace(PATIENT, media_seconds=0.5))
    ada, bob = await server.connect(), await server.connect()
    await ada.join(name="Ada")
    session = (await bob.join(name="Bob")).session
    await ada.hear()
    sound = server.sound()
    await sound.open(bob)
    sound.send(0.5)
    assert await ada.hear() == PeerLeft(session, "vanished")
    error = await bob.hear_error()
    assert (error.code, error.text) == ("media", "no audio came for 0.5 s")
    assert await bob.closed()
    assert server.node.rooms.seats_taken == 1


async def test_by_default_a_frozen_peer_is_noticed_within_five_seconds() -> None:
    limits = Limits()
    assert limits.media_seconds + limits.stats_seconds <= 5
    assert 1.5 * limits.heartbeat_seconds <= 5


async def test_who_leaves_can_be_followed_by_another(serve: Serve) -> None:
    server = await serve()
    (ada, ada_sound), (bob, bob_sound), session = await call(server)
    await level_heard(bob_sound, ada_sound, 0.5)
    before = frame_from_bytes(await ada_sound.heard.get(), HOP).sequence
    await bob.socket.close()
    assert await ada.hear() == PeerLeft(session, "vanished")
    eve, eve_sound = await server.connect(), server.sound()
    await eve.join(name="Eve")
    await ada.hear()
    await eve_sound.open(eve)
    await level_heard(eve_sound, ada_sound, -0.5)
    assert frame_from_bytes(await ada_sound.heard.get(), HOP).sequence > before
    await level_heard(ada_sound, eve_sound, 0.75)


async def test_a_fault_of_the_codec_ends_the_session_that_has_it(
    serve: Serve, engine: TinyEngine, caplog: pytest.LogCaptureFixture
) -> None:
    (ada, ada_sound), (bob, _), session = await call(await serve())
    engine.broken = True
    ada_sound.send(0.5)
    error = await ada.hear_error()
    assert error.code == "internal"
    left = await bob.hear()
    assert isinstance(left, PeerLeft)
    assert (left.reason, left.session != session) == ("failed", True)
    assert "the engine was told to break" in caplog.text


WAITS = JitterPolicy(first_target=5, first_window=10_000, patience=10_000, loud_patience=10**9)


async def test_speech_arrives_as_the_codec_alone_gives_it(
    serve: Serve, heldout_speech: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real engine: what comes out of the call is what encoding and decoding the same clip gives."""
    monkeypatch.setattr("server.media.uplink.LATE_FRAMES", 10_000)  # a slow machine shall lose nothing here
    monkeypatch.setattr("server.media.downlink.LATE_FRAMES", 10_000)
    monkeypatch.setattr("server.media.downlink.JitterBuffer", lambda frame_ms: JitterBuffer(frame_ms, WAITS))
    real = load_engine("onnx")
    speech = np.rint(read_audio(heldout_speech[0])[: 150 * HOP] * 32767).astype(np.float32) / 32768
    server = await serve(engine=real)
    (_, speaker), (_, listener), session = await call(server)
    (jitter,) = [member.media._downlink.jitter for member in server.node.sessions if member.id == session]

    def passed() -> int:
        return jitter.played + jitter.lost + jitter.dropped

    for number, frame in enumerate(speech.reshape(-1, HOP)):
        await wait_a_little(lambda number=number: number - passed() <= 7)
        speaker.channel.send(frame_to_bytes(number, 0, frame))
    await wait_a_little(lambda: passed() >= 150)
    heard = await drain(listener)

    encoder, decoder = StreamEncoder(real, real.config.n_q(6)), StreamDecoder(real)
    for packet in encoder.push(speech):
        decoder.push(packet)
    expected = decoder.pull(150)
    # Piece by piece, for what follows a concealed frame stands later; without the pauses, where noise is like no noise.
    pieces = [piece for piece in expected.reshape(15, -1) if np.sqrt(np.mean(piece**2)) > 0.02]
    assert len(pieces) >= 5
    assert np.median([best_correlation(heard, piece) for piece in pieces]) > 0.7
    assert np.median([best_correlation(heard, piece[::-1]) for piece in pieces]) < 0.6  # what chance would give


async def wait_a_little(condition: Callable[[], bool]) -> None:
    """Until it holds, or a second has passed: a starved machine may lose frames on the data channel."""
    for _ in range(300):
        if condition():
            return
        await asyncio.sleep(FRAME_SECONDS / 4)


async def drain(listener: Sound) -> np.ndarray:
    """Everything that was heard so far, and a little more for what is on its way."""
    messages = [await asyncio.wait_for(listener.heard.get(), PATIENCE_SECONDS) for _ in range(20)]
    while not listener.heard.empty():
        messages.append(listener.heard.get_nowait())
    return np.concatenate([frame_from_bytes(message, HOP).pcm for message in messages])


def best_correlation(sound: np.ndarray, reference: np.ndarray) -> float:
    """The correlation of the reference with that part of the sound which is most like it."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, len(reference))
    level = np.sqrt(np.convolve(sound**2, np.ones(len(reference)), mode="valid")) + 1e-9
    return float(np.max(windows @ reference / level) / np.sqrt(np.sum(reference**2)))
