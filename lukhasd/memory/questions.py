"""Questions whose answering memories are known, for fitting and checking what says whether memory answers.

Four sets: the notes of `tests/data/questions` (this project's own), which is what people keep and ask; the
conversations (`lukhasd.memory.conversations`) and the documents beside them; and the fact-update development set
(gzipped JSON lines, Apache-2.0), ten facts a question. Each of its questions is asked with and without the facts that
answer it, and of somebody else whom the same facts are about: the people stay, so that what is not answerable is hard.
The facts of every second question are kept as what their subjects said.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lukhas_sdk.contract.memory import MemoryContent, SearchHit, SearchRequest, StoreRequest
from lukhas_sdk.documents import split_markdown
from lukhasd.database import Database
from lukhasd.memory import conversations
from lukhasd.memory.store import MemoryStore
from lukhasd.models.embedder import Embedder
from lukhasd.records.metrics import Metrics

NOTES_OWNER = "notes"
TOGETHER_OWNER = "together"
STRANGE_EACH = 3
"""One such question in so many is also asked of a document that is about something else."""
NAME = re.compile(r"[A-Z][\w.'’-]+(?: [A-Z][\w.'’-]*)+")


@dataclass(frozen=True)
class Question:
    """Asked of `owner`'s memories. `answers` are the texts that answer; hits with a `hidden` text are taken out.
    Questions of one `group` belong on one side of a validation. Where one of `phrases` must be said, a quotation
    without any of them does not answer, even one of a text that does."""

    owner: str
    text: str
    answers: frozenset[str]
    hidden: frozenset[str]
    group: int
    phrases: frozenset[str] = frozenset()

    def is_answered_by(self, text: str, quoted: str) -> bool:
        """Whether `quoted` of the memory `text` answers."""
        said = " ".join(quoted.split())
        return text in self.answers and (not self.phrases or any(phrase in said for phrase in self.phrases))


@dataclass(frozen=True)
class QuestionSet:
    items: dict[str, list[StoreRequest]]
    """By owner."""
    questions: list[Question]


def read_notes(folder: Path) -> QuestionSet:
    notes = {row["id"]: row for row in _rows((folder / "notes.jsonl").read_text(encoding="utf-8").splitlines())}
    questions = []
    groups: dict[str, int] = {}
    rows = _rows((folder / "questions.jsonl").read_text(encoding="utf-8").splitlines())
    for place, row in enumerate(rows):
        group = groups.setdefault(row["answers"][0] if row["answers"] else f"none {place}", len(groups))
        answers = frozenset(notes[number]["text"] for number in row["answers"])
        questions.append(Question(NOTES_OWNER, row["question"], answers, frozenset(), group))
    return QuestionSet({NOTES_OWNER: [_note(row) for row in notes.values()]}, questions)


def read_conversations(folder: Path) -> QuestionSet:
    """Each conversation in a store of its own; and every third question again where all of them are in one store, with
    the notes: nothing that is fitted may lean on how much there is. A group is a conversation."""
    read = conversations.read(folder / "conversations")
    items: dict[str, list[StoreRequest]] = {one.name: one.memories() for one in read}
    questions = [
        Question(one.name, asked.text, frozenset(one.turns[place].text for place in asked.answers), frozenset(), group)
        for group, one in enumerate(read)
        for asked in one.questions
    ]
    together = [memory for memories in items.values() for memory in memories]
    items[TOGETHER_OWNER] = together + read_notes(folder).items[NOTES_OWNER]
    questions += [replace(question, owner=TOGETHER_OWNER) for question in questions[::3]]
    return QuestionSet(items, questions)


def read_documents(folder: Path) -> QuestionSet:
    """Each document, cut as an import cuts it, in a store of its own; and every question again where all of them are
    in one store, with the notes. Some are asked of another document, which does not answer them. A group is a
    document."""
    items: dict[str, list[StoreRequest]] = {}
    questions = []
    for group, part in enumerate((folder / "questions.txt").read_text(encoding="utf-8").split("# ")[1:]):
        name, *lines = part.splitlines()
        file = folder / f"{name}.md"
        items[name] = list(split_markdown(file.read_text(encoding="utf-8"), source=file.name))
        texts = [item.content.data for item in items[name]]
        for line in lines:
            asked, *phrases = line[2:].split(" | ")
            answers = frozenset(text for text in texts if any(phrase in " ".join(text.split()) for phrase in phrases))
            questions.append(Question(name, asked, answers, frozenset(), group, frozenset(phrases)))
    together = [memory for memories in items.values() for memory in memories]
    strange = _of_another(questions)
    items[TOGETHER_OWNER] = together + read_notes(folder.parent).items[NOTES_OWNER]
    questions += [replace(question, owner=TOGETHER_OWNER) for question in questions]
    questions += strange
    return QuestionSet(items, questions)


def _of_another(questions: Sequence[Question]) -> list[Question]:
    """Every third question that its document answers, asked of the next one, which does not."""
    owners = list(dict.fromkeys(question.owner for question in questions))
    return [
        Question(owners[place], question.text, frozenset(), frozenset(), place)
        for question in [question for question in questions if question.answers][::STRANGE_EACH]
        for place in [(owners.index(question.owner) + 1) % len(owners)]
    ]


def read_facts(file: Path) -> QuestionSet:
    items: dict[str, list[StoreRequest]] = {}
    questions = []
    groups: dict[tuple[str, ...], int] = {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in _rows(lines):
            extra = row["agent_args"]["extra"]
            facts = tuple(extra["facts"])
            group = groups.setdefault(facts, len(groups))
            owner = f"facts {group}"
            people = _people(facts)
            contents = [_spoken(fact, people) if group % 2 else _stated(fact) for fact in facts]
            items[owner] = [StoreRequest(content=content) for content in contents]
            supporting = [facts[place] for place in extra["supporting_fact_indices"]]
            answers = frozenset(contents[place].data for place in extra["supporting_fact_indices"])
            questions.append(Question(owner, row["input"], answers, frozenset(), group))
            questions.append(Question(owner, row["input"], frozenset(), answers, group))
            questions += [
                Question(owner, asked, frozenset(), frozenset(), group)
                for asked in _of_others(row["input"], supporting, people)
            ]
    return QuestionSet(items, questions)


def _people(facts: Sequence[str]) -> list[str]:
    """Whole names that a fact begins with."""
    names = [NAME.match(fact) for fact in facts]
    return list(dict.fromkeys(name[0] for name in names if name is not None))


def _stated(fact: str) -> MemoryContent:
    return MemoryContent(type="semantic", data=fact)


def _spoken(fact: str, people: Sequence[str]) -> MemoryContent:
    """As its subject's words, the subject left out: "I" is who speaks."""
    speaker = next((name for name in people if fact.startswith(name)), None)
    if speaker is None or fact.removeprefix(speaker).lstrip().startswith(("and ", ",", "'")):
        return _stated(fact)
    return MemoryContent(type="episodic", data=f"I {fact.removeprefix(speaker).strip()}", context={"speaker": speaker})


