"""The node that the documentation speaks of: its addresses, files and servers are there, in namespaces of its own.

So every example runs as it is printed. The addresses are those that RFC 5737 keeps for documentation, and exist in a
network namespace without a way out; /etc, /usr/libexec, /run and /var/lib are the node's own as well.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.commands import BIN, CODE, program
from tests.docs.servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.commands import PopenText

_NEEDED = (
    "curl",
    "genhash",
    "haproxy",
    "ip",
    "keepalived",
    "mariadb-install-db",
    "mariadbd",
    "nginx",
    "/usr/lib/nginx/modules/ngx_mail_module.so",
    "openssl",
    "promtool",
    "unshare",
)
# 192.0.2.13 swallows what is sent to it, as a filter does
_MAKE = """
mount --make-rprivate /
mount -t tmpfs -o mode=755 own {folder}
cp -a /etc {folder}/etc
mount --bind {folder}/etc /etc
for here in /run /usr/libexec /var/lib; do mount -t tmpfs -o mode=755 own $here; done
mkdir -p /usr/libexec/keepalived /etc/vipwarden /etc/keepalived /run/haproxy /run/mysqld /run/tmp /run/vipwarden/track
ip link set lo up
ip link add eth0 type veth peer name other
ip link set eth0 address 02:00:00:00:00:01
ip link set eth0 up
ip link set other up
for number in 1 9 10 11 12 50 51 52 53 54 55; do ip address add 192.0.2.$number/24 dev eth0; done
ip neighbour add 192.0.2.13 lladdr 02:00:00:00:00:ff dev eth0
echo ready
exec cat
"""
_NGINX = """
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
daemon off;
user root;
pid /run/nginx.pid;
error_log stderr;
events { }
mail {
    server_name mail.example.org;
    auth_http 127.0.0.1:1/never-asked;
    ssl_certificate /etc/vipwarden/web.crt;
    ssl_certificate_key /etc/vipwarden/web.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    starttls on;
    server { listen 192.0.2.11:25; protocol smtp; }
    server { listen 192.0.2.11:143; protocol imap; }
}
http {
    access_log off;
    default_type text/plain;
    client_body_temp_path /run/nginx1; proxy_temp_path /run/nginx2; fastcgi_temp_path /run/nginx3;
    uwsgi_temp_path /run/nginx4; scgi_temp_path /run/nginx5;
    server {
        listen 192.0.2.11:80;
        listen 192.0.2.11:443 ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate /etc/vipwarden/web.crt;
        ssl_certificate_key /etc/vipwarden/web.key;
        server_name www.example.org;
        location = /health { return 200 "OK\\n"; }
        location = /actuator/health { default_type application/json;
            return 200 '{"status": "UP", "components": {"db": {"status": "UP"}, "disk": {"status": "DOWN"}}}'; }
        location = /drain { return 404; }
        location = /old { return 301 https://www.example.org/health; }
        location = /metrics { auth_basic monitoring; auth_basic_user_file /etc/vipwarden/htpasswd; alias /etc/up; }
        location / { return 404 "nothing here\\n"; }
    }
}
"""
_HAPROXY = """
global
    stats socket /run/haproxy/admin.sock mode 660 level user
    maxconn 100
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend www
    bind 127.0.0.1:80
    default_backend web
backend web
    server web1 192.0.2.11:80 check
"""
_MARIADB = "--no-defaults --user=root --datadir=/run/mysqld/data --innodb-log-file-size=4M"
# what the tutorials have in common
_KEEPALIVED = """
vrrp_script chk_haproxy {
    script "/etc/keepalived/check_haproxy.sh"
    interval 2
    weight -20
}
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 1
    virtual_ipaddress {
        192.0.2.10/24
    }
    track_script {
        chk_haproxy
    }
}
"""
_SCRIPT = """#!/bin/bash
if [ $(ps -C haproxy --no-header | wc -l) -eq 0 ]; then
    systemctl restart haproxy
    sleep 2
    if [ $(ps -C haproxy --no-header | wc -l) -eq 0 ]; then
        systemctl stop keepalived
    fi
