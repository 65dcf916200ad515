"""The trained classifier: calibrated probabilities per hazard, and the stretch of the content behind each."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.guardian import ActionType
from lukhasd.guardian.classifiers.claims import cores
from lukhasd.guardian.classifiers.network import WINDOW_TOKENS, BrokenWeights, Network
from lukhasd.guardian.classifiers.ngrams import NgramModel
from lukhasd.guardian.classifiers.windows import windows
from lukhasd.guardian.findings import Quoted, Subject
from lukhasd.guardian.normalise import View, normalise
from lukhasd.models.logistic import softmax

HARM, TOXICITY, JAILBREAK, INJECTION = "harm", "toxicity", "jailbreak", "injection"
CONVERSATION = frozenset({"user_input", "response_generation", "message"})
QUOTED = frozenset({"tool_output", "document"})
COLUMNS: dict[str, tuple[str, ...]] = {
    "user_input": (HARM, TOXICITY, JAILBREAK),
    "response_generation": (HARM, TOXICITY),
    "message": (HARM, TOXICITY),
    "tool_output": (INJECTION,),
    "document": (INJECTION,),
}
"""What is asked of each type of action; a type that is not here is judged by rules alone."""
QUOTED_TOKENS = 110
DOUBTED = 0.8
"""A content in quotations is read whole where these, each read by itself, leave so much doubt: √Σ(p / threshold)², so
that several small doubts are one. A sentence out of its place looks like harm more often than the whole does."""
MAX_WINDOWS = 16
"""Stretches that the network reads; of more, those that the n-grams find most suspicious."""
MAX_PIECES = 8
"""Parts of a stretch that are taken out in turn to find the one that counts."""
PIECE = re.compile(r"[^.!?;:\n]+[.!?;:\n]*\s*")
CLAUSE_WORDS = 5

Floats = NDArray[np.float32]
Stretch = tuple[View, int, int]
"""Part of a view, from a character to another."""


class Calibration(msgspec.Struct, frozen=True):
    """P(column) = σ(intercept + network · its logit + ngrams · its logit), by Platt (1999)."""

    intercept: float
    network: float
    ngrams: float


class Manifest(msgspec.Struct, frozen=True):
    """`weights/manifest.json`: what the files hold. `columns`: of the network, the n-grams' being its first ones."""

    version: str
    sha256: dict[str, str]
    columns: list[str]
    ngram_columns: list[str]
    hazards: list[str]
    duties: list[str]
    temperature: float
    """Of the hazards' softmax."""
    calibration: dict[str, Calibration]


@dataclass(frozen=True)
class Scored:
    """The probability that the content is of `column`, and the original characters that it rests on most."""

    column: str
    probability: float
    start: int
    end: int
    excerpt: str
    view: View


@dataclass(frozen=True)
class Assessment:
    """`hazards`: probability by hazard, `duties`: by rule of MoralChoice (Scherrer et al., 2023) that it breaks."""

    scored: tuple[Scored, ...] = ()
    hazards: dict[str, float] = field(default_factory=dict)
    duties: dict[str, float] = field(default_factory=dict)

    @property
    def likeliest(self) -> float | None:
        """The probability of harm. Taking the rules off a model is no harm in itself: it counts as far as harm is
        asked for too, p(jailbreak) · √p(harm), which leaves the order of such prompts as it is. None: not assessed."""
        seen = {scored.column: scored.probability for scored in self.scored}
        if JAILBREAK in seen:
            seen[JAILBREAK] *= seen[HARM] ** 0.5
        return max(seen.values(), default=None)


