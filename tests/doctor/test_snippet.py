"""Does keepalived accept what vipwarden snippet prints, and run what was asked for?"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.settings import plan
from cli.snippet import main
from doctor.commands import commands
from keepalived_scripts.quoting import command
from tests.doctor.daemon import check, log
from vipwarden.core.options import UsageError
from vipwarden.core.registry import names
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.version import Version, installed

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKS = {
    "port": ("-H", "127.0.0.1", "-p", "80,443"),
    "http_digest": ("-H", "127.0.0.1", "-u", "/a?b=$c#d!{e}", "--digest", "d36f8f9425c4a8000ad9c4a97185aca5"),
    "mysql_ping": ("-H", "127.0.0.1", "-f", "/etc/vipwarden/mysql.cnf"),
    "process": ("-C", "haproxy", "-a", 'it\'s "quoted" \\ $HOME'),
    "service": ("--command", "haproxy", "--unit", "haproxy"),
    "haproxy": (),
    "haproxy_backend": ("--socket", "/run/haproxy/admin.sock", "-b", "web"),
}
FORMS = ("vrrp_script", "misc_check", "track_file", "notify", "all")
PLACES = ("outside of all blocks", "inside the vrrp_instance", "inside the real_server")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="keepalived wants root")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Give a folder with a stand-in for each command, which keepalived takes for safe."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="snippet-") as made:
        path = Path(made)
        path.chmod(0o755)
        for name in ("notify", "chk_verdict", *(f"chk_{check}" for check in {*CHECKS, *names()})):
            (path / name).write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
            (path / name).chmod(0o755)
        yield path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what is printed."""
    code = main(arguments)
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return str(out)


def whole(text: str, beside: str = "") -> str:
    """Put each part of a snippet into its place in a whole configuration."""
    parts = dict.fromkeys(PLACES, "")
    place = ""
    for line in text.splitlines():
        if line.removeprefix("# ").removesuffix(":") in PLACES:
            place = line.removeprefix("# ").removesuffix(":")
        elif place:
            parts[place] += f"{line}\n"
    top, instance, server = parts.values()
    head = "virtual_router_id 7\n priority 100\n virtual_ipaddress {\n 192.0.2.1\n }\n"
    real = f"real_server 192.0.2.2 80 {{\n{server}\n}}\n" if server else "real_server 192.0.2.2 80 {\n}\n"
    text = f"{top}\nvrrp_instance V {{\n interface v0\n {head}{instance}\n}}\n"
    kind = f"delay_loop 5\n lb_algo rr\n lb_kind NAT\n protocol TCP\n {beside}\n"
    return f"{text}virtual_server 192.0.2.1 80 {{\n {kind} {real}}}\n"


@needs_root
@pytest.mark.parametrize("asked", CHECKS)
@pytest.mark.parametrize("form", FORMS)
def test_keepalived_accepts_what_is_printed(
    capsys: pytest.CaptureFixture[str], folder: Path, asked: str, form: str
) -> None:
    """The installed one, inside a whole configuration."""
    if (asked, form) in (("service", "misc_check"), ("service", "track_file"), ("haproxy", "misc_check")):
        assert main([asked, *CHECKS[asked], "--as", form]) == 2
        assert "for a vrrp_script" in capsys.readouterr().err
        return
    text = printed(capsys, asked, *CHECKS[asked], "--as", form, "--folder", str(folder))
    assert check(folder, whole(text)) == (0, "")
    assert check(folder, whole(text, "sorry_server 192.0.2.9 80")) == (0, "")


@needs_root
@pytest.mark.parametrize(
    "more",
    [
        ("--weight", "-20"),
        ("--weight", "20", "--fall", "3", "--rise", "1", "--interval", "5", "--name", "web"),
        ("--as", "misc_check", "--misc-dynamic", "--warning-weight", "5", "-w", "0.2"),
        ("--as", "track_file", "--weight", "10"),
        ("--keepalived-version", "2.0.18"),
        ("--keepalived-version", "2.0.20", "--as", "track_file"),
        ("-e", "a\\\\", "--send", "GET / HTTP/1.0\\r\\n\\r\\n"),
    ],
)
def test_keepalived_accepts_the_options(
    capsys: pytest.CaptureFixture[str], folder: Path, more: tuple[str, ...]
) -> None:
    """Weights, intervals, misc_dynamic and the words of older versions."""
    text = printed(capsys, "port", *CHECKS["port"], *more, "--folder", str(folder))
    code, said = check(folder, whole(text))
    said = said.replace('"vrrp_track_file" is deprecated, please use "track_file"', "").strip()
    assert (code, said) == (0, "")


NASTY = [
    ("plain",),
    ("two words", ""),
    ("it's", '"', "'", '""', "\\", "\\\\", "\\x41", "\\n"),
    ("#no", "!comment", "a#b", "{", "}", "a{b}c", "{}", '"{"'),
    ("$HOME", "${HOME}", "$_PWD", "${_INSTANCE}", "@id", "~SEQ(a,1,2)"),
    ("a\tb", "a\nb", "\x01", "\x7f"),
    ("ünï", "日本", "€$"),
    ("'a b'\\''c'", "-e", "--", "%s", "*", "?", "`ls`", "$(ls)", ";", "|", "&", "<", ">"),
]


