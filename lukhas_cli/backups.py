"""A backup file: a tar of two age files, which `tar` and `age` can open without LUKHAS.

`key.age` is a key made for this backup, encrypted with the passphrase (scrypt); `backup.tar.age` is a tar of
`manifest.json`, the database and the config, encrypted for that key (X25519, ChaCha20-Poly1305 in chunks of 64 KiB,
their order and the end authenticated). So the content is encrypted and read as a stream, whatever its size:

    tar xf lukhas.backup && age -d -i key.age backup.tar.age | tar x
"""

from __future__ import annotations

import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

import msgspec

from lukhas_sdk._version import __version__
from lukhas_sdk.contract.transfer import SnapshotResponse
from lukhas_sdk.errors import LukhasError, NotFound, ValidationError
from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import Secret

FORMAT = "lukhas-backup"
FORMAT_VERSION = 1
KEY, CONTENT = "key.age", "backup.tar.age"
MANIFEST, DATABASE = "manifest.json", "lukhas.duckdb"
BLOCK = tarfile.BLOCKSIZE
KEY_LIMIT_BYTES = 65_536
CHUNK_BYTES = 1 << 20
ENDING = bytes(2 * BLOCK)


class Manifest(msgspec.Struct, frozen=True):
    format: str
    version: int
    created_at: datetime
    lukhas: str
    """The program's version."""
    schema: int
    """The database's."""


def write_backup(paths: Paths, snapshot: SnapshotResponse, output: BinaryIO, passphrase: Secret) -> Manifest:
    """Encrypts the snapshot and the config into `output`, which must be seekable."""
    import pyrage

    manifest = Manifest(FORMAT, FORMAT_VERSION, datetime.now(UTC), __version__, snapshot.schema)
    identity = pyrage.x25519.Identity.generate()
    key = pyrage.passphrase.encrypt(str(identity).encode() + b"\n", passphrase.reveal())
    output.write(_header(KEY, len(key)) + key + _padding(len(key)))
    start = output.tell()
    output.write(_header(CONTENT, 0))
    with _piped(lambda pipe: _pack(pipe, paths, snapshot, manifest)) as packed:
        pyrage.encrypt_io(packed, output, [identity.to_public()])
    end = output.tell()
    size_bytes = end - start - BLOCK
    output.write(_padding(size_bytes) + ENDING)
    output.seek(start)
    output.write(_header(CONTENT, size_bytes))
    output.seek(0, os.SEEK_END)
    return manifest


def read_backup(file: Path, passphrase: Secret, *, data: Path | None, config: Path | None) -> Manifest:
    """Decrypts into the two folders, which are empty; without them, nowhere. ValidationError for a file that is not
    whole, was altered, needs another passphrase or a newer LUKHAS; then what is in the folders is worth nothing."""
    import pyrage

    try:
        with file.open("rb") as source:
            key, content = _open_outer(source)
            try:
                identity = pyrage.x25519.Identity.from_str(
                    pyrage.passphrase.decrypt(key, passphrase.reveal()).decode().strip()
                )
            except (pyrage.DecryptError, pyrage.IdentityError, UnicodeDecodeError):
                raise ValidationError(
                    "the passphrase is wrong, or the backup's key is damaged", field=str(file), hint="try again"
                ) from None

            def decrypt(pipe: BinaryIO) -> None:
                try:
                    pyrage.decrypt_io(content, pipe, [identity])
                except (pyrage.DecryptError, OSError) as error:  # an altered chunk is an OSError
                    raise _NotOurs(str(error)) from error

            with _piped(decrypt) as packed:
                manifest = _unpack(packed, data, config)
    except FileNotFoundError:
        raise NotFound(f"no such file: {file}", hint="check the path") from None
    except (tarfile.TarError, msgspec.MsgspecError, EOFError, _NotOurs) as error:
        raise ValidationError(
            f"{file} is damaged, not whole, or no backup of LUKHAS: {error}",
            field=str(file),
            hint="nothing was changed; use another copy of it",
        ) from None
    return manifest


def check_backup(file: Path, passphrase: Secret) -> Manifest:
    """Reads the whole file as `read_backup` does, and keeps nothing of it."""
    return read_backup(file, passphrase, data=None, config=None)


class _NotOurs(Exception):
    """The file is not laid out as ours are."""


class _Slice(io.RawIOBase):
    """So many bytes of a file from where it stands."""

    def __init__(self, source: IO[bytes], size_bytes: int) -> None:
        self._source = source
        self._left = size_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._source.read(min(len(buffer), self._left))
        self._left -= len(piece)
        buffer[: len(piece)] = piece
        return len(piece)


@contextmanager
def _piped(produce: Callable[[BinaryIO], object]) -> Iterator[BinaryIO]:
    """What `produce` writes on a thread, to be read here. Its error comes first: the reader's follows from it."""
    read_end, write_end = os.pipe()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(write_end, "wb", CHUNK_BYTES) as pipe:
                produce(pipe)
        except BrokenPipeError:  # the reader has had enough, and says why
            pass
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="backup")
    thread.start()
    try:
        with os.fdopen(read_end, "rb", CHUNK_BYTES) as pipe:
            yield pipe
            while pipe.read(CHUNK_BYTES):  # the end authenticates the whole
                pass
    except BaseException as error:
        thread.join()
        if failed and not isinstance(error, LukhasError):
            raise failed[0] from None
        raise
    thread.join()
    if failed:
        raise failed[0]


