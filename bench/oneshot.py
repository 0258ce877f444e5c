"""What does one run of a check cost, beside the scripts and plugins that it takes the place of?"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Case, interleave, report
from tests.servers.mariadb import mariadb
from tests.servers.nginx import nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
PLUGINS = "/usr/lib/nagios/plugins"
PROCESSES = 130
# as in many a tutorial: the state of the port is the second word of nmap's line
NMAP = """#!/bin/bash
state=$(nmap -p $2 $1 | grep "^$2/tcp" | awk '{print $2}')
[ "$state" = open ]
"""
# What is measured, beside what, of which figure, and the most that the ratio should be.
TARGETS = (
    ("chk_port", "python3 -I -S", "cpu", 1.2),
    ("chk_port", "nmap script", "cpu", 1 / 5),
    ("chk_port", "nmap script", "wall", 1 / 8),
    ("chk_process", "python3 -I -S", "cpu", 1.4),
    ("chk_http_digest", "python3 -I -S", "cpu", 1.3),
    ("chk_http_digest", "genhash", "cpu", 1.0),
    ("chk_mysql_ping", "python3 -I -S", "cpu", 1.4),
    ("check_process", "import nagiosplugin", "cpu", 1.3),
    ("check_port", "import nagiosplugin", "cpu", 1.3),
    ("check_http_digest", "import nagiosplugin", "cpu", 1.3),
    ("check_mysql_ping", "import nagiosplugin", "cpu", 1.3),
)
MOST_MEMORY = 12 << 10  # KiB, of each chk_


def main(runs: int) -> None:
    """Print one table of all commands and one of the targets."""
    with tempfile.TemporaryDirectory(prefix="vipwarden-bench-") as name, _cases(Path(name)) as cases:
        interleave(cases, runs)
    report("One run of a check, as a whole process", cases, TARGETS)
    heavy = [f"{case.name} {case.memory / 1024:.1f} MB" for case in cases if case.name.startswith("chk_")]
    most = max(case.memory for case in cases if case.name.startswith("chk_"))
    print(f"  {'met' if most <= MOST_MEMORY else 'MISSED':<7} peak memory of chk_ <= 12 MB: {', '.join(heavy)}")


@contextmanager
def _cases(folder: Path) -> Iterator[list[Case]]:
    os.environ["VIPWARDEN_RUNTIME_DIR"] = str(_memory(folder))
    (folder / "page").write_bytes(b"the page of a web server\n" * 40)
    nmap = folder / "nmap.sh"
    nmap.write_text(NMAP)
    nmap.chmod(0o755)
    python = BIN / "python"
    site = next(path for path in sys.path if path.endswith("site-packages"))
    with (
        nginx(folder, "server { listen 127.0.0.1:PORT0; location / { root FOLDER; } }") as (web,),
        mariadb() as database,
        _sleepers(),
    ):
        database.query("CREATE USER bench@localhost IDENTIFIED BY 'bench'")
        login = folder / "my.cnf"
        login.write_text("[client]\nuser=bench\npassword=bench\n")
        login.chmod(0o600)
        page = f"-H 127.0.0.1 -p {web} -u /page"
        genhash = f"genhash -s 127.0.0.1 -p {web} -u /page"
        digest = subprocess.run(genhash.split(), capture_output=True, text=True, check=True).stdout.split()[-1]
        tcp, sql = f"-H 127.0.0.1 -p {web}", f"-H 127.0.0.1 -P {database.port} -f {login}"
        where = f"-h 127.0.0.1 -P {database.port}"
        yield [
            Case("/bin/true", "/bin/true"),
            Case("python3 -I -S", f"{python} -I -S -c pass"),
            Case(
                "import nagiosplugin",
                f"""{python} -I -S -c "import sys; sys.path.append('{site}'); import nagiosplugin" """,
            ),
            Case("chk_process", f"{BIN}/chk_process -C nginx"),
            Case("killall -0", "killall -0 nginx"),
            Case("ps | wc", """sh -c 'test $(ps -C nginx --no-header | wc -l) -gt 0'"""),
            Case("check_procs", f"{PLUGINS}/check_procs -c 1: -C nginx"),
            Case("check_process", f"{BIN}/check_process -C nginx"),
            Case("chk_port", f"{BIN}/chk_port {tcp}"),
            Case("nmap script", f"{nmap} 127.0.0.1 {web}"),
            Case("check_tcp", f"{PLUGINS}/check_tcp {tcp}"),
            Case("check_port", f"{BIN}/check_port {tcp}"),
            Case("chk_http_digest", f"{BIN}/chk_http_digest {page} --digest {digest}"),
            Case("genhash", genhash),
            Case("check_http", f"{PLUGINS}/check_http {page}"),
            Case("curl | md5sum", f"sh -c 'curl -s http://127.0.0.1:{web}/page | md5sum'"),
            Case("check_http_digest", f"{BIN}/check_http_digest {page} --digest {digest}"),
            Case("chk_mysql_ping", f"{BIN}/chk_mysql_ping {sql}"),
            Case("check_mysql", f"{PLUGINS}/check_mysql -H 127.0.0.1 -P {database.port} -f {login} -g client"),
            Case("mysqladmin ping", f"mysqladmin --defaults-file={login} {where} ping"),
            Case("check_mysql_ping", f"{BIN}/check_mysql_ping {sql}"),
        ]


def _memory(folder: Path) -> Path:
    """Return a folder for verdicts that lies in memory, as /run does on a node."""
    shared = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="vipwarden-bench-", dir=shared)) if shared.is_dir() else folder


@contextmanager
def _sleepers() -> Iterator[None]:
    """Bring the node up to as many processes as the figures are quoted for."""
    have = sum(path.name.isdigit() for path in Path("/proc").iterdir())
    sleepers = [subprocess.Popen(["sleep", "3600"]) for _ in range(max(0, PROCESSES - have))]
    try:
        yield
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()
