"""What Prometheus reads: it adds up, it goes on when sessions end, it knows no names, and not everybody gets it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.auth import Authority, Grant, Opening, Role, new_secret
from server.media.histogram import Histogram, merge
from server.protocol import VERSION, Join, Leave
from tests.server.doubles import PATIENT, Serve, Server
from tests.server.test_call import call, level_heard
from tests.server.test_resume import until

SECRET = new_secret()


async def scrape(server: Server) -> dict[str, float]:
    """Every sample, by its name and labels as they stand in the text."""
    async with server.get("/metrics") as response:
        assert response.status == 200
        text = await response.text()
    samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return samples


async def test_a_call_is_counted_and_stays_counted_when_it_is_over(serve: Serve) -> None:
    server = await serve(replace(PATIENT, stats_seconds=0.2))
    (ada, ada_sound), (bob, bob_sound), _ = await call(server)
    await level_heard(ada_sound, bob_sound, 0.5)
    running = await scrape(server)
    assert (running["voice_calls"], running["voice_seats_taken"], running["voice_joins_total"]) == (1, 2, 2)
    assert running["voice_sessions{transport=channel}"] == 2
    assert running["voice_setup_seconds_count"] == 2
    assert running["voice_codec_step_seconds_count{step=encode}"] > 0
    assert running["voice_codec_step_seconds_bucket{le=+Inf,step=decode}"] > 0
    assert running["voice_loop_lag_seconds_count"] > 0
    assert running["voice_frames_played_total"] > 0
    assert running["voice_playout_delay_seconds_count"] >= running["voice_frames_played_total"]
    await ada.say(Leave())
    await bob.say(Leave())
    await until(lambda: not server.node.sessions)
    over = await scrape(server)
    assert (over["voice_calls"], over["voice_sessions{transport=channel}"]) == (0, 0)
    assert over["voice_sessions_ended_total{reason=left}"] == 2
    assert 0 < over["voice_frames_received_total"] <= ada_sound.sent
    for name, value in running.items():
        if name.endswith("_total") and name.startswith("voice"):
            assert over[name] >= value, name


async def test_refusals_are_counted_by_reason(serve: Serve) -> None:
    server = await serve(max_sessions=2)
    assert (await scrape(server))["voice_refusals_total{reason=room-full}"] == 0
    for _ in range(2):
        await (await server.connect()).join()
    full = await server.connect()
    await full.say(Join(VERSION, "r", "Eve"))
    await full.hear_error()
    refused = await scrape(server)
    assert refused["voice_refusals_total{reason=room-full}"] == 1
    assert refused["voice_sessions_ended_total{reason=failed}"] == 0


async def test_nobody_has_a_name_or_a_label_of_his_own(serve: Serve) -> None:
    server = await serve()
    before = await scrape(server)
    client = await server.connect()
    await client.join("secret-room", "Ada")
    assert (await scrape(server)).keys() == before.keys()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "call.example.org"}, 401),
        ({"X_Forwarded_For": "127.0.0.1"}, 401),
        ({"Via": "1.1 caddy", "Authorization": "Bearer nonsense"}, 401),
        ({"Via": "1.1 c", "Authorization": f"Bearer {Authority(SECRET).issue(Grant(Role.CALLER, 'r'), 3600)}"}, 403),
        ({"Via": "1.1 c", "Authorization": f"Bearer {Authority(SECRET).issue(Grant(Role.OPS, name='p'), 3600)}"}, 200),
    ],
    ids=["local", "other-name", "forwarded", "nonsense", "caller", "operator"],
)
async def test_metrics_are_for_this_machine_and_operators(serve: Serve, headers: dict[str, str], status: int) -> None:
    server = await serve(token_secret=SECRET)
    assert server.node.authority._opening is Opening.NOBODY
    async with server.get("/metrics", **headers) as response:
        assert response.status == status


def test_a_histogram_counts_by_size() -> None:
    one, other = Histogram((1.0, 2.0)), Histogram((1.0, 2.0))
    one.observe(1.0)
    one.observe(1.5, times=2)
    other.observe(9.0)
    both = merge([one, other])
    assert (both.counts, both.total) == ([1, 2, 1], 13.0)
