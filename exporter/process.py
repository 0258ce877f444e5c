"""What does the exporter itself cost? The metrics that the client libraries have of their own process.

https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
"""

from __future__ import annotations

import ctypes
import resource
from typing import TYPE_CHECKING

import psutil

from exporter.render.exposition import Family

if TYPE_CHECKING:
    from exporter.render.exposition import Kind

_OWN = psutil.Process()
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # mallopt(3)
_MOST_MAPPED = 32 << 20  # the most that glibc takes for it
_MOST_KEPT = 256 << 20


def keep_memory() -> None:
    """Have glibc keep what was once needed, in one arena for all threads; another allocator stays as it is.

    A scrape of thousands of servers fills tens of megabytes and frees them again. glibc would return them at once, and
    the kernel clear every page anew for the next scrape, which costs as much CPU as all the rest.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _MOST_MAPPED)
        mallopt(_TRIM_THRESHOLD, _MOST_KEPT)


def process() -> list[Family]:
    """Return what is known of this process; nothing where /proc is not to be read."""
    try:
        with _OWN.oneshot():
            times, memory = _OWN.cpu_times(), _OWN.memory_info()
            begun, descriptors = _OWN.create_time(), _OWN.num_fds()
    except (psutil.Error, OSError):
        return []
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return [
        _one("process_cpu_seconds_total", "counter", "CPU time of the exporter.", times.user + times.system),
        _one("process_resident_memory_bytes", "gauge", "Memory of the exporter that is resident.", memory.rss),
        _one("process_virtual_memory_bytes", "gauge", "Address space of the exporter.", memory.vms),
        _one("process_open_fds", "gauge", "Descriptors that the exporter has open.", descriptors),
        _one("process_max_fds", "gauge", "Descriptors that the exporter may have open.", limit),
        _one("process_start_time_seconds", "gauge", "When the exporter started, in seconds of the epoch.", begun),
    ]


def _one(name: str, kind: Kind, text: str, value: float) -> Family:
    family = Family(name, kind, text)
    family.add(value)
    return family
