"""Tokens from outside over the API: whose they are, what they may hold, who hears of them, and what is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from serving import FORBIDDEN, Served, serving

from lukhas_sdk.aio import AsyncLukhasClient

TOKEN: dict[str, Any] = {
    "symbol": "LEARN",
    "target": {"module": "memory", "component": "episodic_storage"},
    "context": {"user_id": "user123", "session_id": "session456", "interaction_id": "interaction789"},
    "payload": {"action": "store_learning_event", "data": {"concept": "quantum_entanglement", "level": 0.75}},
    "metadata": {"priority": "normal", "ttl_seconds": 300, "requires_guardian": True},
}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def key_of(served: Served, name: str, tier: str = "ΛULTRA") -> str:
    answer = await served.call("POST", "/identities", json={"name": name, "tier": tier})
    assert answer.status == 200, answer.raw
    return str(answer.body["api_key"])


def changed(**parts: Any) -> dict[str, Any]:
    return {**TOKEN, **parts}


async def kept(served: Served, *, key: str = "", at_least: int = 1, query: str = "") -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while True:
            tokens = (await served.call("GET", f"/glyph/tokens{query}", key=key)).body["tokens"]
            if len(tokens) >= at_least:
                return list(tokens)
            await asyncio.sleep(0.05)


async def test_a_token_is_the_callers_whatever_it_says(served: Served) -> None:
    async with served.parts.bus.subscribe(owner=served.parts.identity.owner_id) as deliveries:
        answer = await served.call("POST", "/glyph/send", json=TOKEN)
        assert answer.status == 200, answer.raw
        sent = answer.body
        got = (await anext(deliveries)).token
    assert got.context.user_id == served.parts.identity.owner_id
    assert sent["token"]["context"] == {**TOKEN["context"], "user_id": "ΛPRIME-2026-0001"}
    assert (got.source.module, got.target.component) == ("external", "episodic_storage")
    assert (sent["guardian_decision"], len(sent["validation_ids"])) == ("APPROVED", 2)
    assert sent["subscribers"] >= 2  # the one here, and the audit


@pytest.mark.parametrize(
    ("changes", "status", "named"),
    [
        ({"symbol": "NOBODYS"}, 422, "$.symbol"),
        ({"symbol": "learn"}, 422, "symbol"),
        ({"source": {"module": "guardian", "component": "verdict"}}, 422, "$.source.module"),
        ({"target": {"module": " "}}, 422, "target.module"),
        ({"metadata": {"ttl_second": 5}}, 422, "ttl_second"),
        ({"metadata": {"ttl_seconds": 0}}, 422, "ttl_seconds"),
        ({"glyph_id": "mine"}, 422, "glyph_id"),
        ({"payload": {"action": "x", "data": {"text": "a" * 9000}}}, 413, "$.payload.data"),
        ({"payload": {"action": "x", "data": {"a": json.loads("[" * 30 + "]" * 30)}}}, 422, "$.payload.data"),
        ({"payload": {"action": "x", "data": {"a": FORBIDDEN}}}, 403, "GUARDIAN_REJECTION"),
        ({"payload": {"action": "x", "data": {FORBIDDEN: [1]}}}, 403, "GUARDIAN_REJECTION"),
    ],
)
async def test_what_is_refused_names_why_and_publishes_nothing(
    served: Served, changes: dict[str, Any], status: int, named: str
) -> None:
    async with served.parts.bus.subscribe(lambda token: token.payload.action != "error") as deliveries:
        answer = await served.call("POST", "/glyph/send", json=changed(**changes))
        assert answer.status == status, answer.raw
        assert named in answer.raw.decode()
        assert deliveries.take_waiting() == []


async def test_a_rejected_token_is_answered_with_its_ends_swapped(served: Served) -> None:
    async with served.parts.bus.subscribe(action="error") as deliveries:
        refused = await served.call("POST", "/glyph/send", json=changed(payload={"action": FORBIDDEN}))
        reply = (await anext(deliveries)).token
    assert (reply.source.module, reply.source.component) == ("memory", "episodic_storage")
    assert (reply.target.module, reply.target.component) == ("external", "ΛPRIME-2026-0001")
    assert (reply.context.session_id, reply.context.interaction_id) == ("session456", "interaction789")
    assert reply.payload.data == {"in_reply_to": refused.details["glyph_id"], "code": "GUARDIAN_REJECTION"}


async def test_without_the_guardians_need_nobody_asks_it(served: Served) -> None:
    answer = await served.call(
        "POST", "/glyph/send", json=changed(payload={"action": FORBIDDEN}, metadata={"requires_guardian": False})
    )
    assert answer.body["guardian_decision"] is None
    assert "guardian_decision" in answer.body["reasons"]


async def test_what_is_kept_leaves_out_what_came_from_outside(served: Served) -> None:
    await served.call("POST", "/glyph/send", json=TOKEN)
    (token,) = await kept(served)
    assert (token["symbol"], token["payload"]) == ("LEARN", {"action": "store_learning_event", "data": None})
    assert "payload.data" in token["reasons"]
    assert token["context"]["user_id"] == "ΛPRIME-2026-0001"
    rows = await served.parts.database.read(lambda cursor: cursor.execute("SELECT * FROM audit").fetchall())
    assert "quantum_entanglement" not in str(rows)


async def test_nobody_hears_of_anothers_tokens(served: Served) -> None:
    first, second = [await key_of(served, name) for name in ("ana", "bob")]
    url = f"{served.url}/stream/glyph"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers={"X-API-Key": first}) as mine,
        session.ws_connect(url, headers={"X-API-Key": second}) as yours,
    ):
        for key, action in ((first, "from_ana"), (second, "from_bob")):
            answer = await served.call("POST", "/glyph/send", json=changed(payload={"action": action}), key=key)
            assert answer.status == 200
        heard = [await stream.receive_json(timeout=10) for stream in (mine, yours)]
        assert [each["payload"]["action"] for each in heard] == ["from_ana", "from_bob"]
    assert [each["payload"]["action"] for each in await kept(served, key=first)] == ["from_ana"]
    assert [each["payload"]["action"] for each in await kept(served, key=second)] == ["from_bob"]
    assert (await served.call("GET", "/audit", key=second)).status == 403


async def test_the_audit_is_filtered_and_paged(served: Served) -> None:
    ana = await key_of(served, "ana")
    for number in range(5):
        sent = changed(symbol="LEARN" if number % 2 else "CREATE", payload={"action": f"step_{number}"})
        await served.call("POST", "/glyph/send", json=sent, key=ana)
    await kept(served, key=ana, at_least=5)

    async def actions(query: str) -> list[str]:
        answer = await served.call("GET", f"/audit?{query}")
        assert answer.status == 200, answer.raw
        return [each["payload"]["action"] for each in answer.body["entries"]]

    assert await actions("user=ana") == [f"step_{number}" for number in (4, 3, 2, 1, 0)]
    assert await actions("user=ana&symbol=LEARN") == ["step_3", "step_1"]
    assert await actions("action=step_2") == ["step_2"]
    assert len(await actions("action=step_*")) == 5
    assert await actions("module=guardian&user=ana") == []
    assert await actions("since=2999-01-01T00:00:00Z") == []
    assert len(await actions("until=2999-01-01T00:00:00Z&user=ana")) == 5
    page = (await served.call("GET", "/audit?user=ana&limit=3")).body
    assert await actions(f"user=ana&cursor={page['next_cursor']}") == ["step_1", "step_0"]
    assert (page["standing"]["ready"], page["standing"]["lost"]) == (True, 0)
    assert (await served.call("GET", "/audit?user=nobody")).status == 404
    assert (await served.call("GET", "/audit?cursor=x")).status == 422


async def test_a_symbol_is_registered_used_and_removed(served: Served) -> None:
    ana, bob, guest = [await key_of(served, *who) for who in (("ana",), ("bob",), ("eve", "ΛUSER"))]
    new = {
        "symbol": "MEASURE",
        "meaning": "Something was measured",
        "names": {"en": ["measure", "measur*"], "de": ["Messung"]},
    }
    assert (await served.call("POST", "/glyph/symbols", json=new, key=guest)).status == 403
    assert (await served.call("POST", "/glyph/symbols", json=new, key=ana)).status == 200
    assert (await served.call("POST", "/glyph/symbols", json=new, key=bob)).status == 409
    assert (await served.call("POST", "/glyph/symbols", json={**new, "symbol": "TRUST"}, key=ana)).status == 409
    sent = await served.call("POST", "/glyph/send", json=changed(symbol="MEASURE"), key=bob)
    assert sent.status == 200
    read = await served.call("POST", "/glyph/encode", json={"text": "We measured and learned."}, key=bob)
    assert (read.body["symbols"], read.body["language"]) == (["MEASURE", "LEARN"], "en")
    said = await served.call(
        "POST", "/glyph/decode", json={"symbols": ["MEASURE", "TRUST"], "language": "de-AT"}, key=bob
    )
    assert said.body["text"] == "Messung, Vertrauen"
    assert (await served.call("DELETE", "/glyph/symbols/MEASURE", key=bob)).status == 403
    assert (await served.call("DELETE", "/glyph/symbols/TRUST", key=ana)).status == 409
    assert (await served.call("DELETE", "/glyph/symbols/MEASURE", key=ana)).status == 200
    assert (await served.call("DELETE", "/glyph/symbols/MEASURE", key=ana)).status == 404
    assert (await served.call("POST", "/glyph/send", json=changed(symbol="MEASURE"), key=bob)).status == 422


@pytest.mark.parametrize(
    "names", [{"en": ["\x1b[31mred"]}, {"en": ["a"]}, {"en": ["x\u202ey"]}, {"xx": ["word"]}, {"en": ["a/b"]}]
)
async def test_a_name_is_a_word(served: Served, names: dict[str, list[str]]) -> None:
    answer = await served.call("POST", "/glyph/symbols", json={"symbol": "RED", "meaning": "red", "names": names})
    assert answer.status == 422, answer.raw
    assert "$.names" in answer.raw.decode()
    assert not any(each["registered"] for each in (await served.call("GET", "/glyph/symbols")).body["symbols"])


async def test_the_client_sends_and_watches(served: Served) -> None:
    async with AsyncLukhasClient(api_key=served.key, base_url=f"http://127.0.0.1:{served.port}") as client:
        watching = client.glyph.watch(["PROTECT"])
        first = asyncio.ensure_future(anext(watching))  # type: ignore[arg-type]
        async with asyncio.timeout(10):
            while not first.done():
                await client.glyph.send("LEARN", "not_asked_for")
                await client.glyph.send("PROTECT", "locked", {"door": 1}, priority="high")
                await asyncio.sleep(0.05)
        event = await first
        assert (event.symbol, event.payload.action, event.payload.data) == ("PROTECT", "locked", {"door": 1})
        await watching.aclose()  # type: ignore[attr-defined]
        assert (await client.glyph.decode(["CONNECT"], "es")).text == "conexión"
        assert (await client.glyph.encode("Hello there, boiler.")).symbols == []
        assert len((await client.glyph.symbols()).symbols) == 8


async def test_the_audit_outlives_a_disk_that_refuses_and_deletes_what_is_old(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit, database = served.parts.audit, served.parts.database
    monkeypatch.setattr("lukhasd.records.audit.RETRY_S", 0.05)
    real = type(database).append

    async def full(*given: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(type(database), "append", full)
    await served.call("POST", "/glyph/send", json=TOKEN)
    async with asyncio.timeout(10):
        while audit.problem is None:
            await asyncio.sleep(0.02)
    assert "disk is full" in audit.problem
    status = await served.call("GET", "/matriz/status")
    assert status.body["t4_compliance"]["audit_readiness"] is False
    monkeypatch.setattr(type(database), "append", real)
    assert len(await kept(served)) == 1
    assert audit.problem is None
    status = await served.call("GET", "/matriz/status")
    assert status.body["t4_compliance"]["audit_readiness"] is True
