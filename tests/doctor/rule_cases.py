"""Where does each rule speak, and where is it silent? A node for each."""

from __future__ import annotations

from tests.doctor.node import GLOBAL, OWN, SH, Node, instance, misc, script, service, tracked

SCRIPT = "/etc/keepalived/chk.sh"
FILE = SCRIPT[1:]
GOOD = Node(tracked())
CFG = "etc/haproxy/haproxy.cfg"
ON_LO = "1: lo    inet 192.0.2.10/32 scope global lo\n"
ARP = "proc/sys/net/ipv4/conf"


def with_script(text: str, **more: dict[str, int]) -> Node:
    """Return a node whose vrrp_script is a file with this text."""
    return Node(tracked(SCRIPT), {FILE: text}, **more)  # type: ignore[arg-type]


def track_file(settings: str, path: str = "/run/vipwarden/web", line: str = "web") -> str:
    """Return a configuration whose one instance tracks a file."""
    return f"track_file web {{\n file {path}\n {settings}\n}}\n" + instance(f"track_file {{\n {line}\n}}")


def haproxy(text: str, **sysctl: str) -> Node:
    """Return a node with a haproxy.cfg."""
    files = {CFG: text} | {f"proc/sys/net/ipv4/{name}": value for name, value in sysctl.items()}
    return Node(tracked(), files)


def sockets(count: int, remote: str = "0100007F:1F90", state: str = "06") -> str:
    """Return a text of /proc/net/tcp with so many sockets of one destination."""
    lines = (f"  {n}: 0100007F:{0x8000 + n:04X} {remote} {state} 0 0" for n in range(count))
    return "  sl  local_address rem_address   st\n" + "\n".join(lines) + "\n"


def selinux(label: str, path: str = SCRIPT, **booleans: str) -> Node:
    """Return an enforcing node whose script has a label."""
    files = {path[1:]: SH, "sys/fs/selinux/enforce": "1"}
    files |= {f"sys/fs/selinux/booleans/{name}": value for name, value in booleans.items()}
    return Node(tracked(path), files, labels={path[1:]: label})


def owner(body: str) -> str:
    """Return an instance of priority 255."""
    return instance(body, head="interface eth0\n priority 255")


AGENT = "vipwarden-agent.service"


def with_via(via: str, more: dict[str, str] | None = None, accept_local: str = "1") -> Node:
    """Return a node whose agent asks by a path, with its unit."""
    files = {
        "etc/vipwarden/vipwarden.yaml": f"checks:\n  real:\n    check: port\n    host: 198.51.100.1\n    via: {via}\n",
        f"usr/lib/systemd/system/{AGENT}": "[Service]\nCapabilityBoundingSet=CAP_DAC_OVERRIDE\n",
        **{f"{ARP}/{name}/accept_local": f"{accept_local}\n" for name in ("all", "eth0", "eth1")},
    }
    return Node(tracked(), files | (more or {}))


def with_echo(allowed: str, unit: str = "") -> Node:
    """Return a node whose agent sends echo requests."""
    files = {
        "etc/vipwarden/vipwarden.yaml": "checks:\n  gateway:\n    check: icmp_echo\n    host: 192.0.2.1\n",
        f"usr/lib/systemd/system/{AGENT}": f"[Service]\n{unit}",
        "proc/sys/net/ipv4/ping_group_range": f"{allowed}\n",
    }
    return Node(tracked(), files)


PLUGIN = "/usr/lib/nagios/plugins/check_tcp -H 198.51.100.1"
SYNC = "vrrp_sync_group G {{\n group {{\n VI\n }}\n {}\n}}\n"
TWO = instance() + instance("", name="W", vrid=52, head="interface eth1\n priority 100")
STATS = "listen stats\n bind {bind}\n stats enable\n {auth}\n"
SORRY = "delay_loop 5\n sorry_server 198.51.100.9 80"
ENFORCING = {"sys/fs/selinux/enforce": "1", "sys/fs/selinux/booleans/haproxy_connect_any": "0 0"}
DENIED = '<zone><service name="ssh"/></zone>'
FIREWALLD = "etc/systemd/system/multi-user.target.wants/firewalld.service"

