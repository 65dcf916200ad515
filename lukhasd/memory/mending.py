"""Texts put together from those that a memory has said: no word is made up. All of it takes time on long ones."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lukhas_sdk.errors import ValidationError
from lukhasd.memory.alignment import Piece, Run, Tokens, align, is_sign, join, sentences, split

PARTNERS_SHARE = 0.5
"""Two sentences say the same thing differently where they share this much of the shorter one."""
CONSENSUS_TEXTS = 32
CONSENSUS_CHARS = 4_000_000
"""Differing versions that are heard besides the origin, the newest first: so many, and so long together."""
SPAN_PLACES = 1_000


class Inserted(NamedTuple):
    """What one text has in place of the origin's tokens from `since` on, and how often it was a version."""

    piece: Piece
    since: int
    weight: int


def heal(origin: str, current: str) -> list[str]:
    """Texts that have all tokens of both, each in their order; none where nothing of the origin was lost.

    The first keeps sentences whole: those lost are put back where they stood, those added stay, and only in one that
    was changed does the lost part stand beside what took its place. The second does that throughout; the third is the
    origin, then all that was added.
    """
    old, new = split(origin), split(current)
    rest = iter(new.words)
    if all(word in rest for word in old.words):
        return []
    runs = align(old.words, new.words)
    added = [Piece(new, run.j1, run.j2) for run in runs if not run.same]
    return [
        join(list(_by_sentences(old, new, runs))),
        join(list(_side_by_side(old, new, runs))),
        join([Piece(old, 0, len(old)), *added]),
    ]


def agree(texts: Sequence[str]) -> str | None:
    """What most of the texts have. The first of them, the origin, is the measure: where at least half have a token of
    its it stays; what others have put in its place comes in where more of them agree on that than on the token, what
    they have added where more than half of all do. None where nothing is left."""
    heard = _heard(texts)
    votes = sum(heard.values())
    base = split(texts[0])
    having, lacking = [0] * len(base), [0] * len(base)
    gaps: dict[int, list[Inserted]] = {}
    for text, weight in heard.items():
        tokens = split(text)
        for run in align(base.words, tokens.words):
            for place in range(run.i1, run.i2):
                having[place] += weight * run.same
                lacking[place] += weight * (run.j1 == run.j2)
            if not run.same and run.j1 < run.j2:
                gaps.setdefault(run.i2, []).append(Inserted(Piece(tokens, run.j1, run.j2), run.i1, weight))
    won: dict[int, list[Piece]] = {}
    replaced: set[int] = set()
    for place, inserted in gaps.items():
        won[place], since = _agreed(inserted, place, votes, having)
        replaced.update(range(since, place) if won[place] else ())
    pieces: list[Piece] = []
    for place in range(len(base) + 1):
        pieces += won.get(place, [])
        if place < len(base) and (
            2 * having[place] >= votes or (place not in replaced and 2 * lacking[place] <= votes)
        ):
            pieces.append(Piece(base, place, place + 1))
    return join(pieces) if pieces else None


def restore(origin: str, current: str, spans: Sequence[str]) -> str:
    """Within each span, of the origin or of what it says now, what the origin says is put back."""
    if not spans:
        raise ValidationError("a selective repair has no spans", field="$.spans", hint="quote what is to be put back")
    old, new = split(origin), split(current)
    links = list(_links(align(old.words, new.words)))
    lost = {i for i, j, same in links if i is not None and not same}
    wanted_old: set[int] = set()
    wanted_new: set[int] = set()
    for number, span in enumerate(spans):
        if places := _find(old, origin, span):
            wanted_old |= next((place for place in places if place & lost), places[0])
        elif places := _find(new, current, span):
            wanted_new |= places[0]
        else:
            raise ValidationError(
                f"“{span[:80]}” is neither in the origin nor in what the memory says now",
                field=f"$.spans[{number}]",
                hint="quote it as it stands there; see: lukhas memory diff",
            )
    return join(list(_restored(old, new, links, wanted_old, wanted_new)))


def _by_sentences(old: Tokens, new: Tokens, runs: Sequence[Run]) -> Iterator[Piece]:
    old_parts, new_parts = sentences(old), sentences(new)
    i = j = 0
    for mine, other in [*_partners(old, new, runs), (len(old_parts), len(new_parts))]:
        for start, end in old_parts[i:mine]:
            yield Piece(old, start, end)
        for start, end in new_parts[j:other]:
            yield Piece(new, start, end)
        if mine < len(old_parts):
            (i1, i2), (j1, j2) = old_parts[mine], new_parts[other]
            inner = align(old.words[i1:i2], new.words[j1:j2])
            yield from _side_by_side(
                old, new, [Run(same, i1 + a, i1 + b, j1 + c, j1 + d) for same, a, b, c, d in inner]
            )
        i, j = mine + 1, other + 1


