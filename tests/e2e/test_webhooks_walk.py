"""Webhooks from the command line to a receiver, through kill -9, and out of every file with their identity."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from webhooks.receiving import Receiver, receiving

from lukhas_sdk import LukhasClient
from lukhas_sdk.paths import Paths
from lukhas_sdk.webhooks import verify

NOTE = "The spare key lies under the third flowerpot."


def data(done: Any) -> Any:
    return json.loads(done.stdout)["data"]


def test_the_walk(home: Any) -> None:
    home.env.update(LUKHAS_WEBHOOKS_ALLOW_LOOPBACK="on", LUKHAS_WEBHOOKS_RETRY_S="0.2")
    paths = Paths(home.path / "config", home.path / "data", home.path / "state", home.path / "run")
    with receiving() as receiver:
        refused = home.run("webhook", "add", "https://169.254.169.254/latest")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "link-local" in refused.stderr
        added = data(home.run("webhook", "add", receiver.url("/fails"), "--event", "memory_*", "--json", check=True))
        webhook_id, secret = added["webhook"]["webhook_id"], added["secret"]
        tried = home.run("webhook", "test", webhook_id)
        assert tried.returncode == 1
        assert "it answered 500" in tried.stdout
        with LukhasClient(paths=paths) as client:
            stored = [client.memory.store(f"{NOTE} Again, number {number}.").memory_id for number in range(3)]
            queued = wait_for(lambda: [*client.webhooks.deliveries(webhook_id).deliveries], 3)
        (pid,) = home.pids()
        os.kill(pid, signal.SIGKILL)
        receiver.is_mended = True
        before = len(receiver.got)
        listed = home.run("webhook", "list", check=True).stdout.split("\t")  # which starts it anew
        assert (listed[0], listed[-1].strip()) == (webhook_id, receiver.url("/fails"))
        names = {each.delivery_id for each in queued}
        receiver.wait(lambda got: {each.headers["X-Lukhas-Delivery"] for each in got[before:]} >= names)
        events = [verify(secret, each.headers, each.body) for each in receiver.got[before:]]
        told = {one for event in events if event.token for one in (event.token.payload.data or {}).get("ids", [])}
        assert set(stored) <= told
        with LukhasClient(paths=paths) as client:
            wait_for(lambda: [*client.webhooks.deliveries(webhook_id, state="delivered").deliveries], 3)
        rows = home.run("webhook", "deliveries", webhook_id, "--limit", "2", check=True).stdout.splitlines()
        assert [row.split("\t")[3] for row in rows] == ["delivered"] * 2
        again = data(home.run("webhook", "replay", webhook_id, queued[0].delivery_id, "--json", check=True))
        assert again == {"webhook_id": webhook_id, "replayed": 1}
        rotated = data(home.run("webhook", "rotate", webhook_id, "--grace-s", "0", "--json", check=True))
        so_far = len(receiver.got)
        with LukhasClient(paths=paths) as client:
            assert client.webhooks.test(webhook_id).delivered
        [last] = [each for each in receiver.got[so_far:] if each.event["event"] == "webhook_test"]
        verify(rotated["secret"], last.headers, last.body)
        shown = home.run("webhook", "show", webhook_id, "--json", check=True).stdout
        take_an_identity_away(home, receiver, paths)
        gone = data(home.run("webhook", "remove", webhook_id, "--json", check=True))
        assert gone["removed"]
    assert all(NOTE.encode() not in each.body for each in receiver.got)
    for shared in (secret, rotated["secret"]):
        assert shared not in shown
        assert holders(home.path, shared) == []


def take_an_identity_away(home: Any, receiver: Receiver, paths: Paths) -> None:
    key = home.run("identity", "add", "ana", "--tier", "ΛULTRA", check=True).stdout.strip()
    with LukhasClient(api_key=key, paths=paths) as ana:
        added = ana.webhooks.add(receiver.url("/hers?of=zebrafish"), description="zebrafish feeder")
        ana.memory.store(NOTE)
        wait_for(lambda: [*ana.webhooks.deliveries(added.webhook.webhook_id).deliveries], 1)
    home.run("identity", "remove", "ana", "--with-memories", "--yes", check=True)
    assert holders(home.path, "zebrafish") == []


def wait_for(find: Any, count: int) -> list[Any]:
    deadline_s = time.monotonic() + 15
    while len(found := find()) < count:
        assert time.monotonic() < deadline_s, found
        time.sleep(0.05)
    return list(found)


def holders(folder: Path, text: str) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]
