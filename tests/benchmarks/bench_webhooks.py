"""What a durable, signed delivery costs, against posting the same body bare; and what publishing costs while a receiver
hangs, against no webhook.

python tests/benchmarks/bench_webhooks.py [--small]

The peer is an aiohttp client that posts to the same receiver, as many at once, each on a connection of its own, and
keeps nothing. The receiver is asyncio alone, in the same process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from webhooks.working import ANA, Working, token, working

from lukhasd.webhooks.worker import AT_ONCE

TAKEN = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class Sink:
    """Takes whatever it is sent; `hanging` never answers."""

    def __init__(self) -> None:
        self.taken = 0
        self.body = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"/hangs" not in head:
                lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
                self.body = await reader.readexactly(int(lines[b"Content-Length"]))
                self.taken += 1
                writer.write(TAKEN)
                await writer.drain()
            else:
                await reader.read()
        writer.close()


@contextlib.asynccontextmanager
async def sinking() -> AsyncIterator[tuple[Sink, str]]:
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    async with server:
        yield sink, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def time_webhook(it: Working, sink: Sink, url: str, count: int) -> float:
    added = await it.add(f"{url}/good")
    before, started_s = sink.taken, perf_counter()
    for number in range(count):
        it.publish("memory_stored", count=1, ids=[f"mem_2026_01_31_{number:010d}"])
    await it.until(added.webhook.webhook_id, lambda shown: shown.delivered == count, timeout_s=120)
    spent_s = perf_counter() - started_s
    assert sink.taken - before == count
    await it.webhooks.remove(ANA, added.webhook.webhook_id)
    return count / spent_s


async def time_bare(body: bytes, url: str, count: int) -> float:
    left = iter(range(count))

    async def post() -> None:
        for _ in left:
            async with session.post(f"{url}/good", data=body) as response:
                assert response.status == 204

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        started_s = perf_counter()
        await asyncio.gather(*(post() for _ in range(AT_ONCE)))
        return count / (perf_counter() - started_s)


def time_publishing(it: Working, count: int) -> float:
    tokens = [token("memory_stored", symbol="LEARN", owner=ANA.identity_id, data={}) for _ in range(count)]
    started_s = perf_counter()
    for each in tokens:
        it.bus.publish(each)
    return (perf_counter() - started_s) / count


async def run(rounds: int, count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="lk") as folder:
        async with sinking() as (sink, url), working(Path(folder), timeout_s=60) as it:
            durable = max([await time_webhook(it, sink, url, count) for _ in range(rounds)])
            bare = max([await time_bare(sink.body, url, count) for _ in range(rounds)])
            print(f"deliveries a second, {count} of them\tdurable and signed {durable:.0f}\tbare aiohttp {bare:.0f}"
                  f"\tratio {durable / bare:.2f}")  # fmt: skip
            without = min(time_publishing(it, 1000) for _ in range(rounds))
            await it.add(f"{url}/hangs")
            hanging = min([time_publishing(it, 1000) for _ in range(rounds)])
            print(f"µs to publish an event\ta receiver that hangs {hanging * 1e6:.1f}\tno webhook {without * 1e6:.1f}"
                  f"\tratio {hanging / without:.2f}")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a few seconds")
    given = parser.parse_args()
    asyncio.run(run(2 if given.small else 5, 300 if given.small else 1900))
