"""Is what a script asks found and stood in for? Our own checks are the clients, and what bash and Python can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rehearse.conf import cluster, configuration
from rehearse.stage.perform import observe
from tests.commands import needs_namespaces, program
from vipwarden.node.keepalived.conf import parse

if TYPE_CHECKING:
    from pathlib import Path

_OWN = "/usr/libexec/keepalived"
_CONF = """vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {{
        192.0.2.10/24
    }}
    track_script {{
        {names}
    }}
}}
"""
SCRIPTS = {
    "port": (f"{_OWN}/chk_port -H 127.0.0.1 -p 8080", ["port 8080"]),
    "again": (f"{_OWN}/chk_port -H ::1 -p 8080", ["port 8080"]),
    "page": (f"{_OWN}/chk_http_page -H 127.0.0.1 -p 8081 -u /", ["port 8081"]),
    "vip": (f"{_OWN}/chk_port -H 192.0.2.10 -p 8082", ["port 8082"]),
    "redis": (f"{_OWN}/chk_redis_role -H 127.0.0.1 -p 6379", ["port 6379"]),
    "far": (f"{_OWN}/chk_mysql_ping -H 198.51.100.9", ["port 198.51.100.9:3306"]),
    "far6": (f"{_OWN}/chk_port -H 2001:db8:5::1 -p 8083", ["port [2001:db8:5::1]:8083"]),
    "ping": (f"{_OWN}/chk_icmp_echo -H 198.51.100.1", ["address 198.51.100.1"]),
    "names": (f"{_OWN}/chk_dns_answer -H 198.51.100.53 -q www.example.com", ["port 198.51.100.53:53/udp"]),
    "process": (f"{_OWN}/chk_process -C memcached", ["process memcached"]),
    "unit": ("systemctl is-active --quiet postfix.service", ["process postfix"]),
    "mail": ("/etc/keepalived/mail.sh", ["port 25"]),
    "socket": ("/etc/keepalived/talk.py", ["socket /run/app/app.sock"]),
    "pidfile": ("/etc/keepalived/pidfile.sh", ["process app"]),
    "nothing": ("/etc/keepalived/nothing.sh", []),
}
_FILES = {
    "mail.sh": "#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/25\nread -t 2 line <&3\n[[ $line == 220* ]]\n",
    "talk.py": (
        "#!/usr/bin/python3\nimport socket\nclient = socket.socket(socket.AF_UNIX)\n"
        'client.connect("/run/app/app.sock")\nclient.sendall(b"show\\n")\nassert client.recv(100)\n'
    ),
    "pidfile.sh": "#!/bin/bash\nkill -0 $(</run/app/app.pid)\n",
    "nothing.sh": "#!/bin/sh\nexit 0\n",
}


@pytest.fixture
def observed(tmp_path: Path) -> list[dict[str, Any]]:
    """Give what is found of the scripts of two nodes."""
    needs_namespaces()
    for name in ("keepalived", "nft", "ip", "nsenter", "unshare", "setpriv", "prlimit"):
        program(name)
    confs = []
    for name in ("lb1", "lb2"):
        folder = tmp_path / name / "etc/keepalived"
        folder.mkdir(parents=True)
        blocks = "".join(
            f'vrrp_script {it} {{\n    script "{line}"\n    timeout 5\n}}\n' for it, (line, _) in SCRIPTS.items()
        )
        text = blocks + _CONF.format(names="\n        ".join(SCRIPTS))
        (folder / "keepalived.conf").write_text(text, encoding="ascii")
        for path, content in _FILES.items():
            (folder / path).write_text(content, encoding="ascii")
            (folder / path).chmod(0o755)
        path, root = configuration(str(tmp_path / name))
        confs.append((name, str(tmp_path / name), parse(path, root=root)))
    return observe(cluster([(name, conf) for name, _, conf in confs], None), confs, None)


def test_each_script_runs_as_it_is(observed: list[dict[str, Any]]) -> None:
    """On both nodes, whatever the script before it has asked."""
    for node in observed:
        assert {name: it["why"] for name, it in node["scripts"].items() if not it["as_it_is"]} == {}
        assert {name: asked(it) for name, it in node["scripts"].items()} == {
            name: asks for name, (_, asks) in SCRIPTS.items()
        }
        assert not any(it["says_ok"] for it in node["scripts"].values())


def asked(script: dict[str, Any]) -> list[str]:
    """Return what a script asks in words."""
    from rehearse.stage.netasks import Ask

    return [*(f"process {it}" for it in script["processes"]), *(Ask(*it).text for it in script["asks"])]
