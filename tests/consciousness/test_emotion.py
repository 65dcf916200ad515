"""Emotion: what the packaged model tells, how it is fitted, and that folds keep it unless it is off."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from serving import make_paths

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.folds import FoldListParams
from lukhas_sdk.contract.matriz import ProcessRequest
from lukhas_sdk.contract.memory import MemoryContent, StoreRequest
from lukhas_sdk.contract.reflection import ReflectRequest
from lukhas_sdk.settings import ConsciousnessSettings, Settings
from lukhasd.consciousness import emotion_fit
from lukhasd.consciousness.emotion import (
    NEGATIVE,
    POSITIVE,
    BrokenEmotion,
    EmotionModel,
    Seen,
    load,
    measure_valence,
    packaged,
)
from lukhasd.consciousness.emotion_fit import Examples, Grams
from lukhasd.daemon import build
from lukhasd.guardian.classifiers.ngrams import features
from lukhasd.identity.caller import Caller
from lukhasd.parts import Parts

GLAD = [
    "They said yes! I begin the course in October and I am over the moon.",
    "Thank you so much for the lamp, it is the kindest thing anyone has done for me.",
    "What a wonderful concert, I loved every minute of it.",
    "Proud of Orla: she got the job at the museum!",
]
SAD = [
    "The cat died this morning and I cannot stop crying.",
    "I am furious, he broke the kiln again and lied about it.",
    "I hate this job, everything about it is awful.",
    "So sorry, I feel terrible about what I said to Mum.",
]


@pytest.fixture(scope="module")
def model() -> EmotionModel:
    return EmotionModel()


def test_valence_tells_glad_from_sad(model: EmotionModel) -> None:
    glad, sad = model.feel(GLAD), model.feel(SAD)
    assert min(felt.valence or 0 for felt in glad) > 0.2
    assert max(felt.valence or 0 for felt in sad) < -0.3
    assert "gratitude" in glad[1].emotions
    assert all(set(felt.emotions).isdisjoint(NEGATIVE) for felt in glad)
    assert all(set(felt.emotions).isdisjoint(POSITIVE) for felt in sad)


def test_a_text_without_a_word_has_no_valence(model: EmotionModel) -> None:
    assert [(felt.valence, felt.emotions) for felt in model.feel(["", "?!…", "🙂"])] == [(None, ())] * 3


def test_a_texts_answer_hangs_on_no_other(model: EmotionModel) -> None:
    together = model.feel([*GLAD, *SAD])
    alone = [model.feel([text])[0] for text in (*GLAD, *SAD)]
    for one, other in zip(together, alone, strict=True):
        assert one.valence == pytest.approx(other.valence, abs=0.05)


def test_the_weights_are_small_and_the_card_names_what_is_suppressed() -> None:
    _, manifest = load(packaged())
    folder = Path(str(packaged()))
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 4_000_000
    assert len(manifest.columns) == 30
    suppressed = set(manifest.columns[:-2]) - manifest.thresholds.keys()
    card = folder.with_name("MODEL_CARD.md").read_text()
    said = card.split("**Suppressed.**")[1].split("\n\n")[0]
    assert {name for name in manifest.columns if name in said} == suppressed


@pytest.mark.parametrize("harm", ["altered", "missing", "no manifest"])
async def test_a_broken_file_is_said_and_fails_nothing(harm: str, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(str(packaged()), folder)
    if harm == "altered":
        content = bytearray((folder / "emotion.npz").read_bytes())
        content[1000] ^= 1
        (folder / "emotion.npz").write_bytes(content)
    else:
        (folder / ("emotion.npz" if harm == "missing" else "manifest.json")).unlink()
    broken = EmotionModel(folder)
    assert await measure_valence(broken, "What a day!") is None
    with pytest.raises(BrokenEmotion):
        await asyncio.to_thread(broken.feel, ["What a day!"])


def test_the_fit_learns_from_all_it_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Column 0 hangs on the words, column 1 on the text as a whole, column 2 on the neighbours of a token, column 3 on
    nothing; odd folds see the other half of the whole, and no words."""
    changed = {"EPOCHS": 40, "BATCH": 32, "HIDDEN": 8, "DETECTORS": 8, "WARM_STEPS": 5, "RATE": 2e-2}
    for name, value in changed.items():
        monkeypatch.setattr(emotion_fit, name, value)
    chance = np.random.default_rng(5)
    texts = [("merry" if place % 2 else "dreary") + f" note {place % 7}" for place in range(400)]
    pooled = chance.normal(size=(400, 24)).astype(np.float32)
    pooled[:, 15] = pooled[:, 3]
    sizes = chance.integers(3, 9, 400)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    tokens = chance.choice(np.array([-1.0, 1.0], np.float32), (int(starts[-1]), 4))
    pairs = [any(a[0] > 0 and b[1] > 0 and a[2] > 0 and b[2] < 0 for a, b in pairwise(tokens[start:end]))
             for start, end in pairwise(starts)]  # fmt: skip
    labels = np.column_stack([np.arange(400) % 2, pooled[:, 3] > 0, pairs, chance.random(400) < 0.5]).astype(np.float32)
    examples = Examples(Seen(tokens, starts, pooled), Grams.of([features(text) for text in texts]))
    train, held = np.arange(300), np.arange(300, 400)
    folds = [emotion_fit.fit_fold(examples, labels, train, number=n, tell=lambda line: None) for n in (0, 1)]
    right = [((fold.logits(examples, held) > 0) == (labels[held] > 0)).mean(axis=0) for fold in folds]
    assert right[0][0] > 0.97
    assert right[1][0] < 0.65
    for one in right:
        assert one[1] > 0.8
        assert one[2] > max(labels[held, 2].mean(), 1 - labels[held, 2].mean()) + 0.05
        assert one[3] < 0.65
    norm = {"token_mean": np.zeros(4), "token_spread": np.ones(4), "mean": np.zeros(24), "spread": np.ones(24)}
    joined = emotion_fit.joined(folds, **{name: each.astype(np.float32) for name, each in norm.items()})
    chosen, begins = examples.tokens(held)
    again = joined.logits(Seen(chosen, begins, pooled[held]), [texts[place] for place in held])
    mean = np.mean([fold.logits(examples, held) for fold in folds], axis=0)
    assert np.abs(again - mean).max() < 0.2, "int8 and joining lose nothing that tells"


