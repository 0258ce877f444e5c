"""Does ``vipwarden genhash`` print what genhash prints, and fail where that does not?"""

from __future__ import annotations

import hashlib
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from cli.genhash import main
from tests.commands import program
from tests.servers.certificate import self_signed
from tests.servers.raw_http import HANG, RawHttp, raw_http

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.raw_http import Step

START = b"HTTP/1.1 200 OK\r\n"
HELLO = hashlib.md5(b"hello").hexdigest()
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
PAGES: dict[str, tuple[Step, ...]] = {
    "/plain": (START + b"Content-Length: 5\r\n\r\nhello",),
    "/a#b!c{d}": (START + b"Content-Length: 5\r\n\r\nhello",),
    "/chunked": (START + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,),
    "/404": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello",),
    "/short": (START + b"Content-Length: 9\r\n\r\nhello",),
    "/nothing": (),
    "/mute": (HANG,),
}
CONFIG = """
virtual_server 127.0.0.1 80 {{
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 127.0.0.2 80 {{
        weight 1
{checker}    }}
}}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RawHttp]:
    """Serve the pages above."""
    with raw_http(PAGES) as running:
        yield running


def words(server: RawHttp, path: str, *more: str) -> list[str]:
    """Return a command line as genhash takes it."""
    return ["-s", "127.0.0.1", "-p", server.port, "-u", path, *more]


@pytest.mark.parametrize("more", [(), ("-P", "1.0c"), ("-P", "1.1", "-V", "web.test"), ("-t", "5")])
@pytest.mark.parametrize("path", ["/plain", "/chunked"])
def test_it_prints_and_asks_what_genhash_does(
    server: RawHttp, path: str, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """The bare digest on a line, for the same options, by the same request."""
    theirs = subprocess.run([program("genhash"), *words(server, path, *more)], check=True, capture_output=True)
    assert main(words(server, path, *more)) == 0
    assert capsys.readouterr().out.encode() == theirs.stdout
    assert server.requests[-1] == server.requests[-2]


def test_the_classic_form_is_that_of_genhash_up_to_2_2_2(server: RawHttp, capsys: pytest.CaptureFixture[str]) -> None:
    """With an empty line behind it."""
    assert main(words(server, "/plain", "--classic")) == 0
    assert capsys.readouterr() == (f"MD5SUM = {HELLO}\n\n", "")


def test_a_fragile_digest_is_told_on_stderr(server: RawHttp, capsys: pytest.CaptureFixture[str]) -> None:
    """So that it does not get into a configuration unseen."""
    assert main(words(server, "/chunked")) == 0
    assert capsys.readouterr().err.startswith("genhash: fragile: the body is chunked")


def test_the_content_may_be_digested_in_its_place(server: RawHttp, capsys: pytest.CaptureFixture[str]) -> None:
    """For the http_digest check, which can do so too."""
    assert main(words(server, "/chunked", "--decoded", "--algorithm", "sha256")) == 0
    assert capsys.readouterr() == (hashlib.sha256(b"hello").hexdigest() + "\n", "")


def test_verbose_shows_both_headers(server: RawHttp, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, so that stdout stays the digest alone."""
    assert main(words(server, "/plain", "-v", "-V", "web.test")) == 0
    out, err = capsys.readouterr()
    assert out == f"{HELLO}\n"
    assert "> Host: web.test\n< HTTP/1.1 200 OK\n< Content-Length: 5\ngenhash: 5 bytes digested\n" in err


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/404", "status 404, wanted 200-299"),
        ("/short", "short body: 5 of 9 bytes"),
        ("/nothing", "closed without an answer"),
        ("/mute", "no answer from"),
    ],
)
def test_what_is_no_page_fails_with_the_reason(
    server: RawHttp, path: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where genhash leaves with 0."""
    assert main(words(server, path, "-t", "0.2")) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("genhash: 127.0.0.1")
    assert reason in err


def test_a_refused_connection_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """As nobody listens."""
    with raw_http({}) as gone:
        arguments = words(gone, "/")
    assert main(arguments) == 1
    assert "is closed (Connection refused)" in capsys.readouterr().err


def test_a_status_that_is_wanted_is_no_failure(server: RawHttp, capsys: pytest.CaptureFixture[str]) -> None:
    """As keepalived's status_code may name it."""
    assert main(words(server, "/404", "-e", "404", "--config")) == 0
    assert "        status_code 404\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-s", "h", "-p", "80"], "-u/--url"),
        (["-s", "h", "-u", "/"], "-p is wanted"),
        (["-s", "/run/x", "-p", "80", "-u", "/"], "-p is wanted, but not"),
        (["-s", "h", "-p", "0", "-u", "/"], "a port is a number from 1 to 65535"),
        (["-s", "h", "-p", "80", "-u", "a"], "a path begins with a slash"),
        (["-s", "h", "-p", "80", "-u", "/", "-P", "2"], "1.0, 1.0C or 1.1 is wanted"),
        (["-s", "h", "-p", "80", "-u", "/", "-m", "1"], "no firewall marks"),
        (["-s", "h", "-p", "80", "-u", "/", "-I"], "-S and -V are wanted"),
        (["-s", "h", "-p", "80", "-u", "/", "--insecure"], "-S is wanted"),
        (["-s", "h", "-p", "80", "-u", "/", "--classic", "--config"], "two forms"),
        (["-s", "h", "-p", "80", "-u", "/", "--classic", "--algorithm", "sha256"], "keepalived knows MD5"),
        (["-s", "h", "-p", "80", "-u", "/", "--config", "--decoded"], "keepalived knows MD5"),
        (["-s", "h", "-p", "80", "-u", "/$x", "--config"], "%24"),
        (["-s", "/run/x", "-u", "/", "--config"], "no unix sockets"),
        (["-s", "h", "-p", "80", "-u", "/", "-S", "--config"], "so -V is wanted"),
        (["-s", "h", "-p", "80", "-u", "/", "-H", "md5"], "there is no option '-H'; see vipwarden genhash --help"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the reason in one line, and 2."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vipwarden genhash: ")
    assert reason in err
    assert err.count("\n") == 1


