"""What Prometheus is told. All of it is counted elsewhere and read here, when it is asked for: no frame pays for it.

No metric has a label for sessions, rooms or people: their number would have no bound, and their names are nobody's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from server.media.histogram import Histogram
from server.media.totals import Totals
from server.protocol import Stats
from server.session import Node, Session

REFUSALS = (
    "room-full",
    "node-full",
    "address-full",
    "too-many-sockets",
    "draining",
    "unauthorized",
    "bitrate",
    "version",
)
ENDINGS = ("left", "vanished", "failed")
TRANSPORTS = ("channel", "rtp", "opus", "none")

Family = TypeVar("Family", CounterMetricFamily, GaugeMetricFamily)


def metrics_of(node: Node) -> Callable[[], bytes]:
    """Gives the metrics of a node in Prometheus's text format, each time it is called."""
    registry = CollectorRegistry()
    registry.register(NodeCollector(node))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


class NodeCollector(Collector):
    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterator[Metric]:
        sessions = list(self._node.resumable.values())
        yield from self._occupancy(sessions)
        yield from self._history()
        yield from self._timing()
        yield from _frames(sum((session.media.totals() for session in sessions), self._node.books.carried))
        yield from _worst([session.media.latest for session in sessions if session.media.latest is not None])

    def _occupancy(self, sessions: list[Session]) -> Iterator[Metric]:
        node = self._node
        build = GaugeMetricFamily("voice_build_info", "Always 1.", labels=["version", "model_id", "engine"])
        build.add_metric([version("thinline"), node.media.codec.model_id, node.media.codec.engine], 1)
        yield build
        yield GaugeMetricFamily("voice_seats", "Participants that the node bears.", node.rooms.capacity)
        yield GaugeMetricFamily("voice_seats_taken", "Participants that have a seat.", node.rooms.seats_taken)
        yield GaugeMetricFamily("voice_calls", "Calls that run.", len(node.rooms))
        yield GaugeMetricFamily("voice_sockets", "Signalling sockets, those before a join too.", len(node.sessions))
        yield GaugeMetricFamily("voice_ready", "1: the node should get calls.", not node.unready())
        yield GaugeMetricFamily("voice_draining", "1: the node takes nothing new.", node.draining)
        ways: Counter[str] = Counter(session.media.transport or "none" for session in sessions)
        text = "Sessions with a seat, by how their sound travels."
        yield _labelled(GaugeMetricFamily("voice_sessions", text, labels=["transport"]), ways, TRANSPORTS)

    def _history(self) -> Iterator[Metric]:
        books = self._node.books
        yield CounterMetricFamily("voice_joins", "Joins that got a seat.", books.joins)
        yield CounterMetricFamily("voice_resumes", "Clients that came back to their seat.", books.resumes)
        refusals = CounterMetricFamily("voice_refusals", "Joins that got no seat.", labels=["reason"])
        yield _labelled(refusals, books.refusals, REFUSALS)
        endings = CounterMetricFamily("voice_sessions_ended", "Sessions that had a seat.", labels=["reason"])
        yield _labelled(endings, books.endings, ENDINGS)
        yield CounterMetricFamily("voice_setup_failures", "Offers that led to no sound.", books.setup_failures)
        text = "From the offer to the open way of the sound."
        yield _histogram(HistogramMetricFamily("voice_setup_seconds", text), books.setup_seconds)

    def _timing(self) -> Iterator[Metric]:
        media = self._node.media
        text = "Thread CPU time of a frame's network step, search included."
        steps = HistogramMetricFamily("voice_codec_step_seconds", text, labels=["step"])
        for step, sizes in media.step_seconds.items():
            _histogram(steps, sizes, [step])
        yield steps
        text = "How late the event loop came to what was due, once a frame."
        yield _histogram(HistogramMetricFamily("voice_loop_lag_seconds", text), media.lag_seconds)
        text = "Frames that no codec thread began in time, both directions."
        yield CounterMetricFamily("voice_deadline_misses", text, media.late)
        text = "What a frame of sound lasts."
        yield GaugeMetricFamily("voice_frame_seconds", text, media.config.frame_ms / 1000)


def _frames(totals: Totals) -> Iterator[Metric]:
    counters = {
        "voice_frames_received": ("Frames that came from browsers.", totals.received),
        "voice_frames_uplink_lost": ("Frames missing in what browsers sent.", totals.uplink_lost),
        "voice_frames_uplink_dropped": ("Frames that came too fast, or too late to encode.", totals.uplink_dropped),
        "voice_messages_malformed": ("Media messages that were no frames.", totals.malformed),
        "voice_frames_played": ("Frames decoded from packets.", totals.played),
        "voice_frames_concealed": ("Frames made up in place of missing packets.", totals.concealed),
        "voice_frames_noise": ("Frames of comfort noise.", totals.noise),
        "voice_frames_downlink_dropped": ("Frames that no codec thread had time for.", totals.downlink_dropped),
        "voice_frames_unsent": ("Frames that found the way to the browser full.", totals.unsent),
        "voice_frames_line_lost": ("Frames that never came over the line.", totals.line_lost),
        "voice_frames_recovered": ("Frames played from a copy in a later packet.", totals.recovered),
        "voice_payload_bytes": ("Codes put on the line, and what goes with them.", totals.payload_bits / 8),
        "voice_wire_bytes": ("Bytes of packets put on the line.", totals.wire_bytes),
    }
    for name, (text, value) in counters.items():
        yield CounterMetricFamily(name, text, value)
    text = "How long frames waited in jitter buffers."
    yield SummaryMetricFamily("voice_playout_delay_seconds", text, totals.waited, totals.waited_ms / 1000)


def _worst(latest: list[Stats]) -> Iterator[Metric]:
    """Of all sessions' last second, so that one bad call is not lost in the mean."""
    rtf = GaugeMetricFamily("voice_rtf_max_ratio", "Compute seconds for a second of sound.", labels=["step"])
    rtf.add_metric(["encode"], max((stats.encode_rtf for stats in latest), default=0.0))
    rtf.add_metric(["decode"], max((stats.decode_rtf for stats in latest), default=0.0))
    yield rtf
    delay_ms = max((stats.playout_delay_ms for stats in latest), default=0.0)
    yield GaugeMetricFamily("voice_playout_delay_max_seconds", "The longest wait in a jitter buffer.", delay_ms / 1000)


def _labelled(family: Family, values: Mapping[str, int], known: tuple[str, ...]) -> Family:
    """Those that are known are there from the start, with 0: rates need a beginning."""
    for name in sorted({*known, *values}):
        family.add_metric([name], values.get(name, 0))
    return family


def _histogram(
    family: HistogramMetricFamily, sizes: Histogram, labels: list[str] | None = None
) -> HistogramMetricFamily:
    counted, buckets = 0, list[tuple[str, float]]()
    for bound, count in zip((*map(str, sizes.bounds), "+Inf"), sizes.counts, strict=True):
        counted += count
        buckets.append((bound, counted))
    family.add_metric(labels or [], buckets, sizes.total)
    return family
