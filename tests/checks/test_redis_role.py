"""Is a Redis server a master or a replica, and does Sentinel agree? Beside real ones, and against liars."""

from __future__ import annotations

import posix
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from checks.redis_role import redis_role
from tests.agent.drive import resident
from tests.checks.mysql import eventually
from tests.drive import oneshot
from tests.servers import misbehaving as servers
from tests.servers.mariadb import certificates
from tests.servers.redis import Redis, redis
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOADS = """vipwarden.net.file vipwarden.net.secret vipwarden.protocol vipwarden.protocol.redis
    vipwarden.protocol.redis.codec vipwarden.protocol.redis.session vipwarden.protocol.wire"""
AUTH = "user default on >secret ~* &* +@all", "user mon on >watch +ping +info"


class Group(NamedTuple):
    """A master, its replica and who watches them."""

    master: Redis
    replica: Redis
    sentinel: Redis


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """Run two servers and a Sentinel."""
    folder = tmp_path_factory.mktemp("redis")
    with redis(folder) as master, redis(folder, f"replicaof 127.0.0.1 {master.port}") as replica:
        watched = f"sentinel monitor mymaster 127.0.0.1 {master.port} 1"
        with redis(folder, watched, sentinel=True) as sentinel:
            assert eventually(lambda: ask(replica).state == OK)
            assert eventually(lambda: ask(master, *by(sentinel)).state == OK)
            yield Group(master, replica, sentinel)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """Run a server with two users."""
    with redis(tmp_path_factory.mktemp("acl"), *AUTH) as server:
        yield server


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with redis(folder, *AUTH) as server:
        yield f"-H 127.0.0.1 -p {server.port} -f {secret(folder)} --master"


def secret(folder: Path, text: str = "secret\n", mode: int = 0o600) -> str:
    """Write a file with a password."""
    path = folder / "redis.password"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def ask(server: Redis | int, *arguments: str) -> Result:
    """Ask a server on loopback by its port."""
    port = server.port if isinstance(server, Redis) else server
    return oneshot(redis_role, "-H", "127.0.0.1", "-p", str(port), *arguments)


def by(sentinel: Redis | int) -> tuple[str, ...]:
    """Return the options for a Sentinel."""
    port = sentinel.port if isinstance(sentinel, Redis) else sentinel
    return "--sentinel", "127.0.0.1", "--sentinel-port", str(port)


class TestGroup:
    """Real servers."""

    @pytest.mark.parametrize(
        ("which", "arguments", "state", "text"),
        [
            ("master", "", OK, "is a master with 1 replica ("),
            ("master", "--master", OK, "is a master with 1 replica ("),
            ("master", "--replica", CRITICAL, "is a master, not a replica"),
            ("replica", "--replica --lag-critical 60", OK, "is a replica of 127.0.0.1:"),
            ("replica", "--lag-warning 100: --lag-critical 60", WARNING, "heard from it"),
            ("replica", "--master", CRITICAL, "is a replica, not a master"),
            ("sentinel", "", CRITICAL, "is neither master nor replica, but a Sentinel"),
        ],
    )
    def test_roles(self, group: Group, which: str, arguments: str, state: State, text: str) -> None:
        """Both drivers say the same."""
        server: Redis = getattr(group, which)
        for drive in (oneshot, resident):
            result = drive(redis_role, "-H", "127.0.0.1", "-p", str(server.port), *arguments.split())
            assert (result.state, text in result.text) == (state, True), result

    def test_the_unix_socket(self, group: Group) -> None:
        """By its path."""
        result = oneshot(redis_role, "-H", group.master.path)
        assert (result.state, f"on {group.master.path} is a master" in result.text) == (OK, True)

    def test_sentinel_agrees_with_the_right_one_only(self, group: Group, tmp_path: Path) -> None:
        """A master that it does not know is an old one."""
        result = ask(group.master, "--master", *by(group.sentinel))
        assert (result.state, ", and Sentinel agrees (" in result.text) == (OK, True)
        with redis(tmp_path) as old:
            result = ask(old, "--master", *by(group.sentinel))
        assert result.state == CRITICAL
        wanted = f"but Sentinel 127.0.0.1:{group.sentinel.port} says that 127.0.0.1:{group.master.port} is the master"
        assert wanted in result.text

    def test_sentinels_that_do_not_say_so(self, group: Group) -> None:
        """Where nobody can be asked the state is not known; half is not enough."""
        with servers.closed() as closed:
            result = ask(group.master, *by(closed.port))
        assert (result.state, "but too few Sentinels say so: Sentinel 127.0.0.1:" in result.text) == (UNKNOWN, True)
        result = ask(group.master, *by(group.sentinel), "--sentinel", "127.0.0.2")
        assert result.state == UNKNOWN
        result = ask(group.master, *by(group.sentinel), "--sentinel-master", "other")
        assert (result.state, "No such master" in result.text) == (UNKNOWN, True)

    def test_a_replica_that_lost_its_master(self, tmp_path: Path) -> None:
        """Its link is down, from the start or later."""
        with servers.closed() as closed, redis(tmp_path, f"replicaof 127.0.0.1 {closed.port}") as replica:
            result = ask(replica, "--replica")
        assert result.state == CRITICAL
        assert f"is a replica whose link to 127.0.0.1:{closed.port} is down" in result.text


