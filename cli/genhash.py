"""What is the digest of a web page, for keepalived's HTTP_GET or for the http_digest check?

It takes the options of keepalived's genhash and prints what that prints. Unlike genhash it has a deadline, and its exit
code says whether the digest is of the page that was asked for.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import File, UsageError
from vipwarden.core.result import OK, Result, one_line
from vipwarden.core.values import Count, Host, Port, Seconds
from vipwarden.net.blocking import BlockingNet, run
from vipwarden.net.stream import NetError
from vipwarden.protocol.http.codec import request
from vipwarden.protocol.http.options import HTTP_1_0, MD5, SUCCESS, Algorithm, HttpVersion, Path, Statuses, VirtualHost
from vipwarden.protocol.http.response import MOST_BYTES
from vipwarden.protocol.http.server import Server
from vipwarden.protocol.http.session import fetch

if TYPE_CHECKING:
    from vipwarden.protocol.http.session import Page

OWN_LETTERS = {  # those of keepalived's genhash
    "s": "server",
    "u": "url",
    "V": "use_virtualhost",
    "P": "protocol",
    "S": "use_ssl",
    "I": "use_sni",
    "m": "fwmark",
}


class Fwmark(str):
    """A firewall mark, which is always refused."""

    __slots__ = ()

    def __new__(cls, _text: str) -> Fwmark:
        """Raise ValueError with the reason."""
        raise ValueError("there are no firewall marks here, route by --server in place of them")


def genhash(
    *,
    server: Host,
    port: Port | None = None,
    url: Path,
    use_virtualhost: VirtualHost | None = None,
    protocol: HttpVersion = HTTP_1_0,
    timeout: Seconds = Seconds(10),
    use_ssl: bool = False,
    use_sni: bool = False,
    fwmark: Fwmark | None = None,
    verbose: bool = False,
    status: Statuses = SUCCESS,
    ca_file: File | None = None,
    insecure: bool = False,
    max_bytes: Count = MOST_BYTES,
    decoded: bool = False,
    algorithm: Algorithm = MD5,
    classic: bool = False,
    config: bool = False,
) -> int:
    """Print the digest of a web page as keepalived's HTTP_GET and SSL_GET compute it.

    It takes the options of keepalived's genhash. Exit codes: 0 the digest is printed, 1 the page cannot be had as
    wanted, 2 usage.

    server: name, address or unix socket path of the server
    port: its port
    url: path of the page
    use_virtualhost: Host to send
    protocol: 1.0, 1.0c or 1.1
    timeout: deadline in seconds for the whole run
    use_ssl: use TLS; the certificate has to be valid
    use_sni: send -V as server name, which is done in any case
    fwmark: refused: there are no firewall marks here
    verbose: show both headers on stderr
    status: status codes that are right
    ca_file: CA certificates to trust in place of the system's
    insecure: accept any certificate, as keepalived does
    max_bytes: longest body in bytes
    decoded: digest the content, without chunks and compression
    algorithm: md5 or sha256
    classic: print it as genhash did up to 2.2.2
    config: print a checker for keepalived.conf
    """
    wanted = SimpleNamespace(**locals())
    _refuse_contradictions(wanted)
    pages: list[Page] = []
    result = run(_fetch(wanted, pages), timeout)
    if not pages:
        sys.stderr.write(f"genhash: {one_line(result.text)}\n")
        return 1
    page = pages[0]
    sys.stderr.writelines(f"{line}\n" for line in _remarks(wanted, page))
    if config:
        sys.stdout.write(checker(wanted, page))
    else:
        sys.stdout.write(f"MD5SUM = {page.digest}\n\n" if classic else f"{page.digest}\n")
    return 0


main = CommandLine("vipwarden genhash", genhash)


async def _fetch(wanted: SimpleNamespace, pages: list[Page]) -> Result:
    net = BlockingNet()
    net.begin(wanted.timeout)
    secured = {"tls": wanted.use_ssl, "ca_file": wanted.ca_file, "insecure": wanted.insecure}
    server = Server(wanted.server, wanted.port, wanted.use_virtualhost, **secured)
    try:
        page = await fetch(
            net,
            server,
            wanted.url,
            status=wanted.status,
            algorithm=wanted.algorithm,
            max_bytes=wanted.max_bytes,
            http_version=wanted.protocol,
            decoded=wanted.decoded,
        )
    except NetError as error:
        return error.result(f"{wanted.server}{wanted.url}")
    pages.append(page)
    return Result(OK, page.digest)


def _remarks(wanted: SimpleNamespace, page: Page) -> list[str]:
    """Return what goes to stderr: all that was seen with -v, and in any case why the digest may not last."""
    lines = [f"genhash: fragile: {reason}" for reason in page.fragile]
    if wanted.verbose:
        host = wanted.use_virtualhost or "ADDRESS:PORT"
        sent = request(wanted.url, host, wanted.protocol).decode().splitlines()
        came = page.header.raw.decode("latin-1").split("\r\n")
        lines = [f"> {line}" for line in sent if line] + [f"< {one_line(line)}" for line in came if line] + lines
        lines.append(f"genhash: {page.size} bytes digested")
    return lines


def checker(wanted: SimpleNamespace, page: Page) -> str:
    """Return the checker of keepalived.conf(5) that finds this page right, to stand inside a real_server."""
    lines = []
    if wanted.protocol != HTTP_1_0:
        lines.append(f"    http_protocol {wanted.protocol}")
    if wanted.use_virtualhost:
        lines.append(f"    virtualhost {_quoted(wanted.use_virtualhost)}")
        if wanted.use_ssl:
            lines.append("    enable_sni")
    lines += [
        "    url {",
        f"        path {_quoted(wanted.url)}",
        f"        digest {page.digest}",
        f"        status_code {page.header.status}",
        "    }",
    ]
    return "\n".join(["SSL_GET {" if wanted.use_ssl else "HTTP_GET {", *lines, "}", ""])


def _quoted(text: str) -> str:
    return f'"{text}"' if set(text) & set("#!{}") else text


def _refuse_contradictions(wanted: SimpleNamespace) -> None:
    at_path, classic, config = wanted.server.startswith("/"), wanted.classic, wanted.config
    tls, virtualhost = wanted.use_ssl, wanted.use_virtualhost
    reasons = {
        "--classic and --config are two forms of the same": classic and config,
        "keepalived knows MD5 of the bytes as they travel alone: no --decoded and --algorithm with it": (
            (classic or config) and (wanted.decoded or wanted.algorithm != MD5)
        ),
        '--config: keepalived.conf has meanings of its own for " \\ and $, write %22 %5C and %24': (
            config and set(wanted.url + (virtualhost or "")) & set('"\\$')
        ),
        "-p is wanted, but not for a unix socket": at_path is (wanted.port is not None),
        "--config: keepalived checks no unix sockets": config and at_path,
        "--config: in TLS keepalived sends the virtualhost as server name, so -V is wanted": (
            config and tls and not virtualhost and not _is_address(wanted.server)
        ),
        "-I sends the virtualhost as server name in TLS: -S and -V are wanted with it": (
            wanted.use_sni and not (tls and virtualhost)
        ),
        "--ca-file and --insecure are for TLS: -S is wanted with them": (wanted.ca_file or wanted.insecure) and not tls,
    }
    for reason, holds in reasons.items():
        if holds:
            raise UsageError(reason)


def _is_address(host: str) -> bool:
    return ":" in host or not host.strip("0123456789.")
