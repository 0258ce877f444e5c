"""When is the web configuration read again, and does that ever take protection away?"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from exporter.http.web import Security
from exporter.http.web_config import WebConfig
from tests.exporter.http.certificates import HASH, Authority, Pair

if TYPE_CHECKING:
    from pathlib import Path

SERVER = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"


def test_a_changed_file_is_read_again_and_a_broken_one_is_not(authority: Authority, tmp_path: Path) -> None:
    """What is wrong is said once, and what was read before stays in force."""
    said: list[str] = []
    path = tmp_path / "web.yaml"
    path.write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
    security = Security(str(path), said.append)
    first = security.web
    security.refresh()
    assert (security.web, said) == (first, [])
    path.write_text("basic_auth_users: {alice: secret}\n")
    for _ in range(3):
        security.refresh()
        assert security.web is first
    assert len(said) == 1
    assert "basic_auth_users.alice is no bcrypt hash" in said[0]
    assert said[0].endswith("what was read before stays in force")
    path.unlink()
    security.refresh()
    assert security.web is first
    assert "cannot be read: No such file" in said[1]
    path.write_text(f"basic_auth_users: {{bob: {HASH}}}\n")
    security.refresh()
    assert list(security.web.users) == [b"bob"]
    assert said[2:] == [f"{path}: read again"]


def test_a_renewed_certificate_is_read_even_if_its_key_comes_later(tmp_path: Path) -> None:
    """A moment in which they do not belong together does no harm."""
    said: list[str] = []
    authority = Authority(tmp_path)
    authority.sign("server")
    new = Authority(tmp_path, "new-ca").sign("new")
    path = tmp_path / "web.yaml"
    path.write_text(SERVER)
    security = Security(str(path), said.append)
    before = security.web.context
    _replace(tmp_path / "server.crt", new.certificate)
    security.refresh()
    assert security.web.context is before
    assert "key_file does not belong to cert_file" in said[0]
    _replace(tmp_path / "server.key", new.key)
    security.refresh()
    assert security.web.context is not before
    assert said[1] == f"{path}: read again"


def test_a_file_that_was_missing_is_noticed_when_it_comes(authority: Authority, tmp_path: Path) -> None:
    """Though the configuration that names it is the same."""
    said: list[str] = []
    path = tmp_path / "web.yaml"
    path.write_text("{}\n")
    security = Security(str(path), said.append)
    path.write_text(SERVER)
    security.refresh()
    assert security.web.context is None
    server = Pair(authority.folder / "server.crt", authority.folder / "server.key")
    _replace(tmp_path / "server.key", server.key)
    _replace(tmp_path / "server.crt", server.certificate)
    security.refresh()
    assert security.web.context is not None


WHOLE = (
    SERVER + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n  client_allowed_sans:\n"
    "    - prometheus.test\n  min_version: TLS13\nhttp_server_config:\n  headers:\n    X-Frame-Options: deny\n"
    f"rate_limit:\n  interval: 1s\n  burst: 20\nbasic_auth_users:\n  alice: {HASH}\n"
)


def test_no_part_of_the_file_takes_protection_away(authority: Authority) -> None:
    """Whatever is left of it after so many bytes, or lines: it stays as it was, and is told to be no more current."""
    said: list[str] = []
    path = authority.folder / "whole.yaml"
    path.write_text(WHOLE)
    security = Security(str(path), said.append)
    first = security.web
    for length in range(len(WHOLE) - 1):  # all but the newline at the end
        path.write_text(WHOLE[:length])
        security.refresh()
        assert security.web is first, WHOLE[:length]
        assert not security.is_current
    lines = WHOLE.splitlines(keepends=True)
    for number in range(len(lines)):
        path.write_text("".join(lines[:number] + lines[number + 1 :]))
        security.refresh()
        assert security.web is first, lines[number]
    assert 1 < len(said) <= 11  # one of them of the key, which everybody can read
    path.write_text(WHOLE)
    security.refresh()
    assert security.is_current
    assert security.web is first
    assert len(said) <= 11


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("{}\n", "a client's certificate is asked for and verified, .*, basic_auth_users, .*tls_server_config.cert, "),
        (
            WHOLE.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven").replace(
                "  client_allowed_sans:\n    - prometheus.test\n", ""
            ),
            "a client's certificate must be there, tls_server_config.client_allowed_sans",
        ),
        (WHOLE.partition("basic_auth")[0], "basic_auth_users"),
    ],
)
def test_less_protection_takes_a_reload(authority: Authority, text: str, lost: str) -> None:
    """Which is then what the operator says."""
    said: list[str] = []
    path = authority.folder / "less.yaml"
    path.write_text(WHOLE)
    security = Security(str(path), said.append)
    path.write_text(text)
    security.refresh()
    assert re.search(rf"less.yaml: is without what it had \({lost}.*stays in force until a reload \(SIGHUP\)", said[-1])
    assert Security(str(path), said.append, security).web == WebConfig(str(path), {}).web()


def test_one_of_several_users_may_go_at_once(authority: Authority) -> None:
    """Whose access was taken away does not wait for a reload; nor does a certificate that moves into the file."""
    path = authority.folder / "users.yaml"
    path.write_text(f"{SERVER}basic_auth_users:\n  alice: {HASH}\n  bob: {HASH}\n")
    security = Security(str(path), lambda _: None)
    inline = f"tls_server_config:\n  cert: |\n{_indented(authority, 'crt')}  key: |\n{_indented(authority, 'key')}"
    path.write_text(f"{inline}basic_auth_users:\n  alice: {HASH}\n")
    security.refresh()
    assert list(security.web.users) == [b"alice"]
    assert security.is_current


def _indented(authority: Authority, suffix: str) -> str:
    text = (authority.folder / f"server.{suffix}").read_text()
    return "".join(f"    {line}\n" for line in text.splitlines())


@pytest.mark.parametrize("kind", ["fifo", "folder", "hidden", "loop"])
def test_what_cannot_be_read_changes_nothing(tmp_path: Path, kind: str) -> None:
    """Nor does it hold up whoever reads it."""
    said: list[str] = []
    path = tmp_path / "web.yaml"
    path.write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
    security = Security(str(path), said.append)
    path.unlink()
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
        case "hidden":
            path.symlink_to("/proc/self/mem")
    for _ in range(3):
        security.refresh()
    assert list(security.web.users) == [b"alice"]
    assert not security.is_current
    assert len(said) == 1


def _replace(path: Path, source: Path) -> None:
    aside = path.with_suffix(".aside")
    aside.write_bytes(source.read_bytes())
    aside.chmod(0o600)
    aside.rename(path)
