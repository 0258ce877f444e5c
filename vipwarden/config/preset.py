"""Which entries are ready-made? A preset stands for a check and its keys; what an entry gives itself takes precedence.

Options that the software itself wants (a port of its own, a password) are left to the entry.
"""

from __future__ import annotations

import yaml

from vipwarden.config.document import meant
from vipwarden.config.text import TAG

_PAGE = {"check": "http_page", "host": "127.0.0.1"}
PRESETS = {
    # kubeadm's names of the server; /readyz is open to everybody by default (system:public-info-viewer)
    "kube-apiserver": _PAGE
    | {"port": "6443", "path": "/readyz", "tls": "true", "sni": "kubernetes", "ca_file": "/etc/kubernetes/pki/ca.crt"},
    # its REST API answers 200 for the holder of the leader's lock, or for a running replica, and 503 for the others
    "patroni-primary": _PAGE | {"port": "8008", "path": "/primary"},
    "patroni-replica": _PAGE | {"port": "8008", "path": "/replica"},
    # with cluster_size a server outside of any cluster is CRITICAL
    "galera": {"check": "mysql_role", "writable": "true", "cluster_size": "1:", "donor": "warning"},
    "redis-master": {"check": "redis_role", "master": "true"},
    # of the management plugin: 503 where memory or disk run out, so that publishers are blocked
    "rabbitmq": _PAGE | {"port": "15672", "path": "/api/health/checks/local-alarms"},
    # 503 where the file of rgw_healthcheck_disabling_path is there
    "ceph-rgw": _PAGE | {"port": "7480", "path": "/swift/healthcheck"},
}
_REPLACED = {"host": {"hosts", "real_servers"}, "port": {"ports", "real_servers"}}


def ready_made(*, preset: str) -> None:
    """Add the key of an entry that is ready-made.

    preset: name of a ready-made entry, whose keys may be replaced
    """


def written_out(node: yaml.MappingNode, chosen: yaml.Node) -> yaml.MappingNode:
    """Return an entry with the keys that its preset brings, in the line where that stands; raises ValueError."""
    name = chosen.value if isinstance(chosen, yaml.ScalarNode) else ""
    if name not in PRESETS:
        raise ValueError(f"is {name!r}, but known are {', '.join(PRESETS)}{meant(name, PRESETS)}")
    place = chosen.start_mark, chosen.end_mark
    given = {key.value for key, _ in node.value}
    pairs = [pair for pair in node.value if pair[1] is not chosen]
    for key, text in PRESETS[name].items():
        if key not in given and not given & _REPLACED.get(key, set()):
            tag = "bool" if text == "true" else "str"
            pairs.append((yaml.ScalarNode(f"{TAG}str", key, *place), yaml.ScalarNode(TAG + tag, text, *place)))
    return yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark)
