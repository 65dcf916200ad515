"""Finds what a text only says about its writer's good intent, so that it can be judged without that as well.

A claim costs nothing to make and changes nothing about what is asked. Where the text *is set* ("in this video game")
does change it, and is no claim.
"""

from __future__ import annotations

import re

CLAIM = re.compile(
    r"\b(?:educat\w+|academic\w*|homework|thesis|dissertation|(?:school|class|university|"
    r"course) (?:project|paper|assignment|essay)|"
    r"for (?:a|my|our|the) (?:class|course|lesson|lecture|study|paper|exam|presentation|article|talk|"
    r"report|documentary|"
    r"museum|project|training|briefing|quiz|safety|research)\b|research(?:er|ing)?|scien(?:ce|tific|tist)|"
    r"curiosity|curious|"
    r"hypothetical\w*|theoretical\w*|purely|strictly|just (?:want|for|asking|a question|to know)|"
    r"only (?:want|to|for|so that|between|if)|"
    r"asking (?:for|as|because|out)|(?:asked|ask) (?:me|because)|i(?:'m| am| work as) (?:a|an|the|only|"
    r"just|over|new|one of)\b|"
    r"i work (?:at|in|for|with|as)|i volunteer|as (?:a|an) (?:\w+ ){0,3}(?:nurse|doctor|teacher|student|"
    r"officer|researcher|expert|"
    r"professional|lawyer|journalist|parent|tester|librarian|chemist|professor|writer|author)|(?:my|"
    r"our) (?:job|intentions?|lawyer|"
    r"boss|teacher|professor|students?|patients?|compliance|ethics|makers|company|team|own (?:safety|"
    r"defen[cs]es?|protection))|"
    r"trust me|don'?t worry|i (?:promise|swear)|i (?:will|would) (?:not|never)|i won'?t|i(?:'d|"
    r" would) like to (?:understand|protect|learn|know)|"
    r"permission|authori[sz](?:ed|ation)|(?:it'?s|it is|perfectly) legal|licen[sc]ed|certified|clearance|"
    r"consent|waiver|"
    r"good (?:cause|intentions?|guys?)|no harm|(?:no one|nobody|anyone) (?:will|is|gets?)|harmless|"
    r"safety (?:test|training|briefing)|"
    r"pen(?:etration)?[ -]?test\w*|red[ -]?team\w*|security audit|awareness|sandbox\w*|stays between|between us|"
    r"over 18|(?:full|all) responsibility|i know the risks|i understand the risks|refus(?:e|ing)|ethic(?:s|al)|"
    r"answer (?:freely|openly)|protect (?:myself|my family|others)|worried (?:parent|mother|father)|"
    r"thank you in advance|"
    r"learn(?:ing)? (?:about|how|more)|i only|help me with|volunteer|charity|librarian|documentary|"
    r"exhibition|training material)\b",
    re.IGNORECASE,
)
BREAK = re.compile(
    r"[.!?:;\n()—–]+\s*|,\s+|\s-\s|"
    r"(?<=[\w\"'])(?<!\bdo)(?<!\bcan)(?<!\bmay)(?<!\bdid)(?<!\bwill)(?<!ould)(?<!\bif)(?<!that)"
    r"(?<!when)(?<!where)(?<!what)(?<!\bso)"
    r"(?<!\band)(?<!\bbut)(?<!\bas)(?<!\bam)\s+(?=(?:I|I'm|I've|It|It's|This|That's|My|We|We're|Our|You|"
    r"You're|Your|The|A|Asking|Answer|Remember|Everything|"
    r"Nobody|If|Thanks|Thank|Please|Trust|Don't|As|For|Just|Only)\b)"
)
"""Where one thing that is said ends and the next begins, a full stop forgotten too."""
SENTENCE = re.compile(r"[.!?:\n]|\A\s+\Z")
PURPOSE = re.compile(
    r"[\s,;]+(?:it'?s |this is |just |only |purely |strictly )?(?:for|as part of|out of|"
    r"in the name of)\s[^.!?\n]{2,100}\Z",
    re.IGNORECASE,
)
MAX_CORES = 6
FEWEST_WORDS = 4
"""Of a part that is judged by itself."""
LONGEST = 600
"""Characters: in a longer text a claim is a small part of what is read."""
MOST_SENTENCES = 5


def cores(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The parts of `text[start:end]` to judge by themselves because something in it claims a good intent.

    They are what stands between the claims at its two ends, and each sentence. None where nothing is claimed.
    """
    if end - start > LONGEST or not CLAIM.search(text, start, end):
        return []
    parts = split(text, start, end)
    other = [part for part in parts if not CLAIM.search(text, *part)]
    found = [(other[0][0], other[-1][1])] if other else []
    said = sentences(text, parts)
    if len(said) <= MOST_SENTENCES:
        found += [part for part in sorted(said, key=lambda part: part[0] - part[1]) if not CLAIM.search(text, *part)]
    found += [
        (first, first + hit.start())
        for first, last in [*found, (start, end)]
        if (hit := PURPOSE.search(text[first:last]))
    ]
    wanted = [part for part in dict.fromkeys(found) if len(text[slice(*part)].split()) >= FEWEST_WORDS]
    return [part for part in wanted if part != (start, end)][:MAX_CORES]


def split(text: str, start: int, end: int) -> list[tuple[int, int]]:
    parts, at = [], start
    for found in BREAK.finditer(text, start, end):
        stops = len(found[0]) - len(found[0].lstrip(".!?"))
        parts.append((at, found.start() + stops))
        at = found.end()
    parts.append((at, end))
    return [part for part in parts if text[slice(*part)].strip()]


def sentences(text: str, parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts put together where only a comma or a dash stood between them."""
    found = [parts[0]]
    for first, last in parts[1:]:
        between = text[found[-1][1] - 1 : first]
        if SENTENCE.search(between) or not between[1:].strip():
            found.append((first, last))
        else:
            found[-1] = (found[-1][0], last)
    return found
