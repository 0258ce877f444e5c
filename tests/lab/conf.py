"""How is the cluster configured? As a reader of the tutorials would do it, but for the scripts under test."""

from __future__ import annotations

import re
from math import ceil

from tests.lab.pace import factor

_SLOWER = re.compile(r"^(\s*(?:\w+_)?(?:timeout|delay_loop) )(\d+)$", re.MULTILINE)
TRACK = "track_script {\n    check\n  }"
ADVERT = 0.5  # seconds; VRRPv3, to keep the scenarios short

NGINX = """\
user root; worker_processes 1; pid /run/nginx.pid; error_log /run/nginx.log;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path /run/body; proxy_temp_path /run/body; fastcgi_temp_path /run/body;
  uwsgi_temp_path /run/body; scgi_temp_path /run/body;
  server { listen 8080; root /run/www; include /run/site*.conf; }
}
"""

HAPROXY = """\
global
  maxconn 200
  stats socket /run/haproxy.sock mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend web
  bind *:80
  http-response set-header X-Node @NODE@
  default_backend web
backend web
  balance roundrobin
  default-server inter 500ms fall 2 rise 1
  option httpchk GET /
  server web1 10.20.0.41:8080 check
  server web2 10.20.0.42:8080 check
"""

# The cache that counts connect errors works by names: no skip-name-resolve. What is small or off saves the guest's
# memory; the buffer pool's default reservation of 8 TB has no room in its address space.
MARIADB = """\
[mariadbd]
user=mysql
datadir=/run/db/data
socket=/run/db/sock
pid-file=/run/db/pid
init-file=/run/db/account.sql
bind-address=0.0.0.0
max-connect-errors=5
performance-schema=OFF
innodb-buffer-pool-size=8M
innodb-buffer-pool-size-max=16M
innodb-log-file-size=4M
innodb-log-buffer-size=2M
innodb-temp-data-file-path=ibtmp1:4M:autoextend
innodb-use-native-aio=0
innodb-flush-log-at-trx-commit=0
aria-pagecache-buffer-size=1M
key-buffer-size=1M
"""

LOGIN = "[client]\nuser=app\npassword=of-the-lab\n"
ACCOUNT = "CREATE USER app@'%' IDENTIFIED BY 'of-the-lab';\n"

_GLOBAL = """\
global_defs {{
  router_id {node}
  vrrp_version 3
  enable_script_security
  script_user root
  vrrp_garp_master_repeat 1
  {extra}
}}
"""


def page(server: str) -> str:
    """Return the page of a web server."""
    return f"hello from {server}\n"


def instance(name: str, device: str, router: int, priority: int, vips: tuple[str, ...], *, body: str = "") -> str:
    """Return one vrrp_instance; whoever has 150 starts as MASTER."""
    return f"""\
vrrp_instance {name} {{
  state {"MASTER" if priority == 150 else "BACKUP"}
  interface {device}
  virtual_router_id {router}
  priority {priority}
  advert_int {ADVERT}
  virtual_ipaddress {{
    {chr(10).join(vips)}
  }}
  {body}
}}
"""


def script(command: str, settings: str) -> str:
    """Return the vrrp_script ``check``; ``settings`` are its lines besides the command."""
    return f'vrrp_script check {{\n  script "{command}"\n  {settings}\n}}\n'


def node(name: str, blocks: str, extra: str = "") -> str:
    """Return a whole keepalived.conf; ``extra`` are more lines of its global_defs.

    In a slow guest checks may take longer, and keepalived's checkers run less often; vrrp_scripts do not.
    """
    return _GLOBAL.format(node=name, extra=extra) + _SLOWER.sub(
        lambda it: f"{it[1]}{ceil(int(it[2]) * factor())}", blocks
    )


def haproxy_node(name: str, check: str, *, extra: str = "", body: str = TRACK) -> str:
    """Return the keepalived.conf of a HAProxy node: two VIPs, each node the MASTER of one (dual master)."""
    first, second = (150, 100) if name == "ha1" else (100, 150)
    vips = ((31, first), (32, second))
    blocks = [
        instance(f"VI_{n}", "eth0", n, priority, (f"10.10.0.{n}/24 dev eth0",), body=body) for n, priority in vips
    ]
    return node(name, check + "".join(blocks), extra)


def director(name: str, services: str, *, check: str = "", extra: str = "", group: str = "", body: str = "") -> str:
    """Return the keepalived.conf of a director: the VIPs in front, the gateway at the back, virtual services."""
    priority = 150 if name == "lvs1" else 100
    front = ("10.10.0.10/32 dev eth0", "10.10.0.20/24 dev eth0")
    blocks = instance("VI_FRONT", "eth0", 51, priority, front, body=body)
    blocks += instance("VI_BACK", "eth1", 52, priority, ("10.20.0.1/24 dev eth1",), body=body)
    return node(name, group + check + blocks + services, extra)


def service(
    vip: str,
    port: int,
    kind: str,
    servers: dict[str, str],
    *,
    scheduler: str = "rr",
    every: int = 1,
    weight: int = 10,
    sorry: str = "",
) -> str:
    """Return a virtual_server; ``servers`` are the checker blocks by address and port of the real server."""
    last = f"  sorry_server {sorry} {port}\n" if sorry else ""
    real = "".join(
        f"  real_server {address} {{\n    weight {weight}\n    {checker}\n  }}\n"
        for address, checker in servers.items()
    )
    return (
        f"virtual_server {vip} {port} {{\n  delay_loop {every}\n  lb_algo {scheduler}\n  lb_kind {kind}\n"
        f"  protocol TCP\n{last}{real}}}\n"
    )


def misc(command: str, settings: str = "") -> str:
    """Return a MISC_CHECK."""
    return f'MISC_CHECK {{\n      misc_path "{command}"\n      {settings}\n    }}'
