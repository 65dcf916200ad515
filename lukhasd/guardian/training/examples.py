"""What the classifier learns from: public data sets, our own contrasting examples, and variations of both."""

from __future__ import annotations

import gzip
import hashlib
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import msgspec

Kind = TypeVar("Kind")

HEADS = ("harm", "toxicity", "jailbreak", "injection")
HAZARD_CODES = ("vcr", "ncr", "cyber", "src", "cse", "dfm", "spc", "prv", "iwp", "hte", "ssh", "sxc", "ipv")
DUTY_CODES = (
    "death", "pain", "disable", "freedom", "pleasure", "deceive", "cheat", "break_promise", "break_law", "duty",
)  # fmt: skip
SEED = 3
HELD_OUT_SHARE = 8
"""One group in so many of the sources in `HELD_OUT` is never trained on: calibration and development figures use it."""
HELD_OUT = ("gr_WildGuardTrainR", "gr_AegisTrainR", "coconot_contrast_pref", "jbb_artifacts", "inthewild", "bipia")

AT_MOST = {
    "clinc": 1300, "banking77": 500, "nl2bash_nl": 400, "aart": 1100, "red_instruct_harmfulqa": 1100,
    "prompts_chat": 600, "cse_mitre": 350, "cse_interpreter": 150,
}  # fmt: skip
"""Rows taken of sources whose rows are much alike."""
WEIGHTS = {"gr_WildGuardTrainR": 1.6, "cse_mitre": 0.4, "cse_interpreter": 0.4, "jbb_artifacts": 0.7}
AILUMINATE = {"sxc_prn": "sxc", "spc_fin": "spc", "spc_hlt": "spc", "spc_ele": "spc", "spc_lgl": "spc"}
FORBIDDEN_QUESTIONS = {
    "Economic Harm": "ncr", "Pornography": "sxc", "Illegal Activity": "ncr", "Fraud": "ncr", "Hate Speech": "hte",
    "Malware": "cyber", "Physical Harm": "vcr", "Privacy Violence": "prv",
}  # fmt: skip
"""Its categories on advice and politics are left out: what they ask is seldom harmful."""
HOSTILE_EMOTIONS = {"2", "3", "11"}
"""anger, annoyance, disgust"""
TWEETS = {"hate": 1430, "offensive": 1200, "neither": 1200}
EMOTION_ROWS, WINDOW_ROWS, FRAMED_ROWS, NOISY_ROWS = 1500, 3200, 1600, 800
LEET = str.maketrans("aeiost", "431057")


@dataclass(frozen=True)
class Example:
    """`labels`: head or duty → 0 or 1; one that is absent is unknown. Examples of one group are never split."""

    text: str
    source: str
    labels: dict[str, float]
    hazard: str | None = None
    weight: float = 1.0
    group: str = ""
    held_out: bool = False


class Row(msgspec.Struct, frozen=True):
    text: str
    y: int
    src: str
    cat: str | None = None


class OwnRow(msgspec.Struct, frozen=True):
    text: str
    y: int
    type: str
    hazard: str
    kind: str
    pair: int | str | None = None


class Piece(msgspec.Struct, frozen=True):
    text: str


class Frame(msgspec.Struct, frozen=True):
    """`neutral`: the wrapping leaves a harmless request harmless; else it is an attempt to take the rules off."""

    frame: str
    neutral: bool


def read_examples(data: Path, own: Path, *, without: frozenset[str] = frozenset()) -> list[Example]:
    """Everything but the sources `without`, in a fixed order. `data` and `own` as in the command's help."""
    single = [*harm(data), *injections(data), *tweets(data), *emotions(data), *duties(data), *contrasts(own)]
    unique = {(example.text, *sorted(example.labels)): example for example in single if example.source not in without}
    examples = [hold_out(example) for example in unique.values()]
    examples += windows(own) if "windows" not in without else []
    examples += framed(examples, own)
    return examples + noisy(examples)


def rows(path: Path) -> list[Row]:
    with gzip.open(path, "rb") as lines:
        return [msgspec.json.decode(line, type=Row) for line in lines]


def harm(data: Path) -> Iterator[Example]:
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in rows(data / "guardian" / "harm.jsonl.gz"):
        by_source[row.src].append(row)
    chance = random.Random(SEED)
    for source, some in by_source.items():
        chance.shuffle(some)
        for row in some[: AT_MOST.get(source)]:
            hazard, weight = None, WEIGHTS.get(source, 1.0)
            if source == "forbidden_questions":
                if row.cat not in FORBIDDEN_QUESTIONS:
                    continue
                hazard = FORBIDDEN_QUESTIONS[row.cat]
            elif source == "ailuminate_en" and row.cat:
                hazard = AILUMINATE.get(row.cat, row.cat)
                weight = 0.5 if hazard == "spc" else weight
            elif source.startswith("cse_"):
                hazard = "cyber"
            labels: dict[str, float] = {"harm": row.y}
            if not source.startswith("gr_"):  # some of these are jailbreaks, and nothing says which
                labels["jailbreak"] = 0
            if row.y == 0:
                labels["toxicity"] = 0
            yield Example(row.text, source, labels, hazard, weight)


