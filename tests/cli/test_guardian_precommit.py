"""`lukhas guardian pre-commit` in a real repository."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

KEY = "AKIAQX5BNVQ2MPLWT7YC"


class Repository:
    def __init__(self, folder: Path, home: Any) -> None:
        self.folder = folder
        self.env = {
            **home.env, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "Ines", "GIT_COMMITTER_NAME": "Ines",
            "GIT_AUTHOR_EMAIL": "ines@example.org", "GIT_COMMITTER_EMAIL": "ines@example.org", "HOME": str(folder),
        }  # fmt: skip
        self.git("init", "-q")

    def git(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(["git", *words], cwd=self.folder, env=self.env, capture_output=True, text=True)
        assert done.returncode == code, done
        return done.stdout + done.stderr

    def write(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--", name)

    def check(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lukhas_cli", "guardian", "pre-commit", *words], cwd=self.folder,
            env={**self.env, **env}, capture_output=True, text=True,
        )  # fmt: skip


@pytest.fixture
def repository(warm_home: Any, tmp_path: Path) -> Repository:
    folder = tmp_path / "project"
    folder.mkdir()
    return Repository(folder, warm_home)


def test_a_secret_is_named_by_file_and_line_and_not_shown(repository: Repository) -> None:
    repository.write("a.txt", "one\ntwo\nthree\n")
    assert repository.check().returncode == 0
    repository.git("commit", "-qm", "begin")
    repository.write("a.txt", f"one\nsee {KEY}\ntwo\nthree\nfour\nother {KEY}\n")
    repository.write('sub/ä "b"\t.txt', "harmless\n")
    done = repository.check()
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [["a.txt:2", "secrets.aws_key"], ["a.txt:6", "secrets.aws_key"]]
    assert KEY not in done.stdout + done.stderr
    data = json.loads(repository.check("--json").stdout)
    assert (data["status"], data["data"]["files"], len(data["data"]["places"])) == ("error", 2, 2)
    assert KEY not in json.dumps(data)


def test_only_what_is_added_counts(repository: Repository) -> None:
    repository.write("old.txt", f"see {KEY}\nend\n")
    repository.git("commit", "-qm", "begin")
    repository.git("mv", "old.txt", "new.txt")
    repository.write("new.txt", f"see {KEY}\nend\nmore\n")
    assert repository.check().returncode == 0
    (repository.folder / "unstaged.txt").write_text(KEY)
    assert repository.check().returncode == 0
    repository.git("rm", "-qf", "new.txt")
    assert repository.check().returncode == 0


def test_binary_files_are_passed_over(repository: Repository) -> None:
    repository.write("image.bin", b"\x89PNG\0\0" + KEY.encode())
    assert repository.check().returncode == 0


def test_names_with_odd_characters(repository: Repository) -> None:
    name = 'odd "é\tname.txt'
    repository.write("0 first.txt", "++ b/x\n-- y\ndiff --git a b\n")
    repository.write(name, f"{KEY}\n")
    done = repository.check()
    assert done.stdout.startswith('odd "é name.txt:1: secrets.aws_key')


def test_files_that_are_given(repository: Repository) -> None:
    repository.write("a.txt", f"x\n{KEY}\n")
    repository.write("b.txt", "x\n")
    assert repository.check("b.txt").returncode == 0
    assert repository.check("a.txt", "b.txt").returncode == 1
    repository.git("commit", "-qm", "begin")
    # As in `pre-commit run --all-files`: none of them is staged.
    assert repository.check("a.txt", "b.txt").stdout.startswith("a.txt:2: secrets.aws_key")
    assert repository.check().returncode == 0
    first = repository.git("rev-parse", "HEAD").strip()
    repository.write("c.txt", f"{KEY}\n")
    repository.git("commit", "-qm", "more")
    compared = repository.check(PRE_COMMIT_FROM_REF=first, PRE_COMMIT_TO_REF="HEAD")
    assert [line.split(":")[0] for line in compared.stdout.splitlines()] == ["c.txt"]


def test_as_the_repository_s_own_hook(repository: Repository, tmp_path: Path) -> None:
    hook = repository.folder / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec {sys.executable} -m lukhas_cli guardian pre-commit\n")
    hook.chmod(0o755)
    repository.write("a.txt", f"{KEY}\n")
    said = repository.git("commit", "-qm", "no", code=1)
    assert "a.txt:1: secrets.aws_key" in said
    repository.write("a.txt", "clean\n")
    repository.git("commit", "-qm", "yes")


def test_outside_of_a_repository(warm_home: Any, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lukhas_cli", "guardian", "pre-commit"], cwd=tmp_path,
        env={**warm_home.env, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, "git repository" in done.stderr) == (2, True)


def test_without_a_daemon_nothing_is_committed(home: Any, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    repository = Repository(tmp_path / "project", home)
    repository.write("a.txt", "clean\n")
    assert repository.check("--no-autostart").returncode == 3


def test_the_file_for_pre_commit_names_the_command() -> None:
    text = (Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text()
    assert "entry: lukhas guardian pre-commit\n" in text
    assert "id: lukhas-guardian\n" in text
