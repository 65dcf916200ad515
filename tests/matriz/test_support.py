"""Which statements a memory carries, on pairs of our own: half of them chose the threshold, half were kept back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lukhasd.matriz import support
from lukhasd.matriz.support import Source
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import MiniLmEmbedder

PAIRS = Path(__file__).parents[1] / "data" / "support.jsonl"
ANALYSER = Analyser()
EMBEDDER = MiniLmEmbedder()


def check(draft: str, *texts: str, speaker: str = "notes") -> list[support.Statement]:
    sources = [Source(f"mem_{place}", f"{speaker}, 8 February 2023", text) for place, text in enumerate(texts)]
    return support.check(draft, sources, analyser=ANALYSER, embedder=EMBEDDER)


def test_precision_and_recall_on_pairs_that_chose_nothing() -> None:
    rows = [json.loads(line) for line in PAIRS.read_text().splitlines()]
    held = [row for row in rows if row["split"] == "held"]
    assert len(rows) >= 60
    right = carried = 0
    for row in held:
        (found,) = check(row["statement"], row["memory"], speaker=row.get("speaker", "notes"))
        right += found.supported and row["supported"]
        carried += found.supported
    assert right / carried >= 0.8
    assert right / sum(row["supported"] for row in held) >= 0.8


@pytest.mark.parametrize(
    ("draft", "share"),
    [
        ("The boiler was serviced in June [1].", 1.0),
        ("The boiler was serviced in June. It cost 300 euros.", 0.5),
        ("The boiler was serviced for 120 euros.", 0.0),
        ("Dragons live in caves.", 0.0),
        ("[1]", None),
    ],
)
def test_the_share_is_of_statements(draft: str, share: float | None) -> None:
    assert support.share(check(draft, "The boiler was serviced in June by Tom.")) == share


def test_a_statement_names_who_carries_it_and_what_it_cites() -> None:
    (one,) = check("The lease ends in August. [2]", "The lease ends in August.", "The roof leaks.")
    assert (one.supported, one.memory_ids, one.cited) == (True, ["mem_0"], ["mem_1"])


def test_why_a_statement_is_not_carried_is_said() -> None:
    (figure,) = check("The lease costs 900 euros.", "The lease costs 800 euros.")
    assert figure.why == "the memory does not hold the figure 900"
    assert figure.score == 0.0
    (meant,) = check("They visited Porto.", "They plan to visit Porto.")
    assert not meant.supported
