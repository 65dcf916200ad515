"""How much can the daemon carry, and what does it do with more?

python tests/benchmarks/bench_load.py [--memories N] [--mixed N] [--small]

Requests come at their time whether earlier ones are answered or not (an open loop), and a request's time runs from
when it was due. The sustainable rate is the highest at which the 99th percentile stays within the operation's budget
and every answer is a 200; it is searched for by doubling and halving. Beside it, in the same run and by the same
client, a bare aiohttp handler that answers a few bytes of JSON; and what the answers are at twice the rate. Last, a mix
of them with some storing: its sustainable rate, and `--mixed` requests at that rate with the 5xx among them counted.

Everything runs on this machine: the client takes its share of the processors.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from lukhas_sdk import LukhasClient
from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import read_secret

CONNECTIONS = 240
"""Under daemon.max_connections."""
SMALL_MIX_S = 3.0
MIX_BUDGET_MS = 250.0
TOLD_EVERY = 10_000
LATEST_S = 30.0
"""What is not answered by then counts as lost."""
BARE = """
import sys
from aiohttp import web
async def answer(request):
    await request.read()
    return web.Response(body=b'{"status":"ok"}', content_type="application/json")
app = web.Application()
app.router.add_post("/", answer)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
"""
THINGS = ("boiler", "bicycle", "passport", "violin", "ladder", "freezer", "kayak", "printer", "telescope", "tent")
PLACES = ("cellar", "attic", "shed", "garage", "hall", "kitchen", "office", "garden", "car", "library")


@dataclass(frozen=True)
class Kind:
    """Requests of one sort, and the time within which 99 of 100 have to be answered."""

    name: str
    path: str
    body: Callable[[int], object]
    budget_ms: float
    share: float = 0.0
    """Of the mix."""


KINDS = (
    Kind("guardian/validate", "/v1/guardian/validate",
         lambda n: {"action": {"type": "user_input", "content": f"Where did I put the {THINGS[n % 10]} number {n}?"}},
         50, 0.5),
    Kind("memory/search", "/v1/memory/search",
         lambda n: {"query": f"{THINGS[n % 10]} in the {PLACES[n // 10 % 10]}", "limit": 5}, 50, 0.35),
    Kind("process", "/v1/matriz/process",
         lambda n: {"input": f"Where is the {THINGS[n % 10]} number {n % 97}?"}, 250, 0.1),
    Kind("memory/store", "/v1/memory/store",
         lambda n: {"content": {"type": "episodic", "data": f"On day {n} the {THINGS[n % 10]} went to the "
                                f"{PLACES[n // 7 % 10]}, with {n * 7919 % 1000} screws."}}, 50, 0.05),
)  # fmt: skip
BARE_KIND = Kind("bare aiohttp", "/", lambda n: {"number": n}, 50)


@dataclass
class Seen:
    rate: float
    durations_ms: list[float] = field(default_factory=list)
    """Of the answers with status 200."""
    statuses: Counter[int] = field(default_factory=Counter)
    """0: lost, or the connection broke."""
    unjudged: int = 0
    """200 answers in which the guardian says that it could not judge: harmless content, rejected."""

    def percentile(self, percent: float) -> float:
        ordered = sorted(self.durations_ms)
        return ordered[min(len(ordered) - 1, int(percent / 100 * len(ordered)))] if ordered else float("inf")

    def sustained(self, budget_ms: float) -> bool:
        return set(self.statuses) == {200} and not self.unjudged and self.percentile(99) <= budget_ms


class Client:
    """Keep-alive connections to one server, as bare as they can be."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._head = f"Host: 127.0.0.1:{port}\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
        self._free: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()
        self._slots = asyncio.Semaphore(CONNECTIONS)

    async def send(self, kind: Kind, number: int) -> tuple[int, bytes]:
        content = json.dumps(kind.body(number)).encode()
        head = f"POST {kind.path} HTTP/1.1\r\n{self._head}Content-Length: {len(content)}\r\n\r\n".encode()
        async with self._slots:
            pair = self._free.popleft() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = pair
            try:
                writer.write(head + content)
                answer = await reader.readuntil(b"\r\n\r\n")
                length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
            except BaseException:
                writer.close()
                raise
            self._free.append(pair)
            return int(answer[9:12]), body

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


