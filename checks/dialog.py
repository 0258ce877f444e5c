"""Does a server hold a dialog: does it say what it should, step by step?

Nagios greets!PRESET!PORT: --preset PRESET -p PORT
NRPE smtp: -H 127.0.0.1 --preset smtp
NRPE ssh: -H 127.0.0.1 --preset ssh
"""

from __future__ import annotations

from vipwarden.core.result import UNKNOWN, Range, Result
from vipwarden.core.values import Host, Port, Seconds, Source, Via
from vipwarden.net.secret import SecretError
from vipwarden.net.stream import NetError
from vipwarden.net.target import Target
from vipwarden.protocol.dialog.preset import Preset  # noqa: TC001 - the option is built by it
from vipwarden.protocol.dialog.step import Step, read_steps
from vipwarden.protocol.dialog.talk import Talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.net.stream import Stream

LATER = ("vipwarden.net.file",)
OWN_LETTERS = {"s": "step"}


async def dialog(
    net: Net,
    *,
    host: Host,
    port: Port | None = None,
    preset: Preset | None = None,
    step: tuple[Step, ...] = (),
    step_file: str | None = None,
    tls: bool = False,
    sni: Host | None = None,
    ca_file: str | None = None,
    insecure: bool = False,
    ipv4: bool = False,
    ipv6: bool = False,
    source: Source | None = None,
    via: Via | None = None,
    warning: Range | None = None,
    critical: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    r"""Does a server hold a dialog: does it say what it should, step by step?

    Steps are those of HAProxy's tcp-check, in its words: send DATA, send-binary HEX, expect [min-recv N] [!]
    string|rstring|binary|rbinary PATTERN, each with a comment TEXT; and tls, with which TLS begins there. A blank in
    data or in a pattern is quoted, or written with a backslash before it; \r \n \t \xHH are bytes. An expectation
    waits for more until its pattern comes; what came before the last send is not looked at.

    host: name, IPv4 or IPv6 address, or absolute path of a unix socket
    port: port; default that of the preset
    preset: dialog of a protocol, greeting and farewell: smtp, imap, pop, ftp or ssh
    step: next step; give the option several times, in the order of the dialog
    step_file: file with the steps, one a line, for a dialog with a password
    tls: begin with TLS
    sni: TLS server name (SNI), also verified in the certificate; default the host
    ca_file: PEM file with the CA certificates to trust instead of the system's
    insecure: accept any certificate
    ipv4: try IPv4 addresses only
    ipv6: try IPv6 addresses only
    source: local address to connect from
    via: connect to a VIP, by the director's own path to this real server: dr:VIP or tun:VIP
    warning: range for the duration in seconds
    critical: range for the duration in seconds
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    steps = preset.steps if preset else step
    try:
        steps = await read_steps(net, step_file) if step_file else steps
    except SecretError as error:
        return Result(UNKNOWN, f"{host}: {error}")
    except NetError as error:
        return error.result(host)
    number = port or (preset.port(tls=tls) if preset and not host.startswith("/") else None)
    target = Target(
        host,
        number,
        tls=tls,
        sni=sni,
        ca_file=ca_file,
        insecure=insecure,
        ipv4=ipv4,
        ipv6=ipv6,
        source=source,
        via=via,
    )
    wrong = target.contradiction(tls_later=any(one.kind == "tls" for one in steps))
    if (preset is not None) + bool(step) + (step_file is not None) != 1:
        wrong = "wants a preset, steps, or a file with steps: one of them"
    elif not target.local and not number:
        wrong = "no port given"
    if wrong:
        return Result(UNKNOWN, f"{host}: {wrong}")

    async def encrypt(stream: Stream) -> Stream:
        return await target.encrypt(net, stream)

    greeting = ""
    try:
        with await target.connect(net, first=not steps[0].expects) as stream:
            talk = Talk(stream, encrypt, secret=step_file is not None)
            await talk.hold(steps)
            greeting = talk.greeting
    except NetError as error:
        return error.result(host, [net.time(warning, critical)])
    taken = net.time(warning, critical)
    said = f", greeting {greeting!r}" if greeting else ""
    text = f"{stream.name} held the dialog of {len(steps)} step{'s' * (len(steps) > 1)}{said}"
    text += f" ({taken.value * 1000:.3g} ms)"
    return Result(taken.state, text, [taken])
