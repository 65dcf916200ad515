"""The console script. What needs no command tree is answered before typer is imported."""

from __future__ import annotations

import contextlib
import sys


def main() -> int:
    if sys.argv[1:] == ["--version"]:
        from lukhas_sdk._version import __version__

        with contextlib.suppress(OSError):  # what cannot be written is explained by the long way
            print(f"lukhas {__version__}", flush=True)
            return 0
    try:
        from lukhas_cli.app import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
