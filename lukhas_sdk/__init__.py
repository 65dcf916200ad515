"""The contract of LUKHAS, and the Python client that speaks it.

from lukhas_sdk import LukhasClient

client = LukhasClient()          # the local daemon, its socket and its key
print(client.process("Where did I leave the spare key?").text)
"""

from __future__ import annotations

from lukhas_sdk._version import __version__

# Not typing's own: importing typing alone costs more instructions than `lukhas --version` may.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lukhas_sdk.aio import AsyncLukhasClient
    from lukhas_sdk.client import LukhasClient
    from lukhas_sdk.client import LukhasClient as Client

__all__ = ["AsyncLukhasClient", "Client", "LukhasClient", "__version__"]


def __getattr__(name: str) -> Any:
    if name in ("Client", "LukhasClient"):
        from lukhas_sdk.client import LukhasClient

        return LukhasClient
    if name == "AsyncLukhasClient":
        from lukhas_sdk.aio import AsyncLukhasClient

        return AsyncLukhasClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
