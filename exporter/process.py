"""What does the exporter itself cost? The process metrics of Prometheus' client libraries.

https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
"""

from __future__ import annotations

import ctypes
import resource

import psutil

from exporter.render.exposition import Family, sample

_OWN = psutil.Process()
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # mallopt(3)
_MOST_MAPPED = 32 << 20  # glibc's limit
_MOST_KEPT = 256 << 20


def keep_memory() -> None:
    """Have glibc keep freed memory, in one arena for all threads; other allocators stay as they are.

    A scrape of thousands of servers fills and frees tens of megabytes. Returned to the kernel, each page would be
    cleared anew for the next scrape, which costs as much CPU as all the rest.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _MOST_MAPPED)
        mallopt(_TRIM_THRESHOLD, _MOST_KEPT)


def process() -> list[Family]:
    """Return the metrics of this process, none where /proc cannot be read."""
    try:
        with _OWN.oneshot():
            times, memory = _OWN.cpu_times(), _OWN.memory_info()
            start, descriptors = _OWN.create_time(), _OWN.num_fds()
    except (psutil.Error, OSError):
        return []
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return [
        sample("process_cpu_seconds_total", "counter", "CPU time of the exporter.", times.user + times.system),
        sample("process_resident_memory_bytes", "gauge", "Resident memory of the exporter.", memory.rss),
        sample("process_virtual_memory_bytes", "gauge", "Address space of the exporter.", memory.vms),
        sample("process_open_fds", "gauge", "Open descriptors of the exporter.", descriptors),
        sample("process_max_fds", "gauge", "Limit of open descriptors of the exporter.", limit),
        sample("process_start_time_seconds", "gauge", "Start of the exporter, in seconds of the epoch.", start),
    ]
