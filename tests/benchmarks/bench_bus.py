"""What publishing on the bus costs, against handing the same token to as many plain asyncio queues.

python tests/benchmarks/bench_bus.py [--small]
"""

from __future__ import annotations

import argparse
import asyncio
from time import perf_counter

from lukhas_sdk.contract.glyph import Token
from lukhasd.glyph import Bus
from lukhasd.glyph.events import drift_token

COUNTS = (1, 100, 1_000)


async def time_bus(tokens: list[Token], *, owners: int, subscribers: int) -> float:
    """Seconds a token, for publishing alone: nobody reads."""
    bus = Bus()
    size = len(tokens) + 1
    subscriptions = [bus.subscribe(owner=f"owner {number % owners}", size=size) for number in range(subscribers)]
    started_s = perf_counter()
    for token in tokens:
        bus.publish(token)
    spent_s = (perf_counter() - started_s) / len(tokens)
    expected = sum(1 for number in range(subscribers) if number % owners == 0) * len(tokens)
    assert bus.figures().delivered == expected
    for subscription in subscriptions:
        bus.unsubscribe(subscription)
    return spent_s


async def time_queues(tokens: list[Token], subscribers: int) -> float:
    queues: list[asyncio.Queue[Token]] = [asyncio.Queue() for _ in range(subscribers)]
    started_s = perf_counter()
    for token in tokens:
        for queue in queues:
            queue.put_nowait(token)
    return (perf_counter() - started_s) / len(tokens)


async def run(rounds: int, total: int) -> None:
    print("subscribers\tbus µs\tqueues µs\tratio\tone of them wants it µs")
    for count in COUNTS:
        tokens = [drift_token("owner 0", f"mem_{n}", 0.4, None) for n in range(max(10, total // count))]
        bus = min([await time_bus(tokens, owners=1, subscribers=count) for _ in range(rounds)])
        queues = min([await time_queues(tokens, count) for _ in range(rounds)])
        alone = min([await time_bus(tokens, owners=count, subscribers=count) for _ in range(rounds)])
        print(f"{count}\t{bus * 1e6:.1f}\t{queues * 1e6:.1f}\t{bus / queues:.2f}\t{alone * 1e6:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a few seconds")
    given = parser.parse_args()
    asyncio.run(run(2 if given.small else 5, 10_000 if given.small else 50_000))