def _pack(pipe: BinaryIO, paths: Paths, snapshot: SnapshotResponse, manifest: Manifest) -> None:
    with tarfile.open(fileobj=pipe, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        _add(archive, MANIFEST, io.BytesIO(msgspec.json.encode(manifest)))
        for name, path in ((DATABASE, snapshot.path), (f"{DATABASE}.wal", snapshot.wal_path)):
            if path is not None:
                _add_file(archive, name, Path(path))
        if paths.config_file.is_file():
            _add_file(archive, "config/config.toml", paths.config_file)
        if paths.policy_dir.is_dir():
            for policy in sorted(paths.policy_dir.iterdir()):
                if policy.is_file() and not policy.is_symlink():
                    _add_file(archive, f"config/policies/{policy.name}", policy)


def _add_file(archive: tarfile.TarFile, name: str, path: Path) -> None:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as source:
        _add(archive, name, source)


def _add(archive: tarfile.TarFile, name: str, source: IO[bytes]) -> None:
    info = _info(name, source.seek(0, os.SEEK_END))
    source.seek(0)
    archive.addfile(info, source)


def _unpack(packed: BinaryIO, data: Path | None, config: Path | None) -> Manifest:
    manifest = None
    seen: set[str] = set()
    with tarfile.open(fileobj=packed, mode="r|") as archive:
        for member in archive:
            target = _target(member, data or Path(), config or Path())
            source = archive.extractfile(member)
            if source is None or member.name in seen:
                raise _NotOurs(f"{member.name} is not as we write it")
            seen.add(member.name)
            if target is None:
                manifest = msgspec.json.decode(source.read(KEY_LIMIT_BYTES), type=Manifest)
                _check_version(manifest)
                continue
            if manifest is None:
                raise _NotOurs("it does not begin with its manifest")
            with _taking(None if data is None else target) as take:
                while chunk := source.read(CHUNK_BYTES):
                    take(chunk)
    if manifest is None or DATABASE not in seen:
        raise _NotOurs("it holds no database")
    return manifest


@contextmanager
def _taking(target: Path | None) -> Iterator[Callable[[bytes], object]]:
    """Writes into a new file; without one, nowhere."""
    if target is None:
        yield len
        return
    target.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as out:
        yield out.write


def _target(member: tarfile.TarInfo, data: Path, config: Path) -> Path | None:
    """Where a member goes, None for the manifest. Nothing else than what we write is taken out."""
    parts = PurePosixPath(member.name).parts
    if not member.isreg() or ".." in parts:
        raise _NotOurs(f"{member.name} does not belong in it")
    if member.name == MANIFEST:
        return None
    if member.name in (DATABASE, f"{DATABASE}.wal"):
        return data / member.name
    if member.name == "config/config.toml":
        return config / "config.toml"
    if parts[:2] == ("config", "policies") and len(parts) == 3:
        return config / "policies" / parts[2]
    raise _NotOurs(f"{member.name} does not belong in it")


def _check_version(manifest: Manifest) -> None:
    from lukhas_cli.daemon_control import release

    if manifest.format != FORMAT:
        raise _NotOurs("its manifest is another program's")
    if manifest.version > FORMAT_VERSION or release(manifest.lukhas) > release(__version__):
        raise ValidationError(
            f"the backup was made by a newer LUKHAS ({manifest.lukhas}, this one is {__version__})",
            hint="update this one; nothing was changed",
        )


def _open_outer(source: IO[bytes]) -> tuple[bytes, _Slice]:
    """The key, and the content to be read. Every byte of the frame must be as we write it."""
    key_size = _read_header(source, KEY)
    if key_size > KEY_LIMIT_BYTES:
        raise _NotOurs("its key is too long")
    key = source.read(key_size)
    _expect(source, _padding(key_size))
    content_size = _read_header(source, CONTENT)
    start = source.tell()
    source.seek(start + content_size)
    _expect(source, _padding(content_size) + ENDING)
    if source.read(1):
        raise _NotOurs("something follows its end")
    source.seek(start)
    return key, _Slice(source, content_size)


def _read_header(source: IO[bytes], name: str) -> int:
    block = source.read(BLOCK)
    info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    if info.name != name or block != _header(name, info.size):
        raise _NotOurs("its frame is not as we write it")
    return info.size


def _expect(source: IO[bytes], expected: bytes) -> None:
    if source.read(len(expected)) != expected:
        raise _NotOurs("its frame is not as we write it")


def _header(name: str, size_bytes: int) -> bytes:
    return _info(name, size_bytes).tobuf(tarfile.GNU_FORMAT)


def _info(name: str, size_bytes: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size_bytes, 0o600
    return info


def _padding(size_bytes: int) -> bytes:
    return bytes(-size_bytes % BLOCK)
