"""Imports point one way: lukhas_cli → lukhas_sdk ← lukhasd; in the daemon api → matriz → nouns → database, models."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOUNS = (
    "memory", "guardian", "identity", "glyph", "constellation", "consciousness", "models", "records", "matriz",
    "database", "jobs", "webhooks", "reasoning",
)  # fmt: skip


def imports(file: Path) -> Iterator[str]:
    """Every module that `file` imports anywhere, in full; those for type checkers alone are left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)


def breaches(folder: str, forbidden: tuple[str, ...]) -> list[str]:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files, folder
    return [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in files
        for module in imports(file)
        if any(module == name or module.startswith(f"{name}.") for name in forbidden)
    ]


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("lukhas_sdk", ("lukhasd", "lukhas_cli", "duckdb", "rich", "typer")),
        ("lukhas_sdk/contract", ("aiohttp", "lukhasd", "lukhas_cli")),
        ("lukhas_cli", ("lukhasd", "duckdb", "aiohttp")),
        ("lukhasd", ("lukhas_cli", "typer", "rich")),
        *((f"lukhasd/{noun}", ("lukhasd.api",)) for noun in NOUNS),
        *((f"lukhasd/{noun}", ("aiohttp",)) for noun in NOUNS if noun not in ("models", "webhooks")),
        *((f"lukhasd/{noun}", ("lukhasd.matriz",)) for noun in NOUNS if noun != "matriz"),
        ("lukhasd/database", ("lukhasd.memory", "lukhasd.identity", "lukhasd.guardian", "lukhasd.models")),
    ],
)
def test_imports_point_one_way(folder: str, forbidden: tuple[str, ...]) -> None:
    assert breaches(folder, forbidden) == []


def test_a_breach_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "noun").mkdir()
    (tmp_path / "noun" / "a.py").write_text("def f():\n    from lukhasd import api\n")
    monkeypatch.setattr("test_imports.ROOT", tmp_path)
    assert breaches("noun", ("lukhasd.api",)) == ["noun/a.py imports lukhasd.api"]