def _of_others(question: str, supporting: Sequence[str], people: Sequence[str]) -> list[str]:
    """The question with its one person exchanged for the first of those whom no supporting fact names."""
    asked = [name for name in people if name in question]
    known = " ".join([question, *supporting])
    others = [name for name in people if not any(part in known for part in name.split())]
    return [question.replace(asked[0], others[0])] if len(asked) == 1 and others else []


@asynccontextmanager
async def filled_store(questions: QuestionSet, embedder: Embedder) -> AsyncIterator[MemoryStore]:
    """A store of its own that holds the set's memories, with their vectors."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "questions.duckdb")
        store = await MemoryStore.open(database=database, folder=Path(folder), embedder=embedder, metrics=Metrics())
        try:
            for owner, items in questions.items.items():
                await store.import_items(owner, items)
            await store.wait_for_vectors(1200)
            yield store
        finally:
            await store.close()
            database.close()


async def find(store: MemoryStore, question: Question, limit: int) -> Sequence[SearchHit]:
    """At most `limit` hits, none of them hidden."""
    request = SearchRequest(query=question.text, limit=limit + len(question.hidden))
    hits = (await store.search(question.owner, request)).results
    return [hit for hit in hits if hit.content.data not in question.hidden][:limit]


def parse_arguments(description: str | None) -> dict[str, QuestionSet]:
    """The conversations, the notes, the documents and the facts that the command line names."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notes", type=Path, metavar="NOTES", help="the folder tests/data/questions")
    parser.add_argument("facts", type=Path, metavar="FACTS", help="the fact-update development set, .jsonl.gz")
    given = parser.parse_args()
    return {
        "conversations": read_conversations(given.notes),
        "notes": read_notes(given.notes),
        "documents": read_documents(given.notes / "documents"),
        "facts": read_facts(given.facts),
    }


def _note(row: dict[str, Any]) -> StoreRequest:
    context = {name: row[name] for name in ("speaker", "timestamp", "source", "heading") if row.get(name)}
    happened = bool(row.get("speaker")) or row["style"] == "diary"
    content = MemoryContent(type="episodic" if happened else "semantic", data=row["text"], context=context)
    return StoreRequest(content=content, tags=row.get("tags", []))


def _rows(lines: Iterable[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]
