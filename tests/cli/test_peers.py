"""Does a node keep its VIP where the peer has lost the same check, and give it up where it has not?"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.asked import Seen
from agent.settings import plan
from cli.peers import asks, parse
from exporter import peer
from exporter.peer import PeerError
from exporter.render.exposition import render
from exporter.sources.checks.source import Checks, series
from tests.agent.running import agent
from tests.exporter.command import NOTHING, exporter
from tests.exporter.http.certificates import HASH, PASSWORD, USER, Authority
from vipwarden.config.document import ConfigError
from vipwarden.core.result import CRITICAL, OK, Result
from vipwarden.state.verdict import against, decode, encode

if TYPE_CHECKING:
    from pathlib import Path


def test_a_peer_is_asked_by_tls_and_with_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real agent beside a real exporter, which say what the agent sees; without the password they say nothing."""
    monkeypatch.setattr(peer, "DEADLINE", 60)  # a busy machine
    authority = Authority(tmp_path)
    pair = authority.sign("server")
    auth, web, file = tmp_path / "auth", tmp_path / "web.yaml", tmp_path / "gateway"
    auth.write_text(f"{USER}:{PASSWORD}\n")
    web.write_text(
        f"tls_server_config:\n  cert_file: {pair.certificate}\n  key_file: {pair.key}\n"
        f"basic_auth_users:\n  {USER}: {HASH}\n"
    )
    check = f"checks: {{gateway: {{check: file_state, file: {file}, interval: 0.2}}}}\n"
    with exporter(tmp_path, "--web-config", str(web), text=NOTHING) as there, agent(tmp_path, check) as running:
        text = (
            f"{check}panic: {{uplink: {{of: gateway, peers: true}}}}\n"
            f"exporter: {{peers: ['https://127.0.0.1:{there.port}'], peer_ca_file: {authority.own.certificate}"
        )
        (ask,) = asks(plan("vipwarden.yaml", f"{text}, peer_auth_file: {auth}}}\n"))
        running.must_come(lambda: running.state("gateway") == "CRITICAL")
        found, own = ask()["gateway"], running.verdict("gateway")
        assert own is not None
        assert (found.healthy, found.since) == (False, own.since)
        file.touch()
        running.must_come(lambda: running.state("gateway") == "OK")
        assert ask()["gateway"].healthy
        (ask,) = asks(plan("vipwarden.yaml", f"{text}}}\n"))
        with pytest.raises(PeerError, match="status 401"):
            ask()


def test_a_peer_that_does_not_answer_is_as_none(tmp_path: Path) -> None:
    """Nothing is kept then."""
    file = tmp_path / "gateway"
    file.touch()
    text = (
        f"checks: {{gateway: {{check: file_state, file: {file}, interval: 0.2}}}}\n"
        "panic: {uplink: {of: gateway, peers: true, window: 50}}\n"
        "exporter: {peers: ['http://127.0.0.1:1']}\n"
    )
    with agent(tmp_path, text) as running:
        running.must_come(lambda: running.value("gateway") == "1")
        file.unlink()
        assert running.must_come(lambda: running.value("gateway") == "0") < 40  # and not the window


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("panic: {a: {of: web, peers: true}}", "2: panic.a.peers wants the key peers of the section exporter"),
        ("panic: {a: {of: web, peers: 5}}", "2: panic.a.peers is '5', but wants true or false"),
        (
            "panic: {a: {of: web, peers: true, above: 5}}\nexporter: {peers: 'http://lb2'}",
            "2: panic.a.above cannot be combined with peers",
        ),
        ("panic: {a: {of: web, peers: true}}\nexporter: {peers: lb2}", "3: exporter.peers is 'lb2', but"),
    ],
)
def test_wrong_peers_are_refused_with_file_line_and_key(text: str, error: str) -> None:
    """Also where the section of the exporter is wrong."""
    with pytest.raises(ConfigError) as caught:
        asks(plan("vipwarden.yaml", f"checks: {{web: {{check: port, host: localhost, port: 1}}}}\n{text}\n"))
    assert f"vipwarden.yaml:{error}" in str(caught.value)


@given(st.binary(max_size=300), st.sampled_from([b"1", b"0", b"NaN", b"1e999", b"-", b"e", b""]))
def test_an_answer_may_be_anything(text: bytes, number: bytes) -> None:
    """What is no number, or not there, makes a check unknown."""
    kinds = (b"success", b"fresh", b"age_seconds", b"duration_seconds", b"since_timestamp_seconds")
    lines = [b'vipwarden_check_%b{name="web",check="port"} 1' % kind for kind in kinds]
    assert set(parse(text + b"\n" + b"\n".join(lines) + b"\n")) >= {"web"}
    lines[1] = lines[1][:-1] + number
    parse(b"\n".join(lines) + b"\n" + text)
    assert parse(b"\n".join(lines[:-1])) == {}


def test_an_answer_says_who_could_take_over() -> None:
    """As the exporter writes it; what is stale is not known, and other lines are nothing."""
    verdicts = [
        decode(name, encode("port", Result(state, "said"), 1e9 + 0.125, 0.25, ttl, told, "why"))
        for name, state, ttl, told in (
            ('we"b\\', OK, 60, ""),
            ("bad", CRITICAL, 60, ""),
            ("drained", OK, 60, "drain"),
            ("flaps", OK, 60, "dampened2900"),
            ("panic", CRITICAL, 60, "panic0@99"),
            ("stale", OK, 1, ""),
            ("changing", OK, 60, ""),
        )
    ]
    for verdict in verdicts:
        verdict.stamp, verdict.read = 100.0, 103.0
    verdicts[-1].result.text = against(1, 2, OK, "closed")
    found = parse(render(series(Checks(verdicts))).decode().encode() + b'vipwarden_check_success{name="x"} 1\nnoise\n')
    healthy = {'we"b\\': True, "bad": False, "drained": False, "flaps": False, "panic": False}
    assert found.pop("changing") == Seen(True, inf, 1e9 + 0.125)
    assert found == {name: Seen(up, 3.25, 1e9 + 0.125) for name, up in healthy.items()}
    assert parse(b"") == {}