async def run(client: Client, kinds: Iterator[Kind], *, rate: float, count: int, told_every: int = 0) -> Seen:
    """`count` requests, each at its time: exponentially distributed gaps with a fixed seed."""
    seen = Seen(rate)
    gaps = random.Random(11)
    tasks: set[asyncio.Task[None]] = set()
    due = perf_counter()
    for number in range(count):
        due += gaps.expovariate(rate)
        if (wait := due - perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(_one(client, next(kinds), number, due, seen))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if number and told_every and number % told_every == 0:
            print(f"    after {number}: {told(seen, number)}", flush=True)
    await asyncio.gather(*tasks)
    return seen


async def _one(client: Client, kind: Kind, number: int, due: float, seen: Seen) -> None:
    try:
        async with asyncio.timeout(LATEST_S):
            status, body = await client.send(kind, number)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        seen.statuses[0] += 1
        return
    seen.statuses[status] += 1
    seen.unjudged += b"could not be judged" in body
    if status == 200:
        seen.durations_ms.append((perf_counter() - due) * 1000)


def always(kind: Kind) -> Iterator[Kind]:
    while True:
        yield kind


def mixed() -> Iterator[Kind]:
    choice = random.Random(12)
    while True:
        yield choice.choices(KINDS, [kind.share for kind in KINDS])[0]


@dataclass(frozen=True)
class Search:
    """How a sustainable rate is looked for."""

    trial_s: float
    start: float
    halvings: int
    tries: int
    """So often is a rate tried before it is given up: another program may have taken the processor."""


async def sustainable(client: Client, kinds: Iterator[Kind], budget_ms: float, search: Search) -> float:
    """Requests a second; 0 where not even the first rate was carried."""
    good, rate = 0.0, search.start

    async def carried(tried: float) -> bool:
        for _ in range(search.tries):
            seen = await run(client, kinds, rate=tried, count=max(10, round(tried * search.trial_s)))
            if seen.sustained(budget_ms):
                return True
        return False

    while await carried(rate):
        good, rate = rate, rate * 2
    bad = rate
    for _ in range(search.halvings):
        middle = (good + bad) / 2
        good, bad = (middle, bad) if await carried(middle) else (good, middle)
    return good


@contextmanager
def bare_server() -> Iterator[int]:
    port = _free_port()
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)])
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def daemon(memories: int) -> Iterator[tuple[int, str]]:
    """One without rate limits, with so many memories; its port and key."""
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as folder:
        home, port = Path(folder), _free_port()
        env = {**os.environ, "LUKHAS_HOME": folder, "LUKHAS_PORT": str(port)}
        env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        env |= {f"LUKHAS_LIMITS_{name}": "0" for name in ("PROCESS", "MEMORY", "GUARDIAN", "GENERAL")}
        lukhas = [sys.executable, "-m", "lukhas_cli"]
        file = home / "memories.txt"
        lines = (f"The {THINGS[n % 10]} number {n} is in the {PLACES[n // 10 % 10]}, on shelf {n * 31 % 97}."
                 for n in range(memories))  # fmt: skip
        file.write_text("\n".join(json.dumps({"text": line}) for line in lines) + "\n")
        file = file.rename(file.with_suffix(".jsonl"))
        try:
            subprocess.run([*lukhas, "memory", "import", str(file)], env=env, check=True, stdout=subprocess.DEVNULL)
            paths = Paths(home / "config", home / "data", home / "state", home / "run")
            with LukhasClient(paths=paths, timeout_s=600) as client:
                while client.memory.stats().pending_vectors:
                    pass
            yield port, str(read_secret(paths, "local.key"))
        finally:
            subprocess.run([*lukhas, "daemon", "stop"], env=env, check=False, capture_output=True)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def told(seen: Seen, count: int) -> str:
    statuses = ", ".join(f"{status or 'lost'}: {number}" for status, number in sorted(seen.statuses.items()))
    return (
        f"{statuses}; not judged {seen.unjudged}; p50 {seen.percentile(50):.0f} ms, p99 {seen.percentile(99):.0f} ms"
        f" of {len(seen.durations_ms)} good among {count}"
    )


async def measure(*, small: bool, memories: int, requests: int) -> None:
    search = Search(0.15, 40, 0, 1) if small else Search(8.0, 10, 4, 2)
    with bare_server() as port:
        client = Client(port, "none")
        await asyncio.sleep(0.5)
        bare = await sustainable(client, always(BARE_KIND), BARE_KIND.budget_ms, replace(search, start=1000))
        client.close()
    print(f"{BARE_KIND.name:18} {bare:7.0f}/s, p99 ≤ {BARE_KIND.budget_ms:.0f} ms", flush=True)
    bare = max(bare, 1.0)
    with daemon(memories) as (port, key):
        client = Client(port, key)
        await run(client, mixed(), rate=20, count=20)  # what is loaded at first use
        for kind in KINDS[:3]:
            found = await sustainable(client, always(kind), kind.budget_ms, search)
            print(f"{kind.name:18} {found:7.0f}/s, p99 ≤ {kind.budget_ms:.0f} ms, ratio to bare {found / bare:.3f}")
            rate = max(found, search.start) * 2
            count = round(rate * search.trial_s * 2)
            seen = await run(client, always(kind), rate=rate, count=count)
            print(f"  at twice that    {rate:7.0f}/s: {told(seen, count)}", flush=True)
        found = await sustainable(client, mixed(), MIX_BUDGET_MS, search)
        print(f"{'mix':18} {found:7.0f}/s, p99 ≤ {MIX_BUDGET_MS:.0f} ms, ratio to bare {found / bare:.3f}")
        rate = requests / SMALL_MIX_S if small else max(found, 1.0)
        print(f"  {requests} requests at {rate:.0f}/s: {requests / rate / 60:.0f} min", flush=True)
        seen = await run(client, mixed(), rate=rate, count=requests, told_every=TOLD_EVERY)
        failed = sum(number for status, number in seen.statuses.items() if status >= 500 or status == 0)
        print(f"  {told(seen, requests)}")
        print(f"  5xx or lost {failed} of {requests} ({100 * failed / requests:.4f} %)")
        client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="What the daemon can carry: requests a second, and a long mix of them")
    parser.add_argument("--small", action="store_true", help="seconds instead of hours; the figures mean nothing then")
    parser.add_argument("--memories", type=int, help="stored beforehand; default 10000, 100 with --small")
    parser.add_argument("--mixed", type=int, help="requests of the mix; default 100000, 300 with --small")
    given = parser.parse_args()
    memories = given.memories or (100 if given.small else 10_000)
    requests = given.mixed or (300 if given.small else 100_000)
    asyncio.run(measure(small=given.small, memories=memories, requests=requests))


if __name__ == "__main__":
    main()
