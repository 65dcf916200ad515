"""What the system says of this process."""

from __future__ import annotations

import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

PAGES_FILE = Path("/proc/self/statm")
DESCRIPTORS = Path("/proc/self/fd")
STAT_FILE = Path("/proc/self/stat")
BOOT_FILE = Path("/proc/stat")
IMPORTED_AT_S = time.time()


def resident_bytes() -> int:
    """Memory of this process that is in RAM; where /proc is missing, the most that ever was."""
    try:
        return int(PAGES_FILE.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def virtual_bytes() -> int | None:
    """None where /proc is missing."""
    with suppress(OSError):
        return int(PAGES_FILE.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return None


def open_descriptors() -> int | None:
    with suppress(OSError):
        return sum(1 for _ in DESCRIPTORS.iterdir())
    return None


def most_descriptors() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def started_at_s() -> float:
    """Unix time of the process's start; where /proc is missing, of this module's import."""
    with suppress(OSError):
        since_boot_s = int(STAT_FILE.read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        boot_s = next(line for line in BOOT_FILE.read_text().splitlines() if line.startswith("btime"))
        return int(boot_s.split()[1]) + since_boot_s
    return IMPORTED_AT_S
