"""Many WebSocket subscribers, half of them not reading: what it costs publishers, memory, and those who read.

    python tests/benchmarks/bench_subscribers.py [--subscribers 1000] [--seconds 120] [--rate 5] [--small]

A server in this process publishes drift; the subscribers are connections of another. Phase one has the readers alone,
phase two as many again that never read. The publisher's delay is the time of one `publish` on the event loop, and how
late its timer fires; its ratio between the two phases is what the stalled ones cost.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import aiohttp
from serving import Served, serving

from lukhas_sdk.contract.streams import MEMORY_DRIFT
from lukhas_sdk.settings import LimitsSettings
from lukhasd.api.routes.system import resident_bytes
from lukhasd.glyph.events import drift_token


def p99_ms(samples: list[float]) -> float:
    return 1000 * sorted(samples)[int(0.99 * (len(samples) - 1))]


async def read_all(url: str, key: str, count: int, *, reads: bool, pipe: Connection) -> None:
    """Connects, says so, and reads until told to stop; gives how many events came, and how many were missed."""
    got = [0] * count
    missed = 0

    async def follow(number: int, socket: aiohttp.ClientWebSocketResponse) -> None:
        nonlocal missed
        async for message in socket:
            missed += message.json().get("missed", 0)
            got[number] += 1

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers={"X-API-Key": key}) as session:
        sockets = [await session.ws_connect(url, autoping=reads) for _ in range(count)]
        tasks = [asyncio.create_task(follow(*each)) for each in enumerate(sockets)] if reads else []
        pipe.send("ready")
        while not await asyncio.to_thread(pipe.poll, 0.2):
            pass
        pipe.send((sum(got), min(got), missed))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def subscribe(url: str, key: str, count: int, reads: bool, pipe: Connection) -> None:
    asyncio.run(read_all(url, key, count, reads=reads, pipe=pipe))


async def publish(served: Served, owner: str, seconds: float, rate: float) -> tuple[list[float], list[float], int]:
    """What each `publish` took, how late each was due, and how many there were."""
    took: list[float] = []
    late: list[float] = []
    began = time.perf_counter()
    while (due := began + len(took) / rate) < began + seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        now = time.perf_counter()
        late.append(now - due)
        served.parts.bus.publish(drift_token(owner, f"mem_{len(took)}", 0.4, None))
        took.append(time.perf_counter() - now)
    return took, late, len(took)


async def run(subscribers: int, seconds: float, rate: float) -> None:
    context = multiprocessing.get_context("spawn")
    limits = LimitsSettings(websocket=0)
    async with serving(max_connections=4 * subscribers, limits=limits) as served:
        url = f"{served.url}/stream/memory-drift"
        who = await served.parts.identity.authenticate(authorization=None, api_key=served.key, over_unix_socket=False)
        half, pipes = subscribers // 2, []
        before_bytes = resident_bytes()
        delays: list[tuple[float, float]] = []
        total = 0
        for reads in (True, False):
            ours, theirs = context.Pipe()
            context.Process(target=subscribe, args=(url, served.key, half, reads, theirs), daemon=True).start()
            await asyncio.to_thread(ours.recv)
            pipes.append(ours)
            open_now = served.histories.readers(MEMORY_DRIFT)
            took, late, count = await publish(served, who.identity_id, seconds / 2, rate)
            total += count
            delays.append((p99_ms(took), p99_ms(late)))
            publish_ms, late_ms = delays[-1]
            print(
                f"{open_now} open, {half} of them reading: publish p99 {publish_ms:.3f} ms, late p99 {late_ms:.1f} ms"
            )
        await asyncio.sleep(1)
        after_bytes = resident_bytes()
        for pipe in pipes:
            pipe.send("stop")
        got, least, missed = await asyncio.to_thread(pipes[0].recv)
        publishing, lateness = (delays[1][place] / delays[0][place] for place in (0, 1))
        print(f"with stalled readers / without: publish {publishing:.2f}, late {lateness:.2f}")
        print(f"memory {before_bytes / 1e6:.0f} MB before, {after_bytes / 1e6:.0f} MB after")
        print(f"{total} published, {got} of {total * half} read, the least {least}; {missed} told as missed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--rate", type=float, default=5.0)
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    if given.small:
        given.subscribers, given.seconds, given.rate = 40, 3.0, 20.0
    asyncio.run(run(given.subscribers, given.seconds, given.rate))


if __name__ == "__main__":
    main()
