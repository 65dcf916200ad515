"""Is the evidence for an answer in the 800 tokens that thought is given? LoCoMo questions over imported conversations.

python tests/benchmarks/bench_packing.py --data locomo-dev.json.gz [--conversations N] [--small]

Each conversation stands in two stores: a memory a turn, and a memory a session, which is far longer than what there is
room for. Prints the share of the answerable questions of which every turn of evidence, and of which any, is in what
attention shows; beside the peer, whole memories in the order of the search until the room is used up. For measuring
only: nothing is fitted on this data (CC BY-NC). The public original is LoCoMo, Maharana et al., 2024.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from bench_locomo import UNANSWERABLE, chosen
from finding import Conversation, interval

from lukhas_sdk.contract.memory import MemoryContent, StoreRequest
from lukhas_sdk.settings import MatrizSettings
from lukhasd.matriz.confidence_training import attended
from lukhasd.memory import MemoryStore
from lukhasd.memory.questions import Question, QuestionSet, filled_store
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import Embedder, MiniLmEmbedder

SMALL_QUESTIONS = 20
BUDGET_TOKENS = MatrizSettings().context_tokens


@dataclass(frozen=True)
class Shown:
    """Share of a question's evidence that is shown, and the tokens used: packed, and by the peer."""

    conversation: str
    packed: float
    peer: float
    packed_tokens: int
    peer_tokens: int


async def measure(one: Conversation, *, sessions: bool, questions: int | None) -> list[Shown]:
    said = {str(turn.content.context["source"]): turn.content.data for turn in one.turns}
    asked = [each for each in one.questions if each.category != UNANSWERABLE and each.evidence & said.keys()]
    asked = asked if questions is None else asked[:: max(len(asked) // questions, 1)][:questions]
    embedder = MiniLmEmbedder()
    memories = _sessions(one) if sessions else list(one.turns)
    rows = []
    async with filled_store(QuestionSet({one.name: memories}, []), embedder) as store:
        for each in asked:
            evidence = [said[turn] for turn in each.evidence & said.keys()]
            rows.append(
                await _ask(store, embedder, Question(one.name, each.text, frozenset(), frozenset(), 0), evidence)
            )
    return rows


async def _ask(store: MemoryStore, embedder: Embedder, question: Question, evidence: Sequence[str]) -> Shown:
    hits, focus = await attended(question, store, embedder, Analyser())
    packed = [one.shown for one in focus.kept]
    left, peer = BUDGET_TOKENS, list[str]()
    for text in (hit.content.data for hit in hits):
        tokens = embedder.count_tokens(text)
        if tokens <= left:
            peer.append(text)
            left -= tokens
    return Shown(
        question.owner,
        _share(evidence, packed),
        _share(evidence, peer),
        sum(embedder.count_tokens(text) for text in packed),
        BUDGET_TOKENS - left,
    )


def _share(evidence: Sequence[str], shown: Sequence[str]) -> float:
    """A turn is shown where every sentence of it is."""
    texts = [" ".join(text.split()) for text in shown]
    return sum(any(" ".join(turn.split()) in text for text in texts) for turn in evidence) / len(evidence)


def _sessions(one: Conversation) -> list[StoreRequest]:
    session_of = one.session_of or {}
    made = []
    for name, turns in groupby(one.turns, key=lambda turn: session_of[turn.content.context["source"]]):
        spoken = list(turns)
        text = "\n".join(turn.content.data for turn in spoken)
        context = {"source": name, "timestamp": spoken[0].content.context["timestamp"]}
        made.append(StoreRequest(content=MemoryContent(type="episodic", data=text, context=context)))
    return made


def report(name: str, rows: Sequence[Shown]) -> None:
    groups = [row.conversation for row in rows]
    print(f"a memory a {name}, {len(rows)} questions, {BUDGET_TOKENS} tokens, 95 % intervals")
    for what, least in (("all of the evidence", 1.0), ("any of it", 1e-9)):
        packed, peer = (
            [float(share >= least) for share in each] for each in zip(*((r.packed, r.peer) for r in rows), strict=True)
        )
        gain = [one - other for one, other in zip(packed, peer, strict=True)]
        print(
            f"  {what:20} packed {interval(packed, groups)}   whole memories {interval(peer, groups)}"
            f"   ratio {sum(packed) / max(sum(peer), 1):.2f}, gain {interval(gain, groups)}"
        )
    print(f"  most tokens: packed {max(row.packed_tokens for row in rows)}, whole {max(r.peer_tokens for r in rows)}")


def main() -> None:
    given = list(chosen(__doc__, SMALL_QUESTIONS))
    for name in ("turn", "session"):
        rows = [asyncio.run(measure(one, sessions=name == "session", questions=count)) for one, count in given]
        report(name, [row for some in rows for row in some])


if __name__ == "__main__":
    main()
