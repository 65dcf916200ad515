"""Backup and restore with a real daemon: killed in the middle, altered at random, undone."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Any

import pyrage
import pytest

from lukhas_cli import backups
from lukhas_cli.backups import read_backup, write_backup
from lukhas_sdk import LukhasClient, restoring
from lukhas_sdk.contract.transfer import SnapshotResponse
from lukhas_sdk.errors import LukhasError, NotFound, ValidationError
from lukhas_sdk.paths import Paths, make_private
from lukhas_sdk.restoring import Journal
from lukhas_sdk.secrets import Secret

PASSPHRASE = "correct horse"
OLD, NEW = "Mara keeps bees on the roof of the library.", "Trains to Lisbon leave from platform nine."


def paths_in(root: Path) -> Paths:
    return Paths(root / "config", root / "data", root / "state", root / "run")


def texts(home: Any) -> set[str]:
    page = json.loads(home.run("memory", "list", "--all", "--json", check=True).stdout)["data"]
    return {memory["content"]["data"] for memory in page["memories"]}


@pytest.fixture
def key(tmp_path: Path) -> str:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    return str(file)


def test_backup_restore_undo(home: Any, tmp_path: Path, key: str) -> None:
    file = tmp_path / "lukhas.backup"
    home.run("daemon", "start", check=True)
    with LukhasClient(paths=paths_in(home.path)) as client:
        acknowledged: list[str] = []
        done = threading.Event()

        def write() -> None:
            while not done.is_set():
                client.memory.store(
                    text := f"The code of locker {len(acknowledged)} is {len(acknowledged) * 7919 + 11}."
                )
                acknowledged.append(text)

        writer = threading.Thread(target=write)
        writer.start()
        while len(acknowledged) < 20:
            done.wait(0.01)
        before = set(acknowledged)
        home.run("config", "set", "memory.embedding_threads", "2", check=True)
        home.run("backup", str(file), "--passphrase-file", key, check=True)
        done.set()
        writer.join()
    after = set(acknowledged)
    assert before < after
    assert file.stat().st_mode & 0o777 == 0o600
    assert not any(path.is_file() for path in (home.path / "data" / "snapshot").rglob("*"))
    raw = file.read_bytes()
    assert b"locker" not in raw and PASSPHRASE.encode() not in raw
    again = home.run("backup", str(file), "--passphrase-file", key)
    assert again.returncode == 1 and "exists already" in again.stderr and file.read_bytes() == raw

    home.run("config", "set", "memory.embedding_threads", "3", check=True)
    unconfirmed = home.run("restore", str(file), "--passphrase-file", key)
    assert unconfirmed.returncode == 2 and "--yes" in unconfirmed.stderr
    wrong = home.run("restore", str(file), "--passphrase-stdin", "--yes", input="another\n")
    assert wrong.returncode == 2 and "passphrase is wrong" in wrong.stderr
    assert texts(home) == after

    home.run("restore", str(file), "--passphrase-file", key, "--yes", check=True)
    restored = texts(home)
    assert before <= restored < after
    assert home.run("config", "get", "memory.embedding_threads", check=True).stdout.strip() == "2"
    left = {entry.name for entry in (home.path / "data").iterdir()}
    assert [name for name in left if name.startswith("restore")] == []
    kept = [name for name in left if name.startswith(restoring.FORMER)]
    assert len(kept) == 1

    home.run("restore", "--undo", "--yes", check=True)
    assert texts(home) == after
    assert home.run("config", "get", "memory.embedding_threads", check=True).stdout.strip() == "3"
    covered = {entry.name for pattern in restoring.DATA for entry in (home.path / "data").glob(pattern)}
    others = {name for name in os.listdir(home.path / "data") if not name.startswith(restoring.FORMER)}
    # The verdict log tells what this machine decided, and a chain put back would end before what it has told.
    assert others - covered == {"guardian", "lukhasd.lock", "snapshot"}


@pytest.mark.timeout(300)
def test_kill_in_the_middle_of_a_restore_loses_nothing(home: Any, tmp_path: Path, key: str) -> None:
    file = tmp_path / "lukhas.backup"
    home.run("memory", "store", OLD, check=True)
    home.run("backup", str(file), "--passphrase-file", key, check=True)
    home.run("memory", "store", NEW, check=True)
    chance = random.Random(8)
    for _ in range(3):
        command = [sys.executable, "-m", "lukhas_cli", "restore", str(file), "--passphrase-file", key, "--yes"]
        process = subprocess.Popen(command, env=home.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.5, 6.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in home.pids():
            os.kill(pid, signal.SIGKILL)
        home.run("daemon", "start", "--timeout", "60", check=True)
        found = texts(home)
        assert found in ({OLD}, {OLD, NEW})
        if found == {OLD}:
            home.run("restore", "--undo", "--yes", check=True)
            assert texts(home) == {OLD, NEW}


def made(root: Path, text: str) -> Paths:
    """A home with a database, an index and a config that say `text`."""
    paths = paths_in(root)
    for folder in paths.all():
        make_private(folder)
    paths.database.write_text(text)
    (paths.data / "lukhas.duckdb.wal").write_text(f"{text} wal")
    (paths.data / "index-text").mkdir()
    (paths.data / "index-text" / "segment").write_text(text)
    (paths.data / "lukhasd.lock").write_text("")
    paths.config_file.write_text(text)
    paths.policy_dir.mkdir()
    (paths.policy_dir / "house.toml").write_text(text)
    return paths


def lay_out(paths: Paths) -> None:
    data, config = restoring.prepare(paths)
    (data / "lukhas.duckdb").write_text("new")
    (config / "config.toml").write_text("new")


def state(paths: Paths) -> dict[str, str]:
    """Every file in force and what it says."""
    return {
        str(file.relative_to(root.parent)): file.read_text()
        for root in (paths.data, paths.config)
        for file in root.rglob("*")
        if file.is_file() and not any(part.startswith(("restore", restoring.FORMER)) for part in file.parts)
    }


class Killed(BaseException):
    pass


@pytest.mark.parametrize("undo", [False, True])
def test_a_kill_at_every_step_is_made_good_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undo: bool
) -> None:
    new = {"data/lukhas.duckdb": "new", "config/config.toml": "new", "data/lukhasd.lock": ""}
    for step in range(40):
        paths = made(tmp_path / f"{undo}{step}", "old")
        old = state(paths)
        lay_out(paths)
        assert state(paths) == old  # nothing in force has changed
        restoring.decide(paths, Journal("20260101T000000000001"))
        expected = new
        if undo:
            restoring.finish(paths)
            assert state(paths) == new
            restoring.decide(paths, Journal("20260101T000000000002", "fetch", undo_of=restoring.former(paths)))
            expected = old
        left = step

        def counted(real: Any) -> Any:
            def run(*given: Any, **named: Any) -> Any:
                nonlocal left
                if left == 0:
                    raise Killed
                left -= 1
                return real(*given, **named)

            return run

        with monkeypatch.context() as patched:
            for name in ("rename", "replace", "unlink"):
                patched.setattr(Path, name, counted(getattr(Path, name)))
            patched.setattr(shutil, "rmtree", counted(shutil.rmtree))
            try:
                restoring.finish(paths)
                finished = True
            except Killed:
                finished = False
        restoring.finish(paths)
        assert state(paths) == expected, f"killed at step {step}"
        assert restoring.decided(paths) is None and not any(folder.exists() for folder in restoring.incoming(paths))
        kept = paths.data / f"{restoring.FORMER}{restoring.former(paths)}"
        assert (kept / "lukhas.duckdb").read_text() == ("new" if undo else "old")
        if finished:
            return
    raise AssertionError("it never came to its end")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A backup of files that only look like ours, and what they hold."""
    paths = made(tmp_path_factory.mktemp("home"), "policy")
    database = random.Random(1).randbytes(300_000)
    snapshot = tmp_path_factory.mktemp("snapshot") / "copy.duckdb"
    snapshot.write_bytes(database)
    wal = snapshot.with_name("copy.duckdb.wal")
    wal.write_bytes(b"wal")
    file = tmp_path_factory.mktemp("backup") / "lukhas.backup"
    with file.open("w+b") as output:
        write_backup(paths, SnapshotResponse(str(snapshot), str(wal), 300_000, 5), output, Secret(PASSPHRASE))
    held = {"lukhas.duckdb": database, "lukhas.duckdb.wal": b"wal", "config.toml": b"policy",
            "policies/house.toml": b"policy"}  # fmt: skip
    return file, held


