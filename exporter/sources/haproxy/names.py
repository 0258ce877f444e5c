"""Which metrics are HAProxy's columns? Kinds are Frontend, Listener, Backend, Server.

Names and types are those of HAProxy's own endpoint, 2.6 to 3.5 (addons/promex; since 3.2 stats.c and stats-proxy.c).
Rates, numbers of pipes and names without _total, which are counters there, are untyped: docs/exporter-haproxy.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from exporter.render.exposition import Kind


class Column(NamedTuple):
    """A column of "show stat" and its metric for some ``kinds``; times are in milliseconds."""

    column: str
    kinds: str
    name: str
    type: Kind
    help: str
    is_time: bool = False


STATES = {
    "F": ("DOWN", "UP"),
    "L": ("WAITING", "OPEN", "FULL"),
    "B": ("DOWN", "UP"),
    "S": ("DOWN", "UP", "MAINT", "DRAIN", "NOLB"),
}
# results of a check in the order of check_statuses in HAProxy's check.c
CHECKS = (
    *("HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP"),
    *("L7OK", "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK"),
)
CODES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other")

COLUMNS = (
    Column("qcur", "BS", "current_queue", "gauge", "Requests in the queue."),
    Column("qmax", "BS", "max_queue", "gauge", "Highest number of requests in the queue."),
    Column("scur", "FLBS", "current_sessions", "gauge", "Open sessions."),
    Column("smax", "FLBS", "max_sessions", "gauge", "Highest number of open sessions."),
    Column("slim", "FLBS", "limit_sessions", "gauge", "Limit of open sessions."),
    Column("stot", "FLBS", "sessions_total", "counter", "Sessions since the process started."),
    Column("bin", "FLBS", "bytes_in_total", "counter", "Bytes of requests."),
    Column("bout", "FLBS", "bytes_out_total", "counter", "Bytes of responses."),
    Column("dreq", "FLB", "requests_denied_total", "counter", "Requests denied by a rule."),
    Column("dresp", "FLBS", "responses_denied_total", "counter", "Responses denied by a rule."),
    Column("ereq", "FL", "request_errors_total", "counter", "Invalid requests."),
    Column("econ", "BS", "connection_errors_total", "counter", "Failed connections to servers."),
    Column("eresp", "BS", "response_errors_total", "counter", "Invalid responses."),
    Column("wretr", "BS", "retry_warnings_total", "counter", "Connections to servers that were retried."),
    Column("wredis", "BS", "redispatch_warnings_total", "counter", "Requests redispatched to another server."),
    Column("weight", "BS", "weight", "gauge", "Effective weight; of a backend the sum of its active servers."),
    Column("uweight", "BS", "uweight", "gauge", "Configured weight; of a backend the sum of its active servers."),
    Column("act", "B", "active_servers", "gauge", "Active servers that are UP with a weight."),
    Column("bck", "B", "backup_servers", "gauge", "Backup servers that are UP with a weight."),
    Column("act", "S", "active", "gauge", "Whether it is an active server; since 3.0."),
    Column("bck", "S", "backup", "gauge", "Whether it is a backup server; since 3.0."),
    Column("chkfail", "S", "check_failures_total", "counter", "Checks that failed while the server was UP."),
    Column("chkdown", "BS", "check_up_down_total", "counter", "Changes from UP to DOWN."),
    Column("lastchg", "BS", "check_last_change_seconds", "gauge", "Time since the last change of state."),
    Column("downtime", "BS", "downtime_seconds_total", "counter", "Time spent DOWN."),
    Column("qlimit", "S", "queue_limit", "gauge", "Limit of requests in the queue."),
    Column("throttle", "S", "current_throttle", "gauge", "Percentage of the weight during slow start."),
    Column("lbtot", "BS", "loadbalanced_total", "counter", "Requests assigned by load balancing."),
    Column("rate", "FBS", "current_session_rate", "gauge", "Sessions in the last second."),
    Column("rate_lim", "F", "limit_session_rate", "gauge", "Limit of new sessions per second."),
    Column("rate_max", "FBS", "max_session_rate", "gauge", "Highest number of sessions in a second."),
    Column("check_duration", "S", "check_duration_seconds", "gauge", "Duration of the last check.", True),
    Column("check_rise", "S", "check_rise", "gauge", "Successful checks in a row that make it UP."),
    Column("check_fall", "S", "check_fall", "gauge", "Failed checks in a row that make it DOWN."),
    Column("check_health", "S", "check_health", "gauge", "Health from 0 (DOWN) up; UP from the value of rise on."),
    Column("agent_duration", "S", "agent_duration_seconds", "gauge", "Duration of the last agent check.", True),
    Column("agent_rise", "S", "agent_rise", "gauge", "Successful agent checks in a row that make it UP."),
    Column("agent_fall", "S", "agent_fall", "gauge", "Failed agent checks in a row that make it DOWN."),
    Column("agent_health", "S", "agent_health", "gauge", "As check_health, for the agent check."),
    Column("hanafail", "S", "health_analysis_failures_total", "counter", "Failures seen in its traffic (observe)."),
    Column("req_rate", "F", "http_requests_rate_current", "gauge", "HTTP requests in the last second."),
    Column("req_rate_max", "F", "http_requests_rate_max", "gauge", "Highest number of HTTP requests in a second."),
    Column("req_tot", "FBS", "http_requests_total", "counter", "HTTP requests."),
    Column("cli_abrt", "BS", "client_aborts_total", "counter", "Transfers aborted by the client."),
    Column("srv_abrt", "BS", "server_aborts_total", "counter", "Transfers aborted by the server."),
    Column("comp_in", "FB", "http_comp_bytes_in_total", "counter", "Bytes that came to the compressor."),
    Column("comp_out", "FB", "http_comp_bytes_out_total", "counter", "Bytes that left the compressor."),
    Column("comp_byp", "FB", "http_comp_bytes_bypassed_total", "counter", "Bytes that went past the compressor."),
    Column("comp_rsp", "FB", "http_comp_responses_total", "counter", "Compressed responses."),
    Column("lastsess", "BS", "last_session_seconds", "gauge", "Time since the last session; absent if there was none."),
    Column("qtime", "BS", "queue_time_average_seconds", "gauge", "Mean time in the queue, of 1024 requests.", True),
    Column("ctime", "BS", "connect_time_average_seconds", "gauge", "Mean time to connect, of 1024 requests.", True),
    Column("rtime", "BS", "response_time_average_seconds", "gauge", "Mean response time, of 1024 requests.", True),
    Column("ttime", "BS", "total_time_average_seconds", "gauge", "Mean duration of a session, of 1024 sessions.", True),
    Column("qtime_max", "BS", "max_queue_time_seconds", "gauge", "Longest time in the queue.", True),
    Column("ctime_max", "BS", "max_connect_time_seconds", "gauge", "Longest time to connect.", True),
    Column("rtime_max", "BS", "max_response_time_seconds", "gauge", "Longest response time.", True),
    Column("ttime_max", "BS", "max_total_time_seconds", "gauge", "Longest session.", True),
    Column("conn_rate", "F", "connections_rate_current", "gauge", "Connections in the last second."),
    Column("conn_rate_max", "F", "connections_rate_max", "gauge", "Highest number of connections in a second."),
    Column("conn_tot", "FL", "connections_total", "counter", "Connections."),
    Column("intercepted", "F", "intercepted_requests_total", "counter", "Requests answered by HAProxy itself."),
    Column("dcon", "FL", "denied_connections_total", "counter", "Connections denied by a rule."),
    Column("dses", "FL", "denied_sessions_total", "counter", "Sessions denied by a rule."),
    Column("wrew", "FLBS", "failed_header_rewriting_total", "counter", "Headers that could not be rewritten."),
    Column("connect", "BS", "connection_attempts_total", "counter", "Attempts to connect."),
    Column("reuse", "BS", "connection_reuses_total", "counter", "Reused connections."),
    Column("cache_lookups", "FB", "http_cache_lookups_total", "counter", "Lookups in the cache."),
    Column("cache_hits", "FB", "http_cache_hits_total", "counter", "Hits in the cache."),
    Column("cache_hint_hits", "FB", "http_cache_hint_hits_total", "counter", "Early hints from the cache; since 3.5."),
    Column("srv_icur", "S", "idle_connections_current", "gauge", "Idle connections that can be reused."),
    Column("src_ilim", "S", "idle_connections_limit", "gauge", "Limit of idle connections."),
    Column("eint", "FLBS", "internal_errors_total", "counter", "Errors inside HAProxy."),
    Column("idle_conn_cur", "S", "unsafe_idle_connections_current", "gauge", "Idle connections not safe to reuse."),
    Column("safe_conn_cur", "S", "safe_idle_connections_current", "gauge", "Idle connections safe to reuse."),
    Column("priv_idle_cur", "S", "private_idle_connections_current", "gauge", "Idle private connections; since 3.3."),
    Column("used_conn_cur", "S", "used_connections_current", "gauge", "Connections in use."),
    Column("need_conn_est", "S", "need_connections_current", "gauge", "Estimate of needed connections."),
    Column("reqbin", "FLBS", "req_bytes_in_total", "counter", "Bytes of requests from clients; since 3.3."),
    Column("reqbout", "FLBS", "req_bytes_out_total", "counter", "Bytes of requests to servers; since 3.3."),
    Column("resbin", "FLBS", "res_bytes_in_total", "counter", "Bytes of responses from servers; since 3.3."),
    Column("resbout", "FLBS", "res_bytes_out_total", "counter", "Bytes of responses to clients; since 3.3."),
)
