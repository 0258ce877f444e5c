"""Does a rule of the doctor see the variants of its case, and nothing else?"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doctor.finding import ERROR, NOTE, WARNING
from doctor.report import examine
from tests.doctor.node import SH, Node, instance, misc, script, service, tracked
from tests.doctor.rule_cases import FILE, FIREWALLD, SCRIPT, STATS, haproxy, track_file
from tests.doctor.spoken import AS_ROOT, rules, words
from vipwarden.node.haproxy.cfg import binds, sections
from vipwarden.node.keepalived.lines import ConfError

pytestmark = AS_ROOT


@pytest.mark.parametrize(
    ("settings_of", "speaks"),
    [("host {\n}", False), ("connect_timeout 3\n host {\n}", True), ("host {\n}\n host {\n}", True), ("", False)],
)
def test_keepalived_hangs_on_each_host_but_a_lone_one(tmp_path: Path, settings_of: str, *, speaks: bool) -> None:
    """The first host takes the place of connection settings that the SMTP_CHECK itself does not have."""
    node = Node(service(f"SMTP_CHECK {{\n {settings_of}\n}}"), version="2.3.0")
    assert ("smtp-check-host" in rules(node, tmp_path)) is speaks


def test_peers_on_several_networks_with_one_number_are_told_apart(tmp_path: Path) -> None:
    """By name, or by interface."""
    (tmp_path / "names").mkdir()
    (tmp_path / "interfaces").mkdir()
    other = instance("advert_int 9", name="W", head="interface eth1\n priority 90")
    for folder, name in (("names", "VI"), ("interfaces", "X")):
        peer = other + instance("", name=name, head="interface eth0\n priority 90")
        assert "peer-disagrees" not in rules(Node(tracked(), peer=peer), tmp_path / folder)


@pytest.mark.parametrize(
    ("settings_of", "priorities", "speaks"),
    [
        ("weight -10", ("91",), False),
        ("weight -10", ("90",), True),  # equal: nobody takes over
        ("weight -10", ("OTHER=80",), None),
        ("weight -10", ("120",), False),  # the peer is the master anyway
        ("weight 20", ("90",), False),  # 120 to 100, and the peer has 110
        ("weight 20", ("60",), True),
        ("weight 0", ("60",), False),
        ("weight -10 reverse", ("95",), False),
    ],
)
def test_the_gap_of_the_priorities(
    tmp_path: Path, settings_of: str, priorities: tuple[str, ...], *, speaks: bool | None
) -> None:
    """A positive weight counts for both, and without knowledge of the peer there is a note."""
    node = Node(tracked(settings=settings_of), priorities=priorities)
    found = [one.severity for one in node.examine(tmp_path) if one.rule == "weight-too-small"]
    assert found == (["note"] if speaks is None else ["error"] if speaks else [])


def test_the_peer_may_be_known_by_its_configuration(tmp_path: Path) -> None:
    """By the number of the virtual router, with what its own scripts add: 95 here."""
    peer = script(settings="weight 15") + instance(name="OTHER", head="interface ens9\n priority 80")
    for weight, speaks in (("-10", False), ("-3", True)):
        (tmp_path / weight).mkdir()
        node = Node(tracked(settings=f"weight {weight}"), peer=peer)
        assert ("weight-too-small" in rules(node, tmp_path / weight)) is speaks


def test_the_password_of_a_peer_is_compared_and_not_shown(tmp_path: Path) -> None:
    """Only the first 8 characters count."""
    auth = "authentication {{\n auth_type PASS\n auth_pass {}\n}}"
    for number, (mine, theirs, speaks) in enumerate((("abcdefgh1", "abcdefgh2", False), ("abc", "abd", True))):
        root = tmp_path / str(number)
        root.mkdir()
        node = Node(script() + instance(auth.format(mine)), peer=instance(auth.format(theirs), head="priority 90"))
        said = words(node, root, "peer-disagrees")
        assert bool(said) is speaks
        assert "abc" not in said


@pytest.mark.parametrize(
    ("files", "speaks"),
    [
        ({"etc/firewalld/zones/public.xml": "<zone><service name='ssh'/></zone>"}, True),
        ({"usr/lib/firewalld/zones/public.xml": '<zone>\n <protocol value="vrrp"/>\n</zone>'}, False),
        (
            {
                "usr/lib/firewalld/zones/public.xml": '<zone>\n <protocol value="vrrp"/>\n</zone>',
                "etc/firewalld/zones/public.xml": "<zone></zone>",
            },
            True,
        ),
        (
            {
                "etc/firewalld/zones/public.xml": "<zone></zone>",
                "etc/firewalld/zones/inside.xml": '<zone target="ACCEPT">\n <interface name="eth0"/>\n</zone>',
            },
            False,
        ),
        (
            {
                "etc/firewalld/firewalld.conf": "# x\nDefaultZone=trusted\n",
                "usr/lib/firewalld/zones/trusted.xml": '<zone target="ACCEPT"></zone>',
            },
            False,
        ),
    ],
)
def test_the_zone_of_firewalld_is_the_one_of_the_interface(
    tmp_path: Path, files: dict[str, str], *, speaks: bool
) -> None:
    """Else the default zone; what is in /etc stands before what the package brought."""
    found = rules(Node(tracked(), {FIREWALLD: "", **files}), tmp_path)
    assert ("firewall-blocks-vrrp" in found) is speaks


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("bind *:80", [("", "80")]),
        ("bind :80,192.0.2.1:81 ssl crt x", [("", "80"), ("192.0.2.1", "81")]),
        ("bind [::1]:80-90", [("::1", "80-90")]),
        ("bind 2001:db8::1:80", [("2001:db8::1", "80")]),
        ("bind ipv4@192.0.2.1:80 # comment", [("192.0.2.1", "80")]),
        ("bind /run/x.sock", []),
        ("bind unix@/run/x:1", []),
        ("bind fd@3", []),
        ("bind", []),
        ("bind 'unclosed:80", [("unclosed", "80")]),
        ("bind 'quoted:80' \"ssl # no comment\"", [("quoted", "80")]),
        ("bind [::]:80", [("::", "80")]),
    ],
)
def test_what_haproxy_binds(line: str, wanted: list[tuple[str, str]]) -> None:
    """Addresses and ports; sockets and descriptors are none."""
    found = [(bind.address, bind.port) for section in sections(f"frontend f\n {line}\n") for bind in binds(section)]
    assert found == wanted


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (STATS.format(bind="*:1", auth="stats auth haproxy:haproxy"), "haproxy-stats-password"),
        (STATS.format(bind="*:1", auth="stats auth site:"), "haproxy-stats-password"),
        ("defaults\n stats auth admin:123456\nfrontend f\n bind :80\n", "haproxy-stats-password"),
        (STATS.format(bind="*:1", auth="stats admin if TRUE"), "haproxy-stats-open"),
        (STATS.format(bind="*:1", auth="http-request deny if !{ src 192.0.2.0/24 }"), ""),
        (STATS.format(bind="*:1", auth="http-request deny unless { src 192.0.2.0/24 }"), ""),
        (STATS.format(bind="*:1", auth="http-request allow if LOCALHOST\n http-request deny"), ""),
        (STATS.format(bind="*:1", auth="http-request silent-drop unless LOCALHOST"), ""),
        (STATS.format(bind="*:1", auth="http-request auth realm x unless { http_auth(u) }"), ""),
        (STATS.format(bind="*:1", auth="stats http-request auth unless { http_auth(u) }"), ""),
        (STATS.format(bind="*:1", auth="tcp-request connection reject unless { src 192.0.2.0/24 }"), ""),
        (STATS.format(bind="*:1", auth="http-request set-header x deny"), "haproxy-stats-open"),
        (STATS.format(bind="*:1 ssl crt a ca-file b verify required", auth="stats uri /"), ""),
        (STATS.format(bind="*:1 ssl crt a ca-file b verify optional", auth="stats uri /"), "haproxy-stats-open"),
        (STATS.format(bind="*:1 interface lo", auth="stats uri /"), ""),
        (STATS.format(bind="127.0.0.1:1", auth="stats auth admin:admin"), ""),
        ("frontend f\n bind :80\n", ""),
        ("global\n stats socket [::]:9999\n", "haproxy-socket-open"),
        ("global\n stats socket unix@/run/x.sock level admin\n", ""),
    ],
)
def test_what_haproxy_opens_to_the_world(tmp_path: Path, text: str, rule: str) -> None:
    """Usual passwords, none at all, and sockets on the network."""
    assert {found for found in rules(haproxy(text), tmp_path) if found.startswith("haproxy")} == ({rule} - {""})


def test_a_known_password_behind_a_rule_is_a_warning(tmp_path: Path) -> None:
    """It is not open to the world."""
    for limit, severity in (("log global", ERROR), ("http-request deny unless LOCALHOST", WARNING)):
        text = STATS.format(bind="*:1", auth=f"{limit}\n stats auth admin:admin")
        (finding,) = [it for it in haproxy(text).examine(tmp_path) if it.rule == "haproxy-stats-password"]
        assert finding.severity == severity


def test_lines_of_every_kind_of_section_are_its_own() -> None:
    """Those of a ring, of mailers or of a log-forward do not count for the section before it."""
    text = "listen s\n bind :80\nring r\n a 1\nmailers m\n b 2\nlog-forward l\n bind :514\n"
    found = [(section.kind, [line.words[0] for line in section.lines]) for section in sections(text)]
    assert found == [("listen", ["bind"]), ("ring", ["a"]), ("mailers", ["b"]), ("log-forward", ["bind"])]


def test_a_group_without_braces_has_no_members(tmp_path: Path) -> None:
    """As keepalived reads it: the words behind ``group`` are passed over."""
    group = "vrrp_sync_group G {{\n group {} {{\n {}\n }}\n}}\n"
    for place, members in enumerate((("VI", "W"), ("W", "VI"))):
        (tmp_path / str(place)).mkdir()
        conf = script(settings="weight -50") + group.format(*members) + instance()
        assert ("weight-in-sync-group" in rules(Node(conf), tmp_path / str(place))) is bool(place)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("(/etc/keepalived/keepalived.conf: Line 6) Unknown keyword 'x'", []),  # on the line of script-missing
        ("There are 1 missing '}'s or extra '{'s\nThere are 1 missing '}'s or extra '{'s", [("error", 0)]),
        ("(Line 2) number '300' outside range [1, 255]", [("error", 2)]),
        ("(Line 2) (VI) unknown state 'master', defaulting to BACKUP", [("error", 2)]),
        ("(Line 2) WARNING - odd\n(Line 3) x, defaulting to UDP", [("warning", 2), ("warning", 3)]),
        ("\n\nSECURITY VIOLATION - scripts", []),
        ("(Line 99999999999999999999) a\x1b[31m\n" * 3, [("error", 0)]),
        (
            "".join(f"(Line {line}) x\n" for line in range(1, 99)),
            [("error", line) for line in range(1, 51) if line != 6],
        ),
    ],
)
def test_what_keepalived_says_becomes_findings(tmp_path: Path, said: str, wanted: list[tuple[str, int]]) -> None:
    """Each once, with its line, and not beside a finding of ours on the same line."""
    found = [one for one in Node(tracked(SCRIPT), said=said).examine(tmp_path) if one.rule == "keepalived-refuses"]
    assert [(one.severity, one.line) for one in found] == wanted


def test_a_track_file_with_a_positive_weight_fails_closed_while_it_is_one(tmp_path: Path) -> None:
    """Its loss takes the weight away."""
    assert "track-file-open" not in rules(Node(track_file("weight 20")), tmp_path)


def test_what_the_asking_user_may_not_see_is_not_called_missing() -> None:
    """There is a note in place of an error."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="hidden-") as made:
        root = Path(made)
        case = Node(tracked(SCRIPT), {FILE: SH}).build(root)
        (root / "etc/keepalived").chmod(0o700)
        root.chmod(0o755)
        os.seteuid(65534)
        try:
            found = [one for one in examine(case) if one.rule == "script-missing"]
        finally:
            os.seteuid(0)
    assert [(one.severity, one.fix) for one in found] == [("note", "Run it as root.")]


