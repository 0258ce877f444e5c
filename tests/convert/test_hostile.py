"""What does a configuration do that is odd, huge, broken or written to confuse?"""

from __future__ import annotations

import os
from time import process_time
from typing import TYPE_CHECKING

import pytest

from cli.convert import main

if TYPE_CHECKING:
    from pathlib import Path

SERVER = """\
    real_server 10.{}.{}.{} 80 {{
        weight 1
        TCP_CHECK {{
            retry 2
        }}
    }}
"""
SERVICE = "virtual_server 192.0.2.10 80 {{\n    delay_loop 6\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n{}}}\n"
ONE = SERVICE.format(SERVER.format(0, 0, 1))


def convert(folder: Path, text: str | bytes, *more: str) -> int:
    """Convert a text."""
    path = folder / "keepalived.conf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return main([str(path), "--config", str(folder / "vipwarden.yaml"), "--keepalived-version", "2.2.8", *more])


def said(capsysbinary: pytest.CaptureFixture[bytes]) -> tuple[str, str]:
    """Return what was printed."""
    out, err = capsysbinary.readouterr()
    return out.decode("utf-8", "surrogateescape"), err.decode()


def test_includes_in_a_circle_are_refused(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """By name."""
    (tmp_path / "more.conf").write_text("include keepalived.conf\n")
    assert convert(tmp_path, "include more.conf\n" + ONE) == 2
    assert "does " in said(capsysbinary)[1]


@pytest.mark.parametrize("data", [b"\x00\x01\x02" * 1000, bytes(range(256)) * 40, b"{" * 1000, b'"' * 999, b"}\n" * 99])
def test_a_binary_file_has_nothing_to_convert(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, data: bytes
) -> None:
    """And breaks nothing."""
    assert convert(tmp_path, data) in (0, 2)
    assert said(capsysbinary)[0] == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ONE.replace("retry 2", "retry 2\n new_word 3"), "convert does not know new_word in it"),
        (ONE.replace("retry 2", "retry 2 {\n new_word 3\n}"), "retry has braces"),
        ('vrrp_script x {\n    script "pidof x"\n    new_word 1\n}\n', "convert does not know new_word in it"),
        ('vrrp_script x {\n    script "pidof x"\nvrrp_instance y {\n}\n', "convert does not know vrrp_instance in it"),
    ],
)
def test_no_statement_is_lost(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, text: str, reason: str
) -> None:
    """A word of a newer keepalived, or all that follows a missing brace."""
    assert convert(tmp_path, text) == 0
    out, err = said(capsysbinary)
    assert (out, reason in err) == ("", True), err


