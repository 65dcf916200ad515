"""Where LUKHAS keeps its files. `LUKHAS_HOME` puts everything under one folder."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from lukhas_sdk.errors import LukhasError, ValidationError

APP_NAME = "lukhas"
SOCKET_PATH_LIMIT = 100
"""Bytes; the kernel's sun_path holds 104 (macOS) or 108 (Linux) with its terminator."""


@dataclass(frozen=True)
class Paths:
    """`config` is for people to edit, `data` to back up; `state` may be lost, `runtime` lives as long as the daemon."""

    config: Path
    data: Path
    state: Path
    runtime: Path

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def policy_dir(self) -> Path:
        return self.config / "policies"

    @property
    def database(self) -> Path:
        return self.data / "lukhas.duckdb"

    @property
    def log_file(self) -> Path:
        return self.state / "lukhasd.log"

    @property
    def weights_dir(self) -> Path:
        """Pulled weights of language models."""
        return self.state / "models"

    @property
    def local_key(self) -> Path:
        return self.state / "local.key"

    @property
    def socket(self) -> Path:
        return self.runtime / "lukhasd.sock"

    @property
    def lock_file(self) -> Path:
        return self.data / "lukhasd.lock"

    @property
    def startup_lock(self) -> Path:
        return self.state / "startup.lock"

    def all(self) -> tuple[Path, ...]:
        return (self.config, self.data, self.state, self.runtime)


def resolve() -> Paths:
    """The places in force, from `LUKHAS_HOME`, which is an absolute path, or the platform's own. Nothing is created."""
    home = os.environ.get("LUKHAS_HOME")
    if home:
        root = Path(home).expanduser()
        if not root.is_absolute():
            raise ValidationError(
                f"LUKHAS_HOME is a relative path: {home}",
                field="LUKHAS_HOME",
                hint=f"each folder would have a memory of its own; give it whole: LUKHAS_HOME={root.absolute()}",
            )
        paths = Paths(root / "config", root / "data", root / "state", root / "run")
    else:
        from platformdirs import PlatformDirs

        dirs = PlatformDirs(APP_NAME, appauthor=False)
        # Not XDG_RUNTIME_DIR: a job of cron lacks it, and would look for the daemon elsewhere than a desktop does.
        runtime = dirs.user_state_path / "run"
        paths = Paths(dirs.user_config_path, dirs.user_data_path, dirs.user_state_path, runtime)
    if len(os.fsencode(paths.socket)) > SOCKET_PATH_LIMIT:
        raise LukhasError(
            f"the socket's path is longer than {SOCKET_PATH_LIMIT} bytes: {paths.socket}",
            hint="set LUKHAS_HOME to a shorter folder",
        )
    return paths


def make_private(folder: Path) -> None:
    """Makes `folder` with mode 0700, or checks that it is ours alone: a link or another's folder is refused."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode):
        raise LukhasError(f"{folder} is not a folder", hint="remove it, or set LUKHAS_HOME to another place")
    if info.st_uid != os.getuid():
        raise LukhasError(f"{folder} belongs to another user", hint="set LUKHAS_HOME to a folder of your own")
    if info.st_mode & 0o077:
        folder.chmod(0o700)


def write_private(file: Path, text: str) -> None:
    """Writes a 0600 file, whole or not at all; it is private from its first byte. A link at `file` is replaced."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_private(file: Path) -> str | None:
    """The text of a 0600 file of ours, None where there is none. A link, or a file open to others, is refused."""
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LukhasError(f"{file} cannot be read: {error.strerror}", hint="remove it; it is made anew") from error
    with os.fdopen(descriptor, encoding="utf-8") as source:
        info = os.fstat(source.fileno())
        if info.st_uid != os.getuid() or info.st_mode & 0o077 or not stat.S_ISREG(info.st_mode):
            raise LukhasError(
                f"{file} can be read or written by others", hint=f"chmod 600 {file}, or remove it: it is made anew"
            )
        return source.read()
