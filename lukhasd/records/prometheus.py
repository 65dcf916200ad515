"""Counters and histograms in Prometheus' text format 0.0.4.

Written here and not by prometheus-client: its metrics are objects of their own in a registry of the process, beside
what is counted already, and the format is a few lines. Labels have few values: operations of the table, classes of
status, stages, decisions.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lukhas_sdk._version import __version__
from lukhas_sdk.contract.guardian import DECISIONS
from lukhas_sdk.contract.ops import Waiting
from lukhasd.records import process
from lukhasd.records.histogram import Histogram
from lukhasd.records.metrics import Metrics

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
WEBHOOK_OUTCOMES = ("delivered", "failed", "dead", "dropped")
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Gauges:
    """What is looked at when it is asked for."""

    database_bytes: int
    pending_vectors: int
    pending_writes: int
    requests: Mapping[str, Waiting]


@dataclass
class _Text:
    lines: list[str] = field(default_factory=list)

    def family(self, name: str, kind: Literal["counter", "gauge", "histogram"], help: str) -> None:
        self.lines += [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]

    def sample(self, name: str, value: float, labels: Labels | None = None) -> None:
        shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in (labels or {}).items())
        self.lines.append(f"{name}{{{shown}}} {value!r}" if shown else f"{name} {value!r}")

    def single(self, name: str, kind: Literal["counter", "gauge"], help: str, value: float | None) -> None:
        if value is not None:
            self.family(name, kind, help)
            self.sample(name, value)

    def histograms(self, name: str, help: str, found: Iterable[tuple[Labels, Histogram]]) -> None:
        self.family(name, "histogram", help)
        for labels, histogram in found:
            for bound_s in BOUNDS_S:
                within = histogram.count - histogram.over(bound_s * 1000)
                self.sample(f"{name}_bucket", within, {**labels, "le": repr(bound_s)})
            self.sample(f"{name}_bucket", histogram.count, {**labels, "le": "+Inf"})
            self.sample(f"{name}_sum", histogram.total_ms / 1000, labels)
            self.sample(f"{name}_count", histogram.count, labels)


def exposition(metrics: Metrics, gauges: Gauges) -> str:
    """Counts and durations are since start. A bucket's count is exact but for durations within 2 % under its bound,
    which may be counted in the next."""
    text = _Text()
    text.family("lukhas_build_info", "gauge", "The version that runs; always 1.")
    text.sample("lukhas_build_info", 1, {"version": __version__, "python": platform.python_version()})
    text.family("lukhas_answers_total", "counter", "Answers by operation and class of HTTP status.")
    for name, count in sorted(metrics.counters("answers.").items()):
        operation, _, status = name.rpartition(".")
        text.sample("lukhas_answers_total", count, {"operation": operation, "status": status})
    text.histograms(
        "lukhas_operation_duration_seconds", "Time from a request's head to the operation's end.",
        _labelled("operation", metrics.histograms("operation.")),
    )  # fmt: skip
    text.histograms(
        "lukhas_stage_duration_seconds", "Time of a stage of the pipeline.",
        _labelled("stage", metrics.histograms("stage.")),
    )  # fmt: skip
    text.family("lukhas_guardian_verdicts_total", "counter", "Verdicts by decision.")
    for decision in DECISIONS:
        text.sample("lukhas_guardian_verdicts_total", metrics.counter(f"guardian.{decision}"), {"decision": decision})
    text.family(
        "lukhas_webhook_deliveries_total", "counter",
        "Attempts by what became of the delivery; dropped are events that were never queued.",
    )  # fmt: skip
    for outcome in WEBHOOK_OUTCOMES:
        text.sample("lukhas_webhook_deliveries_total", metrics.counter(f"webhooks.{outcome}"), {"outcome": outcome})
    _requests(text, gauges.requests)
    text.single("lukhas_database_bytes", "gauge", "The database with its log.", gauges.database_bytes)
    text.single("lukhas_pending_vectors", "gauge", "Memories without an embedding yet.", gauges.pending_vectors)
    text.single("lukhas_pending_writes", "gauge", "Jobs that wait for the database.", gauges.pending_writes)
    _process(text)
    return "\n".join(text.lines) + "\n"


def _requests(text: _Text, requests: Mapping[str, Waiting]) -> None:
    text.family("lukhas_requests_in_work", "gauge", "Requests in work by allowance.")
    for name, lane in requests.items():
        text.sample("lukhas_requests_in_work", lane.in_work, {"allowance": name})
    text.family("lukhas_requests_waiting", "gauge", "Requests that wait for their turn by allowance.")
    for name, lane in requests.items():
        text.sample("lukhas_requests_waiting", lane.waiting, {"allowance": name})
    text.family("lukhas_requests_refused_total", "counter", "Requests told to come later, because of the load.")
    for name, lane in requests.items():
        text.sample("lukhas_requests_refused_total", lane.refused, {"allowance": name})


def _process(text: _Text) -> None:
    text.single("process_cpu_seconds_total", "counter", "User and system CPU time.", time.process_time())
    text.single("process_resident_memory_bytes", "gauge", "Memory in RAM.", process.resident_bytes())
    text.single("process_virtual_memory_bytes", "gauge", "Virtual memory.", process.virtual_bytes())
    text.single("process_open_fds", "gauge", "Open file descriptors.", process.open_descriptors())
    text.single("process_max_fds", "gauge", "Most file descriptors.", process.most_descriptors())
    text.single("process_start_time_seconds", "gauge", "Unix time of the start.", process.started_at_s())


def _labelled(label: str, found: Mapping[str, Histogram]) -> Iterator[tuple[Labels, Histogram]]:
    for name in sorted(found):
        yield {label: name}, found[name]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
