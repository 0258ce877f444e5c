"""Which metrics are the lines of "show info" and "show resolvers"? Names and types as in names.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from exporter.render.exposition import Kind


class Info(NamedTuple):
    """A line and its metric; ``factor`` is the size of its unit."""

    key: str
    name: str
    type: Kind
    help: str
    factor: int = 1


_MEBI = 1 << 20
# versions differ: of two lines for a metric the first one that is there counts
INFO = (
    Info("Nbthread", "nbthread", "gauge", "Threads of the process."),
    Info("Nbproc", "nbproc", "gauge", "Processes; always 1 since 2.5."),
    Info("Process_num", "relative_process_id", "gauge", "Number of this process."),
    Info("Uptime_sec", "uptime_seconds", "gauge", "Time since the process started."),
    Info("Start_time_sec", "start_time_seconds", "gauge", "Start of the process, in seconds of the epoch."),
    Info("Memmax_bytes", "max_memory_bytes", "gauge", "Limit of memory; 0 is no limit."),
    Info("Memmax_MB", "max_memory_bytes", "gauge", "Limit of memory; 0 is no limit.", _MEBI),
    Info("PoolAlloc_bytes", "pool_allocated_bytes", "gauge", "Memory allocated for pools."),
    Info("PoolAlloc_MB", "pool_allocated_bytes", "gauge", "Memory allocated for pools.", _MEBI),
    Info("PoolUsed_bytes", "pool_used_bytes", "gauge", "Memory in use in pools."),
    Info("PoolUsed_MB", "pool_used_bytes", "gauge", "Memory in use in pools.", _MEBI),
    Info("PoolFailed", "pool_failures_total", "counter", "Failed allocations of pools."),
    Info("Ulimit-n", "max_fds", "gauge", "Limit of open descriptors."),
    Info("Maxsock", "max_sockets", "gauge", "Limit of open sockets."),
    Info("Maxconn", "max_connections", "gauge", "Limit of open connections."),
    Info("Hard_maxconn", "hard_max_connections", "gauge", "As max_connections, before changes at runtime."),
    Info("CurrConns", "current_connections", "gauge", "Open connections."),
    Info("CumConns", "connections_total", "counter", "Connections since the process started."),
    Info("CumReq", "requests_total", "counter", "Requests since the process started."),
    Info("MaxSslConns", "max_ssl_connections", "gauge", "Limit of open TLS connections; 0 is no limit."),
    Info("CurrSslConns", "current_ssl_connections", "gauge", "Open TLS connections."),
    Info("CumSslConns", "ssl_connections_total", "counter", "TLS connections since the process started."),
    Info("Maxpipes", "max_pipes", "gauge", "Limit of pipes for splicing."),
    Info("PipesUsed", "pipes_used_total", "untyped", "Pipes in use."),
    Info("PipesFree", "pipes_free_total", "untyped", "Open pipes that are free."),
    Info("ConnRate", "current_connection_rate", "gauge", "Connections in the last second."),
    Info("ConnRateLimit", "limit_connection_rate", "gauge", "Limit of new connections per second; 0 is no limit."),
    Info("MaxConnRate", "max_connection_rate", "gauge", "Highest number of connections in a second."),
    Info("SessRate", "current_session_rate", "gauge", "Sessions in the last second."),
    Info("SessRateLimit", "limit_session_rate", "gauge", "Limit of new sessions per second; 0 is no limit."),
    Info("MaxSessRate", "max_session_rate", "gauge", "Highest number of sessions in a second."),
    Info("SslRate", "current_ssl_rate", "gauge", "TLS connections in the last second."),
    Info("SslRateLimit", "limit_ssl_rate", "gauge", "Limit of new TLS connections per second; 0 is no limit."),
    Info("MaxSslRate", "max_ssl_rate", "gauge", "Highest number of TLS connections in a second."),
    Info("SslFrontendKeyRate", "current_frontend_ssl_key_rate", "gauge", "TLS keys computed in the last second."),
    Info("SslFrontendMaxKeyRate", "max_frontend_ssl_key_rate", "gauge", "Highest number of TLS keys in a second."),
    Info("SslFrontendSessionReuse_pct", "frontend_ssl_reuse", "gauge", "Percentage of reused TLS sessions."),
    Info("SslBackendKeyRate", "current_backend_ssl_key_rate", "gauge", "TLS keys towards servers in the last second."),
    Info("SslBackendMaxKeyRate", "max_backend_ssl_key_rate", "gauge", "Most TLS keys towards servers in a second."),
    Info("SslCacheLookups", "ssl_cache_lookups_total", "counter", "Lookups in the cache of TLS sessions."),
    Info("SslCacheMisses", "ssl_cache_misses_total", "counter", "Misses in the cache of TLS sessions."),
    Info("CompressBpsIn", "http_comp_bytes_in_total", "untyped", "Bytes to the compressor in the last second."),
    Info("CompressBpsOut", "http_comp_bytes_out_total", "untyped", "Bytes from the compressor in the last second."),
    Info("CompressBpsRateLim", "limit_http_comp", "gauge", "Bytes per second above which nothing is compressed."),
    Info("ZlibMemUsage", "current_zlib_memory", "gauge", "Memory in use by zlib, in bytes."),
    Info("MaxZlibMemUsage", "max_zlib_memory", "gauge", "Limit of memory for zlib, in bytes."),
    Info("Tasks", "current_tasks", "gauge", "Tasks."),
    Info("Run_queue", "current_run_queue", "gauge", "Tasks that are ready to run."),
    Info("Idle_pct", "idle_time_percent", "gauge", "Idle time in the last second, in percent."),
    Info("Stopping", "stopping", "gauge", "Whether the process is stopping."),
    Info("Jobs", "jobs", "gauge", "Connections, listeners and other jobs."),
    Info("Unstoppable Jobs", "unstoppable_jobs", "gauge", "Jobs that outlive an order to stop."),
    Info("Listeners", "listeners", "gauge", "Listeners."),
    Info("ActivePeers", "active_peers", "gauge", "Peers with an agreed connection."),
    Info("ConnectedPeers", "connected_peers", "gauge", "Peers with an established connection."),
    Info("DroppedLogs", "dropped_logs_total", "counter", "Dropped log messages."),
    Info("BusyPolling", "busy_polling_enabled", "gauge", "Whether it polls without sleeping."),
    Info("FailedResolutions", "failed_resolutions", "untyped", "Names that could not be resolved, since the start."),
    Info("TotalBytesOut", "bytes_out_total", "counter", "Bytes sent."),
    Info("TotalSplicedBytesOut", "spliced_bytes_out_total", "counter", "Bytes sent through pipes."),
    Info("TotalSplicdedBytesOut", "spliced_bytes_out_total", "counter", "Bytes sent through pipes."),
    Info("BytesOutRate", "bytes_out_rate", "gauge", "Bytes sent in the last second."),
    Info("CumRecvLogs", "recv_logs_total", "counter", "Log messages received for forwarding."),
    Info("TotalWarnings", "total_warnings", "untyped", "Warnings since the start; since 3.2."),
    Info("PatternsAdded", "patterns_added_total", "counter", "Patterns added to maps and ACLs; since 3.3."),
    Info("PatternsFreed", "patterns_freed_total", "counter", "Patterns freed; since 3.3."),
    Info("NbThreadGroups", "nb_thread_groups", "gauge", "Groups of threads; since 3.3."),
)

# counters, but without the _total that a counter's name ends in
RESOLVERS = (
    Info("sent", "sent", "untyped", "Queries sent to the name server."),
    Info("snd_error", "send_error", "untyped", "Queries that could not be sent."),
    Info("valid", "valid", "untyped", "Valid answers."),
    Info("update", "update", "untyped", "Answers that changed a server's address."),
    Info("cname", "cname", "untyped", "Answers with another name."),
    Info("cname_error", "cname_error", "untyped", "Answers with another name that led nowhere."),
    Info("any_err", "any_err", "untyped", "Empty answers."),
    Info("nx", "nx", "untyped", "Answers that the name does not exist."),
    Info("timeout", "timeout", "untyped", "Queries without an answer in time."),
    Info("refused", "refused", "untyped", "Refused queries."),
    Info("other", "other", "untyped", "Answers with other errors."),
    Info("invalid", "invalid", "untyped", "Answers that are no DNS."),
    Info("too_big", "too_big", "untyped", "Answers that are too large."),
    Info("truncated", "truncated", "untyped", "Truncated answers."),
    Info("outdated", "outdated", "untyped", "Answers after that of another server."),
)
