"""One run of the command line: its global options and its way to the daemon."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from lukhas_sdk.paths import Paths, resolve

if TYPE_CHECKING:
    from lukhas_sdk.client import LukhasClient
    from lukhas_sdk.contract.base import Operation

Params = TypeVar("Params")
Body = TypeVar("Body")
Result = TypeVar("Result")

WAIT_S = 600.0
"""A language model may take its time; the daemon bounds it, this only bounds a daemon that hangs."""


class Session:
    def __init__(self) -> None:
        self.json = False
        self.autostart = os.environ.get("LUKHAS_NO_AUTOSTART", "") in ("", "0")
        self.command = ""
        """The words of the command that runs, as `memory search`."""

    @cached_property
    def paths(self) -> Paths:
        return resolve()

    @cached_property
    def client(self) -> LukhasClient:
        """A client of a daemon that answers and speaks our version; one is started where allowed."""
        from lukhas_cli.daemon_control import ensure
        from lukhas_sdk.client import LukhasClient

        ensure(self.paths, autostart=self.autostart, notice=self.notice)
        client = LukhasClient(paths=self.paths, timeout_s=WAIT_S)
        if not os.environ.get("LUKHAS_API_KEY"):
            client.credential = self._credential()
        return client

    def _credential(self) -> Callable[[], str] | None:
        """The login's tokens, where there is one; else this machine's key is used."""
        if not (self.paths.state / "login").exists():
            return None
        from lukhas_cli import login

        return login.Credential(self.paths)

    @contextmanager
    def as_machine(self) -> Iterator[LukhasClient]:
        """A client with this machine's key, whoever is logged in."""
        own = self.client
        credential, own.credential = own.credential, None
        try:
            yield own
        finally:
            own.credential = credential

    def call(
        self,
        operation: Operation[Params, Body, Result],
        *,
        params: Params | None = None,
        body: Body | None = None,
    ) -> Result:
        return self.client.call(operation, params=params, body=body)

    def notice(self, text: str) -> None:
        """Tells a person what happens besides the command; scripts are not told."""
        if sys.stderr.isatty():
            from lukhas_cli.render.text import printable

            print(printable(text), file=sys.stderr)

    def close(self) -> None:
        if "client" in self.__dict__:
            self.client.close()
