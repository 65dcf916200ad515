"""Files that a command writes: private from their first byte, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lukhas_sdk.errors import Conflict, ValidationError


@contextmanager
def private_output(file: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """A new 0600 file, in its place only once it is whole and on disk. A link is refused; so is a file that is there,
    without `replace` (Conflict)."""
    if file.is_symlink():
        raise ValidationError(f"{file} is a link", field=str(file), hint="give the file that it points to")
    if file.exists() and not file.is_file():
        raise ValidationError(f"{file} is not a regular file", field=str(file), hint="give the name of a file")
    if file.exists() and not replace:
        raise Conflict(f"{file} exists already", hint="give another name, or --force to replace it")
    if not file.parent.is_dir():
        raise ValidationError(f"there is no folder {file.parent}", field=str(file), hint="make it first")
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w+b") as output:
            yield output
            output.flush()
            os.fsync(output.fileno())
        if replace:
            temporary.replace(file)
        else:
            os.link(temporary, file, follow_symlinks=False)
    except FileExistsError:
        raise Conflict(f"{file} exists already", hint="give another name, or --force to replace it") from None
    except OSError as error:
        raise ValidationError(f"{file} cannot be written: {error.strerror}", field=str(file)) from None
    finally:
        temporary.unlink(missing_ok=True)
