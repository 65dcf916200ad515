"""`lukhas guardian judge`: what it writes down, and where the key goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import JUDGE_KEY, read_secret
from lukhas_sdk.settings import load


def run(home: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LUKHAS_HOME": str(home), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    command = [sys.executable, "-m", "lukhas_cli", "--json", "guardian", "judge", *arguments]
    return subprocess.run(command, env=env, input=stdin, capture_output=True, text=True, check=False)


def test_a_judge_is_chosen_and_taken_back(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "config", tmp_path / "data", tmp_path / "state", tmp_path / "run")
    url = "https://judge.example/v1"
    done = run(tmp_path, "use", url, "--model", "guard", "--api-key-stdin", stdin="k-4711\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"] == {"base_url": url, "model": "guard", "has_key": True}
    assert "k-4711" not in done.stdout + done.stderr + paths.config_file.read_text("utf-8")
    assert (load(paths).guardian.judge_base_url, load(paths).guardian.judge_model) == (url, "guard")
    assert read_secret(paths, JUDGE_KEY) == f"{url} k-4711"
    assert (paths.state / JUDGE_KEY).stat().st_mode & 0o777 == 0o600

    other = run(tmp_path, "use", "http://127.0.0.1:1/v1", "--model", "guard")
    assert (other.returncode, read_secret(paths, JUDGE_KEY)) == (0, None)

    assert run(tmp_path, "off").returncode == 0
    assert (load(paths).guardian.judge_base_url, read_secret(paths, JUDGE_KEY)) == ("", None)


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "use", "ftp://judge.example", "--model", "guard")
    assert done.returncode == 2
    assert "judge_base_url" in done.stdout + done.stderr
    assert not (tmp_path / "config" / "config.toml").exists()