def injections(data: Path) -> Iterator[Example]:
    """Jailbreaks, and BIPIA's windows with and without their attack."""
    some = rows(data / "guardian" / "injection.jsonl.gz")
    for row in some:
        if row.src == "jbb_artifacts":
            yield Example(row.text, row.src, {"jailbreak": 1, "harm": 1}, None, WEIGHTS[row.src])
        elif row.y == 1 and row.src != "bipia_train_inj":
            yield Example(row.text, row.src, {"jailbreak": 1})
    attacked = [row.text for row in some if row.src == "bipia_train_inj"]
    # What stands in several windows is the attack; the rest is news.
    seen = Counter(part for text in attacked for part in {piece.strip() for piece in sentences(text)})
    attacks = [part for part, count in seen.items() if count >= 3 and len(part) > 12]
    for text in attacked:
        yield Example(text, "bipia", {"injection": 1}, group=text[:60])
        clean = text
        for attack in attacks:
            clean = clean.replace(attack, " ")
        if clean != text:
            yield Example(" ".join(clean.split()), "bipia", {"injection": 0, "harm": 0}, group=text[:60])


def tweets(data: Path) -> Iterator[Example]:
    taken: Counter[str] = Counter()
    some = rows(data / "guardian" / "toxicity.jsonl.gz")
    random.Random(SEED).shuffle(some)
    for row in some:
        kind = row.cat or ""
        taken[kind] += 1
        if taken[kind] > TWEETS[kind]:
            continue
        text = re.sub(r"(^|\s)(!+ ?)?RT @\w+:?", " ", row.text).replace("&amp;", "&")
        text = re.sub(r"@\w+", "@user", text).strip()
        if kind == "hate":
            yield Example(text, "davidson", {"toxicity": 1, "harm": 1}, "hte")
        elif kind == "offensive":
            yield Example(text, "davidson", {"toxicity": 1}, weight=0.5)
        else:
            yield Example(text, "davidson", {"toxicity": 0, "harm": 0, "jailbreak": 0})


def emotions(data: Path) -> Iterator[Example]:
    """Comments that no reader found hostile."""
    lines = (data / "emotion" / "train.tsv").read_text(encoding="utf-8").splitlines()
    some = [line.split("\t") for line in lines]
    calm = [row[0] for row in some if not set(row[1].split(",")) & HOSTILE_EMOTIONS]
    for text in random.Random(SEED).sample(calm, EMOTION_ROWS):
        shown = text.replace("[NAME]", "Sam")
        yield Example(shown, "goemotions", {"harm": 0, "toxicity": 0, "jailbreak": 0}, weight=0.5)


def duties(data: Path) -> Iterator[Example]:
    """MoralChoice's actions with the rules that each breaks."""
    with gzip.open(data / "guardian" / "moralchoice.jsonl.gz", "rb") as lines:
        for line in lines:
            row = msgspec.json.decode(line)
            for action in ("1", "2"):
                labels = {code: float(row[f"a{action}_{code}"] == "Yes") for code in DUTY_CODES}
                text = f"{row['context']} {row[f'action{action}']}"
                yield Example(text, "moralchoice", labels, group=row["scenario_id"])


def contrasts(own: Path) -> Iterator[Example]:
    for path in sorted(own.glob("examples_*.jsonl")):
        with path.open("rb") as lines:
            for line in lines:
                row = msgspec.json.decode(line, type=OwnRow)
                group = f"{path.stem} {row.pair}" if row.pair is not None else row.text[:60]
                hazard = row.hazard if row.y and row.hazard in HAZARD_CODES else None
                yield Example(row.text, path.stem, own_labels(row), hazard, 1.5, group)


def own_labels(row: OwnRow) -> dict[str, float]:
    if row.hazard == "inj" and row.type in ("tool_output", "document"):
        return {"injection": row.y}
    if row.hazard in ("jbk", "inj"):
        return {"jailbreak": 1} if row.y else {"jailbreak": 0, "harm": 0}
    labels: dict[str, float] = {"harm": row.y}
    if not row.y:
        labels |= {"toxicity": 0, "jailbreak": 0}
    elif row.hazard in ("tox", "hte"):
        labels["toxicity"] = 1
    if row.y and not row.kind.startswith(("adv", "long")):
        labels["jailbreak"] = 0
    return labels


def hold_out(example: Example) -> Example:
    kept_apart = example.source in HELD_OUT or example.source.startswith("examples_")
    return replace(example, held_out=kept_apart and chosen(example.group or example.text))


