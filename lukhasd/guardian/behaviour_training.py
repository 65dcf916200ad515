"""Fits `behaviour.json`: python -m lukhasd.guardian.behaviour_training PAIRS

PAIRS is JSON Lines of intent, type, fitting and unrelated: what was asked, an action that serves it, and one of the
same type that does not (`tests/data/behaviour_pairs.jsonl`, written for this). One action in ten is taken to be
unrelated: in the pairs it is one in two, which would make a session of plain commands drift. Figures are
cross-validated by intent: no pair is judged by a fit that saw its intent.

Commands are embedded as they are written. Spelling program names out as words was tried: it raises the cosine of a
fitting command from 0.38 to 0.44, and tells fitting from unrelated ones no better (area under the curve 0.977 both).
"""

from __future__ import annotations

import argparse
import math
import sys
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np

from lukhas_sdk.contract.guardian import ActionType
from lukhasd.guardian.behaviour import ALPHA, BLOCK, SEEN_CHARS, WARN, Average
from lukhasd.models import logistic
from lukhasd.models.embedder import Embedder, MiniLmEmbedder
from lukhasd.models.logistic import Floats

UNRELATED = 0.1
"""Share of a session's actions that are taken to have nothing to do with what was asked."""
SESSIONS, ACTIONS, SEED = 2000, 100, 7


class Pair(msgspec.Struct, frozen=True):
    intent: str
    type: ActionType
    fitting: str
    unrelated: str


def read_pairs(path: Path) -> list[Pair]:
    return [msgspec.json.decode(line, type=Pair) for line in path.read_bytes().splitlines()]


def cosines(embedder: Embedder, pairs: list[Pair]) -> tuple[Floats, Floats]:
    """Of each intent with the action that fits, and with the one that does not."""
    intents = embedder.embed([pair.intent[:SEEN_CHARS] for pair in pairs])
    fitting = embedder.embed([pair.fitting[:SEEN_CHARS] for pair in pairs])
    unrelated = embedder.embed([pair.unrelated[:SEEN_CHARS] for pair in pairs])
    return (intents * fitting).sum(axis=1).astype(float), (intents * unrelated).sum(axis=1).astype(float)


def shifted(probabilities: Floats) -> Floats:
    """From one in two to one in ten unrelated."""
    odds = probabilities / (1 - probabilities) * UNRELATED / (1 - UNRELATED)
    shares: Floats = odds / (1 + odds)
    return shares


def sessions(drifts: Floats) -> dict[str, float]:
    """Made-up sessions of 100 of these actions: where their average ends, and how many ever reach a line."""
    random = np.random.default_rng(SEED)
    ends, tops = [], []
    for _ in range(SESSIONS):
        average, top = Average(), 0.0
        for drift in random.choice(drifts, ACTIONS):
            average = average.after(float(drift))
            top = max(top, average.value)
        ends.append(average.value)
        tops.append(top)
    return {
        "mean_end": round(float(np.mean(ends)), 4),
        "warned": float(np.mean(np.array(tops) >= WARN)),
        "blocked": float(np.mean(np.array(tops) >= BLOCK)),
    }


def actions_until(line: float, drift: float) -> int:
    """How many actions of this drift in a new session reach `line`: 1 − (1 − α)ⁿ ≥ line / drift."""
    return math.ceil(math.log(1 - line / drift) / math.log(1 - ALPHA))


def train(pairs: list[Pair], embedder: Embedder) -> dict[str, object]:
    fitting, unrelated = cosines(embedder, pairs)
    names = sorted({pair.intent for pair in pairs})
    groups = np.array([names.index(pair.intent) for pair in pairs])
    features, outcomes = np.r_[fitting, unrelated][:, None], np.r_[np.zeros(len(pairs)), np.ones(len(pairs))]
    both = np.r_[groups, groups]
    model = logistic.fit(features, outcomes)
    held_out = logistic.cross_validate(features, outcomes, both)
    drifts = shifted(held_out)
    fit_drifts, foreign_drifts = drifts[: len(pairs)], drifts[len(pairs) :]
    shell = np.array([pair.type == "shell_command" for pair in pairs])
    foreign = float(foreign_drifts.mean())
    return {
        "intercept": model.intercept + math.log(UNRELATED / (1 - UNRELATED)),
        "weight": model.weights[0],
        "pairs": len(pairs),
        "intents": len(names),
        "cross_validated": logistic.figures(held_out, outcomes, both),
        "mean_drift": {
            "fitting": round(float(fit_drifts.mean()), 4),
            "fitting_shell": round(float(fit_drifts[shell].mean()), 4),
            "unrelated": round(foreign, 4),
        },
        "sessions_of_100_fitting": {"all": sessions(fit_drifts), "shell": sessions(fit_drifts[shell])},
        "unrelated_actions_until": {"warn": actions_until(WARN, foreign), "block": actions_until(BLOCK, foreign)},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--output", type=Path, help="default: the package's behaviour.json")
    options = parser.parse_args()
    target = options.output or Path(str(resources.files("lukhasd.guardian") / "behaviour.json"))
    report = train(read_pairs(options.pairs), MiniLmEmbedder())
    target.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    sys.stdout.write(f"{target.read_text(encoding='utf-8')}written to {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