def _partners(old: Tokens, new: Tokens, runs: Sequence[Run]) -> list[tuple[int, int]]:
    """Sentences, by number, that are each other's most alike and alike enough; both numbers rise."""
    of_old, weights_old = _number_sentences(old)
    of_new, weights_new = _number_sentences(new)
    shared: Counter[tuple[int, int]] = Counter()
    for run in runs:
        if run.same:
            for i, j in zip(range(run.i1, run.i2), range(run.j1, run.j2), strict=True):
                shared[of_old[i], of_new[j]] += _weigh(old.words[i])
    best_of_old: dict[int, tuple[int, int]] = {}
    best_of_new: dict[int, tuple[int, int]] = {}
    for (mine, other), weight in shared.items():
        if weight >= PARTNERS_SHARE * min(weights_old[mine], weights_new[other]):
            best_of_old[mine] = max(best_of_old.get(mine, (0, 0)), (weight, -other))
            best_of_new[other] = max(best_of_new.get(other, (0, 0)), (weight, -mine))
    return sorted((mine, -other) for mine, (_, other) in best_of_old.items() if best_of_new[-other][1] == -mine)


def _number_sentences(tokens: Tokens) -> tuple[list[int], list[int]]:
    """Of which sentence each token is, and the weight of each sentence."""
    parts = sentences(tokens)
    numbers = [number for number, (start, end) in enumerate(parts) for _ in range(start, end)]
    return numbers, [sum(map(_weigh, tokens.words[start:end])) for start, end in parts]


def _weigh(word: str) -> int:
    """A sign says little: two lists have their dashes in common, whatever is on them."""
    return 1 if is_sign(word) else 10


def _side_by_side(old: Tokens, new: Tokens, runs: Sequence[Run]) -> Iterator[Piece]:
    for run in runs:
        if not run.same:
            yield Piece(old, run.i1, run.i2)
        yield Piece(new, run.j1, run.j2)


def _heard(texts: Sequence[str]) -> Counter[str]:
    """The origin and the newest of the others, each as often as it was a version."""
    counts = Counter(texts)
    heard = Counter({texts[0]: counts[texts[0]]})
    room = CONSENSUS_CHARS
    for text in dict.fromkeys(reversed(texts[1:])):
        room -= len(text)
        if len(heard) > CONSENSUS_TEXTS or (room < 0 and len(heard) > 2):
            break
        heard[text] = counts[text]
    return heard


def _agreed(inserted: Sequence[Inserted], place: int, votes: int, having: Sequence[int]) -> tuple[list[Piece], int]:
    """What comes in before the origin's token `place`, by the longest of what was put there, and from which token on
    it takes the place of the origin's."""
    longest = max(inserted, key=lambda each: each.piece.end - each.piece.start)
    source, start, end = longest.piece
    counts = [0] * (end - start)
    for piece, _, weight in inserted:
        for run in align(source.words[start:end], piece.source.words[piece.start : piece.end]):
            if run.same:
                for number in range(run.i1, run.i2):
                    counts[number] += weight
    rivals = max(having[longest.since : place], default=votes)
    pieces = [
        Piece(source, start + number, start + number + 1)
        for number, count in enumerate(counts)
        if 2 * count > votes or count > rivals
    ]
    return pieces, longest.since


def _links(runs: Sequence[Run]) -> Iterator[tuple[int | None, int | None, bool]]:
    """Token by token: its place in the old text and in the new one, None where it has none, and whether it is the
    same in both."""
    for run in runs:
        paired = min(run.i2 - run.i1, run.j2 - run.j1)
        for step in range(paired):
            yield run.i1 + step, run.j1 + step, run.same
        for i in range(run.i1 + paired, run.i2):
            yield i, None, False
        for j in range(run.j1 + paired, run.j2):
            yield None, j, False


def _find(tokens: Tokens, text: str, span: str) -> list[set[int]]:
    """The tokens that the span touches, for each of the first places where the text has it."""
    span = span.strip()
    starts = tokens.starts()
    found: list[set[int]] = []
    at = text.find(span)
    while at >= 0 and len(found) < SPAN_PLACES:
        found.append(set(range(bisect_right(starts, at) - 1, bisect_left(starts, at + len(span)))))
        at = text.find(span, at + len(span))
    return found


def _restored(
    old: Tokens,
    new: Tokens,
    links: Sequence[tuple[int | None, int | None, bool]],
    wanted_old: set[int],
    wanted_new: set[int],
) -> Iterator[Piece]:
    next_old, next_new = 0, 0
    for i, j, same in links:
        inside_old = {next_old - 1, next_old} <= wanted_old if i is None else i in wanted_old
        inside_new = {next_new - 1, next_new} <= wanted_new if j is None else j in wanted_new
        next_old += i is not None
        next_new += j is not None
        if (inside_old or inside_new) and not same:
            if i is not None:
                yield Piece(old, i, i + 1)
        elif j is not None:
            yield Piece(new, j, j + 1)
