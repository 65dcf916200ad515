"""Groups of vectors: spherical k-means with the number of groups by silhouette, and how far chance would do as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COMPONENTS = 32
"""Principal components that are compared: distances in more say less of what belongs together."""
SMALLEST = 6
"""Vectors a group must have on average."""
MOST_GROUPS = 15
RESTARTS = 4
STEPS = 40
RESAMPLES = 20
CHANCE_DRAWS = 19
"""The greatest of so many: groups by chance are above it in one case of twenty."""

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Grouping:
    """`groups[i]` is the group of vector i, `stability[g]` the mean over resamples of the best Jaccard similarity with
    group g, `centrality[i]` the cosine of vector i and its group's centre."""

    groups: Places
    silhouette: float
    by_chance: float
    stability: Sequence[float]
    centrality: Floats


def group(vectors: NDArray[np.float32], *, seed: int) -> Grouping | None:
    """None for fewer vectors than two groups need, or with no difference between them."""
    count = len(vectors)
    most = min(MOST_GROUPS, count // SMALLEST)
    if most < 2:
        return None
    chance = np.random.default_rng(seed)
    reduced = principal(vectors.astype(np.float64))
    if not reduced.any():
        return None
    points = unit(reduced)
    tried = [k_means(points, size, chance) for size in range(2, most + 1)]
    scores = [silhouette(points, groups) for groups in tried]
    best = int(np.argmax(scores))
    groups, size = tried[best], best + 2
    centres = unit(centres_of(points, groups, size))
    return Grouping(
        groups=groups,
        silhouette=scores[best],
        by_chance=max(_by_chance(reduced, size, chance) for _ in range(CHANCE_DRAWS)),
        stability=_stability(points, groups, size, chance),
        centrality=np.einsum("nd,nd->n", points, centres[groups]),
    )


def principal(vectors: Floats) -> Floats:
    """Their first principal components, each with a sign that does not hang on the machine."""
    centred = vectors - vectors.mean(axis=0)
    left, scale, right = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
    kept = min(COMPONENTS, len(scale))
    return np.asarray((left * scale * signs)[:, :kept])


def k_means(points: Floats, size: int, chance: np.random.Generator) -> Places:
    """The best of some starts by k-means++ (Arthur and Vassilvitskii, 2007), by the sum of cosines with the centres
    (Dhillon and Modha, 2001)."""
    best, found = -np.inf, np.zeros(len(points), dtype=np.int64)
    for _ in range(RESTARTS):
        centres = _starts(points, size, chance)
        groups = np.full(len(points), -1, dtype=np.int64)
        for _ in range(STEPS):
            nearest = (points @ centres.T).argmax(axis=1)
            if (nearest == groups).all():
                break
            groups = nearest
            centres = unit(centres_of(points, groups, size))
        total = float((points * centres[groups]).sum())
        if total > best:
            best, found = total, groups
    return found


def silhouette(points: Floats, groups: Places) -> float:
    """Mean over the points of (b − a) / max(a, b), a the mean cosine distance to its own group, b to the nearest other
    (Rousseeuw, 1987); 0 for a point that is alone."""
    size = int(groups.max()) + 1
    member = np.eye(size)[groups]
    counts = member.sum(axis=0)
    totals = (1 - points @ points.T) @ member
    rows = np.arange(len(points))
    own = totals[rows, groups] / np.maximum(counts[groups] - 1, 1)
    others = np.where(counts > 0, totals / np.maximum(counts, 1), np.inf)
    others[rows, groups] = np.inf
    other = others.min(axis=1)
    widths = np.where(counts[groups] > 1, (other - own) / np.maximum(np.maximum(own, other), 1e-12), 0.0)
    return float(widths.mean()) if np.isfinite(other).all() else 0.0


def centres_of(points: Floats, groups: Places, size: int) -> Floats:
    return np.asarray(np.eye(size)[groups].T @ points)


def unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _starts(points: Floats, size: int, chance: np.random.Generator) -> Floats:
    chosen = [int(chance.integers(len(points)))]
    while len(chosen) < size:
        distance = np.clip(1 - (points @ points[chosen].T).max(axis=1), 0.0, None)
        total = distance.sum()
        weights = distance / total if total > 1e-9 else None
        chosen.append(int(chance.choice(len(points), p=weights)))
    return points[chosen]


def _by_chance(reduced: Floats, size: int, chance: np.random.Generator) -> float:
    """The silhouette of as many groups among normal points with the same variance along each component."""
    points = unit(chance.normal(size=reduced.shape) * reduced.std(axis=0))
    return silhouette(points, k_means(points, size, chance))


def _stability(points: Floats, groups: Places, size: int, chance: np.random.Generator) -> list[float]:
    """How much of each group comes back when resamples are grouped (Hennig, 2007)."""
    found = np.zeros((RESAMPLES, size))
    for draw in range(RESAMPLES):
        kept = np.unique(chance.integers(len(points), size=len(points)))
        again = np.eye(size)[k_means(points[kept], size, chance)]
        before = np.eye(size)[groups[kept]]
        shared = before.T @ again
        either = before.sum(axis=0)[:, None] + again.sum(axis=0) - shared
        found[draw] = (shared / np.maximum(either, 1)).max(axis=1)
    return [float(value) for value in found.mean(axis=0)]
