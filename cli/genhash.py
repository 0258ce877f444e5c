"""What is the digest of a web page, for keepalived's HTTP_GET or for the http_digest check?

It takes the options of keepalived's genhash and prints what that prints. Unlike it, it has an end and says by its
exit code whether the digest is worth anything: 0 it is, 1 the page could not be had, 2 the options make no sense.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn

from cli.arguments import built
from vipwarden.core.result import OK, Result, one_line
from vipwarden.core.values import Count, Port, Seconds
from vipwarden.net.blocking import BlockingNet, run
from vipwarden.net.stream import NetError
from vipwarden.protocol.http.codec import HTTP_1_0, HttpVersion, Path, VirtualHost, request
from vipwarden.protocol.http.options import MD5, SUCCESS, Algorithm, Statuses
from vipwarden.protocol.http.session import MOST_BYTES, fetch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.protocol.http.session import Page


def main(arguments: Sequence[str]) -> int:
    """Fetch a page, print its digest and return the exit code."""
    parser = _parser()
    try:
        given = parser.parse_args(arguments)
        _refuse_contradictions(parser, given)
    except SystemExit as end:  # argparse has said all
        return int(end.code or 0)
    pages: list[Page] = []
    result = run(_fetch(given, pages), given.timeout)
    if not pages:
        sys.stderr.write(f"genhash: {one_line(result.text)}\n")
        return 1
    page = pages[0]
    sys.stderr.writelines(f"{line}\n" for line in _told(given, page))
    if given.config:
        sys.stdout.write(config(given, page))
    else:
        sys.stdout.write(f"MD5SUM = {page.digest}\n\n" if given.classic else f"{page.digest}\n")
    return 0


async def _fetch(given: argparse.Namespace, pages: list[Page]) -> Result:
    net = BlockingNet()
    net.begin(given.timeout)
    try:
        page = await fetch(
            net,
            given.server,
            given.port,
            given.url,
            status=given.status,
            algorithm=given.algorithm,
            max_bytes=given.max_bytes,
            virtualhost=given.virtualhost,
            http_version=given.protocol,
            decoded=given.decoded,
            tls=given.tls,
            ca_file=given.ca_file,
            insecure=given.insecure,
        )
    except NetError as error:
        return error.result(f"{given.server}{given.url}")
    pages.append(page)
    return Result(OK, page.digest)


def _told(given: argparse.Namespace, page: Page) -> list[str]:
    """Return what goes to stderr: all that was seen with -v, and in any case why the digest may not last."""
    told = [f"genhash: fragile: {reason}" for reason in page.fragile]
    if given.verbose:
        host = given.virtualhost or "ADDRESS:PORT"
        sent = request(given.url, host, given.protocol).decode().splitlines()
        came = page.header.raw.decode("latin-1").split("\r\n")
        told = [f"> {line}" for line in sent if line] + [f"< {one_line(line)}" for line in came if line] + told
        told.append(f"genhash: {page.size} bytes digested")
    return told


def config(given: argparse.Namespace, page: Page) -> str:
    """Return the checker of keepalived.conf(5) that finds this page right, to stand inside a real_server."""
    lines = []
    if given.protocol != HTTP_1_0:
        lines.append(f"    http_protocol {given.protocol}")
    if given.virtualhost:
        lines.append(f"    virtualhost {_quoted(given.virtualhost)}")
        if given.tls:
            lines.append("    enable_sni")
    lines += [
        "    url {",
        f"        path {_quoted(given.url)}",
        f"        digest {page.digest}",
        f"        status_code {page.header.status}",
        "    }",
    ]
    return "\n".join(["SSL_GET {" if given.tls else "HTTP_GET {", *lines, "}", ""])


def _quoted(text: str) -> str:
    return f'"{text}"' if set(text) & set("#!{}") else text


def _refuse_contradictions(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    if given.fwmark is not None:
        parser.error("-m: there are no firewall marks here, route by --server in place of them")
    if given.classic and given.config:
        parser.error("--classic and --config are two forms of the same")
    if (given.classic or given.config) and (given.decoded or given.algorithm != MD5):
        parser.error("keepalived knows MD5 of the bytes as they travel alone: no --decoded and --algorithm with it")
    if given.config and set(given.url + (given.virtualhost or "")) & set('"\\$'):
        parser.error('--config: keepalived.conf has meanings of its own for " \\ and $, write %22 %5C and %24')
    if given.server.startswith("/") is (given.port is not None):
        parser.error("-p is wanted, but not for a unix socket")
    if given.config and given.server.startswith("/"):
        parser.error("--config: keepalived checks no unix sockets")
    if given.config and given.tls and not given.virtualhost and not _is_address(given.server):
        parser.error("--config: in TLS keepalived sends the virtualhost as server name, so -V is wanted")
    if given.sni and not (given.tls and given.virtualhost):
        parser.error("-I sends the virtualhost as server name in TLS: -S and -V are wanted with it")
    if (given.ca_file or given.insecure) and not given.tls:
        parser.error("--ca-file and --insecure are for TLS: -S is wanted with them")


def _is_address(host: str) -> bool:
    return ":" in host or not host.strip("0123456789.")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line: genhash's whole usage would hide the reason."""
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> _Parser:
    parser = _Parser(
        "vipwarden genhash",
        description="Print the digest of a web page as keepalived's HTTP_GET and SSL_GET compute it.",
        epilog="Exit codes: 0 the digest is printed, 1 the page could not be had as wanted, 2 usage.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("-s", "--server", required=True, metavar="HOST", help="name, address or unix socket path of the server")
    add("-p", "--port", type=built(Port), help="its port")
    add("-u", "--url", required=True, type=built(Path), metavar="PATH", help="path of the page")
    add("-V", "--use-virtualhost", dest="virtualhost", type=built(VirtualHost), metavar="NAME", help="Host to send")
    add("-P", "--protocol", type=built(HttpVersion), default=HTTP_1_0, metavar="VERSION", help="1.0, 1.0c or 1.1")
    add("-t", "--timeout", type=built(Seconds), default=Seconds(10), help="seconds for it all, 10 by default")
    add("-S", "--use-ssl", dest="tls", action="store_true", help="use TLS; the certificate has to be valid")
    add("-I", "--use-sni", dest="sni", action="store_true", help="send -V as server name, which is done in any case")
    add("-m", "--fwmark", metavar="MARK", help="refused: there are no firewall marks here")
    add("-v", "--verbose", action="store_true", help="show both headers on stderr")
    add("-e", "--status", type=built(Statuses), default=SUCCESS, metavar="CODES", help="by default 200-299")
    add("--ca-file", metavar="FILE", help="CA certificates to trust in place of the system's")
    add("--insecure", action="store_true", help="accept any certificate, as keepalived does")
    add("--max-bytes", type=built(Count), default=MOST_BYTES, metavar="N", help="longest body, 16 MiB by default")
    add("--decoded", action="store_true", help="digest the content, without chunks and compression")
    add("--algorithm", type=built(Algorithm), default=MD5, metavar="NAME", help="md5 or sha256")
    add("--classic", action="store_true", help="print it as genhash did up to 2.2.2")
    add("--config", action="store_true", help="print a checker for keepalived.conf")
    return parser
