"""What a query wants found as it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lukhasd.memory.expression import Verbatim
from lukhasd.memory.words import FUNCTION_WORDS, Analyser

QUOTED: Final = re.compile(r'"([^"]+)"|“([^“”]+)”')
RUN: Final = re.compile(r"[\w.&/@+#]+")
NAMING: Final = re.compile(r"\w[+#]+|[+#]\w|\w[.@&_]\w|(?<![\w.])\.[A-Za-z]")
"""In words that symbols are part of: C#, C++, .NET, node.js, R&D, snake_case."""
LONGEST_WORDS: Final = 8
MOST: Final = 5


@dataclass(frozen=True)
class Phrase:
    asked: Verbatim
    needed: bool
    """Whether what does not hold it answers less well; else it counts only where it is found."""


def phrases(query: str, analyser: Analyser) -> list[Phrase]:
    """What stands in quotation marks, and words with symbols; of a short query without either, the whole."""
    parts = [first or second for first, second in QUOTED.findall(query)]
    parts += [part.rstrip(".") for part in RUN.findall(QUOTED.sub(" ", query)) if NAMING.search(part)]
    asked = list(dict.fromkeys(tuple(analyser.tokens(part)) for part in parts))
    if any(asked):
        return [Phrase(Verbatim(tokens), needed=True) for tokens in asked if tokens][:MOST]
    words = analyser.words(query)
    whole = tuple(analyser.tokens(query.strip().rstrip("?!. ")))
    if 2 <= len(words) <= LONGEST_WORDS and any(word not in FUNCTION_WORDS for word in words):
        return [Phrase(Verbatim(whole), needed=False)]
    return []
