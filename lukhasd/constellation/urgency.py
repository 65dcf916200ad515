"""How much an input presses for time, from its words alone."""

from __future__ import annotations

import re

PRESSING = re.compile(
    r"\b(urgent(ly)?|asap|a\.s\.a\.p|as soon as (possible|you can)|immediately|right (now|away)|at once|emergency|hurry"
    r"|no time to lose|quick(ly)?[,!:]|be quick)(?!\w)",
    re.IGNORECASE,
)
DEADLINE = re.compile(
    r"\b(?:(?:in|within|have|only)(?: the next| less than| about)? (?P<count>\d+|an?|two|three|five|ten)"
    r" (?P<unit>minute|min|hour)s?\b|(?:by|before|until) (?:noon|tonight|today|this (?:morning|evening|afternoon)))",
    re.IGNORECASE,
)
ASKS = re.compile(r"^\W*(what|which|who|when|where|how|why|is|are|was|were|did|does|do)\b", re.IGNORECASE)
PRESSES = 1.0
NEAR = 0.75
SPOKEN_OF = 0.5
"""A question may be about a deadline or an emergency rather than under one."""


def urgency(text: str) -> tuple[float, str]:
    """The level and what it is from. A question that only speaks of such things has the neutral level."""
    for pattern, level in ((PRESSING, PRESSES), (DEADLINE, NEAR)):
        found = pattern.search(text)
        if found is not None:
            asks = any(ASKS.search(part) and found[0] in part for part in re.split(r"(?<=[.!?:;–—])\s+", text))
            said = " ".join(found[0].split())
            if asks:
                return SPOKEN_OF, f"“{said}” is what is asked about"
            return level, f"“{said}”"
    return 0.0, "no word of the input presses"
