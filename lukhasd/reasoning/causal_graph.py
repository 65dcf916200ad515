"""Causal graphs: who acts on whom, and what separates whom (Pearl 2009)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import chain, combinations

from lukhas_sdk.errors import ValidationError


@dataclass(frozen=True)
class Graph:
    """Directed and without a cycle. `order` has causes before what they act on."""

    edges: frozenset[tuple[str, str]]
    order: tuple[str, ...]

    @classmethod
    def of(cls, edges: Iterable[tuple[str, str]]) -> Graph:
        """Raises ValidationError for a cycle."""
        sorter: TopologicalSorter[str] = TopologicalSorter()
        kept = frozenset(edges)
        for cause, effect in sorted(kept):
            sorter.add(effect, cause)
        try:
            return cls(kept, tuple(sorter.static_order()))
        except CycleError as error:
            circle = " → ".join(reversed(error.args[1]))
            raise ValidationError(
                f"the edges make a circle: {circle}", field="$.edges", hint="leave one of them out"
            ) from None

    def parents(self, name: str) -> tuple[str, ...]:
        return tuple(each for each in self.order if (each, name) in self.edges)

    def descendants(self, name: str) -> set[str]:
        """With itself."""
        return self._reach({name}, forward=True)

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """With themselves."""
        return self._reach(set(names), forward=False)

    def without_edges_from(self, names: Iterable[str]) -> Graph:
        cut = set(names)
        return Graph(frozenset(edge for edge in self.edges if edge[0] not in cut), self.order)

    def without(self, names: Iterable[str]) -> Graph:
        cut = set(names)
        return Graph(frozenset(edge for edge in self.edges if not cut & {*edge}), self.order)

    def separated(self, first: Iterable[str], second: Iterable[str], given: Iterable[str]) -> bool:
        """d-separation: by the moral graph of the ancestors (Lauritzen et al. 1990)."""
        starts, ends, known = set(first), set(second), set(given)
        kept = self.ancestors(starts | ends | known)
        links: dict[str, set[str]] = {name: set() for name in kept}
        for name in kept:
            parents = [each for each in self.parents(name) if each in kept]
            for one, other in chain(((each, name) for each in parents), combinations(parents, 2)):
                links[one].add(other)
                links[other].add(one)
        seen, ahead = set(starts), list(starts)
        while ahead:
            for near in links[ahead.pop()] - seen - known:
                seen.add(near)
                ahead.append(near)
        return not seen & ends

    def back_door(self, cause: str, effect: str, observed: Sequence[str]) -> tuple[str, ...] | None:
        """The smallest set of observed variables that meets the back-door criterion."""
        possible = [each for each in observed if each not in self.descendants(cause) and each != effect]
        cut = self.without_edges_from([cause])
        return next((found for found in subsets(possible) if cut.separated([cause], [effect], found)), None)

    def front_door(self, cause: str, effect: str, observed: Sequence[str]) -> tuple[str, ...] | None:
        """The smallest set of observed mediators that meets the front-door criterion."""
        possible = [each for each in observed if each in self.descendants(cause) and each not in (cause, effect)]
        for found in subsets(possible):
            if (
                found
                and effect not in self.without(found).descendants(cause)
                and self.without_edges_from([cause]).separated([cause], found, ())
                and self.without_edges_from(found).separated(found, [effect], [cause])
            ):
                return found
        return None

    def _reach(self, names: set[str], *, forward: bool) -> set[str]:
        seen, ahead = set(names), list(names)
        while ahead:
            here = ahead.pop()
            for cause, effect in self.edges:
                near, far = (cause, effect) if forward else (effect, cause)
                if near == here and far not in seen:
                    seen.add(far)
                    ahead.append(far)
        return seen


def subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """From the smallest on."""
    return chain.from_iterable(combinations(names, size) for size in range(len(names) + 1))
