"""The packaged model: vectors, chunks, and what happens when its file is not what it should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lukhasd.models import encoder, minilm
from lukhasd.models.embedder import WINDOW_TOKENS, EmbedderError, MiniLmEmbedder


@pytest.fixture(scope="module")
def embedder() -> MiniLmEmbedder:
    return MiniLmEmbedder()


def test_vectors_have_length_one_and_mean_something(embedder: MiniLmEmbedder) -> None:
    texts = ["A dog runs in the park.", "The puppy is playing outside.", "Interest rates rose by half a percent."]
    vectors = embedder.embed(texts)
    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.4 > 0.2 > vectors[0] @ vectors[2]


def test_company_and_order_do_not_change_a_vector(embedder: MiniLmEmbedder) -> None:
    texts = [f"text {number} " + "word " * (number * 7 % 60) for number in range(40)]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts[:5]])
    assert np.abs(together[:5] - alone).max() < 1e-3
    assert embedder.embed([]).shape == (0, 384)
    assert np.isfinite(embedder.embed([""])).all()


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"Sentence number {number} is here." for number in range(400)),
        ",".join(f"{number}" for number in range(1500)),
        "".join(chr(0x4E00 + number * 7) for number in range(1500)),
        " ".join(chr(0xAC00 + number * 5) * 3 for number in range(800)),
        "\n\n".join(f"Paragraph {number} has a few words in it." for number in range(150)),
    ],
    ids=["sentences", "unbroken", "ideographs", "hangul", "paragraphs"],
)
def test_chunks_fit_the_window_and_lose_nothing(embedder: MiniLmEmbedder, text: str) -> None:
    chunks = embedder.chunks(text)
    assert len(chunks) > 1
    assert max(map(embedder.count_tokens, chunks)) <= WINDOW_TOKENS
    reached = 0
    for chunk in chunks:  # each begins within or right after what came before
        start = text.find(chunk[:200], max(0, reached - len(chunk)))
        assert 0 <= start <= reached + 2, chunk[:50]
        reached = max(reached, start + len(chunk))
    assert reached >= len(text.rstrip())


def test_chunks_end_with_sentences(embedder: MiniLmEmbedder) -> None:
    chunks = embedder.chunks("The quick brown fox jumps over the lazy dog. " * 60)
    assert all(chunk.endswith("dog.") for chunk in chunks)


def test_a_short_text_is_one_chunk(embedder: MiniLmEmbedder) -> None:
    assert embedder.chunks(" short text ") == [" short text "]


def test_a_missing_or_altered_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.onnx"
    monkeypatch.setattr(minilm, "packaged_model", lambda: file)
    monkeypatch.setattr(encoder, "shared", lambda threads: encoder.Encoder(threads=threads))
    with pytest.raises(EmbedderError, match="cannot be read"):
        MiniLmEmbedder().embed(["x"])
    file.write_bytes(b"not the model")
    with pytest.raises(EmbedderError, match="not the expected file"):
        MiniLmEmbedder().embed(["x"])
