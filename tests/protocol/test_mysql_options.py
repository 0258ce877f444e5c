"""Do options and a defaults file make the server, account and TLS settings that MySQL's own clients would take?"""

from __future__ import annotations

import pytest

from vipwarden.protocol.mysql.options import Target, TargetError, Tls

NO_TLS = (False, None, False)


def target(values: dict[str, str], given: dict[str, str], tls: tuple[bool, str | None, bool] = NO_TLS) -> Target:
    """Return the target of a defaults file /f and of some options."""
    host, socket, user, database = (given.get(name) for name in ("host", "socket", "user", "database"))
    return Target(host, None, socket, user, database, "/f", (values, False), Tls(*tls))


@pytest.mark.parametrize(
    ("values", "given", "host", "socket"),
    [
        ({}, {}, "127.0.0.1", ""),
        ({"host": "db", "socket": "/s"}, {}, "db", ""),
        ({"host": "localhost", "socket": "/s"}, {}, "localhost", "/s"),
        ({"host": "db", "socket": "/s"}, {"host": "h"}, "h", ""),
        ({"host": "db"}, {"socket": "/s"}, "127.0.0.1", "/s"),
        ({"socket": "/s"}, {}, "127.0.0.1", "/s"),
        ({}, {"host": "/s"}, "127.0.0.1", "/s"),
    ],
)
def test_options_override_host_and_socket_of_the_file(
    values: dict[str, str], given: dict[str, str], host: str, socket: str
) -> None:
    """A socket of the file is for the local host."""
    made = target(values, given)
    assert (made.host, made.socket) == (host, socket)


def test_account_database_and_port_come_from_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless options give them."""
    monkeypatch.delenv("MYSQL_PWD", raising=False)
    values = {"user": "u", "password": "p", "database": "d", "port": "3307"}
    made = target(values, {})
    assert (made.user, made.password, made.database, made.port) == (b"u", b"p", b"d", 3307)
    made = target(values, {"user": "other", "database": ""})
    assert (made.user, made.database) == (b"other", b"")


@pytest.mark.parametrize(
    ("values", "given", "reason"),
    [
        ({}, {"host": "h", "socket": "/s"}, "a host and a socket at once"),
        ({"socket": "s"}, {}, "no absolute path"),
        ({"host": "a b"}, {}, r"host = a b in /f"),
        ({"port": "many"}, {}, r"port = many in /f"),
    ],
)
def test_what_contradicts_itself_is_refused(values: dict[str, str], given: dict[str, str], reason: str) -> None:
    """With the file, where it is the file's."""
    with pytest.raises(TargetError, match=reason):
        target(values, given)


@pytest.mark.parametrize(
    ("values", "wanted", "chain", "name"),
    [
        ({}, False, True, True),
        ({"ssl_ca": "/ca"}, True, True, True),
        ({"ssl": "0", "ssl_ca": "/ca"}, False, True, True),
        ({"ssl": ""}, True, True, True),
        ({"ssl_mode": "DISABLED"}, False, True, True),
        ({"ssl_mode": "REQUIRED"}, True, False, False),
        ({"ssl_mode": "required", "ssl_ca": "/ca"}, True, True, False),
        ({"ssl_mode": "VERIFY_CA", "ssl_ca": "/ca"}, True, True, False),
        ({"ssl_mode": "VERIFY_IDENTITY", "ssl_ca": "/ca"}, True, True, True),
        ({"ssl": "", "ssl_verify_server_cert": "0"}, True, False, False),
    ],
)
def test_the_file_says_whether_and_how_to_encrypt(
    values: dict[str, str], wanted: bool, chain: bool, name: bool
) -> None:
    """By the words of MySQL and of MariaDB."""
    tls = Tls(*NO_TLS)
    tls.read(values)
    assert (tls.wanted, tls.check_chain, tls.check_name) == (wanted, chain, name)


def test_tls_of_an_option_is_not_weakened_by_the_file() -> None:
    """It is wanted and verified, whatever the file allows."""
    tls = Tls(True, None, False)
    tls.read({"ssl_mode": "DISABLED", "ssl": "0", "ssl_verify_server_cert": "0"})
    assert (tls.wanted, tls.check_chain, tls.check_name) == (True, True, True)
    with pytest.raises(TargetError, match="TLS is for TCP"):
        target({}, {"socket": "/s"}, (True, None, False))
