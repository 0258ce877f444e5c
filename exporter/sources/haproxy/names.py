"""How are HAProxy's columns called as metrics?

Names and types are those of HAProxy's own endpoint of 2.6 to 3.5: addons/promex, and since 3.2 stats.c and
stats-proxy.c. The kinds are Frontend, Listener, Backend, Server. What that endpoint calls a counter although it is a
rate, a number of pipes or without _total is untyped here, and some columns have no name there: see
docs/exporter-haproxy.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from exporter.render.exposition import Kind


class Column(NamedTuple):
    """A column of "show stat", and the metric that it is for the kinds in ``kinds``; times are in milliseconds."""

    column: str
    kinds: str
    name: str
    type: Kind
    help: str
    is_time: bool = False


class Said(NamedTuple):
    """A line of "show info" or "show resolvers" and its metric; ``factor`` is the size of its unit."""

    key: str
    name: str
    type: Kind
    help: str
    factor: int = 1


STATES = {
    "F": ("DOWN", "UP"),
    "L": ("WAITING", "OPEN", "FULL"),
    "B": ("DOWN", "UP"),
    "S": ("DOWN", "UP", "MAINT", "DRAIN", "NOLB"),
}
# the results of a check, in the order of check_statuses in HAProxy's check.c
CHECKS = (
    *("HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP"),
    *("L7OK", "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK"),
)
CODES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other")

COLUMNS = (
    Column("qcur", "BS", "current_queue", "gauge", "Requests that wait in the queue."),
    Column("qmax", "BS", "max_queue", "gauge", "Most requests that ever waited in the queue."),
    Column("scur", "FLBS", "current_sessions", "gauge", "Sessions open now."),
    Column("smax", "FLBS", "max_sessions", "gauge", "Most sessions that were ever open at once."),
    Column("slim", "FLBS", "limit_sessions", "gauge", "Sessions that may be open at once."),
    Column("stot", "FLBS", "sessions_total", "counter", "Sessions since the process started."),
    Column("bin", "FLBS", "bytes_in_total", "counter", "Bytes of requests."),
    Column("bout", "FLBS", "bytes_out_total", "counter", "Bytes of responses."),
    Column("dreq", "FLB", "requests_denied_total", "counter", "Requests that a rule denied."),
    Column("dresp", "FLBS", "responses_denied_total", "counter", "Responses that a rule denied."),
    Column("ereq", "FL", "request_errors_total", "counter", "Requests that were invalid."),
    Column("econ", "BS", "connection_errors_total", "counter", "Connections to servers that failed."),
    Column("eresp", "BS", "response_errors_total", "counter", "Responses that were invalid."),
    Column("wretr", "BS", "retry_warnings_total", "counter", "Connections to servers that were tried again."),
    Column("wredis", "BS", "redispatch_warnings_total", "counter", "Requests sent to another server instead."),
    Column("weight", "BS", "weight", "gauge", "Effective weight; of a backend the sum of its active servers."),
    Column("uweight", "BS", "uweight", "gauge", "Weight as it was set; of a backend the sum of its active servers."),
    Column("act", "B", "active_servers", "gauge", "Active servers that are UP and have a weight."),
    Column("bck", "B", "backup_servers", "gauge", "Backup servers that are UP and have a weight."),
    Column("act", "S", "active", "gauge", "Whether it is an active server; since 3.0."),
    Column("bck", "S", "backup", "gauge", "Whether it is a backup server; since 3.0."),
    Column("chkfail", "S", "check_failures_total", "counter", "Checks that failed while it was UP."),
    Column("chkdown", "BS", "check_up_down_total", "counter", "Changes from UP to DOWN."),
    Column("lastchg", "BS", "check_last_change_seconds", "gauge", "How long ago the state changed."),
    Column("downtime", "BS", "downtime_seconds_total", "counter", "Time spent DOWN."),
    Column("qlimit", "S", "queue_limit", "gauge", "Requests that may wait in its queue."),
    Column("throttle", "S", "current_throttle", "gauge", "Share of its weight that it has so far, in slow start."),
    Column("lbtot", "BS", "loadbalanced_total", "counter", "Requests that were given to it by load balancing."),
    Column("rate", "FBS", "current_session_rate", "gauge", "Sessions in the last second."),
    Column("rate_lim", "F", "limit_session_rate", "gauge", "Sessions that may begin in a second."),
    Column("rate_max", "FBS", "max_session_rate", "gauge", "Most sessions that ever began in a second."),
    Column("check_duration", "S", "check_duration_seconds", "gauge", "How long the last check took.", is_time=True),
    Column("check_rise", "S", "check_rise", "gauge", "Checks that have to succeed in a row to make it UP."),
    Column("check_fall", "S", "check_fall", "gauge", "Checks that have to fail in a row to make it DOWN."),
    Column("check_health", "S", "check_health", "gauge", "Where it is on its way: UP from its rise on, 0 is DOWN."),
    Column(
        "agent_duration", "S", "agent_duration_seconds", "gauge", "How long the last agent check took.", is_time=True
    ),
    Column("agent_rise", "S", "agent_rise", "gauge", "Agent checks that have to succeed in a row to make it UP."),
    Column("agent_fall", "S", "agent_fall", "gauge", "Agent checks that have to fail in a row to make it DOWN."),
    Column("agent_health", "S", "agent_health", "gauge", "As check_health, of the agent check."),
    Column("hanafail", "S", "health_analysis_failures_total", "counter", "Failures seen in its traffic (observe)."),
    Column("req_rate", "F", "http_requests_rate_current", "gauge", "HTTP requests in the last second."),
    Column("req_rate_max", "F", "http_requests_rate_max", "gauge", "Most HTTP requests that ever came in a second."),
    Column("req_tot", "FBS", "http_requests_total", "counter", "HTTP requests."),
    Column("cli_abrt", "BS", "client_aborts_total", "counter", "Transfers that the client aborted."),
    Column("srv_abrt", "BS", "server_aborts_total", "counter", "Transfers that the server aborted."),
    Column("comp_in", "FB", "http_comp_bytes_in_total", "counter", "Bytes that came to the compressor."),
    Column("comp_out", "FB", "http_comp_bytes_out_total", "counter", "Bytes that left the compressor."),
    Column("comp_byp", "FB", "http_comp_bytes_bypassed_total", "counter", "Bytes that went past the compressor."),
    Column("comp_rsp", "FB", "http_comp_responses_total", "counter", "Responses that were compressed."),
    Column("lastsess", "BS", "last_session_seconds", "gauge", "How long ago the last session was; none if never."),
    Column(
        "qtime", "BS", "queue_time_average_seconds", "gauge", "Mean time in the queue of 1024 requests.", is_time=True
    ),
    Column("ctime", "BS", "connect_time_average_seconds", "gauge", "Mean time to connect, of 1024.", is_time=True),
    Column(
        "rtime", "BS", "response_time_average_seconds", "gauge", "Mean time to the response, of 1024.", is_time=True
    ),
    Column("ttime", "BS", "total_time_average_seconds", "gauge", "Mean time of whole sessions, of 1024.", is_time=True),
    Column("qtime_max", "BS", "max_queue_time_seconds", "gauge", "Longest time in the queue.", is_time=True),
    Column("ctime_max", "BS", "max_connect_time_seconds", "gauge", "Longest time to connect.", is_time=True),
    Column("rtime_max", "BS", "max_response_time_seconds", "gauge", "Longest time to a response.", is_time=True),
    Column("ttime_max", "BS", "max_total_time_seconds", "gauge", "Longest time of a whole session.", is_time=True),
    Column("conn_rate", "F", "connections_rate_current", "gauge", "Connections in the last second."),
    Column("conn_rate_max", "F", "connections_rate_max", "gauge", "Most connections that ever came in a second."),
    Column("conn_tot", "FL", "connections_total", "counter", "Connections."),
    Column("intercepted", "F", "intercepted_requests_total", "counter", "Requests that HAProxy answered by itself."),
    Column("dcon", "FL", "denied_connections_total", "counter", "Connections that a rule denied."),
    Column("dses", "FL", "denied_sessions_total", "counter", "Sessions that a rule denied."),
    Column("wrew", "FLBS", "failed_header_rewriting_total", "counter", "Headers that could not be rewritten."),
    Column("connect", "BS", "connection_attempts_total", "counter", "Connections that were tried."),
    Column("reuse", "BS", "connection_reuses_total", "counter", "Connections that were used again."),
    Column("cache_lookups", "FB", "http_cache_lookups_total", "counter", "Requests that were looked for in the cache."),
    Column("cache_hits", "FB", "http_cache_hits_total", "counter", "Requests that were found in the cache."),
    Column("cache_hint_hits", "FB", "http_cache_hint_hits_total", "counter", "Early hints from the cache; since 3.5."),
    Column("srv_icur", "S", "idle_connections_current", "gauge", "Idle connections that may be used again."),
    Column("src_ilim", "S", "idle_connections_limit", "gauge", "Idle connections that it may have."),
    Column("eint", "FLBS", "internal_errors_total", "counter", "Errors inside HAProxy."),
    Column(
        "idle_conn_cur", "S", "unsafe_idle_connections_current", "gauge", "Idle connections, not safe to use again."
    ),
    Column("safe_conn_cur", "S", "safe_idle_connections_current", "gauge", "Idle connections, safe to use again."),
    Column("priv_idle_cur", "S", "private_idle_connections_current", "gauge", "Idle private connections; since 3.3."),
    Column("used_conn_cur", "S", "used_connections_current", "gauge", "Connections in use."),
    Column("need_conn_est", "S", "need_connections_current", "gauge", "Connections that it is estimated to need."),
    Column("reqbin", "FLBS", "req_bytes_in_total", "counter", "Bytes of requests from clients; since 3.3."),
    Column("reqbout", "FLBS", "req_bytes_out_total", "counter", "Bytes of requests to servers; since 3.3."),
    Column("resbin", "FLBS", "res_bytes_in_total", "counter", "Bytes of responses from servers; since 3.3."),
    Column("resbout", "FLBS", "res_bytes_out_total", "counter", "Bytes of responses to clients; since 3.3."),
)

_MEBI = 1 << 20
# of two lines for the same metric the first that is there counts: versions differ
INFO = (
    Said("Nbthread", "nbthread", "gauge", "Threads of the process."),
    Said("Nbproc", "nbproc", "gauge", "Processes; always 1 since 2.5."),
    Said("Process_num", "relative_process_id", "gauge", "Number of the process among them."),
    Said("Uptime_sec", "uptime_seconds", "gauge", "How long ago the process started."),
    Said("Start_time_sec", "start_time_seconds", "gauge", "When the process started, in seconds of the epoch."),
    Said("Memmax_bytes", "max_memory_bytes", "gauge", "Memory that the process may use; 0 is no limit."),
    Said("Memmax_MB", "max_memory_bytes", "gauge", "Memory that the process may use; 0 is no limit.", _MEBI),
    Said("PoolAlloc_bytes", "pool_allocated_bytes", "gauge", "Memory in its pools."),
    Said("PoolAlloc_MB", "pool_allocated_bytes", "gauge", "Memory in its pools.", _MEBI),
    Said("PoolUsed_bytes", "pool_used_bytes", "gauge", "Memory in its pools that is in use."),
    Said("PoolUsed_MB", "pool_used_bytes", "gauge", "Memory in its pools that is in use.", _MEBI),
    Said("PoolFailed", "pool_failures_total", "counter", "Times that its pools had no memory left."),
    Said("Ulimit-n", "max_fds", "gauge", "Descriptors that the process may have open."),
    Said("Maxsock", "max_sockets", "gauge", "Sockets that the process may have open."),
    Said("Maxconn", "max_connections", "gauge", "Connections that the process may have open."),
    Said("Hard_maxconn", "hard_max_connections", "gauge", "As max_connections, before it was changed at runtime."),
    Said("CurrConns", "current_connections", "gauge", "Connections open now."),
    Said("CumConns", "connections_total", "counter", "Connections since the process started."),
    Said("CumReq", "requests_total", "counter", "Requests since the process started."),
    Said("MaxSslConns", "max_ssl_connections", "gauge", "TLS connections that it may have open; 0 is no limit."),
    Said("CurrSslConns", "current_ssl_connections", "gauge", "TLS connections open now."),
    Said("CumSslConns", "ssl_connections_total", "counter", "TLS connections since the process started."),
    Said("Maxpipes", "max_pipes", "gauge", "Pipes that it may use for splicing."),
    Said("PipesUsed", "pipes_used_total", "untyped", "Pipes in use now."),
    Said("PipesFree", "pipes_free_total", "untyped", "Pipes that are open and free now."),
    Said("ConnRate", "current_connection_rate", "gauge", "Connections in the last second."),
    Said("ConnRateLimit", "limit_connection_rate", "gauge", "Connections that may come in a second; 0 is no limit."),
    Said("MaxConnRate", "max_connection_rate", "gauge", "Most connections that ever came in a second."),
    Said("SessRate", "current_session_rate", "gauge", "Sessions in the last second."),
    Said("SessRateLimit", "limit_session_rate", "gauge", "Sessions that may begin in a second; 0 is no limit."),
    Said("MaxSessRate", "max_session_rate", "gauge", "Most sessions that ever began in a second."),
    Said("SslRate", "current_ssl_rate", "gauge", "TLS connections in the last second."),
    Said("SslRateLimit", "limit_ssl_rate", "gauge", "TLS connections that may come in a second; 0 is no limit."),
    Said("MaxSslRate", "max_ssl_rate", "gauge", "Most TLS connections that ever came in a second."),
    Said("SslFrontendKeyRate", "current_frontend_ssl_key_rate", "gauge", "TLS keys made in the last second."),
    Said("SslFrontendMaxKeyRate", "max_frontend_ssl_key_rate", "gauge", "Most TLS keys ever made in a second."),
    Said("SslFrontendSessionReuse_pct", "frontend_ssl_reuse", "gauge", "Share of TLS sessions taken up again."),
    Said("SslBackendKeyRate", "current_backend_ssl_key_rate", "gauge", "TLS keys made towards servers, a second."),
    Said("SslBackendMaxKeyRate", "max_backend_ssl_key_rate", "gauge", "Most TLS keys towards servers in a second."),
    Said("SslCacheLookups", "ssl_cache_lookups_total", "counter", "TLS sessions that were looked for in the cache."),
    Said("SslCacheMisses", "ssl_cache_misses_total", "counter", "TLS sessions that the cache did not have."),
    Said("CompressBpsIn", "http_comp_bytes_in_total", "untyped", "Bytes to the compressor in the last second."),
    Said("CompressBpsOut", "http_comp_bytes_out_total", "untyped", "Bytes from the compressor in the last second."),
    Said("CompressBpsRateLim", "limit_http_comp", "gauge", "Bytes a second above which nothing is compressed."),
    Said("ZlibMemUsage", "current_zlib_memory", "gauge", "Bytes of memory that zlib uses."),
    Said("MaxZlibMemUsage", "max_zlib_memory", "gauge", "Bytes of memory that zlib may use."),
    Said("Tasks", "current_tasks", "gauge", "Tasks."),
    Said("Run_queue", "current_run_queue", "gauge", "Tasks that are ready to run."),
    Said("Idle_pct", "idle_time_percent", "gauge", "Share of the last second that it had nothing to do."),
    Said("Stopping", "stopping", "gauge", "Whether the process is about to leave."),
    Said("Jobs", "jobs", "gauge", "Connections, listeners and other jobs."),
    Said("Unstoppable Jobs", "unstoppable_jobs", "gauge", "Jobs that outlive an order to stop."),
    Said("Listeners", "listeners", "gauge", "Listeners."),
    Said("ActivePeers", "active_peers", "gauge", "Connections to peers that were agreed upon."),
    Said("ConnectedPeers", "connected_peers", "gauge", "Connections to peers that are established."),
    Said("DroppedLogs", "dropped_logs_total", "counter", "Log messages that were dropped."),
    Said("BusyPolling", "busy_polling_enabled", "gauge", "Whether it polls without sleeping."),
    Said("FailedResolutions", "failed_resolutions", "untyped", "Names that could not be resolved, since it started."),
    Said("TotalBytesOut", "bytes_out_total", "counter", "Bytes sent."),
    Said("TotalSplicedBytesOut", "spliced_bytes_out_total", "counter", "Bytes sent through a pipe."),
    Said("TotalSplicdedBytesOut", "spliced_bytes_out_total", "counter", "Bytes sent through a pipe."),
    Said("BytesOutRate", "bytes_out_rate", "gauge", "Bytes sent in the last second."),
    Said("CumRecvLogs", "recv_logs_total", "counter", "Log messages received to be forwarded."),
    Said("TotalWarnings", "total_warnings", "untyped", "Warnings since it started; since 3.2."),
    Said("PatternsAdded", "patterns_added_total", "counter", "Patterns added to maps and ACLs; since 3.3."),
    Said("PatternsFreed", "patterns_freed_total", "counter", "Patterns freed again; since 3.3."),
    Said("NbThreadGroups", "nb_thread_groups", "gauge", "Groups of threads; since 3.3."),
)

# counters, but without the _total that a counter's name ends in
RESOLVERS = (
    Said("sent", "sent", "untyped", "Questions sent to the name server."),
    Said("snd_error", "send_error", "untyped", "Questions that could not be sent."),
    Said("valid", "valid", "untyped", "Answers that were valid."),
    Said("update", "update", "untyped", "Answers that changed the address of a server."),
    Said("cname", "cname", "untyped", "Answers with another name."),
    Said("cname_error", "cname_error", "untyped", "Answers with another name that led nowhere."),
    Said("any_err", "any_err", "untyped", "Answers that were empty."),
    Said("nx", "nx", "untyped", "Answers that there is no such name."),
    Said("timeout", "timeout", "untyped", "Questions without an answer in time."),
    Said("refused", "refused", "untyped", "Questions that were refused."),
    Said("other", "other", "untyped", "Answers with other errors."),
    Said("invalid", "invalid", "untyped", "Answers that were no DNS."),
    Said("too_big", "too_big", "untyped", "Answers that were too large."),
    Said("truncated", "truncated", "untyped", "Answers that were cut off."),
    Said("outdated", "outdated", "untyped", "Answers that came after another server's."),
)
