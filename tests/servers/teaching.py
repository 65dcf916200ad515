"""What `judge…` of the chat server answers: the known pairs rightly, and others as a test says."""

from __future__ import annotations

import json
from urllib.request import urlopen

from lukhasd.memory.second_opinion import DENIAL, FIRST, KNOWN, SECOND


def teach(url: str, *pairs: list[str], always: str | None = None) -> None:
    """`pairs`: earlier, later, the answer, the answer where the later one comes first. `always`: what `judge-always`
    answers."""
    known = [[pair.earlier, pair.later, *[pair.verdict or "part"] * 2] for pair in KNOWN]
    options = {text: verdict for wording in (FIRST, SECOND) for verdict, text in wording.options.items()}
    lesson = {"pairs": [*known, *pairs], "options": options, "denial": DENIAL, "always": always}
    with urlopen(f"{url.removesuffix('/v1')}/taught", json.dumps(lesson).encode()) as response:
        response.read()
