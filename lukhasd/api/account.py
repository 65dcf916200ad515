"""What is written down of a request when it is answered: its operation, the status and the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from lukhas_sdk.contract.base import AnyOperation, Stream
from lukhas_sdk.contract.matriz import PROCESS
from lukhas_sdk.contract.perf import METRICS
from lukhas_sdk.contract.system import LIVE, READY
from lukhas_sdk.errors import LukhasError
from lukhasd.api.call import Call, Handler
from lukhasd.parts import Parts
from lukhasd.records.t4 import WITH_MODEL

PROBES = (LIVE, READY, METRICS)
"""Asked every few seconds by programs that watch: they would make the share of failures look small."""
UNKNOWN = "unknown"
"""A request that meant no operation."""


@dataclass
class Account:
    """Times are from the request's head being read to the operation being done, not to the answer being sent."""

    began_s: float = field(default_factory=perf_counter)
    operation: AnyOperation | None = None
    name: str = UNKNOWN
    ended_s: float | None = None
    """None: the operation was not run, the request was turned away before."""
    streamed_status: int | None = None
    """Of an error in a streamed answer, whose own status is 200."""

    def means(self, operation: AnyOperation) -> None:
        self.operation, self.name = operation, operation.id

    async def run(self, handler: Handler, call: Call[Any, Any]) -> Any:
        if self.operation is PROCESS and call.parts.models.current() is not None:
            self.name = WITH_MODEL
        try:
            with call.service.in_work.of(call.who):
                return await handler(call)
        except Exception as error:
            self.streamed_status = error.status if isinstance(error, LukhasError) else 500
            raise
        finally:
            self.ended_s = perf_counter()

    def settle(self, status: int, parts: Parts) -> None:
        """The answer's own `status` is known."""
        if self.operation in PROBES or isinstance(self.operation, Stream):
            return
        duration_ms = None if self.ended_s is None else (self.ended_s - self.began_s) * 1000
        parts.metrics.answered(self.name, self.streamed_status or status, duration_ms)
