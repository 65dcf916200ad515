"""What a shell would run, read without running it."""

from lukhasd.guardian.shell.commands import Command, Unparsable, read_commands

__all__ = ["Command", "Unparsable", "read_commands"]
