"""How is the cluster configured? As a reader of the tutorials would do it, but for the scripts under test."""

from __future__ import annotations

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


def haproxy_node(node: str, check: str, *, extra: str = "", body: str = "track_script {\n check\n }") -> str:
    """Return the keepalived.conf of a HAProxy node: two VIPs, each node the MASTER of one (dual master)."""
    first, second = (150, 100) if node == "ha1" else (100, 150)
    return (
        _GLOBAL.format(node=node, extra=extra)
        + check
        + instance("VI_31", "eth0", 31, first, ("10.10.0.31/24 dev eth0",), body=body)
        + instance("VI_32", "eth0", 32, second, ("10.10.0.32/24 dev eth0",), body=body)
    )


def director(node: str, services: str, *, check: str = "", extra: str = "", group: str = "", body: str = "") -> str:
    """Return the keepalived.conf of a director: the VIPs in front, the gateway at the back, virtual services."""
    priority = 150 if node == "lvs1" else 100
    front = ("10.10.0.10/32 dev eth0", "10.10.0.20/24 dev eth0")
    return (
        _GLOBAL.format(node=node, extra=extra)
        + group
        + check
        + instance("VI_FRONT", "eth0", 51, priority, front, body=body)
        + instance("VI_BACK", "eth1", 52, priority, ("10.20.0.1/24 dev eth1",), body=body)
        + services
    )


def service(vip: str, port: int, kind: str, servers: dict[str, str], *, scheduler: str = "rr", every: int = 1) -> str:
    """Return a virtual_server; ``servers`` are the checker blocks by address and port of the real server."""
    real = "".join(
        f"  real_server {address} {{\n    weight 10\n    {checker}\n  }}\n" for address, checker in servers.items()
    )
    return (
        f"virtual_server {vip} {port} {{\n  delay_loop {every}\n  lb_algo {scheduler}\n  lb_kind {kind}\n"
        f"  protocol TCP\n{real}}}\n"
    )


def misc(command: str, settings: str = "") -> str:
    """Return a MISC_CHECK."""
    return f'MISC_CHECK {{\n      misc_path "{command}"\n      {settings}\n    }}'
