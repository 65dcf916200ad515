"""Does memory rank documents well? Cranfield's 225 questions over 1,400 abstracts.

python tests/benchmarks/bench_cranfield.py --data cranfield/ [--small]

Prints nDCG@10 (a document counts when it was judged 1 to 4) and recall for the hybrid search, for words alone and,
where it is installed, for bm25s. For measuring only. The public original: Cleverdon, 1967 (cran.all.1400, cran.qry,
cranqrel).
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections import defaultdict
from pathlib import Path

from finding import Conversation, Question, ask, gain_at_10, recall_at, report

from lukhas_sdk.contract.memory import MemoryContent, StoreRequest

SMALL_QUESTIONS = 30
SMALL_DOCUMENTS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--small", action="store_true", help=f"{SMALL_QUESTIONS} questions, {SMALL_DOCUMENTS} documents"
    )
    given = parser.parse_args()
    collection = read_collection(given.data, SMALL_DOCUMENTS if given.small else None)
    rows = asyncio.run(ask(collection, questions=SMALL_QUESTIONS if given.small else None))
    report(rows, [("nDCG@10", gain_at_10), ("R@10", recall_at(10)), ("R@20", recall_at(20))])


def read_collection(folder: Path, documents: int | None = None) -> Conversation:
    """The questions are those that one of the documents answers."""
    memories = []
    for part in _parts(folder / "cran.all.1400")[:documents]:
        number, _, rest = part.partition("\n")
        title, _, text = re.sub(r"^\.T\n", "", rest).partition(".A\n")
        text = " ".join(text.partition(".W\n")[2].split())
        context = {"title": " ".join(title.split()), "source": number.strip()}
        data = text or context["title"] or "…"
        memories.append(StoreRequest(content=MemoryContent(type="semantic", data=data, context=context)))
    known = {memory.content.context["source"] for memory in memories}
    relevant: dict[int, set[str]] = defaultdict(set)
    for line in filter(None, map(str.strip, (folder / "cranqrel").read_text(encoding="utf-8").splitlines())):
        question, document, grade = line.split()[:3]
        if int(grade) > 0 and document in known:
            relevant[int(question)].add(document)
    asked = [
        Question(" ".join(part.partition(".W\n")[2].split()), frozenset(relevant[place]), "document")
        for place, part in enumerate(_parts(folder / "cran.qry"), 1)
    ]
    return Conversation("cranfield", memories, [question for question in asked if question.evidence])


def _parts(file: Path) -> list[str]:
    return re.split(r"^\.I ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


if __name__ == "__main__":
    main()