SAID = "(Line 3) number '300' outside range [1, 255]\n(/etc/keepalived/keepalived.conf: Line 3) {}\n"

FIRES: dict[str, Node] = {
    "keepalived-refuses": Node(tracked(), said=SAID.format("number '300' outside range [1, 255]")),
    "script-missing": Node(tracked(SCRIPT)),
    "script-not-executable": with_script(SH, modes={FILE: 0o644}),
    "script-insecure": with_script(SH, modes={"etc/keepalived": 0o777}),
    "script-not-a-file": Node(tracked("/etc/keepalived")),
    "interpreter-missing": with_script("#!/usr/bin/python9\n"),
    "interpreter-unnamed": with_script("exit 0\n"),
    "script-unquoted": Node(GLOBAL + f"vrrp_script chk {{\n script {OWN} -p 80\n}}\n" + instance()),
    "script-path-searched": Node(tracked("true"), {"usr/bin/true": "\0"}),
    "script-security-off": Node(tracked().replace(" enable_script_security\n", "")),
    "script-user-unset": Node(tracked().replace(" script_user root\n", "")),
    "script-user-unknown": Node(tracked().replace("script_user root", "script_user nobodyatall")),
    "idiom-killall": Node(tracked("killall -0 haproxy")),
    "idiom-ps-count": with_script(f"{SH}N=$(ps -C haproxy --no-header | wc -l)\n"),
    "idiom-stops-keepalived": with_script(f"{SH}pidof x || systemctl stop keepalived\n"),
    "idiom-nmap": Node(service(misc(SCRIPT)), {FILE: f"{SH}nmap -p 80 $1 | grep -c open\n"}),
    "idiom-mysqladmin": with_script(f"{SH}mysqladmin -h 192.0.2.1 ping\n"),
    "script-sleeps": with_script(f"{SH}systemctl restart x\nsleep 5\n"),
    "weight-too-small": Node(tracked(settings="weight -5"), priorities=("90",)),
    "weight-nopreempt": Node(script(settings="weight -50") + instance("nopreempt\ntrack_script {\n chk\n}")),
    "weight-in-sync-group": Node(script(settings="weight -50") + SYNC.format("") + instance()),
    "weight-of-address-owner": Node(script(settings="weight -50") + owner("track_script {\n chk\n}")),
    "track-unknown": Node(script() + instance("track_script {\n other\n}")),
    "script-not-tracked": Node(script() + instance("")),
    "script-overlaps": Node(tracked(settings="interval 1\n timeout 10")),
    "interval-fraction": Node(tracked(settings="interval 0.5")),
    "interval-long": Node(tracked(settings="interval 10\n fall 3")),
    "keyword-too-new": Node(track_file("weight 0 reverse"), version="2.0.20"),
    "misc-dynamic-nagios": Node(service(misc(PLUGIN, "misc_timeout 2\n misc_dynamic"))),
    "misc-timeout": Node(service(misc(SCRIPT, ""), settings="delay_loop 30"), {FILE: SH}),
    "misc-dynamic-timeout": Node(service(misc(SCRIPT, "misc_timeout 2\n misc_dynamic")), {FILE: SH}, version="2.2.8"),
    "misc-dynamic-zero": Node(
        service(misc(f"{OWN} --misc-dynamic --warning-weight 0", "misc_dynamic")), version="2.1.5"
    ),
    "misc-dynamic-unused": Node(service(misc(OWN, "misc_dynamic"))),
    "smtp-check-host": Node(service("SMTP_CHECK {\n host {\n}\n host {\n}\n}"), version="2.3.3"),
    "real-server-unchecked": Node(service("weight 1")),
    "dr-port": Node(service(misc(), "DR", 8080)),
    "track-file-open": Node(track_file("weight 0")),
    "track-file-missing": Node(track_file("weight 0 reverse", "/run/vipwarden/db")),
    "track-file-folder": Node(track_file("weight 0 reverse", "/run/site/db")),
    "track-file-overwritten": Node(track_file("weight 0 reverse\n init_file 0"), version="2.2.8"),
    "file-check-reverse": Node(
        service("FILE_CHECK {\n track_file web\n weight 0 reverse\n}") + track_file("weight 0 reverse")
    ),
    "file-check-sorry": Node(
        service("weight 0\nFILE_CHECK {\n track_file web\n weight 10\n}", settings=SORRY)
        + track_file("weight 0 reverse")
    ),
    "file-check-open": Node(
        service("weight 10\nFILE_CHECK {\n track_file web\n weight -10\n}") + track_file("weight 0 reverse")
    ),
    "vrid-duplicate": Node(script() + instance() + instance("", name="W")),
    "auth-pass-long": Node(script() + instance("authentication {\n auth_type PASS\n auth_pass s3cretword\n}")),
    "interface-missing": Node(script() + instance(head="interface ens192")),
    "vip-held-nowhere": Node(script() + instance(head="interface eth0\n state MASTER"), addresses=ON_LO),
    "vip-none": Node("vrrp_instance VI {\n interface eth0\n virtual_router_id 51\n}\n"),
    "nopreempt-master": Node(script() + instance("nopreempt", head="interface eth0\n priority 100\n state MASTER")),
    "unicast-without-peers": Node(script() + instance("unicast_src_ip 192.0.2.1")),
    "peer-disagrees": Node(tracked(), peer=instance("advert_int 3")),
    "strict-mode": Node(tracked().replace("script_user root", "script_user root\n vrrp_strict")),
    "ip-forward-off": Node(service(misc()), {"proc/sys/net/ipv4/ip_forward": "0\n"}),
    "nonlocal-bind-off": haproxy("frontend web\n bind 192.0.2.10:80\n", ip_nonlocal_bind="0\n"),
    "rp-filter-strict": Node(script() + TWO, {f"{ARP}/all/rp_filter": "1\n"}),
    "arp-settings": Node(tracked(), {f"{ARP}/all/arp_ignore": "0\n"}, addresses=ON_LO),
    "ephemeral-ports": Node(
        tracked(), {"proc/net/tcp": sockets(900), "proc/sys/net/ipv4/ip_local_port_range": "32768 33767\n"}
    ),
    "via-accept-local": with_via("dr:192.0.2.10", accept_local="0"),
    "via-rights": with_via("lb_kind", accept_local="1"),
    "icmp-group": with_echo("1\t0"),
    "selinux-script-confined": selinux("etc_t"),
    "selinux-label-wrong": selinux("user_home_t", OWN),
    "selinux-haproxy-ports": Node(tracked(), ENFORCING | {CFG: "backend b\n server a 192.0.2.1:7777\n"}),
    "firewall-blocks-vrrp": Node(tracked(), {FIREWALLD: "", "etc/firewalld/zones/public.xml": DENIED}),
    "firewall-untold": Node(tracked(), {"etc/nftables.conf": "table inet f { chain i { type filter hook input } }\n"}),
    "haproxy-stats-password": haproxy(STATS.format(bind="*:8404", auth="stats auth admin:admin")),
    "haproxy-stats-open": haproxy(STATS.format(bind=":8404", auth="stats uri /")),
    "haproxy-socket-open": haproxy("global\n stats socket ipv4@*:9999 level admin\n"),
}

