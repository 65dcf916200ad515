"""Mathematics that people write, read into a tree and computed. Nothing is ever handed to an interpreter.

The tree is small by construction: at most `LONGEST` characters and `DEEPEST` levels, numbers of at most 40 digits, and
a power is refused before it is computed where its result could not be held.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

LONGEST = 500
DEEPEST = 40
LARGEST_BITS = 4096
TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_π][A-Za-z_0-9]*)|(\*\*|[-+*/^()!,%]))")
CONSTANTS: Mapping[str, float] = {"pi": math.pi, "π": math.pi, "e": math.e, "tau": math.tau}
FUNCTIONS: Mapping[str, Callable[[float], float]] = {
    "sqrt": math.sqrt, "cbrt": math.cbrt, "exp": math.exp, "ln": math.log, "log": math.log10, "log10": math.log10,
    "log2": math.log2, "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos,
    "atan": math.atan, "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "abs": abs,
}  # fmt: skip
"""Angles in radians; `log` is to base 10, `ln` to base e."""


class ExpressionError(ValueError):
    """What cannot be read or computed, and why."""


@dataclass(frozen=True)
class Number:
    value: Fraction


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class Call:
    """`operator` is one of + - * / ^ neg ! % or a function's name."""

    operator: str
    operands: tuple[Tree, ...]


Tree = Number | Name | Call


def read(text: str) -> Tree:
    """Raises ExpressionError. `2x` and `3(4)` are products, `^` and `**` powers, which bind to the right; `%` after a
    number is a hundredth."""
    if len(text) > LONGEST:
        raise ExpressionError(f"it is longer than {LONGEST} characters")
    reader = _Reader(_tokens(text.replace("×", "*").replace("·", "*").replace("÷", "/").replace("−", "-")))
    tree = reader.sum(0)
    if reader.peek():
        raise ExpressionError(f"“{reader.peek()}” is out of place")
    return tree


def names(tree: Tree) -> frozenset[str]:
    """The variables: names that are neither constants nor functions."""
    if isinstance(tree, Name):
        return frozenset() if tree.name in CONSTANTS else frozenset((tree.name,))
    if isinstance(tree, Call):
        return frozenset().union(*map(names, tree.operands))
    return frozenset()


def evaluate(tree: Tree, values: Mapping[str, float] | None = None) -> Fraction | float:
    """Exact while only + - * / and whole powers of fractions are met, else a float. Raises ExpressionError."""
    try:
        result = _evaluate(tree, values or {})
    except (OverflowError, ZeroDivisionError, ValueError) as error:
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError("it divides by zero" if isinstance(error, ZeroDivisionError) else str(error)) from None
    if isinstance(result, float) and not math.isfinite(result):
        raise ExpressionError("the result is not finite")
    return result


def _evaluate(tree: Tree, values: Mapping[str, float]) -> Fraction | float:
    if isinstance(tree, Number):
        return tree.value
    if isinstance(tree, Name):
        if tree.name in values:
            return values[tree.name]
        if tree.name in CONSTANTS:
            return CONSTANTS[tree.name]
        raise ExpressionError(f"“{tree.name}” has no value")
    operands = [_evaluate(operand, values) for operand in tree.operands]
    first = operands[0]
    match tree.operator:
        case "neg":
            return -first
        case "%":
            return first / 100
        case "!":
            if not isinstance(first, Fraction) or first.denominator != 1 or not 0 <= first <= 500:
                raise ExpressionError("a factorial is of a whole number from 0 to 500")
            return Fraction(math.factorial(int(first)))
        case "+":
            return _bounded(first + operands[1])
        case "-":
            return _bounded(first - operands[1])
        case "*":
            return _bounded(first * operands[1])
        case "/":
            return _bounded(first / operands[1])
        case "^":
            return _power(first, operands[1])
    return FUNCTIONS[tree.operator](float(first))


def _power(base: Fraction | float, exponent: Fraction | float) -> Fraction | float:
    whole = isinstance(exponent, Fraction) and exponent.denominator == 1
    if isinstance(base, Fraction) and whole:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length()) * abs(int(exponent))
        if bits > LARGEST_BITS and base not in (-1, 0, 1):
            raise ExpressionError("the power is too large")
        return base ** int(exponent)
    result: float | complex = float(base) ** float(exponent)
    if isinstance(result, complex):
        raise ExpressionError("a root of a negative number is not real")
    return result


def _bounded(value: Fraction | float) -> Fraction | float:
    if isinstance(value, Fraction) and max(value.numerator.bit_length(), value.denominator.bit_length()) > LARGEST_BITS:
        raise ExpressionError("the result is too large")
    return value


def _tokens(text: str) -> Iterator[str]:
    place, end = 0, len(text.rstrip())
    while place < end:
        match = TOKEN.match(text, place)
        if match is None:
            raise ExpressionError(f"“{text[place:].strip()[:1]}” is not understood")
        yield match.group().strip()
        place = match.end()


class _Reader:
    def __init__(self, tokens: Iterator[str]) -> None:
        self._left = [*tokens][::-1]

    def peek(self) -> str:
        return self._left[-1] if self._left else ""

    def sum(self, depth: int) -> Tree:
        if depth > DEEPEST:
            raise ExpressionError("it is nested too deeply")
        tree = self._product(depth)
        while self.peek() in ("+", "-"):
            operator = self._left.pop()
            tree = Call(operator, (tree, self._product(depth)))
        return tree

    def _product(self, depth: int) -> Tree:
        tree = self._signed(depth)
        while True:
            following = self.peek()
            if following in ("*", "/"):
                self._left.pop()
                tree = Call(following, (tree, self._signed(depth)))
            elif following == "(" or following[:1].isalpha() or following in ("π", "_"):
                tree = Call("*", (tree, self._power(depth)))
            else:
                return tree

    def _signed(self, depth: int) -> Tree:
        negative = False
        while self.peek() in ("+", "-"):
            negative ^= self._left.pop() == "-"
        tree = self._power(depth)
        return Call("neg", (tree,)) if negative else tree

    def _power(self, depth: int) -> Tree:
        if depth > DEEPEST:
            raise ExpressionError("it is nested too deeply")
        tree = self._atom(depth)
        while self.peek() in ("!", "%"):
            tree = Call(self._left.pop(), (tree,))
        if self.peek() not in ("^", "**"):
            return tree
        self._left.pop()
        negative = self.peek() == "-"
        if negative:
            self._left.pop()
        exponent = self._power(depth + 1)
        return Call("^", (tree, Call("neg", (exponent,)) if negative else exponent))

    def _atom(self, depth: int) -> Tree:
        if not self._left:
            raise ExpressionError("it ends too early")
        token = self._left.pop()
        if token[0].isdigit() or token[0] == ".":
            if len(token) > 40 or abs(int(token.lower().partition("e")[2] or "0")) > 300:
                raise ExpressionError("a number is too long")
            return Number(Fraction(token))
        if token == "(":  # noqa: S105
            tree = self.sum(depth + 1)
            self._close()
            return tree
        if token in FUNCTIONS:
            if self.peek() != "(":
                raise ExpressionError(f"“{token}” needs a parenthesis")
            self._left.pop()
            tree = Call(token, (self.sum(depth + 1),))
            self._close()
            return tree
        if token[0].isalpha() or token[0] in "_π":
            return Name(token)
        raise ExpressionError(f"“{token}” is out of place")

    def _close(self) -> None:
        if self.peek() != ")":
            raise ExpressionError("a parenthesis is not closed")
        self._left.pop()
