"""How near memories are in time to what a query says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lukhasd.memory import moments
from lukhasd.memory.query_reading import Reading
from lukhasd.memory.ranking import Closeness

DAY_US = 86_400_000_000


def measure_closeness(reading: Reading) -> Closeness | None:
    """`query_reading.closeness` of many events to the nearest of the times; None where there is no time."""
    periods = [time.period for time in reading.times if time.period is not None]
    bounds = [
        (
            moments.microseconds(period.start) if period.start is not None else None,
            moments.microseconds(period.end) if period.end is not None else None,
        )
        for period in periods
    ]

    def measure(event_us: NDArray[np.int64]) -> NDArray[np.float64]:
        best = np.zeros(len(event_us))
        for start, end in bounds:
            early = np.maximum(start - event_us, 0) if start is not None else 0
            late = np.maximum(event_us - end, 0) if end is not None else 0
            length = end - start + 1 if start is not None and end is not None else DAY_US
            best = np.maximum(best, np.exp2(-(early + late) / length))
        return best

    return measure if bounds else None
