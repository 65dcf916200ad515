"""What groups of texts are called: class-based TF-IDF (Grootendorst, 2022)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from lukhasd.memory.words import FUNCTION_WORDS, Analyser

SHORTEST_WORD = 3
IN_TEXTS = 2
"""Texts of a group that must have a word for it to speak for the group."""


def label(groups: Sequence[Sequence[str]], analyser: Analyser, *, words: int) -> list[list[str]]:
    """For each group of texts, its most telling words: those with the greatest share × log(1 + A / f), the share of the
    group's texts that have it, f of all the texts, A the mean number of words of a group. A stem stands for its words
    and is shown as the most frequent of them."""
    shown: dict[str, Counter[str]] = {}
    held: list[Counter[str]] = []
    for texts in groups:
        counts: Counter[str] = Counter()
        for text in texts:
            stems = {}
            for word in analyser.words(text):
                if len(word) < SHORTEST_WORD or word in FUNCTION_WORDS or not word.isalpha():
                    continue
                stem = analyser.terms(word)[0]
                stems[stem] = word
                shown.setdefault(stem, Counter())[word] += 1
            counts.update(stems.keys())
        held.append(counts)
    total = sum(held, Counter[str]())
    mean = sum(total.values()) / max(len(groups), 1)
    found = []
    for counts, texts in zip(held, groups, strict=True):
        scores = {
            stem: count / len(texts) * math.log1p(mean / total[stem])
            for stem, count in counts.items()
            if count >= IN_TEXTS
        }
        best = sorted(scores, key=lambda stem: (-scores[stem], stem))[:words]
        found.append([min(shown[stem], key=lambda word: (-shown[stem][word], word)) for stem in best])
    return found
