"""The Structs a caller builds, under the name that the API reference imports them from."""

from lukhas_sdk.contract.matriz import ConstellationConfig, Context, PipelineOptions, Preferences, ProcessRequest
from lukhas_sdk.contract.memory import DateRange, MemoryContent, SearchFilters, StoreRequest

__all__ = [
    "ConstellationConfig", "Context", "DateRange", "MemoryContent", "PipelineOptions", "Preferences", "ProcessRequest",
    "SearchFilters", "StoreRequest",
]  # fmt: skip