@pytest.mark.parametrize(("does", "severity"), [("start", NOTE), ("restart", NOTE), ("stop", ERROR)])
def test_who_starts_haproxy_with_the_vip_needs_no_nonlocal_bind(tmp_path: Path, does: str, severity: str) -> None:
    """By a script that keepalived runs as master; clients wait for it."""
    node = haproxy("frontend web\n bind 192.0.2.10:80\n", ip_nonlocal_bind="0\n")
    node.conf = node.conf.replace("vrrp_instance VI {", f"vrrp_instance VI {{\n notify_master {SCRIPT}")
    node.files[FILE] = f"{SH}systemctl {does} haproxy\n"
    (finding,) = [it for it in node.examine(tmp_path) if it.rule == "nonlocal-bind-off"]
    assert finding.severity == severity


def test_ipv6_has_its_own_switches(tmp_path: Path) -> None:
    """Forwarding and nonlocal binds."""
    conf = service(misc()).replace("192.0.2.10", "2001:db8::10")
    node = Node(conf, {"proc/sys/net/ipv6/conf/all/forwarding": "0\n"})
    assert "net.ipv6.conf.all.forwarding is 0" in words(node, tmp_path, "ip-forward-off")


def test_ports_towards_an_ipv6_destination_count_as_well(tmp_path: Path) -> None:
    """/proc/net/tcp6 has 32 digits an address."""
    local, remote = "0" * 24 + "01000000", "B80D0120" + "0" * 16 + "05000000"
    lines = "".join(f" {n}: {local}:{0x8000 + n:04X} {remote}:0050 06 0\n" for n in range(950))
    files = {"proc/net/tcp6": f"sl\n{lines}", "proc/sys/net/ipv4/ip_local_port_range": "32768 33767\n"}
    said = words(Node(tracked(), files), tmp_path, "ephemeral-ports")
    assert "950 of 1000 ports are in use from ::1 to 2001:db8::5:80, 950 of them in TIME_WAIT" in said


