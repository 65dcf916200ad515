"""Writes completions/ and man/ from the command tree.

python scripts/generate_docs.py            # writes them
python scripts/generate_docs.py --check    # exit code 1 where what is committed differs
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

import docs_completions
import docs_manual
from docs_tree import read_tree

ROOT = Path(__file__).resolve().parent.parent


def generate() -> dict[str, str]:
    """Every generated file's text, by its path below the project."""
    tree = read_tree()
    files = {
        "completions/lukhas.bash": docs_completions.bash(tree),
        "completions/_lukhas": docs_completions.zsh(tree),
        "completions/lukhas.fish": docs_completions.fish(tree),
        "man/lukhasd.1": docs_manual.daemon_page(),
    }
    for command in tree.walk():
        files[f"man/{command.page}.1"] = docs_manual.page(command)
    return files


def compare(files: dict[str, str]) -> list[str]:
    """Lines of difference between `files` and what is committed, also of pages that nothing generates any more."""
    lines: list[str] = []
    committed = {str(file.relative_to(ROOT)) for name in ("completions", "man") for file in (ROOT / name).glob("*")}
    for name in sorted(committed | set(files)):
        file = ROOT / name
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        after = files.get(name, "")
        lines += difflib.unified_diff(before.splitlines(), after.splitlines(), f"{name} (committed)", name, lineterm="")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description="Write completions/ and man/ from the command tree.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 on a difference")
    options = parser.parse_args()
    files = generate()
    if options.check:
        lines = compare(files)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return 1 if lines else 0
    for folder in ("completions", "man"):
        (ROOT / folder).mkdir(exist_ok=True)
        for file in (ROOT / folder).glob("*"):
            if str(file.relative_to(ROOT)) not in files:
                file.unlink()
    for name, text in files.items():
        (ROOT / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
