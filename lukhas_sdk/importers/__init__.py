"""Other systems' data as memories to store: one module a source, and a table that tells them apart by content.

`list_sources` finds the files, `read_source` gives the memories of one. A broken record is left out with its reason;
it never costs the rest of its file. Nothing is extracted to disk, and an archive that grows too large is not read on.
"""

from __future__ import annotations

from lukhas_sdk.importers.base import LeaveOut, Source
from lukhas_sdk.importers.registry import (
    IMPORTERS,
    Format,
    Importer,
    Split,
    detect,
    importer_of,
    list_sources,
    read_folder,
    read_source,
)

__all__ = [
    "IMPORTERS",
    "Format",
    "Importer",
    "LeaveOut",
    "Source",
    "Split",
    "detect",
    "importer_of",
    "list_sources",
    "read_folder",
    "read_source",
]
