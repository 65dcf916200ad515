"""What a question asks for (a time, a number, somebody, a place, a reason), and what holds such."""

from __future__ import annotations

import re
from dataclasses import dataclass

MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
TIMES = (
    "yesterday|today|tomorrow|tonight|last|next|ago|week|month|year|morning|evening|christmas|easter|spring|summer|"
    "autumn|winter|noon"
)
NUMBERS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    "eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|dozen|few|once|twice|"
    "half|couple|many|several"
)
PEOPLE = (
    "mother|mum|mom|father|dad|sister|brother|aunt|uncle|cousin|son|daughter|friend|neighbour|neighbor|boss|teacher|"
    "colleague|wife|husband|kids?|children|grandmother|grandfather|grandma|nephew|niece|people|he|she|they|we|"
    "everyone|nobody"
)
NAME = r"(?<![.!?]\s)(?<!^)\b[A-Z][a-zà-ÿ]+"


@dataclass(frozen=True)
class Sought:
    """What `holds` finds is a sign of it; only where `shows` may it be told as a fact. Places and reasons are known by
    little words alone, which most texts have."""

    name: str
    asks: re.Pattern[str]
    holds: re.Pattern[str]
    shows: bool


def _sought(name: str, asks: str, holds: str, *, shows: bool = True) -> Sought:
    return Sought(name, re.compile(asks, re.IGNORECASE), re.compile(holds), shows)


SOUGHT = (
    _sought(
        "a time",
        r"\b(when|what (time|date|day|month|year)|which (day|month|year)|how long ago)\b",
        rf"\b\d|(?i:\b({MONTHS})[a-z]*\b|\b({TIMES}))",
    ),
    _sought(
        "a number",
        r"\bhow (many|much|old|long|far|often|big|tall|high|cold|fast|late)\b|\b(price|cost|score|age)\b",
        rf"\d|(?i:\b({NUMBERS})\b)",
    ),
    _sought(
        "somebody", r"\b(who|whose|whom)\b|\bnames?\b|\bcalled\b", rf"{NAME}|(?i:\b({PEOPLE})\b)"
    ),
    _sought(
        "a place",
        r"\b(where|which (town|city|country|place))\b",
        r"(?i:\b(in|at|to|from|near|on|into|by|behind|under|outside|home|there|here|around)\b)",
        shows=False,
    ),
    _sought(
        "a reason",
        r"\bwhy\b",
        r"(?i:\b(because|since|so|as|to|for|want|wanted|need|needed|that's why|reason|after|due)\b)",
        shows=False,
    ),
)  # fmt: skip


def sought(question: str) -> Sought | None:
    """The first that it asks for."""
    return next((one for one in SOUGHT if one.asks.search(question)), None)
