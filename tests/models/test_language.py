"""The OpenAI-compatible client against a real server of ours that behaves well and badly, and against llama.cpp."""

from __future__ import annotations

import socket
from time import perf_counter

import pytest

from lukhasd.models.language import Message, ModelError
from lukhasd.models.openai_compatible import OpenAICompatible

ASK = [Message("system", "Notes:\n[1] (today)\n│ The key is under the pot.\n"), Message("user", "Where is the key?")]


async def ask(url: str, name: str, timeout_s: float = 5.0) -> str:
    model = OpenAICompatible(url, name, None)
    return (await model.chat(ASK, max_tokens=50, temperature=0.0, timeout_s=timeout_s)).text


@pytest.mark.parametrize("name", ["good", "plain"])
async def test_streamed_and_whole_answers_are_read(chat_url: str, name: str) -> None:
    assert await ask(chat_url, name) == "The key is under the pot. [1]"


async def test_times_are_measured(chat_url: str) -> None:
    completion = await OpenAICompatible(chat_url, "good", None).chat(ASK, max_tokens=50, temperature=0.0, timeout_s=5.0)
    assert 0 < completion.first_token_ms <= completion.total_ms < 5000


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("garbage", "unusable"),
        ("binary", "unusable"),
        ("empty", "unusable"),
        ("wrong-shape", "unusable"),
        ("dies", "unusable"),
        ("huge", "unusable"),
        ("refuses", "refused"),
        ("redirects", "refused"),
    ],
)
async def test_bad_answers_are_model_errors(chat_url: str, name: str, kind: str) -> None:
    with pytest.raises(ModelError) as caught:
        await ask(chat_url, name)
    assert caught.value.kind == kind


@pytest.mark.parametrize("name", ["slow", "drip"])
async def test_the_deadline_holds_whatever_the_server_does(chat_url: str, name: str) -> None:
    started = perf_counter()
    with pytest.raises(ModelError) as caught:
        await ask(chat_url, name, timeout_s=0.5)
    assert caught.value.kind == "timeout"
    assert perf_counter() - started < 2.0


async def test_a_server_that_is_down_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelError) as caught:
        await ask(f"http://127.0.0.1:{port}/v1", "good")
    assert caught.value.kind == "unreachable"


def test_the_key_is_not_shown() -> None:
    assert "sesame" not in repr(OpenAICompatible("http://127.0.0.1:1/v1", "good", "sesame"))


async def test_a_true_model_answers(llama_url: str) -> None:
    model = OpenAICompatible(llama_url, "smollm2", None)
    assert await model.list_models(timeout_s=10)
    completion = await model.chat(
        [Message("user", "What is the capital of France? One word.")], max_tokens=20, temperature=0.0, timeout_s=60
    )
    assert "Paris" in completion.text
    assert completion.first_token_ms < completion.total_ms
