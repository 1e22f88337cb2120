"""The jitter buffer's delay before, in and after trouble: `python -m tests.bench.delay`. Simulated time, fixed seeds.

Figures and reading: docs/resilience.md.
"""

from __future__ import annotations

from tests.server.media.network import Delay, bursty, call, packets, seconds, steady

BEFORE, TROUBLE, AFTER = (2, 10), (10, 20), (25, 40)


def lossy(share: float, burst: float) -> Delay:
    lost, network = bursty(share, burst), steady()
    return lambda now: None if 10 <= now < 20 and lost() else network(now)


def late(every_seconds: float, length_ms: float) -> Delay:
    """The line stands still now and then, and what waited comes at once."""
    network = steady()

    def delay(now: float) -> float | None:
        into_ms = 1000 * (now % every_seconds)
        waits_ms = max(0.0, length_ms - into_ms) if 10 <= now < 20 else 0.0
        return max(network(now) or 0.0, 60 + waits_ms)

    return delay


def jittery(jitter_ms: float) -> Delay:
    calm, wild = steady(), steady(jitter_ms=jitter_ms)
    return lambda now: wild(now) if 10 <= now < 20 else calm(now)


SCENARIOS = {
    "nothing": steady(),
    "20 % loss, in bursts of 4": lossy(0.2, 4),
    "20 % random loss": lossy(0.2, 1 / 0.8),
    "50 ms jitter instead of 10": jittery(50),
    "100 ms standstill every second": late(1.0, 100),
    "2 s standstill": late(10.0, 2000),
}


def quantiles(delays_ms: list[float]) -> str:
    ordered = sorted(delays_ms)
    return " / ".join(f"{ordered[int(share * (len(ordered) - 1))]:.0f}" for share in (0.05, 0.5, 0.95))


def main() -> None:
    print("| second 10 to 20 | 2 to 10 s | 10 to 20 s | 25 to 40 s | concealed in 10 to 20 s |\n" + "| --- " * 5 + "|")
    for name, delay in SCENARIOS.items():
        heard = call(packets(seconds(40)), delay)
        columns = [
            quantiles([one for second in range(start, end) for one in heard.delays_ms.get(second, [])])
            for start, end in (BEFORE, TROUBLE, AFTER)
        ]
        trouble = heard.sequence[seconds(10) : seconds(20)]
        print(f"| {name} | {' | '.join(columns)} | {100 * trouble.count(None) / len(trouble):.0f} % |")


if __name__ == "__main__":
    main()
