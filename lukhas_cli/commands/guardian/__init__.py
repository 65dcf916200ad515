"""`lukhas guardian`: one module for each part; importing it adds its commands to `app`."""

from lukhas_cli.commands.guardian import allow, appeals, hook, judge, log, policy, precommit, shell, validate
from lukhas_cli.commands.guardian.app import app

__all__ = ["allow", "app", "appeals", "hook", "judge", "log", "policy", "precommit", "shell", "validate"]
