"""Which modules does a chk_ command load? An exact list for each check, so that a heavy import is seen at once.

A health check runs once a second for each service: what it imports is most of what it costs.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import CODE, environment
from tests.servers import misbehaving as servers
from tests.servers.mariadb import mariadb
from tests.servers.nginx import nginx
from vipwarden.core.registry import names

if TYPE_CHECKING:
    from collections.abc import Iterator

# What every one of them loads beside a bare interpreter.
CORE = """
    __future__ _socket select
    checks keepalived_scripts keepalived_scripts.chk
    vipwarden vipwarden.core vipwarden.core.options vipwarden.core.result vipwarden.core.values
    vipwarden.net vipwarden.net.blocking vipwarden.net.net vipwarden.net.oneshot vipwarden.net.stream
    vipwarden.state vipwarden.state.clock vipwarden.state.files vipwarden.state.paths vipwarden.state.publish
    vipwarden.state.verdict
"""
# Check: what it loads beside CORE on its ordinary path (healthy, numeric address, no change, no TLS).
CHECKS = {
    "http_digest": """_md5 checks.http_digest vipwarden.protocol vipwarden.protocol.http
        vipwarden.protocol.http.codec vipwarden.protocol.http.options vipwarden.protocol.http.session""",
    "mysql_ping": """_sha1 checks.mysql_ping vipwarden.net.file vipwarden.protocol vipwarden.protocol.mysql
        vipwarden.protocol.mysql.auth vipwarden.protocol.mysql.codec vipwarden.protocol.mysql.option_file
        vipwarden.protocol.mysql.options vipwarden.protocol.mysql.session""",
    "port": "checks.port",
    "process": """checks.process vipwarden.node vipwarden.node.process vipwarden.node.process.procfs
        vipwarden.node.process.wanted""",
}
HEAVY = {
    "_collections_abc", "argparse", "asyncio", "collections", "contextlib", "dataclasses", "enum", "functools",
    "importlib", "json", "logging", "os", "pathlib", "re", "selectors", "signal", "site", "socket", "ssl", "stat",
    "subprocess", "tempfile", "threading", "typing", "urllib",
}  # fmt: skip
# The launcher's own steps, with the names of what was loaded in place of leaving.
RUN = """
import sys
bare = set(sys.modules)
sys.path[:0] = [{code!r}]
import posix
own = posix.getpid()
def leave(code):
    if posix.getpid() != own:  # a child that read a file
        leave_for_good(code)
    posix.write(1, " ".join(sorted(set(sys.modules) - bare)).encode())
    leave_for_good(code)
leave_for_good, posix._exit = posix._exit, leave
from keepalived_scripts.chk import main
main({check!r}, sys.argv[1:])
"""


def loaded(folder: Path, check: str, *arguments: str) -> set[str]:
    """Return the modules that a healthy run loads which has nothing to tell to syslog."""
    command = [sys.executable, "-IS", "-c", RUN.format(code=str(CODE), check=check), *arguments]
    for _ in range(2):  # the first verdict is a change
        done = subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
    return set(done.stdout.splitlines()[-1].split())


@contextmanager
def healthy(check: str, folder: Path) -> Iterator[str]:
    """Yield options with which the check finds what it looks for."""
    if check == "process":
        yield f"-C {Path('/proc/self/comm').read_text().strip()}"
    elif check == "port":
        with servers.listening() as server:
            yield f"-H {server.host} -p {server.port}"
    elif check == "http_digest":
        (folder / "page").write_text("hello\n")
        with nginx(folder, "server { listen 127.0.0.1:PORT0; location / { root FOLDER; } }") as (port,):
            yield f"-H 127.0.0.1 -p {port} -u /page --digest {hashlib.md5(b'hello' + bytes([10])).hexdigest()}"
    else:
        with mariadb() as database:
            database.query("CREATE USER ping@localhost IDENTIFIED BY 'secret'")
            login = folder / "my.cnf"
            login.write_text("[client]\nuser=ping\npassword=secret\n")
            login.chmod(0o600)
            yield f"-H 127.0.0.1 -P {database.port} -f {login}"


@pytest.mark.parametrize("check", names())
def test_a_check_loads_these_modules_and_no_others(tmp_path: Path, check: str) -> None:
    """No list grows without being looked at; none may hold what costs milliseconds."""
    with healthy(check, tmp_path) as options:
        found = loaded(tmp_path, check, *options.split())
    assert sorted(found) == sorted({*CORE.split(), *CHECKS[check].split()})
    assert not found & HEAVY
