"""Does any text end in anything but a conversion or a refusal?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.convert import main
from convert.checkers import CHECKERS
from convert.conversion import convert
from convert.ldirectord_cf import services
from convert.script import Meaning
from convert.shell import understood
from convert.wanted import LeftError
from convert.work import Way
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    import pytest

    from vipwarden.node.keepalived.conf import Block

_SAMPLES = [path.read_text("utf-8") for path in sorted(Path(__file__).parent.glob("samples/*.conf"))]

_WORDS = (
    "vrrp_script", "vrrp_instance", "track_script", "track_file", "virtual_server", "real_server", "url {",
    "global_defs", "TCP_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK", "DNS_CHECK", "UDP_CHECK", "PING_CHECK",
    "MISC_CHECK", "FILE_CHECK", "BFD_CHECK", "url", "host", "path", "digest", "status_code", "regex", "retry", "weight",
    "delay_loop", "connect_timeout", "connect_ip", "connect_port", "bindto", "fwmark", "name", "payload",
    "require_reply", "script", "misc_path", "misc_dynamic", "interval", "timeout", "rise", "fall", "inhibit_on_failure",
    "notify_down", "alpha", "enable_script_security", "reverse", "group",
    "{", "}", "{\n", "}\n", "\n", '"', "'", "\\", "#", "!", "@x", "$A",
    "${A}", "$A=", "~SEQ(A, 1, 3)", "include", "a", "0", "1", "-4", "80", "99999", "1.5", "192.0.2.1", "2001:db8::1",
    '"killall -0 x"', '"/bin/sh -c \'pidof x\'"', "</dev/tcp/127.0.0.1/80", "\0", "\xe9", "\r\n",
)  # fmt: skip
_SHELL = (
    "if", "then", "else", "elif", "fi", ";", "\n", "[", "]", "$?", "-eq", "-ne", "0", "1", "exit", "killall -0 x",
    "pidof x", "ps -C x | wc -l", "$(", ")", "`", '"', "'", "|", "||", "&&", ">/dev/null", "A=", "$A", "curl -s",
    "http://a/", "nc -z", "127.0.0.1", "80", "systemctl", "restart", "stop", "keepalived", "sleep 1", "mysqladmin",
    "-h", "ping", "#", "!",
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(_WORDS), max_size=60))
def test_any_configuration(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, words: list[str]) -> None:
    """Is converted, left alone or refused."""
    conf = tmp_path / "keepalived.conf"
    conf.write_bytes(" ".join(words).encode())
    assert main([str(conf), "--config", str(tmp_path / "vipwarden.yaml"), "--keepalived-version", "2.2.8"]) in (0, 2)
    capsysbinary.readouterr()


_CHANGED = ("vrrp_script", "track_script", "track_file", "vrrp_track_file", "global_defs", *CHECKERS, "FILE_CHECK")


def _others(block: Block) -> list[str]:
    """Return the statements that a conversion never changes."""
    kept = [inner for inner in block.blocks if inner.words[0] not in _CHANGED]
    return [text for inner in kept for text in (inner.text, *_others(inner))]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(_SAMPLES),
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from(("cut", "twice", "join", *_WORDS))), max_size=5),
    st.booleans(),
)
def test_a_broken_configuration_loses_nothing(
    tmp_path: Path, sample: str, breaks: list[tuple[int, str]], oneshot: bool
) -> None:
    """Whatever a missing brace or a strange word makes of it; another conversion finds nothing to do."""
    lines = sample.split("\n")
    for place, what in breaks:
        at = place % len(lines)
        line = lines[at]
        if what == "join":
            line += " " + "".join(lines[at + 1 : at + 2])
        new = {"cut": [], "twice": [line, line], "join": [line]}.get(what, [f"{line} {what}"])
        lines[at : at + 1 + (what == "join")] = new or [""]
    conf = tmp_path / "keepalived.conf"
    conf.write_text("\n".join(lines), encoding="utf-8", newline="")
    checks = tmp_path / "vipwarden.yaml"
    checks.unlink(missing_ok=True)
    way = Way(Version("2.2.8"), oneshot=oneshot)
    try:
        before = _others(parse(str(conf), config_id="lb1"))
        for change in convert(str(conf), str(checks), way, "lb1").changes:
            Path(change.path).write_bytes(change.after)
    except ConfError:
        return
    assert _others(parse(str(conf), config_id="lb1")) == before
    assert convert(str(conf), str(checks), way, "lb1").changes == []


@settings(deadline=None)
@given(st.lists(st.sampled_from(_SHELL), max_size=30).map(" ".join) | st.text(max_size=200))
def test_any_script(text: str) -> None:
    """Is understood, or is not."""
    with suppress(LeftError):
        assert isinstance(understood(text, ["1"]), Meaning)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_ldirectord(text: str) -> None:
    """Has virtual services, or none."""
    assert isinstance(services("ldirectord.cf", text, []), list)
