"""Observations and queries from a file: JSON, JSON Lines or CSV."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from lukhas_cli.inputs import read_file, read_stdin
from lukhas_cli.moments import moment
from lukhas_sdk.contract.causal import CausalRequest, Observation, ObservationWindow
from lukhas_sdk.contract.causal_query import CausalQueryRequest
from lukhas_sdk.errors import ValidationError

SEE = "see: lukhas reason causal --help, or lukhas reason query --help"
MEANINGS = (
    (re.compile(r"Expected `str` matching regex .*"), "it is blank"),
    (re.compile(r"Expected `str` of length >= 10"), "it is no date: write it as 2025-01-31 or 2025-01-31T14:00Z"),
    (re.compile(r"Expected `array` of length <= (\d+)"), r"there are more than \1"),
    (re.compile(r"Expected `float` >= -?\d+.*|Expected `float` <= \d+.*"), "the number is not finite, or beyond 10^15"),
    (re.compile(r"Object contains unknown field `(.+)`"), r"it has a field \1, which is not known"),
    (re.compile(r"Expected `(\w+)(?: \| null)?`, got `(\w+)`"), r"it is \2, not \1"),
)
"""What the decoder says, and how people say it."""
COLUMNS = Observation.__struct_fields__
Kind = TypeVar("Kind")


def read_request(
    file: str, *, cause: str | None, effect: str | None, hypothesis: str | None, since: str | None, until: str | None,
    seed: int | None,
    name_unobserved: bool | None,
) -> CausalRequest:  # fmt: skip
    """What the options say goes before what the file says."""
    if (since is None) != (until is None):
        raise ValidationError("--since and --until go together", field="--since", hint="give both, or neither")
    text = read_input(file)
    tree = _tree(text, file)
    if isinstance(tree, list):
        tree = {"observations": tree}
    window = None
    if since is not None and until is not None:
        window = ObservationWindow(moment(since, "--since") or since, moment(until, "--until") or until)
    given = {
        "cause": cause,
        "effect": effect,
        "hypothesis": hypothesis,
        "window": window,
        "seed": seed,
        "name_unobserved": name_unobserved,
    }
    changed = {name: msgspec.to_builtins(value) for name, value in given.items() if value is not None}
    return as_kind({**tree, **changed}, CausalRequest, file)


def read_query(file: str, *, words: bool) -> CausalQueryRequest:
    if words:
        return as_kind({"question": read_input(file)}, CausalQueryRequest, file)
    try:
        return msgspec.json.decode(read_input(file), type=CausalQueryRequest)
    except msgspec.DecodeError as error:
        raise ValidationError(
            f"{_called(file)}: {_plain(str(error))}", field="FILE", hint="see: lukhas reason query --help"
        ) from None


def read_input(file: str) -> str:
    """Raises ValidationError where there is nothing in it."""
    text = read_stdin() if file == "-" else read_file(Path(file))
    if not text.strip():
        raise ValidationError(f"{_called(file)} is empty", field="FILE", hint=SEE)
    return text


def as_kind(tree: Any, kind: type[Kind], file: str) -> Kind:
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise ValidationError(f"{_called(file)}: {_plain(str(error))}", field="FILE", hint=SEE) from None


def _called(file: str) -> str:
    return "stdin" if file == "-" else file


def _plain(error: str) -> str:
    """The decoder's message in words that say what to write."""
    said, at, place = error.partition(" - at ")
    for pattern, meaning in MEANINGS:
        said = pattern.sub(meaning, said)
    return f"{place.strip('`').removeprefix('$.')}: {said}" if at else said


def _tree(text: str, file: str) -> Any:
    if text.lstrip()[0] not in "[{":
        return _rows(text, file)
    try:
        tree = msgspec.json.decode(text)
    except msgspec.DecodeError as whole:
        if "trailing" not in str(whole):
            raise ValidationError(f"{_called(file)} is not JSON: {whole}", field="FILE", hint=SEE) from None
        return [_line(line, number, file) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    return [tree] if isinstance(tree, dict) and "event" in tree else tree


def _line(line: str, number: int, file: str) -> Any:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise ValidationError(f"{_called(file)}: line {number} is not JSON: {error}", field=f"line {number}") from None


def _rows(text: str, file: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text.strip() + "\n"), skipinitialspace=True)
    columns = reader.fieldnames or ()
    unknown = [name for name in columns if name not in COLUMNS]
    if "event" not in columns or unknown:
        wrong = f"an unknown column {unknown[0]!r}" if unknown else "no column called event"
        raise ValidationError(
            f"{_called(file)} is read as CSV, and has {wrong}",
            field="FILE",
            hint=f"its columns are: {', '.join(COLUMNS)}",
        )
    return [_row(row, reader.line_num, file) for row in reader]


def _row(row: dict[str | None, Any], number: int, file: str) -> dict[str, Any]:
    if None in row or any(cell is None for cell in row.values()):
        raise ValidationError(
            f"{_called(file)}: line {number} has another number of cells than the head", field=f"line {number}"
        )
    cells = {str(name): cell for name, cell in row.items() if cell != ""}
    if "value" in cells:
        try:
            cells["value"] = float(cells["value"])
        except ValueError:
            raise ValidationError(
                f"{_called(file)}: line {number}: {cells['value']} is no number", field=f"line {number}"
            ) from None
    return cells
