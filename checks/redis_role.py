"""Is a Redis server a master or a replica, and does Sentinel agree?

Nagios redis_master!PASSWORD_FILE: -f PASSWORD_FILE --master
Nagios redis_replica!PASSWORD_FILE!SECONDS: -f PASSWORD_FILE --replica --lag-critical SECONDS
NRPE redis: -H 127.0.0.1
"""

from __future__ import annotations

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Metric, Range, Result, one_line
from vipwarden.core.values import Host, Port, Seconds
from vipwarden.net.stream import NetError
from vipwarden.protocol.redis.codec import fields, pairs
from vipwarden.protocol.redis.session import RefusalError, ask, login_words
from vipwarden.protocol.wire import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

    from vipwarden.core.result import State
    from vipwarden.net.net import Net

LATER = ("vipwarden.net.file", "vipwarden.net.secret")
LOCAL, REDIS, SENTINEL = Host("127.0.0.1"), Port(6379), Port(26379)
OWN_LETTERS = {"f": "password_file"}


async def redis_role(
    net: Net,
    *,
    host: Host = LOCAL,
    port: Port = REDIS,
    user: str | None = None,
    password_file: str | None = None,
    master: bool = False,
    replica: bool = False,
    lag_warning: Range | None = None,
    lag_critical: Range | None = None,
    sentinel: tuple[Host, ...] = (),
    sentinel_port: Port = SENTINEL,
    sentinel_master: str = "mymaster",
    sentinel_password_file: str | None = None,
    tls: bool = False,
    ca_file: str | None = None,
    insecure: bool = False,
    warning: Range | None = None,
    critical: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    """Is a Redis server a master or a replica, and does Sentinel agree?

    Sends AUTH where there is a password, PING and INFO in one piece. A replica whose link to its master is down, or
    that is still being synchronised, is CRITICAL. More than half of the given Sentinels must know a master as such: an
    old master that comes back calls itself one until they demote it. The password comes from a file or from
    REDISCLI_AUTH. Valkey speaks the same.

    host: name, IPv4 or IPv6 address, or absolute path of a unix socket
    port: TCP port
    user: ACL user; default the user named default
    password_file: file whose one line is the password; mode 0600
    master: the server must be a master
    replica: the server must be a replica
    lag_warning: range for the seconds since a replica last heard from its master
    lag_critical: range for the seconds since a replica last heard from its master
    sentinel: Sentinel that must agree that the server is the master
    sentinel_port: TCP port of the Sentinels
    sentinel_master: name of the master in their configuration
    sentinel_password_file: file whose one line is the password of the Sentinels; mode 0600
    tls: use TLS, also for the Sentinels; verify certificate and host name
    ca_file: PEM file with the CA certificates to trust instead of the system's; implies TLS
    insecure: use TLS without verification: a man in the middle can read the password; implies TLS
    warning: range for the duration in seconds
    critical: range for the duration in seconds
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    wrong = ""
    if master and replica:
        wrong = "a server is a master or a replica: give one of them"
    if master and (lag_warning or lag_critical):
        wrong = "only a replica has a lag"
    if replica and sentinel:
        wrong = "Sentinel is asked about a master, not about a replica"
    if host.startswith("/") and (tls or ca_file or insecure):
        wrong = "TLS is for TCP: the unix socket does not leave the node"
    if wrong:
        return Result(UNKNOWN, f"{host}: {wrong}")
    notes: list[str] = []
    try:
        login = await login_words(net, user, password_file, notes)
        context: ssl.SSLContext | None = None
        if tls or ca_file or insecure:
            from vipwarden.net.trust import context as settings

            context = await settings(net, ca_file, insecure)
        known, name = await _info(net, host, port, context, login)
        state, text, metrics = _judged(known, master, replica, lag_warning, lag_critical)
        if sentinel and known.get("role") == "master":
            login = await login_words(net, None, sentinel_password_file, notes) if sentinel_password_file else []
            word = await _sentinels(net, sentinel, sentinel_port, sentinel_master, context, login, known, notes)
            state, text = word[0], f"{text}, {word[1]}"
    except NetError as error:
        return error.result("no Redis", [net.time(warning, critical)])
    except RefusalError as refusal:
        return Result(CRITICAL, one_line(str(refusal)), [net.time(warning, critical)], notes=notes)
    except ValueError as error:  # of the files with passwords
        return Result(UNKNOWN, one_line(str(error)))
    time = net.time(warning, critical)
    state = max(state, time.state)
    return Result(state, f"{name} {text} ({time.value * 1000:.3g} ms)", [time, *metrics], notes=notes)


async def _info(
    net: Net, host: str, port: int, context: ssl.SSLContext | None, login: Sequence[bytes]
) -> tuple[dict[str, str], str]:
    """Return what the server says of itself, and its name; raises NetError and RefusalError."""
    name, replies = await ask(
        net, host, port, context, login, (b"PING",), (b"INFO", b"server"), (b"INFO", b"replication")
    )
    texts = [reply for reply in replies[1:] if isinstance(reply, bytes)]
    if replies[0] != b"PONG" or len(texts) != 2:
        raise NetError("reset", f"{name} answered PING and INFO with something else")
    known = {**fields(texts[0]), **fields(texts[1])}
    product = "Valkey" if known.get("server_name") == "valkey" else "Redis"
    version = known.get(f"{product.lower()}_version", "")
    return known, f"{product} {version} on {name}"


def _judged(
    known: Mapping[str, str], master: bool, replica: bool, warning: Range | None, critical: Range | None
) -> tuple[State, str, list[Metric]]:
    """Return state, text and metrics for what the server says of itself."""
    role = known.get("role", "")
    if role == "master":
        replicas = _number(known.get("connected_slaves")) or 0
        text = f"is a master with {replicas} replica{'s' if replicas != 1 else ''}"
        if replica:
            return CRITICAL, "is a master, not a replica", []
        return OK, text, [Metric("replicas", replicas, minimum=0)]
    if role != "slave":
        what = "a Sentinel" if known.get("redis_mode") == "sentinel" else role or "silent about it"
        return CRITICAL, f"is neither master nor replica, but {what}", []
    if master:
        return CRITICAL, "is a replica, not a master", []
    source = f"{known.get('master_host')}:{known.get('master_port')}"
    if known.get("master_sync_in_progress", "0") != "0":
        return CRITICAL, f"is a replica that is still being synchronised with {source}", []
    if known.get("master_link_status") != "up":
        since = _number(known.get("master_link_down_since_seconds"))
        down = f" for {since} s" if since is not None and since >= 0 else ""
        return CRITICAL, f"is a replica whose link to {source} is down{down}", []
    lag = _number(known.get("master_last_io_seconds_ago"))
    if lag is None or lag < 0:
        return CRITICAL if critical else OK, f"is a replica of {source}", []
    metric = Metric("lag", lag, "s", warn=warning, crit=critical, minimum=0)
    return metric.state, f"is a replica of {source}, heard from it {lag} s ago", [metric]


async def _sentinels(
    net: Net,
    hosts: Sequence[str],
    port: int,
    master: str,
    context: ssl.SSLContext | None,
    login: Sequence[bytes],
    known: Mapping[str, str],
    notes: list[str],
) -> tuple[State, str]:
    """Return whether the Sentinels agree that the server is the master, as state and text."""
    agree = 0
    others: list[str] = []
    errors: list[str] = []
    for index, host in enumerate(hosts):
        net.share(len(hosts) - index)
        try:
            name, replies = await ask(net, host, port, context, login, (b"SENTINEL", b"MASTER", master.encode()))
            said = pairs(replies[0])
        except (NetError, RefusalError, WireError) as error:
            errors.append(f"Sentinel {error}")
            continue
        where = f"{said.get('ip')}:{said.get('port')}"
        notes.append(f"Sentinel {name} knows {where} as {master} ({said.get('flags')})")
        if said.get("runid") and said.get("runid") == known.get("run_id"):
            agree += 1
        else:
            others.append(f"Sentinel {name} says that {where} is the master")
    notes += errors
    if agree * 2 > len(hosts):
        return OK, "and Sentinel agrees"
    if others:
        return CRITICAL, f"but {'; '.join(others)}"
    return UNKNOWN, f"but too few Sentinels say so: {'; '.join(errors)}"


def _number(text: str | None) -> int | None:
    digits = (text or "").removeprefix("-")
    return int(text or "") if digits.isascii() and digits.isdigit() and len(digits) < 19 else None
