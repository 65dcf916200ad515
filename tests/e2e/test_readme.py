"""Every command of the README, run as it stands there, in a folder that holds the README and a git history."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", README.read_text(encoding="utf-8"), re.M | re.S)
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if line.strip()]
COMMITS = (
    "Lay the foundation: contract, errors, settings, database",
    "Add the pipeline of six stages",
    "Mend the kettle's thermostat",
)
EXPECTED = {
    'lukhas process "Which change added the pipeline?"': "Add the pipeline of six stages",
    'lukhas guardian validate --type shell_command -- "rm -rf /"': "stopped with exit code 6",
    'lukhas memory search "where is the key"': "spare key hangs behind the pantry door",
    "lukhas memory import README.md": "one DuckDB file",
    "lukhas memory stats": "memories",
    "echo ": "injection",
    "curl ": "LUKHAS",
    "lukhas config path": "config.toml",
}
"""What the output of the command that begins so must hold."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(README, tmp_path)
    run = ["git", "-c", "user.name=Ines", "-c", "user.email=ines@example.org", "-C", str(tmp_path)]
    subprocess.run([*run, "init", "-q"], check=True)
    for message in COMMITS:
        subprocess.run([*run, "commit", "-q", "--allow-empty", "-m", message], check=True)
    return tmp_path


def run(command: str, home, project: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=project, env={**home.env, "PATH": path}, capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("jq"), reason="the README's pipes use jq")
@pytest.mark.timeout(300)
def test_every_command_of_the_readme(home, project: Path) -> None:
    matched = set()
    for line in COMMANDS:
        parts = [part for part in line.split(" && ") if not part.startswith("pip install") and part != "pytest"]
        if not parts:
            continue
        output = run(" && ".join(parts), home, project)
        for beginning, text in EXPECTED.items():
            if " && ".join(parts).startswith(beginning):
                assert text in output, f"{line}\n{output}"
                matched.add(beginning)
    assert matched == EXPECTED.keys()


def test_the_readmes_python(home, tmp_path: Path) -> None:
    home.run("daemon", "start", check=True)
    (program,) = [text for kind, text in BLOCKS if kind == "python"]
    file = tmp_path / "example.py"
    file.write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(file)], env=home.env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Lena is allergic to walnuts." in done.stdout
    assert "True" in done.stdout
    assert "REJECTED" in done.stdout or "REVIEW" in done.stdout


def test_inline_commands_of_the_readme_exist(home) -> None:
    """A command named in a sentence at least answers to --help."""
    text = re.sub(r"^```.*?^```$", "", README.read_text(encoding="utf-8"), flags=re.M | re.S)
    named = {tuple(command.split()[1:3]) for command in re.findall(r"`(lukhas [a-z]+(?: [a-z]+)?)[^`]*`", text)}
    assert named
    for words in named:
        assert home.run(*words, "--help").returncode == 0, words
