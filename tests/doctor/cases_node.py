"""Where do the rules of IPVS, of ports, of systemd and of HAProxy's versions speak, and where are they silent?"""

from __future__ import annotations

from tests.doctor.node import GLOBAL, Node, misc, service, tracked

CFG = "etc/haproxy/haproxy.cfg"
BACKEND = {CFG: "backend b\n server a 192.0.2.1:80\n"}
RANGE = "proc/sys/net/ipv4/ip_local_port_range"
SORRY = "delay_loop 5\n sorry_server 198.51.100.9 80"
HEAD = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""
WEB = "TCP  C000020A:0050 wlc \n  -> C6336401:0050      Masq    1      0          0\n"
STATS = """   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
       0        0        0                0                0
"""
SYNCED = GLOBAL.replace("}", " lvs_sync_daemon eth1 VI\n}")
LISTENS = "  sl  local_address rem_address   st\n   0: 00000000:0050 00000000:0000 0A 0:0 00:0 0 0 0 77 1\n"
SYSTEM = "etc/systemd/system"
WANTS = f"{SYSTEM}/multi-user.target.wants"
UNIT = {"usr/lib/systemd/system/keepalived.service": "[Unit]\n", f"{WANTS}/cron.service": ""}
NETWORK = "etc/systemd/network/10-eth0.network"
LINK = f"# This is private data. Do not parse.\nADMIN_STATE=configured\nNETWORK_FILE=/{NETWORK}\nDNS=\n"
NETWORKD = {
    f"{WANTS}/systemd-networkd.service": "",
    "sys/class/net/eth0/ifindex": "2\n",
    "run/systemd/netif/links/2": LINK,
    NETWORK: "[Match]\nName=eth0\n[Network]\nLinkLocalAddressing=no\nAddress=192.0.2.9/24\n",
}
KEEP = {f"{NETWORK}.d/50-keep.conf": "[Network]\nKeepConfiguration=static\n"}
MANAGED = "[device]\nmanaged={}\nconnection-uuid=3a1c\n"
NETWORKMANAGER = {f"{WANTS}/NetworkManager.service": "", "sys/class/net/eth0/ifindex": "2\n"}
DEVICE = "run/NetworkManager/devices/2"


def ipvs(text: str) -> Node:
    """Return a director whose kernel has these services."""
    return Node(service(misc()), {"proc/net/ip_vs": HEAD + text, "proc/net/ip_vs_stats": STATS})


def threads(*names: str) -> Node:
    """Return a director with a sync daemon and these processes."""
    files = {f"proc/{number}/comm": f"{name}\n" for number, name in enumerate(names, 2)}
    return Node(SYNCED, files | {"proc/net/ip_vs": HEAD})


def listener(comm: str) -> Node:
    """Return a node where HAProxy is to bind a port on which a program listens."""
    files = {CFG: "frontend f\n bind 192.0.2.10:80\n", "proc/net/tcp": LISTENS, "proc/9/comm": f"{comm}\n"}
    return Node(tracked(), files, links={"proc/9/fd/3": "socket:[77]"})


FIRES: dict[str, Node] = {
    "sorry-server-weights": Node(service(f"weight 0\n {misc()}", settings=SORRY)),
    "protocol-missing": Node(service("TCP_CHECK {\n}")),
    "ipvs-unknown": ipvs(WEB + "  -> C6336407:0050      Masq    1      0          0\n"),
    "sync-daemon-stopped": threads("kthreadd", "keepalived"),
    "tcp-tw-recycle": Node(tracked(), {"proc/sys/net/ipv4/tcp_tw_recycle": "1\n"}),
    "port-range-narrow": Node(tracked(), BACKEND | {RANGE: "60000 61000\n"}),
    "port-taken": listener("nginx"),
    "not-enabled": Node(tracked(), UNIT),
    "vip-networkd": Node(tracked(), NETWORKD),
    "vip-networkmanager": Node(tracked(), NETWORKMANAGER | {DEVICE: MANAGED.format("true")}),
    "clock-unsynchronised": Node(tracked(), clock_is_kept=False),
    "haproxy-refuses": Node(tracked(), {CFG: "global\n nbproc 2\n"}, haproxy="2.6.12"),
}

SILENT: dict[str, Node] = {
    "sorry-server-weights": Node(service(misc(), settings=SORRY)),
    "protocol-missing": Node(service("TCP_CHECK {\n}", settings="protocol TCP")),
    "ipvs-unknown": ipvs(WEB),
    "sync-daemon-stopped": threads("kthreadd", "keepalived", "ipvs-b:0:0"),
    "tcp-tw-recycle": Node(tracked(), {"proc/sys/net/ipv4/tcp_tw_recycle": "0\n"}),
    "port-range-narrow": Node(tracked(), {RANGE: "60000 61000\n"}),
    "port-taken": listener("haproxy"),
    "not-enabled": Node(tracked(), UNIT | {f"{WANTS}/keepalived.service": ""}),
    "vip-networkd": Node(tracked(), NETWORKD | KEEP),
    "vip-networkmanager": Node(tracked(), NETWORKMANAGER | {DEVICE: MANAGED.format("false")}),
    "clock-unsynchronised": Node(tracked(), {"etc/chrony.conf": "pool x\n"}, clock_is_kept=False),
    "haproxy-refuses": Node(tracked(), {CFG: "global\n nbproc 2\n"}, haproxy="2.4.22"),
}
