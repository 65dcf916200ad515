"""Junk is declined with its reason, and nothing worth keeping is."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lukhas_sdk.contract.memory import ListParams, MemoryContent, StoreRequest
from lukhasd.database import Database
from lukhasd.memory import MemoryStore, junk
from lukhasd.records.metrics import Metrics

DATA = Path(__file__).resolve().parents[1] / "data"
ANSWER = "The spare key has been under the blue pot since Ana moved out in March."


def labelled(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / "gate" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_labelled_set_is_large_enough_to_say_something() -> None:
    pairs = labelled("pairs")
    counts = [len(labelled("junk")), len(labelled("valid")), sum(row["same"] for row in pairs)]
    assert all(count >= least for count, least in zip(counts, (300, 500, 200), strict=True))
    assert len(pairs) - counts[2] >= 200
    for rows in (labelled("junk"), labelled("valid"), pairs):
        assert 0.3 < sum(row["held_out"] for row in rows) / len(rows) < 0.36


def test_little_junk_is_kept_and_little_else_is_lost() -> None:
    judge = junk.load()
    kept = [row["text"] for row in labelled("junk") if judge.judge(row["text"]) is None]
    lost = [row["text"] for row in labelled("valid") if judge.judge(row["text"]) is not None]
    assert len(kept) <= 0.05 * len(labelled("junk")), kept
    assert len(lost) <= 0.01 * len(labelled("valid")), lost


def test_questions_and_notes_of_our_own_are_kept() -> None:
    lines = (DATA / "questions" / "notes.jsonl").read_text(encoding="utf-8").splitlines()
    judge = junk.load()
    lost = [text for line in lines if judge.judge(text := json.loads(line)["text"]) is not None]
    assert len(lost) <= 0.01 * len(lines), lost


@pytest.mark.parametrize("text", ["a" * 4_000, " the user" * 440, "ok " * 1_300, "user is " * 400, "-" * 3_999 + "a",
                                  "calling function " + "a " * 1_900, "searching the memory for " * 150])  # fmt: skip
def test_no_text_keeps_the_judge_busy(text: str) -> None:
    judge = junk.load()
    judge.judge("warm")
    started = time.process_time()
    judge.judge(text)
    assert time.process_time() - started < 0.5


async def test_junk_is_declined_with_the_reason_and_the_way_out(store: MemoryStore, make_memory: Any) -> None:
    answer = await store.store("ada", make_memory("ok sounds good!"))
    assert (answer.outcome, answer.memory_id, answer.storage_confirmed) == ("declined", None, False)
    assert answer.reason is not None and "empty talk" in answer.reason and "force" in answer.reason
    assert (await store.list("ada", ListParams())).total_count == 0


async def test_force_keeps_it_marked(store: MemoryStore, make_memory: Any) -> None:
    forced = await store.store("ada", msgspec.structs.replace(make_memory("Thanks!"), force=True))
    assert forced.outcome == "stored" and forced.memory_id is not None
    assert "empty talk" in ((await store.recall("ada", forced.memory_id)).metadata.mark or "")
    listed = (await store.list("ada", ListParams())).memories
    assert "empty talk" in (listed[0].metadata.mark or "")
    fine = await store.store("ada", msgspec.structs.replace(make_memory("Ana's cat is called Miso"), force=True))
    assert fine.memory_id is not None
    assert (await store.recall("ada", fine.memory_id)).metadata.mark is None


async def test_yes_is_worth_keeping_with_its_question(store: MemoryStore) -> None:
    content = MemoryContent(type="semantic", data="Yes", query="Is Mara allergic to nuts?")
    assert (await store.store("ada", StoreRequest(content=content))).outcome == "stored"


async def test_an_import_says_what_became_of_each(store: MemoryStore, make_memory: Any) -> None:
    items = [make_memory(text) for text in ("Blood type O-", "thanks!", "blood type O-.", "42 Elm St")]
    answer = await store.import_items("ada", items)
    assert (answer.stored, answer.declined, answer.merged, answer.skipped) == (2, 1, 1, 0)
    assert [(each.index, each.outcome) for each in answer.outcomes] == [
        (0, "stored"), (1, "declined"), (2, "merged"), (3, "stored"),
    ]  # fmt: skip
    assert answer.memory_ids[1] is None and answer.memory_ids[2] == answer.memory_ids[0]
    assert answer.outcomes[1].reason


async def test_an_answer_fed_back_is_declined(store: MemoryStore, make_memory: Any) -> None:
    def interaction(number: int, response: str) -> dict[str, list[Any]]:
        now = datetime.now(UTC).replace(tzinfo=None)
        texts = {"input": "?", "intent": "ask", "answer_source": "extractive", "cited": "[]", "decision": "APPROVED"}
        return {
            "interaction_id": [f"int_{number}"], "owner": ["ada"], "response": [response], "duration_ms": [1.0],
            "created_at": [now], **{name: [text] for name, text in texts.items()},
        }  # fmt: skip

    await store.core.database.append("interactions", interaction(1, f"{ANSWER} [1]"))
    answer = await store.store("ada", make_memory(ANSWER))
    assert answer.outcome == "declined" and "fed back" in (answer.reason or "")
    assert (await store.store("bob", make_memory(ANSWER))).outcome == "stored"
    assert (await store.store("ada", make_memory("The spare key has been under the red pot"))).outcome == "stored"
    later = "Leo starts at the conservatory in Graz on the first of October."
    store.answered("ada", later)
    assert (await store.store("ada", make_memory(later))).outcome == "declined"


async def test_an_open_gate_keeps_everything_as_it_comes(tmp_path: Path, make_memory: Any, word_bag: Any) -> None:
    database = await asyncio.to_thread(Database.open, tmp_path / "lukhas.duckdb")
    store = await MemoryStore.open(database=database, folder=tmp_path, embedder=word_bag, metrics=Metrics(), gate=False)
    try:
        for text in ("ok", "ok!", "ok"):
            assert (await store.store("ada", make_memory(text))).outcome == "stored"
        answer = await store.import_items("ada", [make_memory("thanks"), make_memory("Thanks"), make_memory("thanks")])
        assert (answer.stored, answer.skipped, answer.declined) == (2, 1, 0)
    finally:
        await store.close()
        await asyncio.to_thread(database.close)
