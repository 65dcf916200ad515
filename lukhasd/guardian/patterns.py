"""Regular expressions whose cost is bounded, checked before they ever see a content."""

from __future__ import annotations

import importlib
import re
from time import thread_time
from typing import Any

from lukhas_sdk.errors import ValidationError

# The standard library's own reader of patterns; it has no public name.
constants: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")

LARGE = 2048
"""A repeat that may go on longer than this counts as unbounded."""
MAX_PATTERN_CHARS = 4000
TRIAL_CHARS = 400
TRIAL_LIMIT_S = 0.02
TRIALS = ("a", " ", "0", "/", "-", "aA0 ", "a,", '"', "ignore ", "=")
REPEATS = {constants.MAX_REPEAT, constants.MIN_REPEAT}


def compile_pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)


def compile_bounded(pattern: str, *, where: str) -> re.Pattern[str]:
    """Compiles `pattern` (case-insensitive, multi-line), or raises ValidationError naming `where` and the way out.

    Refused: backreferences, an unbounded repeat inside another repeat, and what is slow on hostile text in a trial.
    """
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValidationError(
            f"{where}: the pattern is longer than {MAX_PATTERN_CHARS} characters", field=where, hint="split the rule"
        )
    try:
        tree = parser.parse(pattern, re.IGNORECASE | re.MULTILINE)
        compiled = compile_pattern(pattern)
    except re.error as error:
        raise ValidationError(
            f"{where}: not a regular expression: {error}", field=where, hint="mend the pattern; quote it with '''"
        ) from None
    if problem := _unbounded(tree, inside=False):
        raise ValidationError(f"{where}: {problem}", field=where, hint="give repeats an upper bound, such as {0,80}")
    for seed in TRIALS:
        text = (seed * TRIAL_CHARS)[:TRIAL_CHARS] + "!"
        started = thread_time()
        compiled.search(text)
        if thread_time() - started > TRIAL_LIMIT_S and _slow_again(compiled, text):
            raise ValidationError(
                f"{where}: the pattern is too slow on {TRIAL_CHARS} times {seed!r}",
                field=where,
                hint="give repeats an upper bound and make neighbouring repeats match different characters",
            )
    return compiled


def _slow_again(compiled: re.Pattern[str], text: str) -> bool:
    """The first use of a pattern may be slower than the next."""
    for _ in range(2):
        started = thread_time()
        compiled.search(text)
        if thread_time() - started <= TRIAL_LIMIT_S:
            return False
    return True


def _unbounded(tree: Any, *, inside: bool) -> str | None:
    """Why the parsed pattern `tree` could take exponential time, or None. `inside` an enclosing unbounded repeat."""
    for operator, argument in tree:
        if operator is constants.GROUPREF or operator is constants.GROUPREF_EXISTS:
            return "backreferences are not allowed"
        if operator in REPEATS or operator is constants.POSSESSIVE_REPEAT:
            low, high, body = argument
            variable = high is constants.MAXREPEAT or high > low
            if inside and variable and (high is constants.MAXREPEAT or high > 1):
                return "a repeat stands inside an unbounded repeat"
            endless = high is constants.MAXREPEAT or high > LARGE
            problem = _unbounded(body, inside=inside or endless)
        elif operator is constants.SUBPATTERN:
            problem = _unbounded(argument[3], inside=inside)
        elif operator is constants.ATOMIC_GROUP:
            problem = _unbounded(argument, inside=inside)
        elif operator is constants.BRANCH:
            problem = next((p for branch in argument[1] if (p := _unbounded(branch, inside=inside))), None)
        elif operator is constants.ASSERT or operator is constants.ASSERT_NOT:
            problem = _unbounded(argument[1], inside=inside)
        else:
            problem = None
        if problem:
            return problem
    return None