class Classifier:
    """Loaded once, with `Classifier.load`. Safe to call from several threads."""

    def __init__(self, manifest: Manifest, network: Network, ngrams: NgramModel) -> None:
        self._manifest = manifest
        self._network = network
        self._ngrams = ngrams
        self._place = {name: place for place, name in enumerate(manifest.columns)}
        self._width = len(manifest.columns) + len(manifest.ngram_columns)

    @classmethod
    def load(cls, folder: Traversable | None = None) -> Classifier:
        """Raises BrokenWeights where a file is missing or is not the one that the manifest names."""
        folder = folder or packaged()
        manifest = read_manifest(folder)
        tail = read_checked(folder, "tail.onnx", manifest)
        with np.load(io.BytesIO(read_checked(folder, "ngrams.npz", manifest))) as arrays:
            ngrams = NgramModel(arrays["weights"], arrays["scales"], arrays["intercepts"])
        return cls(manifest, Network(tail=tail), ngrams)

    def assess(self, subject: Subject, *, explain_from: Mapping[str, float]) -> Assessment:
        """What the subject's views come to. A column's span is looked for from its `explain_from` on."""
        columns = COLUMNS.get(subject.type, ())
        if not columns:
            return Assessment()
        quotations = _quotations(_as_seen(subject), subject.quoted)
        if quotations:
            apart = [*quotations, *self._encoded(subject)]
            assessment, doubt = self._assess(subject, columns, apart, explain_from, explain=False)
            if doubt < DOUBTED:
                return assessment
        return self._assess(subject, columns, self._stretches(subject), explain_from)[0]

    def _assess(
        self,
        subject: Subject,
        columns: Sequence[str],
        stretches: list[Stretch],
        explain_from: Mapping[str, float],
        *,
        explain: bool = True,
    ) -> tuple[Assessment, float]:
        """With the doubt that it leaves: see DOUBTED."""
        if not stretches:
            return Assessment(), 0.0
        stretches = [(view, *part) for view, *span in stretches for part in self._whole(view.text, *span)]
        known = self._known(subject.quoted)
        whole = len(stretches)
        if subject.type in CONVERSATION:
            stretches += [(view, *part) for view, start, end in stretches for part in cores(view.text, start, end)]
        texts = [view.text[start:end] for view, start, end in stretches]
        logits, probabilities = self._judge(texts, columns, subject.check, known)
        scored = []
        for number, column in enumerate(columns):
            # Taken by itself, a part of a prompt about a prompt looks like an attack.
            read = len(stretches) if column in (HARM, TOXICITY) else whole
            best = int(probabilities[:read, number].argmax())
            probability = float(probabilities[best, number])
            view, start, end = stretches[best]
            if explain and probability >= explain_from[column]:
                start, end = self._telling(view.text, start, end, column, probability, subject.check)
            original = view.span(start, end)
            excerpt = subject.views.content[slice(*original)]
            scored.append(Scored(column, probability, *original, excerpt, view))
        shares = probabilities / np.array([explain_from[column] for column in columns])
        doubt = float(np.linalg.norm(shares.max(axis=1)))
        return Assessment(tuple(scored), self._hazards(scored, logits, probabilities), self._duties(logits)), doubt

    def probabilities(self, texts: Sequence[str], column: str) -> list[float]:
        """P(column) of each text as it stands, for measurements."""
        return [float(row[0]) for row in self._judge(texts, (column,), lambda: None)[1]]

    def read(self, texts: Sequence[str]) -> list[Floats]:
        """What the network and the n-grams make of each text's `_parts`, for `Subject.quoted`: (parts · columns,)."""
        parts = [_parts(text) for text in texts]
        logits = self._logits([part for each in parts for part in each], lambda: None)
        ends = np.cumsum([len(each) for each in parts])
        return [logits[end - len(each) : end].ravel() for each, end in zip(parts, ends, strict=True)]

    def _logits(self, texts: Sequence[str], check: Callable[[], None]) -> Floats:
        """(texts, the network's columns and then the n-grams')."""
        rows = [self._network.encode(text, limit=WINDOW_TOKENS) for text in texts]
        return np.hstack([self._network.logits(rows, check), [self._ngrams.logits(text) for text in texts]])

    def _known(self, quoted: Quoted) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        for text, logits in quoted.items():
            parts = _parts(text)
            if logits is not None and logits.size == len(parts) * self._width:
                found.update(zip(parts, logits.reshape(len(parts), -1), strict=True))
        return found

    def _whole(self, text: str, start: int, end: int, tokens: int = WINDOW_TOKENS) -> Iterator[tuple[int, int]]:
        """The stretch, in parts where it has more tokens than the network reads: their number was only estimated."""
        stretch = text[start:end]
        fits = len(stretch) <= WINDOW_TOKENS and stretch.isascii()  # a token has a character at least
        if fits or len(self._network.encode(stretch, limit=WINDOW_TOKENS + 1)) <= WINDOW_TOKENS:
            yield start, end
            return
        for first, last in windows(stretch, tokens=tokens // 2):
            yield from self._whole(text, start + first, start + last, tokens // 2)

    def _encoded(self, subject: Subject) -> list[Stretch]:
        others = [view for view in subject.views.views if view.found_in not in ("plain", "normalised")]
        return [(view, *span) for view in others for span in windows(view.text, tokens=_window(subject.type))]

    def _stretches(self, subject: Subject) -> list[Stretch]:
        """What to read: the content as a reader sees it, and whatever was encoded in it."""
        seen = _as_seen(subject)
        found = [(seen, *span) for span in windows(seen.text, tokens=_window(subject.type))] + self._encoded(subject)
        if len(found) <= MAX_WINDOWS:
            return found
        columns = [self._manifest.ngram_columns.index(column) for column in COLUMNS[subject.type]]

        def suspicion(stretch: Stretch) -> float:
            view, start, end = stretch
            return float(self._ngrams.logits(view.text[start:end])[columns].max())

        ends = {0, len(found) - 1}
        ranked = sorted(set(range(len(found))) - ends, key=lambda place: -suspicion(found[place]))
        subject.check()
        return [found[place] for place in sorted(ends | set(ranked[: MAX_WINDOWS - len(ends)]))]

    def _judge(
        self,
        texts: Sequence[str],
        columns: Sequence[str],
        check: Callable[[], None],
        known: Mapping[str, Floats] = MappingProxyType({}),
    ) -> tuple[Floats, Floats]:
        """The network's logits (texts, all columns), and probabilities (texts, `columns`). `known`: `_logits` of some
        of the texts."""
        new = [text for text in texts if text not in known]
        found = {**known, **dict(zip(new, self._logits(new, check), strict=True))} if new else known
        logits, ngrams = np.split(np.stack([found[text] for text in texts]), [len(self._place)], axis=1)
        probabilities = np.empty((len(texts), len(columns)), dtype=np.float32)
        for number, column in enumerate(columns):
            fitted = self._manifest.calibration[column]
            mixed = (
                fitted.intercept
                + fitted.network * logits[:, self._place[column]]
                + fitted.ngrams * ngrams[:, self._manifest.ngram_columns.index(column)]
            )
            probabilities[:, number] = 1.0 / (1.0 + np.exp(-mixed))
        return logits, probabilities

    def _telling(
        self, text: str, start: int, end: int, column: str, probability: float, check: Callable[[], None]
    ) -> tuple[int, int]:
        """The part of `text[start:end]` without which the probability falls most; all of it where none lowers it."""
        parts = pieces(text, start, end)
        if len(parts) < 2:
            return start, end
        without = [text[start:first] + " " + text[last:end] for first, last in parts]
        _, left = self._judge(without, (column,), check)
        best = int(left[:, 0].argmin())
        return parts[best] if float(left[best, 0]) < probability else (start, end)

    def _hazards(self, scored: Sequence[Scored], logits: Floats, probabilities: Floats) -> dict[str, float]:
        found = {item.column: item.probability for item in scored if item.column != HARM}
        harm = next((place for place, item in enumerate(scored) if item.column == HARM), None)
        if harm is not None:
            row = logits[int(probabilities[:, harm].argmax())]
            shares = softmax(
                np.array([row[self._place[name]] for name in self._manifest.hazards]) / self._manifest.temperature
            )
            for name, share in zip(self._manifest.hazards, shares, strict=True):
                found[name] = float(share) * scored[harm].probability
        return {name: round(value, 4) for name, value in found.items()}

    def _duties(self, logits: Floats) -> dict[str, float]:
        places = [self._place[name] for name in self._manifest.duties]
        broken = 1.0 / (1.0 + np.exp(-logits[:, places].max(axis=0)))
        return {name: round(float(value), 4) for name, value in zip(self._manifest.duties, broken, strict=True)}


def as_read(text: str) -> str:
    """A text with its disguises taken off, as the network is given it."""
    view = normalise(text)
    return view.text if view is not None else text


def _parts(text: str) -> list[str]:
    """What is judged of a quotation: it as a reader sees it, and its cores."""
    seen = as_read(text)
    return [seen, *(seen[slice(*part)] for part in cores(seen, 0, len(seen)))]


def _window(type: ActionType) -> int:
    return QUOTED_TOKENS if type in QUOTED else WINDOW_TOKENS


def _as_seen(subject: Subject) -> View:
    """The content as a reader sees it."""
    plain, *others = subject.views.views
    return next((view for view in others if view.found_in == "normalised"), plain)


def _quotations(view: View, quoted: Iterable[str]) -> list[Stretch]:
    """Where they stand; none unless all do."""
    found = []
    for text in map(as_read, quoted):
        start = view.text.find(text)
        if start < 0 or not text:
            return []
        found.append((view, start, start + len(text)))
    return found


def pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """At most MAX_PIECES parts of `text[start:end]`: its sentences, or runs of words where it is one sentence."""
    parts = [match.span() for match in PIECE.finditer(text, start, end) if match.group().strip()]
    if len(parts) < 2:
        words = [match.span() for match in re.finditer(r"\S+\s*", text[start:end])]
        step = max(CLAUSE_WORDS, -(-len(words) // MAX_PIECES))
        parts = [
            (start + words[at][0], start + words[min(at + step, len(words)) - 1][1])
            for at in range(0, len(words), step)
        ]
    if len(parts) > MAX_PIECES:
        step = -(-len(parts) // MAX_PIECES)
        parts = [(parts[at][0], parts[min(at + step, len(parts)) - 1][1]) for at in range(0, len(parts), step)]
    return parts


def packaged() -> Traversable:
    return resources.files("lukhasd.guardian.classifiers") / "weights"


def read_manifest(folder: Traversable) -> Manifest:
    try:
        return msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise BrokenWeights(f"the classifier's manifest.json cannot be read: {error}") from error


def read_checked(folder: Traversable, name: str, manifest: Manifest) -> bytes:
    try:
        raw = (folder / name).read_bytes()
    except OSError as error:
        raise BrokenWeights(f"the classifier's {name} cannot be read: {error}") from error
    digest = hashlib.sha256(raw).hexdigest()
    if digest != manifest.sha256.get(name):
        raise BrokenWeights(f"the classifier's {name} is not the file that its manifest names (sha256 {digest[:12]}…)")
    return raw
