"""One person's daily values: a regression with trend, weekday and AR(1) errors, its posterior summed on grids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lukhas_sdk.contract.causal import Span
from lukhasd.reasoning.causal_finding import Z_TRIAL, Finding
from lukhasd.reasoning.causal_reading import DailyValues
from lukhasd.reasoning.hawkes import Floats
from lukhasd.reasoning.hawkes_models import quantiles

LAGS = (0, 1, 2, 3)
"""Days from the cause to the effect, equally probable before."""
AUTOCORRELATIONS = np.linspace(-0.4, 0.96, 18)
CORRELATIONS = (np.arange(-60, 60) + 0.5) / 60
SPREADS = np.exp(np.linspace(-3.0, 1.5, 180))
"""The errors' standard deviation, in parts of the effect's."""
ROWS_LEAST = 6
"""More than there are nuisance terms."""
ROWS_FOR_WEEKDAYS = 21
ROWS_FOR_TREND = 8


@dataclass(frozen=True)
class Regression:
    finding: Finding
    per_unit: Span | None
    lag_days: int | None
    autocorrelation: float | None
    adjusted_for: tuple[str, ...]
    rows: int

    @property
    def trial_flips(self) -> int | None:
        """Days of a trial in which a coin sets the cause, by Fisher's transformation of the correlation."""
        if self.finding.p_link <= 0:
            return None
        size = min(self.finding.strength / self.finding.p_link, 0.999)
        return int(np.ceil((Z_TRIAL / np.arctanh(size)) ** 2 + 3)) if size > 1e-2 else None


def regress(values: DailyValues) -> Regression:
    """The partial correlation r of the effect with the cause some days before is uniform on (−1, 1) given a link, which
    has probability 0.5; lag and autocorrelation are uniform, trend, weekdays and intercept flat, the errors' spread
    scale-free."""
    rows = [row for row in range(max(LAGS), len(values.day)) if _known(values, row)]
    nuisance, adjusted = _nuisance(values, rows)
    effects = values.effect[rows]
    spread = float(np.std(effects)) if rows else 0.0
    if len(rows) < nuisance.shape[1] + ROWS_LEAST or spread == 0:
        return _untold(len(rows), adjusted)
    logs = np.full((len(LAGS), len(AUTOCORRELATIONS), len(CORRELATIONS)), -np.inf)
    alone = np.full((len(LAGS), len(AUTOCORRELATIONS)), -np.inf)
    slopes = np.zeros_like(logs)
    gaps = np.diff(values.day[rows])
    for i, lag in enumerate(LAGS):
        causes = values.cause[[row - lag for row in rows]]
        width = float(np.std(causes))
        if width == 0:
            continue
        columns = np.column_stack([(effects - effects.mean()) / spread, (causes - causes.mean()) / width, nuisance])
        for j, autocorrelation in enumerate(AUTOCORRELATIONS):
            told = _likelihood(columns, gaps, float(autocorrelation))
            if told is not None:
                logs[i, j], alone[i, j], slopes[i, j] = told[0], told[1], told[2] * spread / width
    if not np.isfinite(logs).any():
        return _untold(len(rows), adjusted)
    top = max(float(logs.max()), float(alone.max()))
    mass = np.exp(logs - top) / len(CORRELATIONS)
    none = float(np.exp(alone - top).sum())
    total = float(mass.sum())
    p_link = total / (total + none)
    mass /= total
    weights = mass.sum((0, 1)) * p_link
    low, median, high = quantiles(slopes.ravel(), mass.ravel(), (0.05, 0.5, 0.95))
    return Regression(
        Finding(np.abs(CORRELATIONS), weights),
        Span(median, low, high),
        LAGS[int(np.argmax(mass.sum((1, 2))))],
        float(mass.sum((0, 2)) @ AUTOCORRELATIONS),
        adjusted,
        len(rows),
    )


def _untold(rows: int, adjusted: tuple[str, ...]) -> Regression:
    """Too few rows: the prior."""
    weights = np.full(len(CORRELATIONS), 0.5 / len(CORRELATIONS))
    return Regression(Finding(np.abs(CORRELATIONS), weights), None, None, None, adjusted, rows)


def _known(values: DailyValues, row: int) -> bool:
    return not np.isnan(values.effect[row]) and not np.isnan(values.cause[row - max(LAGS) : row + 1]).any()


def _nuisance(values: DailyValues, rows: list[int]) -> tuple[Floats, tuple[str, ...]]:
    columns = [np.ones(len(rows))]
    adjusted = ["autocorrelation"]
    if len(rows) >= ROWS_FOR_TREND:
        day = values.day[rows]
        columns.append((day - day.mean()) / max(float(day.std()), 1e-9))
        adjusted.insert(0, "trend")
    weekdays = np.unique(values.weekday[rows])
    if len(rows) >= ROWS_FOR_WEEKDAYS and len(weekdays) > 1:
        columns += [(values.weekday[rows] == weekday).astype(float) for weekday in weekdays[1:]]
        adjusted.insert(1, "weekday")
    return np.column_stack(columns), tuple(adjusted)


def _likelihood(columns: Floats, gaps: Floats, autocorrelation: float) -> tuple[Floats, float, Floats] | None:
    """Log likelihood by correlation, that of none, and the slopes that go with the correlations.

    `columns` are effect, cause and nuisance terms. The errors follow AR(1) also over missing days: a gap of d days
    leaves the d-th power of the coefficient.
    """
    carried = np.sign(autocorrelation) ** gaps * np.abs(autocorrelation) ** gaps
    left = np.sqrt(1 - carried**2)
    white = columns.copy()
    white[1:] = (columns[1:] - carried[:, None] * columns[:-1]) / left[:, None]
    base, triangle = np.linalg.qr(white[:, 2:])
    size = np.abs(np.diag(triangle))
    if size.min() < 1e-8:
        return None
    effect, cause = (white[:, :2] - base @ (base.T @ white[:, :2])).T
    yy, xx, xy = float(effect @ effect), float(cause @ cause), float(effect @ cause)
    free = len(columns) - base.shape[1]
    if xx < 1e-9 or yy < 1e-12:
        return None
    outside = -float(np.log(left).sum()) - float(np.log(size).sum())
    spread = SPREADS * np.sqrt(yy / free)
    # The slope of a correlation r is r/√(1 − r²) of the errors' spread over the cause's.
    steep = CORRELATIONS / np.sqrt(1 - CORRELATIONS**2) / np.sqrt(xx / free)
    common = -free * np.log(spread) - yy / (2 * spread**2)
    logs = common + steep[:, None] * xy / spread - steep[:, None] ** 2 * xx / 2
    top = logs.max(1)
    inner = np.exp(logs - top[:, None])
    slopes = steep * (inner @ spread) / inner.sum(1)
    alone = common.max() + np.log(np.exp(common - common.max()).sum())
    return top + np.log(inner.sum(1)) + outside, float(alone) + outside, slopes