@needs_root
def test_the_real_keepalived_runs_the_very_words(folder: Path) -> None:
    """Whatever they hold: each script writes down what it was given."""
    version = installed() or Version("2.2.7")
    record = folder / "record"
    record.write_text('#!/bin/sh\nout=$1\nshift\nprintf \'%s\\0\' "$@" >"$out.new"\nmv "$out.new" "$out"\n', "utf-8")
    record.chmod(0o755)
    text = "global_defs {\n enable_script_security\n script_user root\n}\n"
    for index, words in enumerate(NASTY):
        line = command((str(record), f"{folder}/{index}", *words), version)
        text += f"vrrp_script s{index} {{\n script {line}\n interval 60\n}}\n"
    track = "\n".join(f"s{index}" for index in range(len(NASTY)))
    text += (
        "vrrp_instance V {\n interface v0\n virtual_router_id 7\n priority 100\n virtual_ipaddress {\n 192.0.2.1\n }\n"
    )
    text += f"track_script {{\n {track}\n }}\n}}\n"
    log(folder, text, *(f"VRRP_Script(s{index}) succeeded" for index in range(len(NASTY))))
    for index, words in enumerate(NASTY):
        given = (folder / str(index)).read_bytes().decode().split("\0")[:-1]
        assert tuple(given) == words
    mine = [found.argv[2:] for found in commands(parse(str(folder / "run.conf")), version)]
    assert mine == [list(words) for words in NASTY]


_WORD = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_WORD, max_size=5), st.sampled_from([Version("2.2.7"), Version("2.3.2")]))
def test_the_reader_gets_back_any_words(tmp_path: Path, words: list[str], version: Version) -> None:
    """Quoting and reading are each other's inverse, out of a file as well."""
    with suppress(UsageError):
        line = command(("/x", *words), version)
        (tmp_path / "k.conf").write_text(
            f"$A=1\nvrrp_script c {{\n script {line}\n}}\n", encoding="utf-8", newline="\n"
        )
        assert [found.argv for found in commands(parse(str(tmp_path / "k.conf")), version)] == [["/x", *words]]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("port", "-H", "a", "--interval", "0.5", "-t", "0.3", "--keepalived-version", "2.2.8"), "whole seconds"),
        (("port", "-H", "a", "--interval", "1", "-t", "2"), "not above the deadline"),
        (("port", "-H", "a", "--interval", "1.0005", "--keepalived-version", "2.4.3"), "three decimal places"),
        (("port",), "wanted as well: -H/--host"),
        (("port", "-H", "a", "--weight", "254"), "-253 to 253"),
        (("port", "-H", "a", "--name", "a b"), "letters, digits"),
        (("port", "-H", "a", "--as", "nothing"), "track_file or notify is wanted"),
        (("port", "-H", "a", "--fall", "0"), "from 1 up"),
        (("port", "-H", "a", "--folder", "bin"), "absolute"),
        (("port", "-H", "a", "--as", "vrrp_script", "--misc-dynamic"), "for --as misc_check"),
        (("port", "-H", "a", "--as", "track_file", "--keepalived-version", "2.0.17"), "cannot fail closed"),
        (("port", "-H", "a", "--keepalived-version", "two"), "2.2.7"),
        (("port", "-H", "/" + "a" * 1000), "too long"),
        (("nothing",), "there is no check"),
        (("service",), "nothing to check"),
    ],
)
def test_what_cannot_be_is_refused(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], wanted: str) -> None:
    """With the option and what is wanted, and exit code 2."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert wanted in err


def test_the_version_decides_on_words_and_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    """Fractions, track files and the traps of misc_dynamic."""
    ask = ("port", "-H", "127.0.0.1", "--keepalived-version")
    assert "interval 0.5 " in printed(capsys, *ask, "2.3.2", "--interval", "0.5", "-t", "0.3")
    assert "\nvrrp_track_file chk_port {" in printed(capsys, *ask, "2.0.20")
    assert "\ntrack_file chk_port {" in printed(capsys, *ask, "2.1.0")
    assert "track_file" not in printed(capsys, *ask, "2.0.17")
    dynamic = ("--as", "misc_check", "--misc-dynamic")
    assert "turns weight 0 into 1" in printed(capsys, *ask, "2.1.5", *dynamic)
    assert "raises the weight" in printed(capsys, *ask, "2.2.8", *dynamic)
    assert "second copy" in printed(capsys, *ask, "2.2.7")
    assert "second copy" not in printed(capsys, *ask, "2.3.3")


def test_the_agent_watches_haproxy_as_the_script_does(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """By entries that it accepts; the process alone is without patience."""
    options = ("--socket", "/run/h.sock", "--port", "80", "--command", "hap", "--interval", "2", "--name", "web")
    text = printed(capsys, "haproxy", "--as", "track_file", *options, "-t", "0.5")
    assert "real_server" not in text
    yaml = [line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   ")]
    (tmp_path / "vipwarden.yaml").write_text("\n".join(yaml), encoding="utf-8")
    entries = {entry.name: entry for entry in plan(str(tmp_path / "vipwarden.yaml")).entries}
    assert sorted(entries) == ["web", "web-answers", "web-open", "web-runs"]
    assert tuple(entries["web"].members) == ("web-runs", "web-answers", "web-open")
    assert {name: entry.fall for name, entry in entries.items() if entry.fall > 1} == {"web-answers": 2, "web-open": 2}
    assert str(entries["web-answers"].values["socket"]) == "/run/h.sock"
    assert entries["web-runs"].values["command"] == b"hap"


def test_every_check_has_a_snippet(capsys: pytest.CaptureFixture[str]) -> None:
    """Their help as well."""
    for name in names():
        assert f"usage: vipwarden snippet {name}" in printed(capsys, name, "--help")
    assert "mysql_ping" in printed(capsys, "--help")