def read(file: Path, folder: Path, passphrase: str = PASSPHRASE) -> dict[str, bytes]:
    """Both folders in one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    read_backup(file, Secret(passphrase), data=folder, config=folder)
    return {str(found.relative_to(folder)): found.read_bytes() for found in folder.rglob("*") if found.is_file()}


def member(file: Path, name: str) -> bytes:
    with tarfile.open(file) as outer:
        return outer.extractfile(name).read()


@pytest.fixture(scope="module")
def plain_key(written: tuple[Path, Any]) -> bytes:
    return pyrage.passphrase.decrypt(member(written[0], "key.age"), PASSPHRASE)


@pytest.fixture
def key_known(written: tuple[Path, Any], plain_key: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The passphrase is tried on the key (1 to 2 s by intention) only where it was altered."""
    original, real = member(written[0], "key.age"), pyrage.passphrase.decrypt
    monkeypatch.setattr(
        pyrage.passphrase, "decrypt", lambda key, phrase: plain_key if key == original else real(key, phrase)
    )


def test_what_was_written_is_read_with_private_modes(written: Any, tmp_path: Path) -> None:
    file, held = written
    assert read(file, tmp_path / "out") == held
    assert all(found.stat().st_mode & 0o077 == 0 for found in (tmp_path / "out").rglob("*"))
    with pytest.raises(ValidationError, match="passphrase is wrong"):
        read(file, tmp_path / "out", "correct hors")
    with pytest.raises(NotFound):
        read(tmp_path / "none", tmp_path / "out")


