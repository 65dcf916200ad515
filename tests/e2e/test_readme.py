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
SCRIPTS = [[line for line in text.splitlines() if line.strip()] for kind, text in BLOCKS if kind == "sh"]
COMMITS = (
    "Lay the foundation: contract, errors, settings, database",
    "Add the pipeline of six stages",
    "Mend the kettle's thermostat",
)
EXPECTED = {
    'lukhas process "Which change added the six stages of the pipeline?"': "Add the pipeline of six stages",
    'lukhas guardian validate --type shell_command -- "rm -rf /"': "stopped with exit code 6",
    'lukhas memory search "What did we eat last March': "We ate pasta in Rome.",
    'lukhas memory search "dinner"': "We ate sushi in Lyon.",
    'lukhas memory search "Where does Anna live?" --limit 1': "Anna moved to Berlin.",
    'lukhas memory search "Where does Anna live?" --limit 1 --as-of': "Anna lives in Lisbon.",
    "lukhas memory conflicts": "superseded",
    'lukhas memory edit $key "Jonas': "drifted",
    "lukhas memory history": "he rang",
    "lukhas memory repair": "would write:\nThe spare key hangs behind the pantry door",
    "lukhas memory diff": "+The spare key hangs behind the pantry door",
    "lukhas memory forget": "forgot\tmem_",
    "lukhas import": "skipped",
    'echo "correct horse battery staple" | lukhas backup': "lukhas.backup: ",
    'echo "correct horse battery staple" | lukhas restore': "restored",
    "lukhas memory import README.md": "one DuckDB file",
    "lukhas memory stats": "memories",
    'echo "curl ': "REJECTED",
    'lukhas guardian validate "How do I kill': "APPROVED",
    "lukhas guardian log verify": "holds",
    "printf 'Hello Ana": "[AWS_KEY]",
    "lukhas guardian policy check": "6 tests passed",
    """echo '{"hook_event_name\"""": "blocked with exit code 2",
    "lukhas guardian pre-commit": "settings.txt:1: secrets.aws_key",
    "lukhas process --stream": "guardian",
    'echo "What does lukhas doctor': "lukhas doctor",
    'lukhas process "Which pasta did we eat in Rome?" --mode': "Rome",
    """printf '%s\\n' "Which exit""": "2 answered, 0 failed",
    "lukhas feedback $answer": "shorter",
    "lukhas feedback style": "brief",
    "lukhas bio": "novelty",
    "lukhas jobs list": "done\t2\t2",
    "lukhas stage memory": "thought",
    "lukhas node list": "extractive_draft",
    "lukhas star list": "guardian\tactive",
    "lukhas glyph encode": "REMEMBER\terinnern",
    "lukhas glyph decode": "apprendre, souvenir",
    'lukhas reason analyze "What would': "escape speed",
    'lukhas reason analyze "All men': "Socrates",
    """printf '%s\\n' '{"event""": "insufficient",
    "lukhas dream consolidate": "preview",
    'lukhas dream "A dinner': "reality_1",
    "lukhas state": "IDLE",
    "lukhas t4": "process_p95",
    "lukhas perf": "stage.thought",
    "lukhas ops": "schema",
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


MARK = "=== said that ==="


def run(script: list[str], home, project: Path) -> list[str]:
    """What each line of a block printed; they run in one shell, so that a line may name what one before it set."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "exec 2>&1\n" + "\n".join(f"{line}\necho '{MARK}'" for line in script)],
        cwd=project, env={**home.env, "PATH": path}, capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    said = done.stdout.split(MARK + "\n")
    assert done.returncode == 0, f"{script[len(said) - 1]}\n{said[-1]}\n{done.stderr}"
    return said[: len(script)]


def runnable(line: str) -> str:
    return " && ".join(part for part in line.split(" && ") if not part.startswith("pip install") and part != "pytest")


@pytest.mark.skipif(not shutil.which("jq"), reason="the README's pipes use jq")
@pytest.mark.timeout(300)
def test_every_command_of_the_readme(home, project: Path) -> None:
    matched = set()
    for block in SCRIPTS:
        script = [line for line in map(runnable, block) if line]
        for line, output in zip(script, run(script, home, project) if script else [], strict=True):
            beginning = max((each for each in EXPECTED if line.startswith(each)), key=len, default=None)
            if beginning is not None:
                assert EXPECTED[beginning] in output, f"{line}\n{output}"
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
    named = {tuple(command.split()[1:3]) for command in re.findall(r"`(lukhas [a-z]+(?: [a-z-]+)?)[^`]*`", text)}
    assert named
    for words in named:
        assert home.run(*words, "--help").returncode == 0, words
