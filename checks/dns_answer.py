"""Does a DNS server give the right answer?

Nagios dns_record!NAME!TYPE!ANSWER: -q NAME -T TYPE -e ANSWER
NRPE dns: -H 127.0.0.1 -q localhost
"""

from __future__ import annotations

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Metric, Range, Result, one_line
from vipwarden.core.values import Host, Port, Seconds, Source, family
from vipwarden.net.stream import NetError
from vipwarden.protocol.dns.message import ADDRESS, NOERROR, QueryName, Rcode, RecordType
from vipwarden.protocol.dns.message import query as query_of
from vipwarden.protocol.dns.records import comparable, serial
from vipwarden.protocol.dns.session import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.address import Address
    from vipwarden.net.net import Net
    from vipwarden.protocol.dns.message import Reply

DOMAIN = Port(53)
OWN_LETTERS = {"q": "query", "T": "record_type", "A": "authoritative"}


async def dns_answer(
    net: Net,
    *,
    host: Host,
    query: QueryName,
    record_type: RecordType = ADDRESS,
    port: Port = DOMAIN,
    rcode: Rcode = NOERROR,
    expect: tuple[str, ...] = (),
    authoritative: bool = False,
    ttl: Range | None = None,
    same_serial: tuple[Host, ...] = (),
    tcp: bool = False,
    no_recursion: bool = False,
    no_edns: bool = False,
    ipv4: bool = False,
    ipv6: bool = False,
    source: Source | None = None,
    warning: Range | None = None,
    critical: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    r"""Does a DNS server give the right answer?

    Sends one query to the given server, never to those of the system, three times before silence counts. An answer that
    does not fit into its datagram is fetched by TCP. Aliases are followed inside of the answer. NOERROR without a
    record of the type is CRITICAL.

    host: name, IPv4 or IPv6 address of the server
    query: domain name to ask for, such as www.example.org
    record_type: type of the record, such as A, AAAA, MX, SOA, TXT or TYPE65
    port: UDP and TCP port
    rcode: response code that the server must give, such as NOERROR, NXDOMAIN or REFUSED
    expect: answer that must be there, as in a zone file, such as 192.0.2.1 or '10 mail.example.org.'
    authoritative: the server must be an authority of the name (flag AA)
    ttl: range for the lowest TTL of the answer in seconds; outside of it the state is CRITICAL
    same_serial: other server, whose SOA record must have the same serial
    tcp: ask by TCP only
    no_recursion: do not ask for recursion (flag RD), as one server asks another
    no_edns: ask without EDNS, for servers that do not know it
    ipv4: try IPv4 addresses only
    ipv6: try IPv6 addresses only
    source: local address to ask from
    warning: range for the duration in seconds
    critical: range for the duration in seconds
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    question = f"{query} {record_type}"
    wrong = _contradiction((host, *same_serial), record_type, rcode, expect, ttl)
    if wrong:
        return Result(UNKNOWN, f"{question}: {wrong}")
    run = _Run(
        net, query_of(query, record_type.number, recursive=not no_recursion, edns=not no_edns), port, source, tcp
    )
    try:
        await run.ask((host, *same_serial), family(ipv4, ipv6))
    except NetError as error:
        return error.result(question, [net.time(warning, critical)])
    time = net.time(warning, critical)
    faults = []
    for name, reply in run.replies:
        fault = _fault(reply, record_type, rcode, expect, authoritative, ttl)
        faults += [f"{name} {fault}"] if fault else []
    name, reply = run.replies[0]
    metrics = [time, Metric("answers", len(reply.answers), minimum=0)]
    if reply.ttl is not None:
        metrics.append(Metric("ttl", reply.ttl, "s", crit=ttl, minimum=0))
    if record_type == "SOA" and not faults:
        serials = [serial(reply.answers[0]) for _, reply in run.replies]
        metrics.append(Metric("serial", serials[0], minimum=0))
        if len(set(serials)) > 1:
            pairs = zip(run.replies, serials, strict=True)
            faults.append("serials differ: " + ", ".join(f"{number} on {name}" for (name, _), number in pairs))
    state = CRITICAL if faults else time.state
    text = "; ".join(faults) or f"{name} answered {_shown(reply.answers) or reply.rcode}"
    if state == OK and len(run.replies) > 1:
        text += f", and the same serial is on {len(run.replies) - 1} more"
    return Result(state, f"{question}: {one_line(text)} ({time.value * 1000:.3g} ms)", metrics, notes=run.notes)


class _Run:
    """The servers that are asked in turn, and what each of them replied."""

    def __init__(self, net: Net, asked: bytes, port: int, source: str | None, tcp: bool) -> None:
        self.net = net
        self.asked = asked
        self.port = port
        self.source = source
        self.tcp = tcp
        self.replies: list[tuple[str, Reply]] = []
        self.notes: list[str] = []

    async def ask(self, hosts: tuple[str, ...], family: int) -> None:
        """Ask each host on the first of its addresses that answers; raises NetError."""
        targets = [await self.net.resolve(host, family) for host in hosts]
        for index, addresses in enumerate(targets):
            await self._first(addresses, sum(map(len, targets[index + 1 :])))

    async def _first(self, addresses: list[Address], others: int) -> None:
        errors: list[NetError] = []
        for index, address in enumerate(addresses):
            self.net.share(len(addresses) - index + others)
            try:
                reply, way = await ask(self.net, address, self.port, self.asked, self.source, tcp=self.tcp)
            except NetError as error:
                errors.append(error)
                continue
            name = address.name(self.port)
            self.replies.append((name, reply))
            self.notes.append(f"{name}: {reply.rcode} in {reply.size} B by {way}: {_shown(reply.answers, 900)}")
            return
        raise NetError(errors[0].kind, "; ".join(error.text for error in errors))


def _contradiction(
    hosts: tuple[str, ...], record_type: str, rcode: str, expect: tuple[str, ...], ttl: Range | None
) -> str:
    if any(host.startswith("/") for host in hosts):
        return "DNS has no unix sockets: a name or an address of the server is wanted"
    if len(hosts) > 1 and (record_type != "SOA" or rcode != NOERROR):
        return "same_serial compares SOA records: give SOA as record_type, and no rcode"
    if rcode != NOERROR and (expect or ttl):
        return f"expect and ttl are for answers, and {rcode} comes without"
    return ""


def _fault(
    reply: Reply, record_type: str, rcode: str, expect: tuple[str, ...], authoritative: bool, ttl: Range | None
) -> str:
    """Return what is wrong with a reply, following the name of the server; "" where nothing is."""
    if reply.rcode != rcode:
        return f"answered {reply.rcode}, not {rcode}"
    if authoritative and not reply.authoritative:
        return "is no authority of the name"
    if rcode != NOERROR:
        return ""
    if not reply.answers:
        return f"has no {record_type} record of the name"
    came = {comparable(answer, record_type) for answer in reply.answers}
    missing = [answer for answer in expect if comparable(answer, record_type) not in came]
    if missing:
        return f"answered {_shown(reply.answers)}, without {', '.join(missing)}"
    if ttl is not None and reply.ttl is not None and ttl.alerts(reply.ttl):
        return f"answered with a TTL of {reply.ttl} s, outside of {ttl}"
    return ""


def _shown(answers: list[str], limit: int = 100) -> str:
    return one_line(", ".join(answers), limit)
