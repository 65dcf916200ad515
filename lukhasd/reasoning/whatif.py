"""What follows from a changed quantity, by the formula base: each consequence with its formula and what was held fixed.

A change sets a quantity and cuts it from its own formula (an intervention); every other given quantity keeps its value.
"""

from __future__ import annotations

from dataclasses import dataclass

from lukhas_sdk.contract.analysis import Computation
from lukhasd.reasoning import changes
from lukhasd.reasoning.changes import Amount, Change
from lukhasd.reasoning.formulas import Formulas
from lukhasd.reasoning.units import UnitError, Units


@dataclass(frozen=True)
class WhatIf:
    varied: tuple[str, ...]
    """As “gravitational constant × 1.1”."""
    consequences: tuple[Computation, ...]
    """Those asked for first, then by distance from the change."""
    asked: int
    """So many of them were asked for by name."""
    unchanged: tuple[str, ...]
    """Asked for, and not hanging on what was varied."""
    assumed: tuple[str, ...]
    beyond: int
    """Consequences that are further away than was looked."""
    used: tuple[tuple[int, int], ...]
    """The spans of the text that were understood."""


def explore(text: str, formulas: Formulas, units: Units, *, steps: int | None) -> WhatIf | None:
    """`steps`: how many formulas away to look, None for any number. None where the text changes no quantity known."""
    reading = changes.read(text, formulas)
    if not reading.changes:
        return None
    assumed: list[str] = []
    fixed: dict[str, float] = {}
    for setting in (*reading.settings, *(Change(c.symbol, c.text, to=c.before) for c in reading.changes if c.before)):
        value = _in_own_unit(setting.symbol, setting.to, formulas, units, assumed)
        if value is not None:
            fixed[setting.symbol] = value
    before = formulas.compute(fixed)
    changed, varied = dict(fixed), []
    for change in reading.changes:
        was = before.get(change.symbol)
        now = _in_own_unit(change.symbol, change.to, formulas, units, assumed) if change.to else None
        if change.factor is not None and was is not None:
            now = was * change.factor
        if now is None or was is None:
            continue
        changed[change.symbol] = now
        name = formulas.quantities[change.symbol].name
        varied.append(f"{name} × {now / was:.6g}" if was else f"{name} = {now:.6g}")
        if change.vague:
            assumed.append(f"how much the {name} changes was not said: computed for × {change.factor:.4g}")
    if not varied:
        return WhatIf((), (), 0, (), tuple(assumed), 0, reading.used)
    cut = frozenset(change.symbol for change in reading.changes if change.symbol in changed)
    after = formulas.compute(changed)
    away = formulas.distances(cut)
    named = tuple(formulas.meant.get(symbol, symbol) if symbol not in cut else symbol for symbol in reading.asked)
    asked = [symbol for symbol in named if symbol in away]
    near = [symbol for symbol in formulas.quantities if symbol in away if steps is None or away[symbol] <= steps]
    rows = [
        _consequence(symbol, formulas, before, after, cut=cut, varied=varied)
        for symbol in dict.fromkeys((*asked, *near))
    ]
    unchanged = [formulas.quantities[symbol].name for symbol in named if symbol not in away and symbol not in cut]
    return WhatIf(
        tuple(varied), tuple(rows), len(asked), tuple(unchanged), tuple(assumed), len(away.keys() - {*asked, *near}),
        reading.used,
    )  # fmt: skip


def _consequence(
    symbol: str,
    formulas: Formulas,
    before: dict[str, float],
    after: dict[str, float],
    *,
    cut: frozenset[str],
    varied: list[str],
) -> Computation:
    one = formulas.quantities[symbol]
    was, now = before.get(symbol), after.get(symbol)
    roots = formulas.roots(symbol, cut)
    own = [
        text for text in varied if any(text.startswith(f"{formulas.quantities[root].name} ") for root in roots & cut)
    ]
    reasons = {}
    if now is None:
        reasons["value"] = "the formula has no value there: it divides by zero, or leaves the real numbers"
    if now is None or not was:
        reasons["ratio"] = reasons.get("value", "the value before is zero or unknown")
    return Computation(
        name=one.name,
        formula=f"{symbol} = {one.expression}",
        value=now,
        unit=one.unit,
        before=was,
        ratio=now / was if now is not None and was else None,
        varied=own,
        held_fixed=[
            f"{formulas.quantities[root].name} ({root} = {before[root]:.6g} {formulas.quantities[root].unit})"
            for root in sorted(roots - cut)
        ],
        source=one.source,
        reasons=reasons,
    )


def _in_own_unit(
    symbol: str, amount: Amount | None, formulas: Formulas, units: Units, assumed: list[str]
) -> float | None:
    """An amount in the quantity's own unit; None where its unit does not fit, which is then said in `assumed`."""
    if amount is None:
        return None
    own = formulas.quantities[symbol]
    if not amount.unit:
        if own.unit != "1":
            assumed.append(f"{amount.value:g} without a unit was taken to be in {own.unit}")
        return amount.value
    try:
        return units.convert(amount.value, amount.unit, own.unit)
    except UnitError as error:
        assumed.append(f"{own.name}: {error}; it was left as it is")
        return None
