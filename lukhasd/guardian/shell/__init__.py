"""What a shell would run, read without running it."""

from lukhasd.guardian.shell.calls import Piece, pieces
from lukhasd.guardian.shell.commands import Command, Unparsable, read_code, read_commands
from lukhasd.guardian.shell.windows import looks_windows, read_windows

__all__ = [
    "Command", "Piece", "Unparsable", "looks_windows", "pieces", "read_code", "read_commands", "read_windows",
]  # fmt: skip