def test_the_help_tells_that_certificates_are_verified(capsys: pytest.CaptureFixture[str]) -> None:
    """As keepalived does not."""
    assert main(["--help"]) == 0
    assert "accept any certificate, as keepalived does" in re.sub(r"\s+", " ", capsys.readouterr().out)


@pytest.mark.parametrize("more", [(), ("-V", "web.test:81"), ("-P", "1.1", "-V", "web.test"), ("-P", "1.0c")])
@pytest.mark.parametrize("path", ["/plain", "/a#b!c{d}", "/chunked"])
def test_keepalived_takes_the_configuration(
    server: RawHttp, path: str, more: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Inside a virtual server, without a word of complaint."""
    assert main(words(server, path, "--config", *more)) == 0
    checked(tmp_path, capsys.readouterr().out)


def test_the_configuration_of_a_tls_page_is_an_ssl_get(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the virtualhost as its server name."""
    certificate, key = self_signed(tmp_path)
    with raw_http(PAGES, certificate=(certificate, key)) as server:
        tls = words(server, "/plain", "-S", "-V", "web.test")
        assert main(tls) == 1
        assert "certificate" in capsys.readouterr().err
        assert main([*tls, "-I", "--ca-file", str(certificate), "--config"]) == 0
        written = capsys.readouterr().out
        assert server.names == ["web.test"] * 2
    assert written == (
        "SSL_GET {\n    virtualhost web.test\n    enable_sni\n    url {\n        path /plain\n"
        f"        digest {HELLO}\n        status_code 200\n    }}\n}}\n"
    )
    checked(tmp_path, written)


def checked(folder: Path, checker: str) -> None:
    """Let keepalived read a checker inside a whole configuration; it must not complain."""
    indented = "".join(f"        {line}\n" for line in checker.splitlines())
    config = folder / "keepalived.conf"
    config.write_text(CONFIG.format(checker=indented))
    done = subprocess.run([program("keepalived"), "-t", "-f", config], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), config.read_text()