SILENT: dict[str, Node] = {
    "keepalived-refuses": Node(tracked(), said="WARNING - default user 'keepalived_script' for script execution\n"),
    "script-missing": GOOD,
    "script-not-executable": with_script(SH),
    "script-insecure": with_script(SH, modes={"etc/keepalived": 0o1777}),
    "script-not-a-file": Node(tracked("/site/chk.sh"), {FILE: SH}, links={"site": "etc/keepalived"}),
    "interpreter-missing": with_script("#!/usr/bin/env -S sh -e\n"),
    "interpreter-unnamed": with_script("#! /bin/sh\n"),
    "script-unquoted": Node(tracked(f"{OWN} -p 80")),
    "script-path-searched": Node(tracked("/usr/bin/true"), {"usr/bin/true": "\0"}),
    "script-security-off": GOOD,
    "script-user-unset": Node(
        tracked().replace(" script_user root\n", ""),
        {"etc/passwd": "root:x:0:0:::\nkeepalived_script:x:900:900:::\n"},
    ),
    "script-user-unknown": Node(tracked(settings="user nobody nogroup")),
    "idiom-killall": with_script(f"{SH}# killall -0 haproxy\nskillall -0 x\n"),
    "idiom-ps-count": with_script(f"{SH}echo ps is not used | grep wc\n"),
    "idiom-stops-keepalived": with_script(f"{SH}systemctl restart haproxy\n"),
    "idiom-nmap": Node(service(misc(f"{OWN} -H nmap.example"))),
    "idiom-mysqladmin": with_script(f"{SH}mysqldump-p1\n"),
    "script-sleeps": with_script(f"{SH}sleep 0.2\n"),
    "weight-too-small": Node(tracked(settings="weight -50"), priorities=("VI=90",)),
    "weight-nopreempt": Node(tracked().replace("track_script {", "nopreempt\n track_script {")),
    "weight-in-sync-group": Node(
        script(settings="weight -50") + SYNC.format("sync_group_tracking_weight") + instance()
    ),
    "weight-of-address-owner": Node(script() + owner("track_script {\n chk\n}")),
    "track-unknown": GOOD,
    "script-not-tracked": Node(script() + "vrrp_sync_group G {\n track_script {\n chk\n }\n}\n" + instance("")),
    "script-overlaps": Node(tracked(settings="interval 1\n timeout 10"), version="2.3.3"),
    "interval-fraction": Node(tracked(settings="interval 0.5"), version="2.4.3"),
    "interval-long": Node(tracked(settings="interval 2\n fall 3")),
    "keyword-too-new": Node(track_file("weight 0 reverse"), version="2.1.0"),
    "misc-dynamic-nagios": Node(
        service(misc("/etc/keepalived/check_load.sh", "misc_dynamic")), {"etc/keepalived/check_load.sh": SH}
    ),
    "misc-timeout": Node(service(misc(SCRIPT, "misc_timeout 3"), settings="delay_loop 30"), {FILE: SH}),
    "misc-dynamic-timeout": Node(
        service(misc(f"{OWN} --misc-dynamic -t 1.5", "misc_timeout 2\n misc_dynamic")), version="2.2.8"
    ),
    "misc-dynamic-zero": Node(
        service(misc(f"{OWN} --misc-dynamic --warning-weight 5", "misc_dynamic")), version="2.1.5"
    ),
    "misc-dynamic-unused": Node(service(misc(f"{OWN} --misc-dynamic", "misc_dynamic"))),
    "smtp-check-host": Node(service("SMTP_CHECK {\n host {\n}\n host {\n}\n}"), version="2.3.4"),
    "real-server-unchecked": Node(service("TCP_CHECK {\n}")),
    "dr-port": Node(service(misc(), "NAT", 8080)),
    "track-file-open": Node(track_file("weight 5", line="web weight 0 reverse")),
    "track-file-missing": Node(track_file("weight 0 reverse")),
    "track-file-folder": Node(track_file("weight 0 reverse", "/run/vipwarden/db")),
    "track-file-overwritten": Node(track_file("weight 0 reverse\n init_file 0"), version="2.3.3"),
    "file-check-reverse": Node(
        service("FILE_CHECK {\n track_file web\n weight 10\n}") + track_file("weight 0 reverse")
    ),
    "file-check-sorry": Node(service(misc(), settings=SORRY)),
    "file-check-open": Node(
        service(
            "weight 10\nFILE_CHECK {\n track_file one\n weight -10\n}\nFILE_CHECK {\n track_file web\n weight 10\n}",
            settings=SORRY,
        )
        + "track_file one {\n file /run/vipwarden/one\n}\n"
        + track_file("weight 0 reverse"),
        {"run/vipwarden/one": "1\n"},
    ),
    "vrid-duplicate": Node(script() + TWO + instance("", name="X", vrid=52)),
    "auth-pass-long": Node(script() + instance("authentication {\n auth_type PASS\n auth_pass s3cretwo\n}")),
    "interface-missing": GOOD,
    "vip-held-nowhere": Node(script() + instance(head="interface eth0\n state MASTER")),
    "vip-none": GOOD,
    "nopreempt-master": Node(script() + instance("nopreempt", head="interface eth0\n state BACKUP")),
    "unicast-without-peers": Node(script() + instance("unicast_src_ip 192.0.2.1\nunicast_peer {\n 192.0.2.2\n}")),
    "peer-disagrees": Node(tracked(), peer=instance("", head="interface ens3\n priority 90")),
    "strict-mode": Node(
        script().replace("script_user root", "script_user root\n vrrp_strict")
        + instance("track_script {\n chk\n}\nstrict_mode off")
    ),
    "ip-forward-off": Node(service(misc(), "DR"), {"proc/sys/net/ipv4/ip_forward": "0\n"}),
    "nonlocal-bind-off": haproxy("frontend web\n bind *:80\n bind 192.0.2.10:81 transparent\n", ip_nonlocal_bind="0\n"),
    "rp-filter-strict": Node(
        script() + TWO, {f"{ARP}/all/rp_filter": "1\n", f"{ARP}/eth0/rp_filter": "2\n", f"{ARP}/eth1/rp_filter": "2\n"}
    ),
    "arp-settings": Node(
        tracked(), {f"{ARP}/all/arp_ignore": "1\n", f"{ARP}/all/arp_announce": "2\n"}, addresses=ON_LO
    ),
    "ephemeral-ports": Node(
        tracked(),
        {
            "proc/net/tcp": sockets(300)
            + "\n".join(sockets(300, f"0100007F:{p:04X}").partition("\n")[2] for p in (80, 81)),
            "proc/sys/net/ipv4/ip_local_port_range": "32768 33767\n",
        },
    ),
    "via-accept-local": with_via("dr:2001:db8::10", accept_local="0"),
    "via-rights": with_via(
        "lb_kind", {f"etc/systemd/system/{AGENT}.d/via.conf": "[Service]\nCapabilityBoundingSet=CAP_NET_ADMIN\n"}
    ),
    "icmp-group": with_echo("100\t200", "Group=150\n"),
    "selinux-script-confined": selinux("etc_t", keepalived_connect_any="1 1"),
    "selinux-label-wrong": selinux("keepalived_unconfined_script_exec_t", OWN),
    "selinux-haproxy-ports": Node(tracked(), ENFORCING | {CFG: "backend b\n server a 192.0.2.1:8080\n"}),
    "firewall-blocks-vrrp": Node(
        tracked(), {FIREWALLD: "", "etc/firewalld/zones/public.xml": DENIED.replace("ssh", "vrrp")}
    ),
    "firewall-untold": Node(
        tracked(),
        {FIREWALLD: "", "etc/firewalld/zones/public.xml": '<zone>\n  <protocol value="vrrp"/>\n</zone>\n'},
    ),
    "haproxy-stats-password": haproxy(STATS.format(bind="*:8404", auth="stats auth ops:Vu3kqP8zXa")),
    "haproxy-stats-open": haproxy(STATS.format(bind="127.0.0.1:8404", auth="stats uri /")),
    "haproxy-socket-open": haproxy(
        "global\n stats socket /run/haproxy.sock level admin\n stats socket 127.0.0.1:9999\n"
    ),
}
