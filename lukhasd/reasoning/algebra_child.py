"""sympy in a process of its own: reads a task on stdin, writes its result on stdout. Run as a script.

An expression comes as a tree (number, name, or an operator and its operands), never as text that is interpreted.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

MEMORY_BYTES = 2 << 30
LONGEST = 4000


def main() -> None:
    task = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (task["cpu_s"], task["cpu_s"]))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        import sympy
    except ImportError:
        answer = {"error": "mathematics needs sympy, which is not installed: pip install 'lukhas[reason]'"}
    else:
        try:
            answer = work(task, sympy)
        except (ArithmeticError, ValueError, TypeError, NotImplementedError, AttributeError, RecursionError) as error:
            answer = {"error": f"it could not be done: {type(error).__name__}"}
    sys.stdout.write(json.dumps(answer))


def work(task: dict[str, Any], sympy: Any) -> dict[str, Any]:
    tree = build(task["tree"], sympy)
    name = sympy.Symbol(task["variable"])
    match task["verb"]:
        case "solve":
            found = sympy.solve(tree, name)
            checked = [bool(sympy.simplify(tree.subs(name, one)) == 0) for one in found]
            return {"text": [str(one) for one in found][:20], "checked": all(checked)}
        case "differentiate":
            result = sympy.diff(tree, name)
        case "integrate" if task["bounds"]:
            low, high = (build(one, sympy) for one in task["bounds"])
            result = sympy.integrate(tree, (name, low, high))
        case "integrate":
            result = sympy.integrate(tree, name)
            checked = sympy.simplify(sympy.diff(result, name) - tree) == 0
            return show(result, sympy) | {"checked": bool(checked)}
        case "limit":
            result = sympy.limit(tree, name, build(task["bounds"][0], sympy))
        case _:
            result = {"simplify": sympy.simplify, "factor": sympy.factor, "expand": sympy.expand}[task["verb"]](tree)
            return show(result, sympy) | {"checked": bool(sympy.simplify(result - tree) == 0)}
    return show(result, sympy)


def show(result: Any, sympy: Any) -> dict[str, Any]:
    if result.has(sympy.Integral, sympy.Derivative, sympy.Limit):
        return {"error": "no closed form was found"}
    value = float(result) if result.is_number and result.is_real and result.is_finite else None
    return {"text": [str(result)[:LONGEST]], "value": value}


def build(tree: Any, sympy: Any) -> Any:
    if isinstance(tree, str):
        return {"pi": sympy.pi, "e": sympy.E, "π": sympy.pi, "tau": 2 * sympy.pi, "infinity": sympy.oo}.get(
            tree, sympy.Symbol(tree)
        )
    if "number" in tree:
        return sympy.Rational(*tree["number"])
    operands = [build(one, sympy) for one in tree["operands"]]
    match tree["operator"]:
        case "+":
            return operands[0] + operands[1]
        case "-":
            return operands[0] - operands[1]
        case "*":
            return operands[0] * operands[1]
        case "/":
            return operands[0] / operands[1]
        case "^":
            return operands[0] ** operands[1]
        case "neg":
            return -operands[0]
        case "%":
            return operands[0] / 100
        case "!":
            return sympy.factorial(operands[0])
        case "log" | "log10":
            return sympy.log(operands[0], 10)
        case "log2":
            return sympy.log(operands[0], 2)
        case "ln":
            return sympy.log(operands[0])
        case "abs":
            return sympy.Abs(operands[0])
        case known:
            functions = ("sqrt", "cbrt", "exp", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh")
            if known not in functions:
                raise ValueError(known)
            return getattr(sympy, known)(operands[0])


if __name__ == "__main__":
    main()
