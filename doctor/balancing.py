"""Does IPVS do what keepalived.conf says?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.commands import services
from doctor.finding import ERROR, WARNING, Finding, at
from doctor.host import slurp
from doctor.tracking import number
from vipwarden.node.ipvs.read import Tables
from vipwarden.node.ipvs.table import IpvsError
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.vips import plain_address
from vipwarden.node.keepalived.virtual_servers import virtual_services

if TYPE_CHECKING:
    from vipwarden.node.ipvs.table import Service

_SECONDS = 2
_ELSEWHERE = ("net_namespace", "net_namespace_ipvs")
_OF_TCP = ("TCP_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK")
_KUBERNETES = "kube-ipvs0"


@rule("sorry-server-weights", ERROR)
def sorry_server_weights(case: Case) -> Findings:
    """Sorry servers beside real servers that all have weight 0."""
    for service in services(case.conf):
        servers = list(service.named("real_server"))
        sorry = service.last("sorry_server")
        weights = [number(server.value("weight") or service.value("weight"), 1) for server in servers]
        has_files = any(True for server in servers for _ in server.named("FILE_CHECK"))  # file-check-sorry reports it
        if sorry is not None and servers and not any(weights) and not has_files:
            what = f"all real servers of virtual_server {' '.join(service.words[1:3])} have weight 0"
            consequence = "keepalived uses quorum 0 and hysteresis 4294967295: no server is ever enough."
            yield at(sorry, what, consequence, "weight 1, and a checker that takes a server out.")


@rule("protocol-missing", ERROR)
def protocol_missing(case: Case) -> Findings:
    """Virtual servers without a protocol, which keepalived takes for UDP (check_data.c, validate_check_config())."""
    for service in services(case.conf) if case.is_version("2.0.0", "9999.0.0") else ():
        groups = [group for group in case.conf.named("virtual_server_group") if [group.name] == service.words[2:3]]
        marks = [line.words[0] == "fwmark" for group in groups for line in group.blocks]
        has_mark = service.name == "fwmark" or (service.name == "group" and all(marks))  # it takes any protocol
        check = next((it for server in service.named("real_server") for it in server.named(*_OF_TCP)), None)
        if check is not None and not has_mark and not service.value("protocol"):
            what = f"virtual_server {' '.join(service.words[1:3])} has no protocol, and servers with {check.words[0]}"
            consequence = "keepalived makes it a UDP service: TCP connections to the VIP are not balanced."
            yield at(service, what, consequence, "protocol TCP")


@rule("ipvs-unknown", WARNING)
def ipvs_unknown(case: Case) -> Findings:
    """Virtual services and real servers in the kernel that keepalived.conf does not know."""
    is_elsewhere = any(case.setting(keyword) is not None for keyword in _ELSEWHERE)
    if is_elsewhere or _KUBERNETES in case.host.interfaces or not any(services(case.conf)):
        return
    try:
        known = {key[1:] for key in virtual_services(case.conf)}
        table = Tables(case.host.proc).read(_SECONDS).services
    except (IpvsError, ConfError):
        return
    lines = [line for service in services(case.conf) for line in service.named("real_server", "sorry_server")]
    servers = {plain_address(line.name) for line in lines}
    place = f"{case.host.proc}/net/ip_vs"
    consequence = "ipvsadm, or an earlier configuration, has left it: clients get answers that nobody checks."
    for service in table:
        name = f"fwmark {int(service.mark, 16)}" if service.mark else f"{service.address} {service.port}"
        strangers = sorted({address for address, _ in service.columns.endpoints} - servers)
        if (service.address, service.port, service.mark) not in known:
            if not _is_path(service):
                fix = f"Write it into keepalived.conf, or ipvsadm -D {_option(service)}"
                yield Finding(place, 0, f"IPVS has a service {name}, which is not configured", consequence, fix)
        elif strangers and "" not in servers:
            fix = f"ipvsadm -d {_option(service)} -r SERVER for each; or write it into keepalived.conf."
            what = f"IPVS has real servers of {name} that are not configured: {', '.join(strangers)}"
            yield Finding(place, 0, what, consequence, fix)


def _option(service: Service) -> str:
    if service.mark:
        return f"-f {int(service.mark, 16)}"
    address = f"[{service.address}]" if ":" in service.address else service.address
    return f"-{service.proto[0].lower()} {address}:{service.port}"


def _is_path(service: Service) -> bool:
    """Return whether it looks as what a check with via makes: a mark with one real server."""
    return bool(service.mark) and len(service.columns.endpoints) == 1 and service.scheduler == "rr"


@rule("sync-daemon-stopped", WARNING)
def sync_daemon_stopped(case: Case) -> Findings:
    """IPVS sync daemons that are configured and do not run."""
    line = case.setting("lvs_sync_daemon")
    if line is None or slurp(f"{case.host.proc}/net/ip_vs", 1) is None:
        return
    names = {(slurp(str(path), 64) or b"").strip() for path in Path(case.host.proc).glob("[0-9]*/comm")}
    # without kthreadd this is a container that does not see the kernel's threads
    is_known = {b"keepalived", b"kthreadd"} <= names
    if is_known and not any(name.startswith(b"ipvs") for name in names):
        what = "lvs_sync_daemon is configured, and the kernel has no thread of it"
        consequence = "The peers do not learn the connections: a handover breaks all that are open."
        yield at(line, what, consequence, "journalctl -u keepalived says why it did not start; ipvsadm -l --daemon")
