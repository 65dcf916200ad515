"""Other guards on the same texts, of whatever is installed where this runs; `bench_guardian.py --peers PYTHON` does.

    python guardian_peers.py < texts.json

Reads {what it looks for: [text, …]} and prints {name: {"looks_for", "scores", "flagged", "cpu_ms"}}: for every text a
score, and a flag at its maker's threshold; and the CPU time of one. Toxicity: alt-profanity-check, which learned from
the tweets that are judged too, and better-profanity, a list of words. Injection: plumblint, which is rules, and
prompt-guardrail, word n-grams whose training data may hold texts of these sets. Each ships all that it needs; guards
whose weights come from a hub are not among them.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from time import process_time
from typing import Any

Peer = Callable[[str], tuple[float, bool]]


def peers() -> Iterator[tuple[str, str, Peer]]:
    """(name, what it looks for, it) of those that can be imported."""
    for name, (looks_for, make) in KNOWN.items():
        try:
            yield name, looks_for, make()
        except ImportError:
            continue


def alt_profanity_check() -> Peer:
    predict: Any = import_module("profanity_check").predict_prob

    def judge(text: str) -> tuple[float, bool]:
        score = float(predict([text])[0])
        return score, score >= 0.5

    return judge


def better_profanity() -> Peer:
    contains: Any = import_module("better_profanity").profanity.contains_profanity

    def judge(text: str) -> tuple[float, bool]:
        found = bool(contains(text))
        return float(found), found

    return judge


def plumblint() -> Peer:
    scan: Any = import_module("plumblint").scan

    def judge(text: str) -> tuple[float, bool]:
        verdict = scan(text)
        return float(verdict.score), verdict.verdict == "injection"

    return judge


def prompt_guardrail() -> Peer:
    detect: Any = import_module("guardify").detect

    def judge(text: str) -> tuple[float, bool]:
        found = detect(text)
        flagged = found["label"] == "injection"
        return found["score"] if flagged else 1.0 - found["score"], flagged

    return judge


KNOWN: dict[str, tuple[str, Callable[[], Peer]]] = {
    "alt-profanity-check": ("toxicity", alt_profanity_check),
    "better-profanity": ("toxicity", better_profanity),
    "plumblint": ("injection", plumblint),
    "prompt-guardrail": ("injection", prompt_guardrail),
}


def main() -> None:
    warnings.simplefilter("ignore")
    texts: dict[str, list[str]] = json.load(sys.stdin)
    told = {}
    for name, looks_for, judge in peers():
        judge("A first text, for what is loaded on first use.")
        started = process_time()
        results = [judge(text) for text in texts[looks_for]]
        cpu_ms = (process_time() - started) * 1000 / max(1, len(results))
        scores, flagged = [score for score, _ in results], [flag for _, flag in results]
        told[name] = {"looks_for": looks_for, "scores": scores, "flagged": flagged, "cpu_ms": cpu_ms}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
