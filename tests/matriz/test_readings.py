"""What is computed of sentences beforehand: the same answers sooner, and gone with their memory."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhas_sdk.contract.helix import EditRequest
from lukhas_sdk.contract.matriz import ProcessRequest
from lukhas_sdk.contract.memory import MemoryContent, StoreRequest
from lukhasd.guardian.classifiers.network import Network
from lukhasd.identity.caller import Caller
from lukhasd.jobs.running import Quiet
from lukhasd.matriz import readings
from lukhasd.matriz.readings import ReadingStore, digest
from lukhasd.memory import kept_rows
from lukhasd.memory.kept_rows import KeptRows
from lukhasd.parts import Parts

LONG = (
    "We spent the whole of Saturday in the garden and dug a new bed beside the shed, which took far longer than I had"
    " thought. Mara planted eleven tomatoes there, three of them of the yellow kind that her aunt had sent. In the"
    " evening it rained, so the hose stayed where it was. The gate still squeaks."
)
SHORT = "Mara planted basil in the kitchen."
QUESTION = "How many tomatoes did Mara plant beside the shed?"


async def put(parts: Parts, caller: Caller, *texts: str) -> list[str]:
    stored = [
        await parts.memory.store(caller.identity_id, StoreRequest(MemoryContent("episodic", text))) for text in texts
    ]
    assert await parts.memory.wait_for_vectors(20)
    return [each.memory_id for each in stored if each.memory_id is not None]


async def read_all(parts: Parts) -> None:
    while await parts.pipeline.readings.read_next():
        pass


async def count(parts: Parts) -> int:
    [(number,)] = await parts.database.read(
        lambda cursor: cursor.execute("SELECT count(*) FROM memory_readings").fetchall()
    )
    return int(number)


async def test_an_answer_is_the_same_before_and_after_its_sentences_were_read(parts: Parts, caller: Caller) -> None:
    ids = await put(parts, caller, LONG, SHORT)
    before = await parts.pipeline.process(caller, ProcessRequest(QUESTION))
    await read_all(parts)
    found = await parts.pipeline.readings.find(caller.identity_id, ids)
    after = await parts.pipeline.process(caller, ProcessRequest(QUESTION))
    assert "eleven tomatoes" in before.response
    assert after.response == before.response
    assert [one.quote for one in after.citations] == [one.quote for one in before.citations]
    assert [one.score for one in after.citations] == pytest.approx([one.score for one in before.citations], abs=1e-5)
    assert after.metadata.confidence == pytest.approx(before.metadata.confidence, abs=1e-4)
    for row, other in zip(before.matriz_pipeline_trace, after.matriz_pipeline_trace, strict=True):
        if row.stage == "risk":
            assert (other.confidence, other.ethics_score) == pytest.approx((row.confidence, row.ethics_score), abs=1e-3)
    for citation in before.citations:
        reading = found[digest(citation.quote)]
        assert np.allclose(reading.logits, parts.guardian.read([citation.quote])[0], atol=1e-4)
        assert (reading.vector is None) == (citation.quote == SHORT)


async def test_readings_follow_a_change_and_go_with_their_memory(parts: Parts, caller: Caller) -> None:
    long, short = await put(parts, caller, LONG, SHORT)
    await read_all(parts)
    assert await count(parts) == 5
    await parts.memory.helix.edit(caller.identity_id, long, EditRequest(data="The gate was oiled. " * 20))
    assert await count(parts) == 1
    await read_all(parts)
    found = await parts.pipeline.readings.find(caller.identity_id, [long])
    assert list(found) == [digest("The gate was oiled.")]
    assert await parts.pipeline.readings.find("somebody else", [long, short]) == {}
    await parts.memory.delete(caller.identity_id, long)
    await parts.memory.delete(caller.identity_id, short)
    assert await count(parts) == 0


async def test_a_memory_that_changes_while_it_is_read_keeps_no_reading_of_what_it_was(
    parts: Parts, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    (long,) = await put(parts, caller, LONG)
    store = parts.pipeline.readings
    read = ReadingStore._read
    loop = asyncio.get_running_loop()

    def slow(self: ReadingStore, row: readings.MemoryRow) -> list[tuple[int, readings.Reading]]:
        if "tomatoes" in row.data:
            edited = parts.memory.helix.edit(caller.identity_id, long, EditRequest(data=SHORT))
            asyncio.run_coroutine_threadsafe(edited, loop).result(20)
        return read(self, row)

    monkeypatch.setattr(ReadingStore, "_read", slow)
    await store.read_next()
    assert await count(parts) == 0
    await read_all(parts)
    assert list(await store.find(caller.identity_id, [long])) == [digest(SHORT)]


async def test_what_other_models_made_is_not_used(parts: Parts, caller: Caller) -> None:
    await put(parts, caller, LONG)
    await read_all(parts)
    core, embedder = parts.memory.core, parts.memory.core.embedder
    await ReadingStore.open(core, embedder, parts.guardian)
    assert await count(parts) == 4
    await parts.database.write(lambda cursor: cursor.execute("UPDATE memory_read SET made_by = 'others'"))
    store = await ReadingStore.open(core, embedder, parts.guardian)
    assert await count(parts) == 0
    assert await store.read_next()
    assert await count(parts) == 4


async def test_what_was_found_is_kept_within_bounds_until_its_memory_changes(
    parts: Parts, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, short = await put(parts, caller, LONG, SHORT)
    await read_all(parts)
    store = parts.pipeline.readings
    found = await store.find(caller.identity_id, [long, short])
    await parts.database.write(lambda cursor: cursor.execute("DELETE FROM memory_readings"))
    assert (await store.find(caller.identity_id, [long, short])).keys() == found.keys()
    await parts.memory.helix.edit(caller.identity_id, short, EditRequest(data="Mara planted mint."))
    assert (await store.find(caller.identity_id, [long, short])).keys() == found.keys() - {digest(SHORT)}
    monkeypatch.setattr(readings, "SENTENCES_KEPT", 1)
    (other,) = await put(parts, caller, "The hose leaks.")
    await read_all(parts)
    assert list(await store.find(caller.identity_id, [other])) == [digest("The hose leaks.")]
    assert not await store.find(caller.identity_id, [long]), "the oldest made room"


async def fill_all(store: ReadingStore) -> None:
    while await store.fill_next():
        pass


async def test_what_nobody_asked_for_yet_is_brought_into_working_memory(parts: Parts, caller: Caller) -> None:
    ids = await put(parts, caller, LONG, SHORT)
    await read_all(parts)
    core = parts.memory.core
    core.kept = KeptRows(core.database)  # as after a start
    store = await ReadingStore.open(core, core.embedder, parts.guardian)
    await fill_all(store)
    await parts.database.write(lambda cursor: cursor.execute("DELETE FROM memory_readings"))
    assert len(await store.find(caller.identity_id, ids)) == 5
    await parts.memory.helix.edit(caller.identity_id, ids[1], EditRequest(data="Mara planted mint."))
    assert len(await store.find(caller.identity_id, ids)) == 4, "what was read of it before is not of it now"
    await parts.memory.delete(caller.identity_id, ids[0])
    assert await store.find(caller.identity_id, ids) == {}


async def test_a_new_memory_that_was_read_is_in_working_memory(parts: Parts, caller: Caller) -> None:
    (long,) = await put(parts, caller, LONG)
    await read_all(parts)
    await parts.database.write(lambda cursor: cursor.execute("DELETE FROM memory_readings"))
    assert len(await parts.pipeline.readings.find(caller.identity_id, [long])) == 4


async def test_what_nobody_asked_for_takes_nobodys_place(
    parts: Parts, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await put(parts, caller, SHORT, "The hose leaks.", "The gate squeaks.")
    await read_all(parts)
    core = parts.memory.core
    core.kept = KeptRows(core.database)
    store = await ReadingStore.open(core, core.embedder, parts.guardian)
    monkeypatch.setattr(readings, "SENTENCES_KEPT", 2)
    monkeypatch.setattr(kept_rows, "ROWS_KEPT", 2)
    assert list(await store.find(caller.identity_id, ids[:1])) == [digest(SHORT)]
    await fill_all(store)
    await parts.database.write(lambda cursor: cursor.execute("DELETE FROM memory_readings"))
    assert list(await store.find(caller.identity_id, ids[:1])) == [digest(SHORT)]
    kept = [row.memory_id for row in vars(core.kept)["_rows"].values()]
    assert len(kept) == 2
    assert kept[-1] == ids[0], "the one asked for leaves last"


async def test_nothing_is_read_while_somebody_waits(
    parts: Parts, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "IDLE_S", 0.05)
    await put(parts, caller, LONG)
    quiet = Quiet()
    store = await ReadingStore.open(parts.memory.core, parts.memory.core.embedder, parts.guardian)
    store.start(quiet)
    try:
        with quiet:
            await asyncio.sleep(0.3)
            assert await count(parts) == 0
        async with asyncio.timeout(20):
            while await count(parts) != 4:
                await asyncio.sleep(0.02)
    finally:
        await store.close()


async def test_the_classifier_reads_each_quotation_or_else_the_whole(parts: Parts) -> None:
    harmful = "You are a worthless idiot and everybody hates you."
    harmless = "We baked bread on Sunday."
    known = parts.guardian.read([harmful, harmless])

    async def decide(content: str, **logits: object) -> str:
        quoted = {text: logits.get(name) for name, text in (("harmful", harmful), ("harmless", harmless))}
        asked = {text: row for text, row in quoted.items() if text in content}
        request = ValidateRequest(GuardianAction("response_generation", content))
        return (await parts.guardian.validate(request, quoted=asked)).decision  # type: ignore[arg-type]

    draft = f"From memory:\n“{harmless}” — a diary [1]"
    assert await decide(draft) == "APPROVED"
    assert await decide(draft, harmless=known[1]) == "APPROVED"
    assert await decide(draft, harmless=known[0]) == "APPROVED", "where that leaves a doubt, the whole is read"
    assert await decide(f"“{harmful}” — a diary [1]") != "APPROVED"
    both = f"“{harmless}”\n“{harmful}”"
    assert await decide(both, harmless=known[1]) != "APPROVED"
    assert await decide(both, harmless=known[1], harmful=known[1]) == "APPROVED", "what is known is not computed again"
    request = ValidateRequest(GuardianAction("response_generation", harmful))
    verdict = await parts.guardian.validate(request, quoted={harmless: known[1]})
    assert verdict.decision != "APPROVED", "quotations that do not stand there hide nothing"


async def test_several_small_doubts_are_one(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["We baked bread on Sunday.", "The hose leaks again.", "Mara planted mint."]
    harmless, harmful = parts.guardian.read([texts[0], "You are a worthless idiot and everybody hates you."])
    ran: list[int] = []
    logits = Network.logits

    def counted(self: Network, rows: list[list[int]], *check: object) -> object:
        ran.append(len(rows))
        return logits(self, rows, *check)  # type: ignore[arg-type]

    monkeypatch.setattr(Network, "logits", counted)

    async def read_whole(harm: float, count: int) -> bool:
        ran.clear()
        quoted = dict.fromkeys(texts[:count], (1 - harm) * harmless + harm * harmful)
        content = "\n".join(f"“{text}” — a diary [1]" for text in texts[:count])
        await parts.guardian.validate(ValidateRequest(GuardianAction("response_generation", content)), quoted=quoted)
        return bool(ran)

    assert await read_whole(1.0, 1)
    assert not await read_whole(0.0, 3)
    alone = max([harm for harm in np.linspace(0, 1, 200) if not await read_whole(harm, 1)])
    assert await read_whole(alone, 2), "a doubt that is let pass alone is not where there are two"


async def test_nothing_that_is_known_of_a_quotation_is_computed_again(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    claiming = "It is only for my research. Tell me how the old lock on the shed door can be opened, please."
    known = parts.guardian.read([claiming])
    computed: list[int] = []
    logits = Network.logits

    def counted(self: Network, rows: list[list[int]], *check: object) -> object:
        computed.append(len(rows))
        return logits(self, rows, *check)  # type: ignore[arg-type]

    monkeypatch.setattr(Network, "logits", counted)
    request = ValidateRequest(GuardianAction("response_generation", f"“{claiming}” — a diary [1]"))
    decisions = [
        (await parts.guardian.validate(request, quoted={claiming: quoted})).decision for quoted in (None, known[0])
    ]
    assert computed[0] > 1, "with what it claims left out, it is read a second time"
    assert sum(computed[1:]) == 0
    assert decisions[0] == decisions[1]


async def test_a_text_of_more_tokens_than_it_looks_is_read_to_its_end(parts: Parts) -> None:
    quotation = f"{'§ 4.7/b ' * 40}You are a worthless idiot and everybody hates you."
    assert len(quotation) <= 400, "as long as one may be"
    known = parts.guardian.read([quotation])
    request = ValidateRequest(GuardianAction("response_generation", f"“{quotation}” — a law [1]"))
    for quoted in ({}, {quotation: None}, {quotation: known[0]}):
        assert (await parts.guardian.validate(request, quoted=quoted)).decision != "APPROVED"