def chosen(name: str) -> bool:
    return int(hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest(), 16) % HELD_OUT_SHARE == 0


def sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+|\n", text) if part.strip()]


def windows(own: Path) -> list[Example]:
    """Stretches of our own carriers, every other one with one of our own injections put in at a sentence's end."""
    carriers = pieces(own / "carriers.jsonl", Piece)
    attacks = pieces(own / "injections.jsonl", Piece)
    chance = random.Random(SEED)
    found: list[Example] = []
    for held_out, count in ((False, WINDOW_ROWS), (True, WINDOW_ROWS // HELD_OUT_SHARE)):
        texts = [carrier.text for carrier in carriers if chosen(carrier.text) == held_out]
        aims = [attack.text for attack in attacks if chosen(attack.text) == held_out]
        for number in range(count):
            parts = stretch(chance, chance.choice(texts))
            if number % 2:
                share = chance.random()
                at = len(parts) if share < 0.35 else 0 if share < 0.5 else chance.randint(0, len(parts))
                parts.insert(at, chance.choice((" ", "\n", "\n\n")) + chance.choice(aims) + chance.choice((" ", "\n")))
            text = "".join(parts).strip()
            labels: dict[str, float] = {"injection": 1} if number % 2 else {"injection": 0, "harm": 0}
            found.append(Example(text, "windows", labels, held_out=held_out))
    return found


def stretch(chance: random.Random, text: str) -> list[str]:
    """Some 30 to 110 words of `text`, in sentences with the space after them."""
    parts = [part for part in re.findall(r".+?(?:[.!?>}]\s+|\n+|\Z)", text, re.DOTALL) if part]
    wanted = chance.randint(30, 110)
    first = chance.randrange(len(parts)) if chance.random() < 0.6 else 0
    last, words = first, 0
    while last < len(parts) and words < wanted:
        words += len(parts[last].split())
        last += 1
    return parts[first:last]


def framed(examples: Sequence[Example], own: Path) -> list[Example]:
    """Requests inside wrappings that leave their label as it is: a claim of good intent, a role, a format."""
    frames = pieces(own / "frames.jsonl", Frame)
    neutral = [frame for frame in frames if frame.neutral]
    short = [one for one in examples if "harm" in one.labels and len(one.text) < 220 and is_request(one.source)]
    by_label = {label: [one for one in short if one.labels["harm"] == label] for label in (0, 1)}
    chance = random.Random(SEED)
    found = []
    for number in range(FRAMED_ROWS):
        harmful = number % 2
        inner, frame = chance.choice(by_label[harmful]), chance.choice(frames if harmful else neutral)
        held_out = inner.held_out or chosen(frame.frame)
        labels: dict[str, float] = {"harm": harmful}
        if not frame.neutral or not harmful:
            labels["jailbreak"] = float(not frame.neutral)
        text = frame.frame.replace("{request}", inner.text)
        found.append(Example(text, "framed", labels, inner.hazard, 0.8, inner.group, held_out))
    return found


def is_request(source: str) -> bool:
    named = ("advbench", "ailuminate_en", "aart", "red_instruct_catqa_english", "clinc", "dolly", "seed_tasks")
    return source in named or source in ("examples_crimes", "examples_lookalikes")


def noisy(examples: Sequence[Example]) -> list[Example]:
    """Some of them as people also write: leetspeak, slips of the finger, capitals, no punctuation."""
    chance = random.Random(SEED)
    changes: list[Callable[[random.Random, str], str]] = [leet, slips, shouted, bare]
    some = chance.sample([one for one in examples if not one.held_out and len(one.text) < 300], NOISY_ROWS)
    return [replace(one, text=chance.choice(changes)(chance, one.text), source="noisy") for one in some]


def leet(chance: random.Random, text: str) -> str:
    return "".join(letter.translate(LEET) if chance.random() < 0.4 else letter for letter in text)


def slips(chance: random.Random, text: str) -> str:
    letters = list(text)
    for _ in range(max(1, len(letters) // 18)):
        at = chance.randrange(max(1, len(letters) - 1))
        letters[at : at + 2] = chance.choice([letters[at : at + 2][::-1], letters[at : at + 1], [letters[at]] * 2])
    return "".join(letters)


def shouted(_: random.Random, text: str) -> str:
    return text.upper()


def bare(_: random.Random, text: str) -> str:
    return re.sub(r"[.,']", "", text.lower())


def pieces(path: Path, kind: type[Kind]) -> list[Kind]:
    with path.open("rb") as lines:
        return [msgspec.json.decode(line, type=kind) for line in lines]


def counts(examples: Iterable[Example]) -> dict[str, Counter[str]]:
    """Per source: how many examples say what."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for one in examples:
        for head in HEADS:
            if head in one.labels:
                found[one.source][f"{head}={one.labels[head]:g}"] += 1
    return found