class TestLogin:
    """Passwords and users."""

    def test_a_file_or_the_environment(self, locked: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The file goes first; a user needs no more than PING and INFO."""
        assert ask(locked, "-f", secret(tmp_path)).state == OK
        monkeypatch.setitem(posix.environ, b"REDISCLI_AUTH", b"watch")
        assert ask(locked, "--user", "mon").state == OK
        assert ask(locked, "-f", secret(tmp_path)).state == OK

    def test_what_is_wrong_is_said_in_the_words_of_the_server(self, locked: Redis, tmp_path: Path) -> None:
        """Without the password."""
        assert "answered NOAUTH" in ask(locked).text
        result = ask(locked, "-f", secret(tmp_path, "hunter2\n"))
        assert result.state == CRITICAL
        assert "answered WRONGPASS" in result.text
        assert "hunter2" not in result.text

    def test_a_file_that_cannot_be_used(self, locked: Redis, tmp_path: Path) -> None:
        """Others may read it at most, and it has one line."""
        assert "chmod 600" in ask(locked, "-f", secret(tmp_path, mode=0o644)).notes[0]
        for path, reason in (
            (secret(tmp_path, mode=0o666), "can be written by everybody"),
            ("/nonexistent", "cannot read /nonexistent"),
        ):
            result = ask(locked, "-f", path)
            assert (result.state, reason in result.text) == (UNKNOWN, True)
        result = ask(locked, "-f", secret(tmp_path, "one\ntwo\n"))
        assert (result.state, "one line" in result.text) == (UNKNOWN, True)
        result = ask(locked, "--user", "mon")
        assert (result.state, "no password for the user mon" in result.text) == (UNKNOWN, True)

    def test_tls(self, tmp_path: Path) -> None:
        """The certificate counts, unless it must not."""
        certificates(tmp_path, "127.0.0.1")
        subprocess.run(["chmod", "644", tmp_path / "server.key"], check=True)
        lines = (f"tls-cert-file {tmp_path}/server.pem", f"tls-key-file {tmp_path}/server.key", "tls-auth-clients no")
        with servers.closed() as closed:
            port = closed.port
        with redis(tmp_path, *lines, f"tls-port {port}"):
            assert ask(port, "--ca-file", f"{tmp_path}/ca.pem").state == OK
            assert ask(port, "--insecure").state == OK
            result = ask(port, "-S")
            assert (result.state, "is not valid" in result.text) == (CRITICAL, True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--master --replica", "give one of them"),
        ("--master --lag-critical 5", "only a replica has a lag"),
        ("--replica --sentinel 127.0.0.1", "Sentinel is asked about a master"),
        ("-H /run/redis.sock -S", "TLS is for TCP"),
    ],
)
def test_options_that_contradict_each_other(arguments: str, reason: str) -> None:
    """Nothing is sent."""
    result = oneshot(redis_role, *arguments.split())
    assert (result.state, reason in result.text) == (UNKNOWN, True)


def info(text: str) -> bytes:
    """Return the replies to PING and both INFOs."""
    raw = text.replace(" ", "\r\n").encode()
    return b"+PONG\r\n$0\r\n\r\n$%d\r\n%s\r\n" % (len(raw), raw)


class TestLiars:
    """Servers that are mute, drip, pour, lie or cut off; and states that a test cannot bring about in time."""

    @pytest.mark.parametrize(
        ("behave", "state", "said"),
        [
            (servers.hold, CRITICAL, "no answer from"),
            (servers.drip(info("role:master"), 0.2), CRITICAL, "within"),
            (servers.pour, CRITICAL, "which is no Redis reply"),
            (servers.hang_up, CRITICAL, "127.0.0.1"),
            (servers.reset, CRITICAL, "127.0.0.1"),
            (servers.answer(b"$100000\r\nx"), CRITICAL, "no answer from"),
            (servers.answer(b"$99999999\r\n"), CRITICAL, "sent a reply of 99999999 bytes"),
            (servers.answer(b"*1\r\n" * 5000), CRITICAL, "deep"),
            (servers.answer(b"-LOADING Redis is loading\r\n"), CRITICAL, "answered LOADING Redis is loading"),
            (servers.answer(b"+PONG\r\n:1\r\n:2\r\n"), CRITICAL, "answered PING and INFO with something else"),
            (servers.answer(info("role:slave master_sync_in_progress:1")), CRITICAL, "still being synchronised"),
            (servers.answer(info("role:slave master_link_status:up")), OK, "is a replica of"),
            (servers.answer(info("role:\x1b[2J")), CRITICAL, "is neither master nor replica"),
            (servers.answer(info("")), CRITICAL, "but silent about it"),
        ],
    )
    def test_what_is_no_good_answer(self, behave: servers.Behaviour, state: State, said: str) -> None:
        """With what came, as one line."""
        with servers.Server(behave) as server:
            result = ask(server.port, "-t", "0.5")
        assert (result.state, said in result.text) == (state, True), result
        assert result.text.isprintable()

    def test_valkey_is_called_so(self) -> None:
        """It has fields of its own."""
        text = b"server_name:valkey\r\nredis_version:7.2.4\r\nvalkey_version:8.0.1\r\n"
        data = b"+PONG\r\n$%d\r\n%s\r\n$11\r\nrole:master\r\n" % (len(text), text)
        with servers.Server(servers.answer(data)) as server:
            assert "Valkey 8.0.1 on" in ask(server.port).text

    def test_a_port_where_nobody_listens(self) -> None:
        """It is closed."""
        with servers.closed() as server:
            result = ask(server.port)
        assert (result.state, "no Redis: 127.0.0.1" in result.text, "is closed" in result.text) == (
            CRITICAL,
            True,
            True,
        )
