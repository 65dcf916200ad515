"""What setting a variable would do, computed from a graph and tables (Pearl 2009, chapter 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lukhas_sdk.contract import causal_query as contract
from lukhas_sdk.errors import ValidationError
from lukhasd.reasoning.causal_graph import Graph
from lukhasd.reasoning.hawkes import Floats

CELLS_MOST = 1_000_000
Levels = Mapping[str, Sequence[str]]


class Unseen(Exception):
    """A combination that the formula needs has no weight in the tables."""


@dataclass(frozen=True)
class Distribution:
    """A probability for each combination; an axis for each name."""

    names: tuple[str, ...]
    cells: Floats

    def over(self, names: Sequence[str]) -> Distribution:
        """The marginal, its axes in this order."""
        gone = tuple(axis for axis, name in enumerate(self.names) if name not in names)
        left = [name for name in self.names if name in names]
        return Distribution(tuple(names), self.cells.sum(gone).transpose([left.index(name) for name in names]))

    def given(self, names: Sequence[str]) -> Distribution:
        """P(the others | names); NaN where that has no weight."""
        known = self.over([name for name in self.names if name in names]).cells
        shape = [size if name in names else 1 for name, size in zip(self.names, self.cells.shape, strict=True)]
        with np.errstate(invalid="ignore", divide="ignore"):
            return Distribution(self.names, self.cells / known.reshape(shape))

    def at(self, values: Mapping[str, int]) -> Distribution:
        place = tuple(values.get(name, slice(None)) for name in self.names)
        return Distribution(tuple(name for name in self.names if name not in values), self.cells[place])


def answer(request: contract.CausalQueryRequest) -> contract.CausalQueryResponse:
    """Blocks. Raises ValidationError for a circle, a name that is not in the graph, or tables that do not fit it."""
    absent = next((name for name in ("edges", "tables", "do", "outcome") if not getattr(request, name)), None)
    outcome = request.outcome
    if absent or outcome is None:
        raise ValidationError(
            f"there is no {absent}", field=f"$.{absent}", hint="give edges, tables, do and outcome, or a question alone"
        )
    graph = Graph.of(request.edges)
    _check_names(request, graph, outcome)
    levels = _levels(request)
    for name, level in request.do.items():
        if name in levels and level not in levels[name]:
            raise ValidationError(
                f"no table has {name} = {level}", field="$.do", hint=f"it is one of: {', '.join(levels[name])}"
            )
    done = {name: levels[name].index(level) for name, level in request.do.items() if name in levels}
    joint = _joint(request, graph, levels)
    missing = [name for name in (*request.do, outcome) if name not in joint.names]
    if missing:
        raise ValidationError(f"no table has {missing[0]}", field="$.tables", hint="what is asked about is observed")
    seen = _seen(joint, done, outcome)
    try:
        method, formula, adjusted, cells = _identify(graph, joint, done, outcome)
    except Unseen as error:
        reasons = {"distribution": str(error)}
        return contract.CausalQueryResponse(False, None, None, [], None, _named(seen, levels[outcome]), None, reasons)
    reasons = {}
    if method is None:
        reasons["method"] = (
            "neither a truncated factorisation nor a back-door nor a front-door adjustment by what is observed"
            " identifies it"
        )
    if seen is None:
        reasons["observed"] = "that combination has no weight in the tables"
    return contract.CausalQueryResponse(
        identifiable=method is not None, method=method, formula=formula, adjusted_for=list(adjusted),
        distribution=_named(cells, levels[outcome]), observed=_named(seen, levels[outcome]),
        asked=None, reasons=reasons,
    )  # fmt: skip


Identified = tuple[contract.Identification | None, str | None, tuple[str, ...], Floats | None]


def _identify(graph: Graph, joint: Distribution, done: Mapping[str, int], outcome: str) -> Identified:
    if all(outcome not in graph.descendants(name) for name in done):
        return "no_path", f"P({outcome} | do({_list(done)})) = P({outcome})", (), joint.over([outcome]).cells
    if set(joint.names) == set(graph.order):
        return _factorised(graph, joint, done, outcome)
    if len(done) > 1:
        return None, None, (), None
    (cause,) = done
    observed = [name for name in graph.order if name in joint.names]
    adjusted = graph.back_door(cause, outcome, observed)
    if adjusted is not None:
        return _adjusted(joint, cause, done[cause], outcome, adjusted)
    mediators = graph.front_door(cause, outcome, observed)
    if mediators is not None:
        return _mediated(joint, cause, done[cause], outcome, mediators)
    return None, None, (), None


def _factorised(graph: Graph, joint: Distribution, done: Mapping[str, int], outcome: str) -> Identified:
    """P(v | do(x)) = Π P(vᵢ | paᵢ) over all but x."""
    names = [name for name in graph.order if name in graph.ancestors([outcome])]
    cells: Floats = np.ones(())
    reached: tuple[str, ...] = ()
    factors = []
    for name in names:
        if name in done:
            continue
        parents = graph.parents(name)
        factors.append(f"P({name} | {_list(parents)})" if parents else f"P({name})")
        step = joint.over([*parents, name]).given(parents).at({each: done[each] for each in parents if each in done})
        cells = _times(reached, cells, step)
        reached = (*reached, name)
    total = Distribution(reached, cells).over([outcome]).cells
    summed = [name for name in reached if name != outcome]
    sign = f"Σ_{{{_list(summed)}}} " if summed else ""
    return "truncated_factorisation", f"P({outcome} | do({_list(done)})) = {sign}{' '.join(factors)}", (), total


def _times(names: tuple[str, ...], cells: Floats, step: Distribution) -> Floats:
    """[*names, the step's last]. Raises Unseen where the step is unknown for what has weight."""
    order = [name for name in names if name in step.names]
    table = step.cells.transpose([step.names.index(name) for name in (*order, step.names[-1])])
    shape = [table.shape[order.index(name)] if name in order else 1 for name in names] + [table.shape[-1]]
    whole = table.reshape(shape)
    if np.any(np.isnan(whole) & (cells[..., None] > 0)):
        known = ", ".join(order) or "what is done"
        raise Unseen(f"{step.names[-1]} was never seen for some combination of {known} that doing would bring about")
    product: Floats = cells[..., None] * np.nan_to_num(whole)
    return product


def _adjusted(joint: Distribution, cause: str, value: int, outcome: str, adjusted: tuple[str, ...]) -> Identified:
    weights = joint.over(adjusted).cells
    follows = joint.over([cause, *adjusted, outcome]).given([cause, *adjusted]).at({cause: value}).cells
    if np.any(np.isnan(follows) & (weights[..., None] > 0)):
        raise Unseen(f"that {cause} was never seen with some combination of {_list(adjusted) or 'anything'}")
    cells = (np.nan_to_num(follows) * weights[..., None]).reshape(-1, follows.shape[-1]).sum(0)
    known = _list((cause, *adjusted))
    right = (
        f"Σ_{{{_list(adjusted)}}} P({outcome} | {known}) P({_list(adjusted)})"
        if adjusted
        else f"P({outcome} | {cause})"
    )
    return "back_door", f"P({outcome} | do({cause})) = {right}", adjusted, cells


def _mediated(joint: Distribution, cause: str, value: int, outcome: str, mediators: tuple[str, ...]) -> Identified:
    brings = joint.over([cause, *mediators]).given([cause]).at({cause: value}).cells
    follows = joint.over([cause, *mediators, outcome]).given([cause, *mediators]).cells
    causes = joint.over([cause]).cells
    weights = causes.reshape(-1, *[1] * brings.ndim) * brings
    if np.any(np.isnan(brings)) or np.any(np.isnan(follows) & (weights[..., None] > 0)):
        raise Unseen(f"{outcome} was never seen for some combination of {_list((cause, *mediators))}")
    cells = (np.nan_to_num(follows) * weights[..., None]).reshape(-1, follows.shape[-1]).sum(0)
    through = _list(mediators)
    right = f"Σ_{{{through}}} P({through} | {cause}) Σ_{{{cause}′}} P({outcome} | {cause}′, {through}) P({cause}′)"
    return "front_door", f"P({outcome} | do({cause})) = {right}", mediators, cells


def _seen(joint: Distribution, done: Mapping[str, int], outcome: str) -> Floats | None:
    names = [name for name in done if name != outcome]
    cells = joint.over([*names, outcome]).at({name: done[name] for name in names}).cells
    return cells / cells.sum() if cells.sum() > 0 else None


def _joint(request: contract.CausalQueryRequest, graph: Graph, levels: Levels) -> Distribution:
    """From a table of all observed variables, or the product of each variable's given its causes."""
    tables = request.tables
    if len(tables) == 1 and not tables[0].given:
        return _fill(tables[0], levels, 0)
    number_of = {table.of[0]: number for number, table in enumerate(tables) if len(table.of) == 1}
    absent = [name for name in graph.order if name not in number_of]
    if absent or len(number_of) < len(tables):
        raise ValidationError(
            f"there is no table of {absent[0]} alone" if absent else "a variable has two tables, or two share one",
            field="$.tables",
            hint="give one table of all observed variables together, or one of every variable given its causes",
        )
    cells: Floats = np.ones(())
    reached: tuple[str, ...] = ()
    for name in graph.order:
        table = tables[number_of[name]]
        if set(table.given) != set(graph.parents(name)):
            raise ValidationError(
                f"the table of {name} is given {_list(table.given) or 'nothing'}, and its causes are"
                f" {_list(graph.parents(name)) or 'none'}", field=f"$.tables[{number_of[name]}].given",
                hint="make the table and the edges agree",
            )  # fmt: skip
        filled = _fill(table, levels, number_of[name])
        step = filled.over([*table.given, name]).given(table.given)
        try:
            cells = _times(reached, cells, step)
        except Unseen as error:
            raise ValidationError(
                f"a row is missing: {error}", field=f"$.tables[{number_of[name]}].rows", hint="add it"
            ) from None
        reached = (*reached, name)
    return Distribution(reached, cells)


def _fill(table: contract.Table, levels: Levels, number: int) -> Distribution:
    names = (*table.of, *table.given)
    cells = np.zeros([len(levels[name]) for name in names])
    for row in table.rows:
        cells[tuple(levels[name].index(value) for name, value in zip(names, row.values, strict=True))] += row.weight
    if not cells.sum() > 0:
        raise ValidationError("all rows weigh nothing", field=f"$.tables[{number}].rows", hint="give some a weight")
    return Distribution(names, cells / cells.sum())


def _levels(request: contract.CausalQueryRequest) -> dict[str, list[str]]:
    """The values of each variable, sorted."""
    found: dict[str, set[str]] = {}
    for number, table in enumerate(request.tables):
        names = (*table.of, *table.given)
        for place, row in enumerate(table.rows):
            if len(row.values) != len(names):
                raise ValidationError(
                    f"a row has {len(row.values)} values, and the table {len(names)} variables",
                    field=f"$.tables[{number}].rows[{place}].values", hint=f"they are: {', '.join(names)}",
                )  # fmt: skip
            for name, value in zip(names, row.values, strict=True):
                found.setdefault(name, set()).add(value)
    cells = np.prod([len(values) for values in found.values()], dtype=float)
    if cells > CELLS_MOST:
        raise ValidationError(
            f"the variables have {cells:.3g} combinations, and {CELLS_MOST:,} at most are summed over",
            field="$.tables", hint="leave out variables, or join their values",
        )  # fmt: skip
    return {name: sorted(values) for name, values in found.items()}


def _check_names(request: contract.CausalQueryRequest, graph: Graph, outcome: str) -> None:
    if len(graph.order) > contract.VARIABLES_MOST:
        raise ValidationError(f"the graph has {len(graph.order)} variables; 12 at most are taken", field="$.edges")
    for number, table in enumerate(request.tables):
        names = [*table.of, *table.given]
        if len(set(names)) < len(names):
            raise ValidationError("a variable is named twice", field=f"$.tables[{number}]", hint="name it once")
    named = [
        *(("do", name) for name in request.do), ("outcome", outcome),
        *(("hidden", name) for name in request.hidden),
        *(("tables", name) for table in request.tables for name in (*table.of, *table.given)),
    ]  # fmt: skip
    for field, name in named:
        if name not in graph.order:
            raise ValidationError(
                f"{name} is not in the graph", field=f"$.{field}", hint=f"its variables are: {', '.join(graph.order)}"
            )
    if outcome in request.do:
        raise ValidationError("the outcome is itself set", field="$.outcome", hint="ask about another variable")
    tabled = {name for table in request.tables for name in (*table.of, *table.given)}
    left = [name for name in graph.order if name not in tabled and name not in request.hidden]
    if left:
        raise ValidationError(
            f"no table has {left[0]}", field="$.tables", hint=f"give one, or name it in hidden: {', '.join(left)}"
        )


def _named(cells: Floats | None, levels: Sequence[str]) -> dict[str, float] | None:
    return None if cells is None else dict(zip(levels, cells.tolist(), strict=True))


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
