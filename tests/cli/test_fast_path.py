"""What the commands that run in prompts and loops may import, and what they may cost."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import Any

import pytest

# The modules of `lukhas status --json` by their first name; the standard library's own are not listed.
ALLOWED = {"annotated_doc", "lukhas_cli", "lukhas_sdk", "msgspec", "shellingham", "typer", "typing_extensions"}
FORBIDDEN = {"asyncio", "tomllib", "sqlite3", "multiprocessing", "concurrent", "logging", "unittest", "xml"}
OURS = {
    "lukhas_cli", "lukhas_cli.app", "lukhas_cli.command", "lukhas_cli.commands", "lukhas_cli.commands.status",
    "lukhas_cli.daemon_control", "lukhas_cli.outcome", "lukhas_cli.render", "lukhas_cli.render.envelope",
    "lukhas_cli.render.text", "lukhas_cli.session", "lukhas_sdk", "lukhas_sdk._version", "lukhas_sdk.client",
    "lukhas_sdk.contract", "lukhas_sdk.contract.base", "lukhas_sdk.contract.system", "lukhas_sdk.errors",
    "lukhas_sdk.paths", "lukhas_sdk.secrets", "lukhas_sdk.transport", "lukhas_sdk.verbs",
}  # fmt: skip

REPORT = """
import sys
before = set(sys.modules)
from lukhas_cli.app import run
code = run(["status", "--json"])
print(*sorted(set(sys.modules) - before), file=sys.stderr)
raise SystemExit(code)
"""


def test_status_json_imports_only_what_a_round_trip_needs(warm_home: Any) -> None:
    done = subprocess.run([sys.executable, "-c", REPORT], env=warm_home.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported = set(done.stderr.split())
    ours = {name for name in imported if name.startswith("lukhas")}
    assert ours <= OURS
    first = {name.partition(".")[0] for name in imported}
    assert first - ALLOWED <= set(sys.stdlib_module_names)
    assert not first & FORBIDDEN


def test_version_imports_neither_typer_nor_typing(home: Any) -> None:
    report = (
        "import sys; sys.argv[1:] = ['--version']; from lukhas_cli.__main__ import main; main(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", report], env=home.env | {"PYTHONPATH": ":".join(sys.path)},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert not {"typer", "typing", "re", "msgspec"} & set(done.stdout.split())


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind counts the instructions")
@pytest.mark.parametrize(("args", "limit"), [(["--version"], 60e6), (["status", "--json"], 450e6)])
def test_instructions(warm_home: Any, args: list[str], limit: float) -> None:
    warm_home.run(*args, check=True)  # its bytecode is compiled
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
               sys.executable, "-m", "lukhas_cli", *args]  # fmt: skip
    done = subprocess.run(command, env=warm_home.env, capture_output=True, text=True, check=True, timeout=100)
    counted = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    assert counted, done.stderr
    assert int(counted[1].replace(",", "")) < limit
