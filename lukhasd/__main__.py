"""`lukhasd`: settings → daemon, in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from typing import Any

from lukhas_sdk import restoring
from lukhas_sdk._version import __version__
from lukhas_sdk.errors import LukhasError
from lukhas_sdk.paths import Paths
from lukhas_sdk.paths import resolve as resolve_paths
from lukhas_sdk.settings import load


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="lukhasd",
        description="The LUKHAS daemon, in the foreground. `lukhas daemon start` runs it in the background.",
        epilog="LUKHAS_HOME puts all its files under one folder; `lukhas config list` names every setting.",
    )
    parser.add_argument("--version", action="version", version=f"lukhasd {__version__}")
    parser.add_argument("--port", type=int, metavar="N", help="TCP port on 127.0.0.1; 0 serves the unix socket alone")
    parser.add_argument(
        "--log-level", choices=["debug", "info", "warning", "error"], help="least severe level that is logged"
    )
    options = parser.parse_args()
    flags: dict[str, Any] = {"daemon.port": options.port, "daemon.log_level": options.log_level}
    os.umask(0o077)  # whatever a library beside us writes is the user's alone
    try:
        paths = resolve_paths()
        _finish_restore(paths)
        settings = load(paths, {key: value for key, value in flags.items() if value is not None})
        # A second thread of numpy's BLAS takes a whole core spinning between one small product and the next.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        gc.disable()  # nothing that a start makes is garbage: looking for it takes a tenth of the start
        from lukhasd.daemon import run

        try:
            import uvloop
        except ImportError:
            asyncio.run(run(paths, settings))
        else:
            uvloop.run(run(paths, settings))
    except LukhasError as error:
        print(f"lukhasd: {error.message}", file=sys.stderr)  # noqa: T201
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)  # noqa: T201
        return int(error.exit_code)
    return 0


def _finish_restore(paths: Paths) -> None:
    """Before anything is read: the settings may be among what is put back."""
    if restoring.decided(paths) is not None:
        from lukhasd.daemon import only_one

        with only_one(paths):
            restoring.finish(paths)


if __name__ == "__main__":
    sys.exit(main())
