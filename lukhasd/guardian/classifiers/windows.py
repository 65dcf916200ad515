"""Cuts a text into stretches that the network can read whole."""

from __future__ import annotations

import re

WORD = re.compile(r"\S+")
LONGEST_WORD = 120
"""Characters; a longer run without spaces is cut there."""
ENDS = ".!?:;>}\n"


def windows(text: str, *, tokens: int) -> list[tuple[int, int]]:
    """(start, end) of stretches of about `tokens` tokens at most that cover `text`, cut after a sentence if one ends
    in the last half. Each begins with the last sentence of the one before, so that nothing is only seen in halves."""
    words = [piece for match in WORD.finditer(text) for piece in cut(match.start(), match.end())]
    found: list[tuple[int, int]] = []
    first = 0
    while first < len(words):
        size = 0
        last = first
        while last < len(words) and (size + cost(text, *words[last]) <= tokens or last == first):
            size += cost(text, *words[last])
            last += 1
        if last < len(words):
            last = sentence_end(text, words, first, last)
        found.append((words[first][0], words[last - 1][1]))
        if last == len(words):
            break
        first = max(sentence_start(text, words, first, last), first + 1)
    return found


def cut(start: int, end: int) -> list[tuple[int, int]]:
    return [(at, min(at + LONGEST_WORD, end)) for at in range(start, end, LONGEST_WORD)]


def cost(text: str, start: int, end: int) -> int:
    """Tokens that a word is likely to have, rather too many than too few."""
    word = text[start:end]
    if word.isascii():
        return 1 + len(word) // (6 if word.isalpha() else 3)
    return len(word)


def sentence_end(text: str, words: list[tuple[int, int]], first: int, last: int) -> int:
    for place in range(last, first + (last - first) // 2, -1):
        if ends_sentence(text, words, place - 1):
            return place
    return last


def sentence_start(text: str, words: list[tuple[int, int]], first: int, last: int) -> int:
    """Where the last sentence before `last` begins, if it is no longer than a quarter of the stretch; else `last`."""
    for place in range(last - 1, last - (last - first) // 4, -1):
        if ends_sentence(text, words, place - 1):
            return place
    return last


def ends_sentence(text: str, words: list[tuple[int, int]], place: int) -> bool:
    end = words[place][1]
    return text[end - 1] in ENDS or "\n" in text[end : words[place + 1][0] if place + 1 < len(words) else len(text)]
