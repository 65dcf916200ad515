"""A text in the person's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from lukhas_sdk.errors import LukhasError, ValidationError


def edit_text(text: str) -> str:
    """What the editor leaves of `text`, less the line end that most add. Its file is for the owner alone."""
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="lukhas-") as folder:
        file = Path(folder) / "memory.txt"
        file.write_bytes(text.encode())
        try:
            done = subprocess.run([*command, str(file)], check=False)
        except OSError as error:
            raise LukhasError(
                f"the editor {command[0]} cannot be started: {error.strerror}", hint="set EDITOR, or give the text"
            ) from error
        if done.returncode:
            raise LukhasError(f"the editor ended with {done.returncode}", hint="nothing was changed")
        edited = file.read_bytes().decode(errors="replace")
    if not text.endswith("\n"):
        edited = edited.removesuffix("\n")
    if not edited.strip():
        raise ValidationError("the text is empty", field="TEXT", hint="nothing was changed; see: lukhas memory delete")
    return edited