def test_tar_and_age_open_it_without_us(written: Any, plain_key: bytes) -> None:
    file, held = written
    identity = pyrage.x25519.Identity.from_str(plain_key.decode().strip())
    content = pyrage.decrypt(member(file, "backup.tar.age"), [identity])
    with tarfile.open(fileobj=io.BytesIO(content)) as inner:
        assert inner.getnames()[0] == "manifest.json"
        assert inner.extractfile("lukhas.duckdb").read() == held["lukhas.duckdb"]


@pytest.mark.usefixtures("key_known")
def test_one_altered_byte_anywhere_is_noticed(written: Any, tmp_path: Path) -> None:
    file, held = written
    raw = file.read_bytes()
    damaged = tmp_path / "damaged"
    chance = random.Random(3)
    key_end = 512 + len(member(file, "key.age"))
    frame = [*range(0, 512, 7), *range(key_end, 1536, 40), *range(len(raw) - 1024, len(raw), 31)]
    within = [600, key_end - 10] + [chance.randrange(key_end, len(raw)) for _ in range(60)]
    for place in (*frame, *within):
        altered = bytearray(raw)
        altered[place] ^= 1 << chance.randrange(8)
        damaged.write_bytes(altered)
        with pytest.raises(ValidationError):
            read(damaged, tmp_path / "out")
    for size in (0, 100, 700, 2000, len(raw) // 2, len(raw) - 1024, len(raw) - 1):
        damaged.write_bytes(raw[:size])
        with pytest.raises(ValidationError):
            read(damaged, tmp_path / "out")
    damaged.write_bytes(raw + b"\0")
    with pytest.raises(ValidationError):
        read(damaged, tmp_path / "out")
    assert read(file, tmp_path / "out") == held


@pytest.mark.usefixtures("key_known")
@pytest.mark.parametrize("kind", ["up", "absolute", "link", "unknown", "twice", "no manifest", "newer"])
def test_nothing_but_what_we_write_is_taken_out(
    written: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def pack(pipe: Any, paths: Paths, snapshot: SnapshotResponse, manifest: Any) -> None:
        with tarfile.open(fileobj=pipe, mode="w|") as archive:
            told = json.loads(backups.msgspec.json.encode(manifest)) | ({"lukhas": "999.0"} if kind == "newer" else {})
            if kind != "no manifest":
                backups._add(archive, "manifest.json", io.BytesIO(json.dumps(told).encode()))
            names = {"up": "../evil", "absolute": "/tmp/evil", "unknown": "evil", "twice": "lukhas.duckdb"}
            backups._add(archive, "lukhas.duckdb", io.BytesIO(bytes(1_000_000)))
            if kind in names:
                backups._add(archive, names[kind], io.BytesIO(b"evil"))
            if kind == "link":
                link = tarfile.TarInfo("config/config.toml")
                link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(link)

    monkeypatch.setattr(backups, "_pack", pack)
    monkeypatch.setattr(pyrage.passphrase, "encrypt", lambda key, phrase: key)
    monkeypatch.setattr(pyrage.passphrase, "decrypt", lambda key, phrase: key)
    file = tmp_path / "evil.backup"
    with file.open("w+b") as output:
        write_backup(made(tmp_path / "home", "x"), SnapshotResponse("", None, 0, 5), output, Secret("x"))
    with pytest.raises(LukhasError, match="newer" if kind == "newer" else "no backup of LUKHAS"):
        read(file, tmp_path / "out")
    assert not (tmp_path / "evil").exists() and not Path("/tmp/evil").exists()


def test_a_link_is_refused_and_what_fails_leaves_nothing(home: Any, tmp_path: Path, key: str) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for command in (["backup", str(link), "--passphrase-file", key], ["export", str(link)]):
        done = home.run(*command, "--no-autostart")
        assert done.returncode == 2 and "is a link" in done.stderr
    unreachable = home.run("backup", str(tmp_path / "b"), "--passphrase-file", key, "--no-autostart")
    assert unreachable.returncode == 3
    unasked = home.run("backup", str(tmp_path / "b"))
    assert unasked.returncode == 2 and "--passphrase-stdin" in unasked.stderr
    empty = home.run("backup", str(tmp_path / "b"), "--passphrase-stdin", input="\n")
    assert empty.returncode == 2 and "is empty" in empty.stderr
    nothing = home.run("restore", "--undo", "--yes")
    assert nothing.returncode == 5 and "no restore can be undone" in nothing.stderr
    assert {entry.name for entry in tmp_path.iterdir()} == {"link", "passphrase"}
