"""A database breaks behind the director, or takes offence at being checked."""

from __future__ import annotations

import signal

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS

_TCP = "TCP_CHECK {\n connect_timeout 3\n retry 1\n delay_before_retry 1\n }"
_LOGIN = "/etc/vipwarden/mysql.cnf"
_BROKEN = "10.20.0.51:3306"
_EVERY = 2


def _begin(case: Case) -> None:
    case.start(("client", "lvs1", "db1", "db2"))
    case.databases("db1", "db2")
    case["lvs1"].write(_LOGIN, conf.LOGIN, 0o600)
    blocks = {}
    for address in ("10.20.0.51", "10.20.0.52"):
        command = case.timed(f"{SCRIPTS}/chk_mysql_ping -H {address} -f {_LOGIN}", address)
        ours = conf.misc(command, "misc_timeout 5")
        blocks[f"{address} 3306"] = ours if case.ours else _TCP
    case.directors(conf.service("10.10.0.20", 3306, "NAT", blocks, every=_EVERY), 2)
    case.probe("10.10.0.20", 3306)


def _break(case: Case) -> None:
    """Come to the point at which it breaks; a TCP_CHECK has no process to be seen."""
    if case.ours:
        case.fault("lvs1", _EVERY, "10.20.0.51")
    else:
        case.fault()


def _noticed(case: Case) -> str:
    case.until("the real server is out of the table", lambda: case.weight(_BROKEN) is None)
    case.until("the clients are served", case.served)  # with two requests a second they may have noticed nothing
    return "taken out"


def _unnoticed(case: Case) -> None:
    case.fails("clients fail")
    case.stays("the real server keeps its weight", lambda: case.weight(_BROKEN) == 10, 6)
    case.expect("clients still fail", not case.served())


@scenario("a database stops", tutorial="TCP_CHECK", ours="chk_mysql_ping")
def database_stopped(case: Case) -> str:
    """Its port is closed: what any look at the port sees."""
    _begin(case)
    _break(case)
    case["db1"].kill("mariadbd", signal.SIGKILL)
    return _noticed(case)


@scenario("a database refuses the login", tutorial="TCP_CHECK", ours="chk_mysql_ping")
def database_login(case: Case) -> str:
    """Lock the account of the application on one of two."""
    _begin(case)
    sql = ["mariadb", "--no-defaults", "-S/run/db/sock", "-uroot", "-e"]
    _break(case)
    case["db1"].run(*sql, "ALTER USER app@'%' ACCOUNT LOCK")
    if not case.ours:
        _unnoticed(case)
        return "its port is open: healthy"
    said = _noticed(case)
    case["db1"].run(*sql, "ALTER USER app@'%' ACCOUNT UNLOCK")
    case.until("the real server is back in the table", lambda: case.weight(_BROKEN) == 10)
    return f"{said}, back when mended"


@scenario(
    "a check makes the database block the balancer (max_connect_errors)",
    tutorial="connect and hang up",
    ours="chk_mysql_ping",
)
def database_connect_errors(case: Case) -> str:
    """HAProxy and the check on its node come from one address, which the server blocks after so many errors."""
    case.start(("client", "ha1", "db1"))
    case.databases("db1")
    case.haproxy("listen db\n  mode tcp\n  bind *:3306\n  server db1 10.20.0.51:3306\n")
    case["ha1"].write(_LOGIN, conf.LOGIN, 0o600)
    ours = f"{SCRIPTS}/chk_mysql_ping -H 10.20.0.51 -f {_LOGIN}"
    command = ours if case.ours else f"{case.script('check_connect.sh')} 10.20.0.51 3306"
    check = conf.script(command, "interval 1\n  timeout 5\n  fall 3\n  rise 2")
    case.keepalived({"ha1": conf.haproxy_node("ha1", check)})
    case.watch("10.10.0.31")
    case.until("ha1 holds its VIP", lambda: case.at("10.10.0.31", "ha1"))
    case.stays("the check is content while no client comes", lambda: case.at("10.10.0.31", "ha1"), 9)
    case.probe("10.10.0.31", 3306, served=case.ours)
    if case.ours:
        case.stays("clients are served", lambda: not case.clients().failed)
        return "never blocked"
    case.fails("the clients are not served")
    case.expect("they never were", not case.clients().pages)
    case.stays("the check goes on to say healthy", lambda: case.at("10.10.0.31", "ha1"), 3)
    return "the check has HAProxy blocked"