def test_calibration_and_threshold() -> None:
    chance = np.random.default_rng(2)
    logits = chance.normal(-2, 2, 20_000).astype(np.float32)
    truth = (chance.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))).astype(np.float32)
    scale, shift = emotion_fit.calibrate(logits, truth)
    assert (scale, shift) == (pytest.approx(0.5, abs=0.05), pytest.approx(-1, abs=0.1))
    given = 1 / (1 + np.exp(-(scale * logits + shift)))

    def f1(limit: float) -> float:
        said = given > limit
        return float(2 * (said * truth).sum() / (said.sum() + truth.sum()))

    best = max(f1(limit) for limit in np.linspace(0.05, 0.6, 56))
    assert f1(emotion_fit.threshold(given)) > best - 0.01


@pytest.mark.asyncio(loop_scope="module")
async def test_folds_and_reflections_hold_it(shared_parts: Parts) -> None:
    caller = Caller("glad", "ΛUSER-2025-0001", Tier.USER, "api_key")
    for text in ("I love this garden so much!", "The fence fell down and I hate it."):
        await shared_parts.pipeline.process(caller, ProcessRequest(text))
    folds = (await shared_parts.folds.list("glad", FoldListParams())).folds
    assert [(fold.valence or 0) > 0 for fold in folds] == [False, True]
    answer = await shared_parts.reflector.reflect("glad", ReflectRequest())
    assert answer.emotional_assessment is not None
    assert answer.emotional_assessment.texts == 2
    assert {"love", "anger", "disgust", "annoyance"} & {each.emotion for each in answer.emotional_assessment.counts}
    without = await shared_parts.reflector.reflect("glad", ReflectRequest(include_emotions=False))
    assert without.emotional_assessment is None
    assert without.reasons["emotional_assessment"] == "include_emotions was false"


async def test_off_by_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    async with AsyncExitStack() as closing:
        settings = Settings(consciousness=ConsciousnessSettings(emotion="off"))
        parts = await build(make_paths(tmp_path), settings, closing)
        assert await parts.pipeline.valence("I love this garden so much!") is None
        await parts.memory.store("me", StoreRequest(MemoryContent("episodic", "I love this garden so much!")))
        answer = await parts.reflector.reflect("me", ReflectRequest())
        assert answer.emotional_assessment is None
        assert "consciousness.emotion is off" in answer.reasons["emotional_assessment"]


def test_the_data_set_of_a_year_is_one_persons() -> None:
    folder = Path(__file__).parents[1] / "data"
    rows = [
        json.loads(line)
        for file in (folder / "questions" / "notes.jsonl", folder / "reflection" / "year.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert len(rows) >= 300
    assert len({row["text"] for row in rows}) == len(rows)