def test_what_is_nested_too_deeply_is_left_alone(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """In a checker, and in a script."""
    deep = "url {\n" * 5000 + "}\n" * 5000
    assert convert(tmp_path, ONE.replace("retry 2", deep)) == 0
    assert "left alone: TCP_CHECK" in said(capsysbinary)[1]
    script = tmp_path / "deep.sh"
    script.write_text("#!/bin/sh\n" + "if pidof x; then\n" * 5000)
    assert convert(tmp_path, f'vrrp_script x {{\n    script "{script}"\n}}\n') == 0
    assert "left alone: vrrp_script x" in said(capsysbinary)[1]


def test_bytes_that_are_no_text_stay(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """In the lines around the changed ones."""
    text = ONE.encode().replace(b"weight 1", b"weight 1 # caf\xe9")
    assert convert(tmp_path, text) == 0
    assert "weight 1 # caf\udce9" in said(capsysbinary)[0]


def test_line_ends_stay(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """Those of Windows, and a last line without any."""
    assert convert(tmp_path, ONE.replace("\n", "\r\n").rstrip()) == 0
    out = said(capsysbinary)[0].partition("keepalived.conf\n")[2]
    changed = [line for line in out.split("\n") if line[:1] in "+-" and line[1:4] != "++ "]
    assert changed
    assert all(line.endswith("\r") for line in changed if line)
    assert out.endswith(" }\n\\ No newline at end of file\n")


def test_a_file_that_cannot_be_read_is_named(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """A folder, a FIFO, nothing at all; a missing include is passed over, as keepalived does."""
    assert main([str(tmp_path)]) == 2
    assert main([str(tmp_path / "missing.conf")]) == 2
    os.mkfifo(tmp_path / "fifo.conf")
    assert main([str(tmp_path / "fifo.conf")]) == 2
    assert convert(tmp_path, "include fifo.conf\n" + ONE) == 2
    assert convert(tmp_path, "include nothing.conf\n" + ONE) == 0
    err = said(capsysbinary)[1]
    assert "missing.conf does not exist" in err
    assert "fifo.conf is not a file" in err
    assert err.endswith("1 converted, 0 left alone\n")


def test_an_include_changes_in_its_own_file(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """Where it is used once; where it is used twice it stays, for it would be wrong for one of both."""
    checker = "TCP_CHECK {\n    connect_timeout 3\n}\n"
    (tmp_path / "check.inc").write_text(checker)
    server = "    real_server 10.0.0.{} 80 {{\n        include check.inc\n    }}\n"
    assert convert(tmp_path, SERVICE.format(server.format(1))) == 0
    out, _ = said(capsysbinary)
    assert f"+++ {tmp_path}/check.inc" in out
    assert '+    misc_path "/usr/libexec/keepalived/chk_verdict tcp@10.0.0.1:80"' in out
    assert convert(tmp_path, SERVICE.format(server.format(1) + server.format(2))) == 0
    out, err = said(capsysbinary)
    assert out == ""
    assert err.count("left alone: TCP_CHECK: its lines are used 2 times") == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SERVICE.format("    $SERVER\n"), "it comes from a definition"),
        (SERVICE.format("    ~SEQ(I, 1, 3) $SERVER\n"), "it stands in a sequence"),
        (ONE.replace("        TCP_CHECK", "@here TCP_CHECK"), "it stands in a line with a condition"),
        (ONE.replace("            retry 2", "@here retry 2"), "definitions, conditions or includes are inside"),
    ],
)
def test_what_has_no_place_of_its_own_is_left_alone(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, text: str, reason: str
) -> None:
    """With the reason."""
    lines = SERVER.format(0, 0, 1).splitlines()
    define = "$SERVER=\\\n" + "".join(f"{line} \\\n" for line in lines[:-1]) + lines[-1] + "\n\n"
    assert convert(tmp_path, define + text, "--config-id", "here") == 0
    out, err = said(capsysbinary)
    assert out == ""
    assert reason in err


def test_a_value_from_a_definition_is_taken_over(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """And the line that uses it goes with the checker."""
    assert convert(tmp_path, "$TIMES=7\n" + ONE.replace("retry 2", "retry $TIMES")) == 0
    assert "+    fall: 8\n" in said(capsysbinary)[0]


def test_existing_checks_stay_as_they_are(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """With their comments and their indent; a name that is taken gets a number."""
    known = "agent:\n   restart_grace: 3\nchecks:  # mine\n   # the first\n   tcp@10.0.0.1:80:\n      check: port\n"
    checks = tmp_path / "vipwarden.yaml"
    checks.write_text(known)
    assert convert(tmp_path, ONE) == 0
    out = said(capsysbinary)[0]
    assert " checks:  # mine\n+   tcp@10.0.0.1:80-2:\n+     check: port\n" in out
    assert "chk_verdict tcp@10.0.0.1:80-2" in out
    for text in ("checks: {}", "[1, 2]", "{checks: }", "checks: {a: {check: port}}", "\tno: yaml", "\xff"):
        checks.write_bytes(text.encode("latin-1"))
        assert convert(tmp_path, ONE) == 2, text
        assert said(capsysbinary)[1].startswith(f"vipwarden convert: {checks}:")


def test_ten_thousand_real_servers_take_seconds(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """Of this process's time."""
    text = SERVICE.format("".join(SERVER.format(n >> 16, n >> 8 & 255, n & 255) for n in range(10_000)))
    begun = process_time()
    assert convert(tmp_path, text) == 0
    assert process_time() - begun < 60
    assert "10000 converted, 0 left alone" in said(capsysbinary)[1]
