"""Requests that the daemon makes for a caller: to public addresses alone, whatever a name says from one moment to the
next, and never on to anywhere else."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiohttp import connector
from serving import Served, serving
from webhooks.receiving import Receiver, receiving
from webhooks.working import ANA, working

from lukhas_sdk.settings import WebhooksSettings

PUBLIC = "93.184.215.14"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as it:
        yield it


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/", "http://127.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/", "http://0.0.0.0:{port}/", "http://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/", "https://100.100.100.200/", "https://10.0.0.1/", "https://192.168.1.1/",
        f"http://{PUBLIC}/", "file:///etc/passwd", "https://user:word@a.example/",
    ],
)  # fmt: skip
async def test_registration_refuses_and_keeps_nothing(served: Served, receiver: Receiver, url: str) -> None:
    answer = await served.call("POST", "/webhooks", json={"url": url.format(port=receiver.port)})
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR"), answer.raw
    assert answer.details["field"] == "$.url"
    assert answer.details["suggestion"]
    assert (await served.call("GET", "/webhooks")).body == {"webhooks": []}
    assert receiver.got == []


async def test_loopback_is_the_owners_to_allow_and_metadata_nobodys(receiver: Receiver) -> None:
    async with serving(webhooks_settings=WebhooksSettings(allow_loopback="on")) as served:
        added = await served.call("POST", "/webhooks", json={"url": receiver.url()})
        assert added.status == 200, added.raw
        for address in ("169.254.169.254", "10.0.0.1"):
            refused = await served.call("POST", "/webhooks", json={"url": f"https://{address}/"})
            assert refused.status == 422
        user = await served.call("POST", "/identities", json={"name": "user", "tier": "ΛUSER"})
        below = await served.call("POST", "/webhooks", json={"url": receiver.url()}, key=user.body["api_key"])
        assert (below.status, below.code) == (403, "INSUFFICIENT_PERMISSIONS")


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
async def test_a_name_that_leads_inside_after_registration_is_not_followed(
    tmp_path: Path, receiver: Receiver, inner: str
) -> None:
    answers = [PUBLIC]

    def lookup(host: str, port: int) -> list[str]:
        assert host == "rebinding.example"
        return answers

    async with working(tmp_path, lookup=lookup, allow_loopback="off", attempts=2) as it:
        added = await it.add(f"https://rebinding.example:{receiver.port}/good")
        answers[:] = [inner]
        it.publish("memory_stored")
        shown = await it.until(added.webhook.webhook_id, lambda each: each.dead == 1)
        tried = await it.webhooks.test(ANA, added.webhook.webhook_id)
    assert shown.last_error is not None
    assert f"leads to {inner}" in shown.last_error
    assert not tried.delivered
    assert receiver.got == []


async def test_the_address_that_was_checked_is_the_one_connected_to(tmp_path: Path, receiver: Receiver) -> None:
    """The name would lead elsewhere if it were resolved once more: to an address where nothing listens."""
    asked = 0

    def lookup(host: str, port: int) -> list[str]:
        nonlocal asked
        asked += 1
        return ["127.0.0.1"] if asked <= 2 else ["127.0.0.66"]

    async with working(tmp_path, lookup=lookup) as it:
        added = await it.add(f"http://twofaced.example:{receiver.port}/good")
        tried = await it.webhooks.test(ANA, added.webhook.webhook_id)
        later = await it.webhooks.test(ANA, added.webhook.webhook_id)
    assert asked == 3  # once to add it, once for each attempt
    assert (tried.delivered, later.delivered) == (True, False)
    assert receiver.got[0].headers["Host"] == f"twofaced.example:{receiver.port}"


async def test_a_redirect_is_no_way_in(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path, attempts=1) as it:
        added = await it.add(receiver.url("/redirects"))
        it.publish("memory_stored")
        shown = await it.until(added.webhook.webhook_id, lambda each: each.dead == 1)
    assert shown.last_error == "it answered 307; redirects are not followed"
    assert [each.path for each in receiver.got] == ["/redirects"]


async def test_no_proxy_of_the_environment_is_used(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        async with working(tmp_path) as it:
            added = await it.add(receiver.url())
            assert (await it.webhooks.test(ANA, added.webhook.webhook_id)).delivered
        assert proxy.got == []


async def test_a_slow_resolver_costs_the_time_out_and_nothing_else(tmp_path: Path, receiver: Receiver) -> None:
    stuck = threading.Event()

    def lookup(host: str, port: int) -> list[str]:
        if host == "slow.example" and asked:
            stuck.wait(20)
        asked.append(host)
        return ["127.0.0.1"]

    asked: list[str] = []
    try:
        async with working(tmp_path, lookup=lookup, timeout_s=0.3) as it:
            slow = await it.add(f"http://slow.example:{receiver.port}/slow")
            good = await it.add(receiver.url())
            it.publish("memory_stored")
            await it.until(good.webhook.webhook_id, lambda each: each.delivered == 1)
            shown = await it.until(slow.webhook.webhook_id, lambda each: each.last_error is not None)
            assert shown.last_error == "its name was not resolved within 0.3 s"
            stuck.set()
    finally:
        stuck.set()
    assert "/slow" not in [each.path for each in receiver.got[:1]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of hooks.example, signed by nobody else."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=hooks.example", "-addext", "subjectAltName=DNS:hooks.example", "-keyout",
            file, "-out", f"{file}.crt",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    with file.open("ab") as both:
        both.write(Path(f"{file}.crt").read_bytes())
    return file


async def test_tls_is_verified_against_the_name_and_not_the_address(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.headers["Host"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that does not trust it is what this is about

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        async with working(tmp_path, lookup=lambda host, port: ["127.0.0.1"]) as it:
            added = await it.add(f"https://hooks.example:{server.server_port}/")
            other = await it.add(f"https://other.example:{server.server_port}/")
            untrusted = await it.webhooks.test(ANA, added.webhook.webhook_id)
            trusting = await asyncio.to_thread(lambda: ssl.create_default_context(cafile=f"{certificate}.crt"))
            monkeypatch.setattr(connector, "_SSL_CONTEXT_VERIFIED", trusting)
            trusted = await it.webhooks.test(ANA, added.webhook.webhook_id)
            wrong = await it.webhooks.test(ANA, other.webhook.webhook_id)
    finally:
        await asyncio.to_thread(server.shutdown)
        thread.join()
        server.server_close()
    assert untrusted.error is not None
    assert untrusted.error.startswith("no trusted TLS connection: ")
    assert trusted.error is None
    assert wrong.error is not None
    assert "other.example" in wrong.error
    assert taken == [f"hooks.example:{server.server_port}"]