fi
"""
_FILES = {
    "/etc/keepalived/keepalived.conf": _KEEPALIVED,
    "/etc/keepalived/web.conf": "virtual_server 192.0.2.10 80 {\n lb_kind DR\n real_server 192.0.2.11 80 {\n}\n}\n",
    "/etc/keepalived/check_haproxy.sh": _SCRIPT,
    "/etc/haproxy/haproxy.cfg": _HAPROXY,
    "/etc/hosts": "127.0.0.1 localhost\n192.0.2.11 www.example.org\n",
    "/etc/nginx.conf": _NGINX,
    "/etc/vipwarden/htpasswd": "monitor:{PLAIN}of-the-docs\n",
    "/etc/up": "up 1\n",
    "/etc/vipwarden/web.auth": "monitor:of-the-docs\n",
    "/etc/vipwarden/mysql.cnf": "[client]\nuser = monitor\npassword = of-the-docs\n",
    "/run/users.sql": "CREATE USER 'monitor'@'%' IDENTIFIED BY 'of-the-docs';\n"
    "GRANT SLAVE MONITOR ON *.* TO 'monitor'@'%';\n",
}


class Ran(NamedTuple):
    """What a script left behind."""

    code: int
    out: str  # and err


class Node:
    """Its processes live in namespaces that end with it."""

    def __init__(self, folder: Path) -> None:
        for name in _NEEDED:
            program(name)
        space = [program("unshare"), "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        self._holder: PopenText = subprocess.Popen(
            [*space, "sh", "-ec", _MAKE.format(folder=folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
            text=True,
        )
        self._log = folder.with_name("node.log")
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        (first,) = _children(self._holder.pid)
        self._inside = [program("nsenter"), "-t", str(first), "--net", "--mount", "--pid"]
        self._servers: list[PopenText] = []
        self._serving: set[str] = set()

    def run(self, script: str, *, seconds: float = 60) -> Ran:
        """Run a script of sh to its end; a user at its terminal sees the same."""
        done = subprocess.run(
            [*self._inside, "sh", "-c", f"exec 2>&1\n{script}"],
            capture_output=True,
            check=False,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            timeout=seconds,
        )
        return Ran(done.returncode, done.stdout.decode("utf-8", "replace"))

    @contextlib.contextmanager
    def running(self, *command: str) -> Iterator[PopenText]:
        """Run a program until the end of the block."""
        process = self._start(*command)
        try:
            yield process
        finally:
            for child in _children(process.pid):  # nsenter itself passes no signal on
                os.kill(child, signal.SIGTERM)
            process.wait(20)

    def _start(self, *command: str) -> PopenText:
        with self._log.open("a") as log:
            return subprocess.Popen(
                [*self._inside, *command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=_environment(),
                text=True,
            )

    def write(self, path: str, text: str) -> None:
        """Write a file of the node."""
        line = [*self._inside, "sh", "-ec", 'mkdir -p "${1%/*}"; cat > "$1"', "sh", path]
        subprocess.run(line, input=text, text=True, check=True, env=_environment())

    def must_come(self, script: str, seconds: float = 60) -> None:
        """Wait until a script ends well."""
        end = time.monotonic() + seconds
        while (ran := self.run(script)).code:
            assert time.monotonic() < end, ran.out + self._log.read_text()
            time.sleep(0.05)

    def serve(self, page: str) -> None:
        """Start the servers that the examples of one page speak to, once."""
        if page in self._serving or page not in SERVERS:
            return
        self._serving.add(page)
        servers = SERVERS[page]
        for name in servers.programs:
            program(name)
        done = self.run(f"set -e\n{servers.prepare}")
        assert done.code == 0, done.out
        for command in servers.commands:
            self._servers.append(self._start("sh", "-c", f"exec {command}"))
        self.must_come(f"set -e\n{servers.ready}")

    def end(self) -> None:
        """End all of its processes."""
        self._holder.kill()
        self._holder.communicate()
        for server in self._servers:
            server.wait(20)

    def fill(self) -> None:
        """Write the files, and start the servers."""
        for files in (_FILES, *(servers.files for servers in SERVERS.values())):
            for path, text in files.items():
                self.write(path, text)
        launchers = f"{sys.executable} {CODE}/packaging/launchers.py --python {sys.executable} --code {CODE}"
        libraries = sysconfig.get_path("purelib")
        done = self.run(f"""set -e
            {launchers} --libraries {libraries} /usr/libexec/keepalived
            chmod 600 /etc/vipwarden/mysql.cnf /etc/vipwarden/web.auth
            chmod 755 /etc/keepalived/check_haproxy.sh
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
                -subj /CN=www.example.org -addext subjectAltName=DNS:www.example.org -keyout /etc/vipwarden/web.key \
                -out /etc/vipwarden/web.crt
            cp /etc/vipwarden/web.crt /etc/vipwarden/web-ca.pem
            mariadb-install-db {_MARIADB} --auth-root-authentication-method=normal --skip-test-db
        """)
        assert done.code == 0, done.out
        where = "--bind-address=192.0.2.50 --socket=/run/mysqld/mysqld.sock --init-file=/run/users.sql"
        for line in (
            "nginx -c /etc/nginx.conf",
            "haproxy -db -f /etc/haproxy/haproxy.cfg",
            f"mariadbd {_MARIADB} --skip-name-resolve {where}",
        ):
            self._servers.append(self._start("sh", "-c", f"exec {line}"))
        self.must_come("""set -e
            chk_port -H 192.0.2.11 -p 80,443
            chk_port -H 127.0.0.1 -p 80
            chk_mysql_ping -H 192.0.2.50 -f /etc/vipwarden/mysql.cnf
        """)


@contextlib.contextmanager
def node(folder: Path) -> Iterator[Node]:
    """Give the node of the documentation until the end of the block."""
    own = folder / "own"
    own.mkdir()
    made = Node(own)
    try:
        made.fill()
        yield made
    finally:
        made.end()


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def _environment() -> dict[str, str]:
    return {"TMPDIR": "/run/tmp", "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}
