"""Equations, derivatives and integrals that a query asks for: sympy in a process bounded in time and memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from lukhas_sdk.contract.analysis import Computation
from lukhasd.reasoning import expressions
from lukhasd.reasoning.expressions import Call, Name, Number, Tree

CHILD = Path(__file__).with_name("algebra_child.py")
CPU_S = 5
TIMEOUT_S = 20.0
LARGEST_POWER = 200
LONGEST = 300
LEAD = r"(?:^|\b)(?:please |can you |could you |what is |what's |find |compute |calculate |determine |evaluate )*"
ONE = r"(?P<var>[a-z])"
VERBS: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (verb, re.compile(pattern, re.IGNORECASE))
    for verb, pattern in (
        ("solve", rf"{LEAD}solve (?:the equation |for {ONE}(?: in)?:? )?(?P<body>.+?=.+?)(?: for (?P<var2>[a-z]))?$"),
        ("solve", rf"{LEAD}(?:the )?(?:roots?|zeros?|solutions?) of (?P<body>.+)$"),
        ("solve", rf"(?:for )?what (?:value of )?{ONE} (?:makes|satisfies|solves|is) (?P<body>.+=.+)$"),
        (
            "solve",
            rf"(?:find|for (?:which|what)|what is) {ONE}(?: is| in| if| when|,|:| such that) (?P<body>.+=.+)$",
        ),
        ("solve", rf"if (?P<body>[^?]*=[^?]*[^,]), (?:then )?(?:what is|find|what's) {ONE}$"),
        ("solve", rf"(?P<body>[^?]*=[^?]*[^,])[,.:;]\s*(?:what is|find|solve for|what's) {ONE}$"),
        ("differentiate", rf"{LEAD}(?:differentiate|(?:the )?derivative of) (?P<body>.+?)(?: with respect to {ONE})?$"),
        (
            "integrate",
            rf"{LEAD}(?:integrate|(?:the )?(?:indefinite |definite )?integral of) (?P<body>.+?)"
            rf"(?: (?:with respect to|d)\s?{ONE})?(?: from (?P<low>\S+) to (?P<high>\S+))?$",
        ),
        (
            "limit",
            rf"{LEAD}(?:the )?limit of (?P<body>.+?) as {ONE} (?:approaches|goes to|tends to|->|→) (?P<low>\S+)$",
        ),
        ("simplify", rf"{LEAD}simplify (?P<body>.+)$"),
        ("factor", rf"{LEAD}factori?[sz]?e? (?P<body>.+)$"),
        ("expand", rf"{LEAD}(?:expand|multiply out) (?P<body>.+)$"),
    )
)


@dataclass(frozen=True)
class Task:
    verb: str
    variable: str
    tree: Tree
    text: str
    bounds: tuple[Tree, ...] = ()


def read(query: str) -> Task | None:
    """None where the query asks for no algebra that can be read."""
    text = query.strip().rstrip("?.! ")
    if len(text) > LONGEST:
        return None
    for verb, pattern in VERBS:
        match = pattern.search(text)
        if match is None:
            continue
        groups = match.groupdict()
        try:
            tree = _equation(groups["body"])
            bounds = tuple(expressions.read(_plain(groups[name])) for name in ("low", "high") if groups.get(name))
        except expressions.ExpressionError:
            continue
        variables = sorted(expressions.names(tree))
        wanted = (
            groups.get("var") or groups.get("var2") or ("x" if "x" in variables else variables[0] if variables else "")
        )
        if any(len(name) > 1 for name in variables) or wanted not in variables or not _is_modest(tree):
            continue
        return Task(verb, wanted, tree, groups["body"].strip(), bounds)
    return None


def run(task: Task, *, cpu_s: int = CPU_S) -> Computation:
    """Blocks until it is done, or has used so much of a processor, or `TIMEOUT_S` are over."""
    name = {"solve": f"solutions for {task.variable}"}.get(task.verb, task.verb)
    formula = f"{task.verb}: {task.text}"
    told = {
        "verb": task.verb, "variable": task.variable, "tree": _encode(task.tree),
        "bounds": [_encode(bound) for bound in task.bounds], "cpu_s": cpu_s,
    }  # fmt: skip
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LUKHAS_")}
    try:
        done = subprocess.run(
            [sys.executable, "-I", CHILD], input=json.dumps(told).encode(), capture_output=True, timeout=TIMEOUT_S,
            env=environment, check=False,
        )  # fmt: skip
        answer: dict[str, Any] = (
            json.loads(done.stdout) if done.returncode == 0 else {"error": "it took too much time or memory"}
        )
    except (subprocess.TimeoutExpired, OSError, ValueError):
        answer = {"error": "it took too long, or could not be started"}
    if "error" in answer:
        return Computation(name=name, formula=formula, reasons={"value": answer["error"]})
    texts = answer["text"]
    reasons = {} if answer.get("checked", True) else {"text": "it could not be verified by putting it back"}
    value = answer.get("value") if task.verb != "solve" else _lone(texts)
    if value is None:
        reasons["value"] = "the result is no single number"
    shown = ", ".join(f"{task.variable} = {each}" for each in texts) if task.verb == "solve" else texts[0]
    return Computation(
        name=name, formula=formula, value=value, text=shown or "no solution", source="sympy", reasons=reasons
    )


def _equation(body: str) -> Tree:
    left, equals, right = _plain(body).partition("=")
    if not equals:
        return expressions.read(left)
    return Call("-", (expressions.read(left), expressions.read(right)))


def _plain(text: str) -> str:
    return re.sub(r"²", "^2", re.sub(r"³", "^3", text)).replace("∞", "infinity").strip()


def _lone(texts: Sequence[str]) -> float | None:
    if len(texts) != 1:
        return None
    try:
        return float(expressions.evaluate(expressions.read(texts[0])))
    except expressions.ExpressionError:
        return None


def _is_modest(tree: Tree) -> bool:
    """No power that would take for ever to write out."""
    if isinstance(tree, Call):
        if tree.operator in ("^", "!"):
            last = tree.operands[-1]
            if isinstance(last, Number) and last.value > LARGEST_POWER:
                return False
            if isinstance(last, Call) and not expressions.names(last) and "^" in _operators(last):
                return False
        return all(map(_is_modest, tree.operands))
    return True


def _operators(tree: Tree) -> set[str]:
    return {tree.operator}.union(*map(_operators, tree.operands)) if isinstance(tree, Call) else set()


def _encode(tree: Tree) -> Any:
    if isinstance(tree, Number):
        value: Fraction = tree.value
        return {"number": [value.numerator, value.denominator]}
    if isinstance(tree, Name):
        return tree.name
    return {"operator": tree.operator, "operands": [_encode(one) for one in tree.operands]}
