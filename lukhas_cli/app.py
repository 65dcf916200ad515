"""The command tree, and one run of it from arguments to exit code."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

from typer._click.exceptions import NoArgsIsHelpError, UsageError
from typer.core import TyperOption
from typer.exceptions import Abort

from lukhas_cli.command import LazyGroup
from lukhas_cli.outcome import Outcome, Streamed
from lukhas_cli.render.envelope import envelope, error_envelope, explain, print_json
from lukhas_cli.session import Session
from lukhas_sdk.errors import Exit, LukhasError, ValidationError

NAMES = (
    "process", "chat", "stream", "reflect", "state", "memory", "guardian", "incidents", "auth", "identity", "model",
    "embedder", "export", "import", "backup", "restore", "reason", "glyph", "audit", "jobs", "stage", "node", "star",
    "bio", "feedback", "config", "daemon", "status", "perf", "t4", "ops", "webhook", "dream", "doctor",
)  # fmt: skip

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a write fails with when there is no room for it."""

HELP = """LUKHAS: memory, deliberation and a guardian on your own machine.

Data goes to stdout, everything else to stderr. Where stdout is not a terminal, output is plain: no colour, nothing \
shortened, columns separated by tabs. The first command that needs the daemon starts it.

Exit codes: 0 ok; 1 failure; 2 usage; 3 daemon unreachable; 4 not authenticated; 5 not found; 6 guardian rejected; \
7 guardian wants review; 8 rate limited; 130 interrupted.

Environment: LUKHAS_HOME, an absolute path, puts every file there; LUKHAS_PORT is the daemon's TCP port; \
LUKHAS_NO_AUTOSTART=1 never starts a daemon; LUKHAS_API_KEY is the key to act with; LUKHAS_DEBUG=1 shows tracebacks; \
NO_COLOR=1 turns colour off."""

EXAMPLES = """lukhas memory import notes/
lukhas process "Where did I leave the spare key?"
git log --format='%h %s' | lukhas memory import -
lukhas guardian validate --type shell_command -- "rm -rf /"
"""


def _print_version(context: Any, _: Any, value: bool) -> None:
    if value:
        from lukhas_sdk._version import __version__

        print(f"lukhas {__version__}")
        context.exit()


def root() -> LazyGroup:
    version = TyperOption(
        param_decls=["--version"], type=bool, is_flag=True, default=False, expose_value=False, is_eager=True,
        show_default=False, callback=_print_version, help="Print the version.",
    )  # fmt: skip
    return LazyGroup(
        NAMES,
        name="lukhas",
        help=HELP,
        epilog=EXAMPLES.strip(),
        no_args_is_help=True,
        params=[version],
        rich_markup_mode=None,
    )


def run(args: list[str]) -> int:
    """The exit code of `lukhas ARGS`."""
    session = Session()
    try:
        code = _run(session, args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Nobody reads any more; the interpreter's last flush must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.FAILURE)
    except OSError as error:
        if error.errno not in FULL:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        explain(
            LukhasError(f"what is printed cannot be written: {error.strerror}", hint="make room, or write elsewhere")
        )
        return int(Exit.FAILURE)
    finally:
        session.close()


def _open_closed_streams() -> None:
    """A shell may close any of the three (`>&-`): what is said there then goes nowhere, and the command still works."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123


def _run(session: Session, args: list[str]) -> int:
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        result = root().main(args, prog_name="lukhas", standalone_mode=False, obj=session)
        if isinstance(result, Outcome):
            _present(session, result)
            return int(result.exit)
        if isinstance(result, Streamed):
            return int(result.exit)
        if result == Exit.INTERRUPTED:
            raise KeyboardInterrupt
        return int(result or 0)
    except NoArgsIsHelpError as error:
        if not _wants_json(session, args):
            print(error.format_message(), file=sys.stderr)
            return int(Exit.USAGE)
        return _fail(session, args, ValidationError("a command is missing", hint=f"see: {_path(error)} --help"))
    except UsageError as error:
        session.command = " ".join(_path(error).split()[1:])
        message = " ".join(error.format_message().split()).rstrip(".")
        message = message[:1].lower() + message[1:]
        return _fail(session, args, ValidationError(message, hint=f"see: {_path(error)} --help"))
    except (KeyboardInterrupt, Abort) as error:
        if _wants_json(session, args):
            print_json(error_envelope(session.command, code="INTERRUPTED", message="interrupted"))
        elif isinstance(error, KeyboardInterrupt):
            print("\ninterrupted", file=sys.stderr)
        return int(Exit.INTERRUPTED)
    except UnicodeEncodeError:
        return _fail(session, args, ValidationError("the text is not valid UTF-8", hint="convert it with iconv"))
    except LukhasError as error:
        if os.environ.get("LUKHAS_DEBUG"):
            import traceback

            traceback.print_exc()
        return _fail(session, args, error)
    except Exception as error:
        if isinstance(error, BrokenPipeError) or (isinstance(error, OSError) and error.errno in FULL):
            raise
        if os.environ.get("LUKHAS_DEBUG"):
            raise
        unforeseen = LukhasError(
            f"unforeseen: {type(error).__name__}: {error}", hint="LUKHAS_DEBUG=1 shows where; please report it"
        )
        return _fail(session, args, unforeseen)


def _present(session: Session, outcome: Outcome) -> None:
    if session.json:
        print_json(envelope(session.command, outcome.data, exit=outcome.exit, problem=outcome.problem))
        return
    from lukhas_cli.render.screen import Screen

    outcome.show(Screen())


def _fail(session: Session, args: list[str], error: LukhasError) -> int:
    if _wants_json(session, args):
        print_json(
            error_envelope(
                session.command,
                code=error.code,
                message=error.message,
                hint=error.hint,
                details=error.details,
                trace_id=error.trace_id,
            )
        )
    else:
        explain(error)
    return int(error.exit_code)


def _wants_json(session: Session, args: list[str]) -> bool:
    """Also when the arguments could not be understood."""
    options = args[: args.index("--")] if "--" in args else args
    return session.json or "--json" in options


def _path(error: UsageError) -> str:
    return error.ctx.command_path if error.ctx else "lukhas"
