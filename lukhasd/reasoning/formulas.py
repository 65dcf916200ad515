"""The formula base: quantities that are given, and those that follow from them (`formulas.toml`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from importlib import resources

import msgspec

from lukhasd.reasoning import expressions


class Quantity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either `value` is given, in `unit`, or `expression` computes it from other symbols in their units."""

    name: str
    unit: str
    source: str
    words: list[str]
    value: float | None = None
    expression: str = ""


@dataclass(frozen=True)
class Mention:
    symbol: str
    start: int
    end: int


class Formulas:
    def __init__(
        self, quantities: Mapping[str, Quantity], bodies: Mapping[str, Mapping[str, str]], meant: Mapping[str, str]
    ) -> None:
        """Raises ValueError where an expression cannot be read, or hangs on itself or on what is not there."""
        self.quantities = quantities
        self.bodies = bodies
        """Body → adjective → the quantity that it speaks of."""
        self.meant = meant
        """What is meant by a quantity that is asked after and not varied: by gravity, that at the surface."""
        self.trees = {symbol: expressions.read(one.expression) for symbol, one in quantities.items() if one.expression}
        self.inputs = {symbol: expressions.names(tree) for symbol, tree in self.trees.items()}
        missing = frozenset().union(*self.inputs.values()) - quantities.keys()
        if missing:
            raise ValueError(f"no quantity is called {', '.join(sorted(missing))}")
        self.order = tuple(TopologicalSorter(self.inputs).static_order())

    @classmethod
    def load(cls) -> Formulas:
        tree = tomllib.loads(resources.files("lukhasd.reasoning").joinpath("formulas.toml").read_text("utf-8"))
        return cls(
            msgspec.convert({**tree["given"], **tree["formula"]}, dict[str, Quantity]), tree["body"], tree["meant"]
        )

    def compute(self, fixed: Mapping[str, float]) -> dict[str, float]:
        """Every quantity's value, those of `fixed` cut from their formulas. One that cannot be computed is left out,
        and so is what follows from it."""
        values = {symbol: one.value for symbol, one in self.quantities.items() if one.value is not None} | dict(fixed)
        for symbol in self.order:
            if symbol not in values and self.inputs.get(symbol, frozenset()) <= values.keys() and symbol in self.trees:
                try:
                    values[symbol] = float(expressions.evaluate(self.trees[symbol], values))
                except (expressions.ExpressionError, OverflowError):
                    continue
        return values

    def distances(self, origin: frozenset[str]) -> dict[str, int]:
        """How many formulas lie between `origin` and each quantity that follows from it."""
        found = dict.fromkeys(origin, 0)
        for symbol in self.order:
            steps = [found[name] for name in self.inputs.get(symbol, ()) if name in found]
            if steps and symbol not in origin:
                found[symbol] = min(steps) + 1
        return {symbol: steps for symbol, steps in found.items() if steps}

    def roots(self, symbol: str, cut: frozenset[str]) -> frozenset[str]:
        """The given quantities that it follows from; `cut` are given too."""
        if symbol in cut or symbol not in self.inputs:
            return frozenset((symbol,))
        return frozenset().union(*(self.roots(name, cut) for name in self.inputs[symbol]))

    @cached_property
    def _called(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for symbol, one in self.quantities.items():
            for word in (one.name, *one.words):
                if found.setdefault(plain(word), symbol) != symbol:
                    raise ValueError(f"“{word}” is the name of two quantities")
        return found

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self._called, key=len, reverse=True)
        return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")

    def mentions(self, text: str) -> list[Mention]:
        """The quantities that a text names, in order; the longest name wins. Positions are those of `text`."""
        found = self._pattern.finditer(plain(text))
        return [Mention(self._called[match.group()], *match.span()) for match in found]


def plain(text: str) -> str:
    """In lower case with plain apostrophes and hyphens; every sign stays where it is."""
    table = {"’": "'", "–": "-", "‑": "-", "\n": " ", "\t": " ", "−": "-"}
    return "".join(table.get(sign, sign.lower() if len(sign.lower()) == 1 else sign) for sign in text)