_WORDS = """
global_defs vrrp_script vrrp_instance vrrp_sync_group virtual_server real_server MISC_CHECK FILE_CHECK track_file group
track_script unicast_peer virtual_ipaddress authentication script misc_path misc_dynamic misc_timeout notify file weight
reverse interval timeout fall priority interface state virtual_router_id auth_pass user script_user nopreempt lb_kind DR
lvs_sync_daemon id virtual_server_group fwmark 1-5 sorry_server preempt_delay init_fail global_tracking
MASTER enable_script_security eth0 1.2.3.4 ::1 80 a V / -5 0 99999999999 0.5 ${A} $A= { } \\n
"""
_PIECES = st.lists(
    st.sampled_from([*(f"{word} " for word in _WORDS.split()), "\n", " {\n", "}\n", '"']) | st.text(max_size=4)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(_PIECES.map("".join))
def test_no_configuration_breaks_the_doctor(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """It is examined, or the reader says why not."""
    conf = text.encode("utf-8", "ignore").decode()
    try:
        for finding in Node(conf, priorities=("50",), peer="vrrp_instance V {\n}\n").examine(
            tmp_path_factory.mktemp("n")
        ):
            assert all(part.isprintable() for part in (finding.what, finding.consequence, finding.fix, finding.path))
    except ConfError as error:
        assert str(error)  # noqa: PT017
