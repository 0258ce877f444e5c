"""Which variable makes which option, and what comes of it? One row for each option of each check."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from tests.clients.node import ADDRESS, PAGE, PORT, PROGRAM

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.servers.mariadb import MariaDB

Value: TypeAlias = "str | float | bool | list[str]"

OK, WARNING, CRITICAL, UNKNOWN = range(4)
TLS_PORT = 8443
MD5, SHA256 = hashlib.md5(PAGE.encode()).hexdigest(), hashlib.sha256(PAGE.encode()).hexdigest()


class Row(NamedTuple):
    """Variables without their prefix, the words of the command line that they make, and its exit code."""

    variables: Mapping[str, Value]
    words: tuple[str, ...]
    code: int = OK


def rows(web: Path, certificate: Path, database: MariaDB) -> dict[str, dict[str, Row]]:
    """Return the rows of each check by the option that they are about; each variable that is set makes words."""
    here: dict[str, Value] = {"port": PORT}
    at = ("--port", str(PORT))
    port = {
        "host": Row(here | {"host": ADDRESS}, (*at, "--host", ADDRESS)),
        "port": Row({"port": f"{PORT},1"}, ("--port", f"{PORT},1"), CRITICAL),
        "ipv4": Row(here | {"ipv4": True}, (*at, "--ipv4")),
        "ipv6": Row(here | {"ipv6": True}, (*at, "--ipv6"), UNKNOWN),
        "source": Row(here | {"source": ADDRESS}, (*at, "--source", ADDRESS)),
        "send": Row(here | {"send": r"HEAD / HTTP/1.0\r\n\r\n"}, (*at, "--send", r"HEAD / HTTP/1.0\r\n\r\n")),
        "expect": Row(
            here | {"send": r"HEAD / HTTP/1.0\r\n\r\n", "expect": "200 OK"},
            (*at, "--send", r"HEAD / HTTP/1.0\r\n\r\n", "--expect", "200 OK"),
        ),
        "refused": Row({"port": 1, "refused": "warning"}, ("--port", "1", "--refused", "warning"), WARNING),
        "warning": Row(here | {"warning": "@0:9"}, (*at, "--warning", "@0:9"), WARNING),
        "critical": Row(here | {"critical": "@0:9"}, (*at, "--critical", "@0:9"), CRITICAL),
        # nginx says nothing of its own accord: the plugin ends by itself, long before Icinga would end it
        "timeout": Row(
            here | {"expect": "x", "timeout": "0.2:warning"},
            (*at, "--expect", "x", "--timeout", "0.2:warning"),
            WARNING,
        ),
        "name": Row(here | {"name": "a $$ and 'quotes' | more"}, (*at, "--name", "a $ and 'quotes' | more")),
        "verbose": Row(here | {"verbose": 2}, (*at, "-vv")),
    }
    digest = {
        **{name: port[name] for name in ("host", "ipv4", "ipv6", "source", "warning", "critical", "name")},
        "port": Row({"port": 1}, ("--port", "1"), CRITICAL),
        "path": Row(here | {"path": "/nothing"}, (*at, "--path", "/nothing"), CRITICAL),
        "virtualhost": Row(here | {"virtualhost": "web.test"}, (*at, "--virtualhost", "web.test")),
        "digest": Row(here | {"digest": ["0" * 32, MD5]}, (*at, "--digest", "0" * 32, "--digest", MD5)),
        "status": Row(here | {"status": "301-399,404"}, (*at, "--status", "301-399,404"), CRITICAL),
        "regex": Row(here | {"regex": "^It costs 5[$$] .*;"}, (*at, "--regex", "^It costs 5[$] .*;")),
        "http_version": Row(here | {"http_version": "1.0C"}, (*at, "--http-version", "1.0C")),
        "decoded": Row(here | {"decoded": True}, (*at, "--decoded")),
        "algorithm": Row(
            here | {"algorithm": "sha256", "digest": SHA256}, (*at, "--algorithm", "sha256", "--digest", SHA256)
        ),
        "max_bytes": Row(here | {"max_bytes": 16777215}, (*at, "--max-bytes", "16777215")),
        "timeout": Row(here | {"timeout": 3}, (*at, "--timeout", "3")),
        "verbose": Row(here | {"verbose": True}, (*at, "-v")),
    }
    tls: dict[str, Value] = {"port": TLS_PORT, "tls": True}
    over = ("--port", str(TLS_PORT), "--tls")
    trusted = ("--ca-file", str(certificate))
    digest |= {
        "tls": Row(tls, over, CRITICAL),
        "sni": Row(tls | {"sni": "web.test", "ca_file": str(certificate)}, (*over, *trusted, "--sni", "web.test")),
        "ca_file": Row(tls | {"ca_file": str(certificate)}, (*over, *trusted), CRITICAL),  # not its address's
        "insecure": Row(tls | {"insecure": True}, (*over, "--insecure")),
    }
    mysql_at: dict[str, Value] = {"host": "127.0.0.1", "port": database.port}
    there = ("--host", "127.0.0.1", "--port", str(database.port))
    file: dict[str, Value] = {"defaults_file": f"{database.folder}/my.cnf"}
    by = ("--defaults-file", f"{database.folder}/my.cnf")
    ca_file = database.ca_file
    mysql = {
        "host": Row(mysql_at | file, (*there, *by)),
        "port": Row({"port": 1} | file, ("--port", "1", *by), CRITICAL),
        "socket": Row({"socket": database.socket} | file, ("--socket", database.socket, *by)),
        "user": Row(mysql_at | file | {"user": "nobody"}, (*there, *by, "--user", "nobody"), CRITICAL),
        "database": Row(mysql_at | file | {"database": "none"}, (*there, *by, "--database", "none"), CRITICAL),
        "defaults_file": Row(mysql_at | file, (*there, *by)),
        "group": Row(mysql_at | file | {"group": "wrong"}, (*there, *by, "--group", "wrong"), CRITICAL),
        "ignore_auth": Row(mysql_at | {"ignore_auth": True}, (*there, "--ignore-auth")),
        "tls": Row(mysql_at | file | {"tls": True}, (*there, *by, "--tls"), CRITICAL),
        "ca_file": Row(mysql_at | file | {"ca_file": ca_file}, (*there, *by, "--ca-file", ca_file)),
        "insecure": Row(mysql_at | file | {"insecure": True}, (*there, *by, "--insecure")),
        "warning": Row(mysql_at | file | {"warning": "@0:9"}, (*there, *by, "--warning", "@0:9"), WARNING),
        "critical": Row(mysql_at | file | {"critical": "@0:9"}, (*there, *by, "--critical", "@0:9"), CRITICAL),
        "timeout": Row(mysql_at | file | {"timeout": 2.5}, (*there, *by, "--timeout", "2.500000")),
        "name": Row(mysql_at | file | {"name": "db"}, (*there, *by, "--name", "db")),
        "verbose": Row(mysql_at | file | {"verbose": 3}, (*there, *by, "-vvv")),
    }
    named: dict[str, Value] = {"command": PROGRAM}
    of = ("--command", PROGRAM)
    pid = f"{web}/nginx.pid"
    process = {
        "command": Row(named, of),
        "argument": Row(
            {"argument": f"^nginx: .*{web}/nginx.conf"}, ("--argument", f"^nginx: .*{web}/nginx.conf"), CRITICAL
        ),
        "pidfile": Row({"pidfile": pid}, ("--pidfile", pid)),
        "user": Row(named | {"user": 12345}, (*of, "--user", "12345"), CRITICAL),
        "containers": Row(named | {"containers": True}, (*of, "--containers")),
        "warning": Row(named | {"warning": "2:"}, (*of, "--warning", "2:"), WARNING),
        "critical": Row(named | {"critical": "2:4"}, (*of, "--critical", "2:4"), CRITICAL),
        "age": Row(named | {"age": "3600:"}, (*of, "--age", "3600:"), CRITICAL),
        "rss": Row(named | {"rss": "1G:2G"}, (*of, "--rss", "1G:2G"), CRITICAL),
        "proc": Row(named | {"proc": str(web)}, (*of, "--proc", str(web)), UNKNOWN),
        "timeout": Row(named | {"timeout": 5}, (*of, "--timeout", "5")),
        "name": Row(named | {"name": "program"}, (*of, "--name", "program")),
        "verbose": Row(named | {"verbose": False}, of),
    }
    return {"port": port, "http_digest": digest, "mysql_ping": mysql, "process": process}
