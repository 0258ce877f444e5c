"""What does one check find, in plain words for people and in JSON for programs?"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from cli.check import as_json
from tests.commands import BIN, environment, run, shell, start
from tests.servers import misbehaving as servers
from vipwarden.core.registry import names
from vipwarden.core.result import Metric, Result, State

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ("ok", "warning", "critical", "unknown")


def at(server: servers.Server, *more: str) -> list[str]:
    """Return the command line for a server."""
    return ["check", "port", "-H", server.host, "-p", str(server.port), *more]


def on_a_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the command on a terminal of its own."""
    own, its = pty.openpty()
    with subprocess.Popen([BIN / "vipwarden", *arguments], stdout=its, stderr=its, env=environment(folder)) as process:
        os.close(its)
        out = b""
        with contextlib.suppress(OSError):  # the other end of a terminal closes with EIO
            while more := os.read(own, 4096):
                out += more
    os.close(own)
    return process.returncode, out.decode()


def test_words_and_json_and_code_agree(tmp_path: Path) -> None:
    """All four states, in plain words without any colour where nobody looks."""
    with servers.listening() as good, servers.closed() as bad:
        for code, arguments in enumerate((at(good), at(good, "-w", "10:"), at(bad), at(good, "--source", "192.0.2.1"))):
            plain = run(tmp_path, "vipwarden", *arguments)
            assert plain.code == code
            assert plain.out.startswith(f"port is {WORDS[code]}: ")
            assert "\x1b" not in plain.out
            assert re.search(r"\n  asked in [0-9.]+ ms\n$", plain.out)
            data = run(tmp_path, "vipwarden", *arguments, "--json")
            assert data.code == code
            said = json.loads(data.out)
            assert (said["check"], said["state"], said["status"].lower()) == ("port", code, WORDS[code])
            assert not said["expired"]
        assert said["metrics"][0]["unit"] == "s"


def test_a_terminal_gets_colour_and_the_same_words(tmp_path: Path) -> None:
    """The state alone is coloured, and never said by the colour alone; JSON never is."""
    with servers.listening() as good, servers.closed() as bad:
        for code, colour, server in ((0, "32", good), (2, "31", bad)):
            left, out = on_a_terminal(tmp_path, *at(server))
            assert left == code
            assert out.startswith(f"port is \x1b[1;{colour}m{WORDS[code]}\x1b[0m: ")
            assert out.count("\x1b") == 2
        left, out = on_a_terminal(tmp_path, *at(good, "--json"))
    assert (left, json.loads(out)["state"]) == (0, 0)


def test_a_server_cannot_write_on_the_terminal(tmp_path: Path) -> None:
    """No control character of a peer gets through."""
    with servers.binary() as server:
        _, out = on_a_terminal(tmp_path, *at(server, "-e", "x", "-t", "0.2"))
    assert out.count("\x1b") == 2
    assert "\x9b" not in out


def test_a_verdict_is_published_only_under_a_name(tmp_path: Path) -> None:
    """A person's question alone leaves no trace."""
    with servers.listening() as good:
        run(tmp_path, "vipwarden", *at(good))
        assert not (tmp_path / "run").exists()
        run(tmp_path, "vipwarden", *at(good, "--name", "it"))
    assert (tmp_path / "run/verdict/it").read_text().startswith("vipwarden-1 0 ")


@pytest.mark.parametrize(
    "arguments",
    [["nothing"], ["_port"], ["core"], ["port"], ["port", "-H"], ["port", "--what"], ["port", "-H", "x", "y"]],
)
def test_what_cannot_be_asked_is_3(tmp_path: Path, arguments: list[str]) -> None:
    """With one line on stderr and nothing on stdout."""
    ran = run(tmp_path, "vipwarden", "check", *arguments)
    assert (ran.code, ran.out) == (3, "")
    assert re.fullmatch(r"vipwarden check: [^\n]+; see vipwarden check --help\n", ran.err)


def test_help_names_every_check_and_every_option(tmp_path: Path) -> None:
    """Asked for, help is no error here."""
    for arguments in (["check"], ["check", "--help"]):
        ran = run(tmp_path, "vipwarden", *arguments)
        assert ran.code == 0
        for name in names():
            assert f"\n  {name} " in ran.out
    ran = run(tmp_path, "vipwarden", "check", "port", "--help")
    assert ran.code == 0
    assert "--json" in ran.out
    assert "-H, --host HOST\n" in ran.out


def test_the_command_itself_answers_for_its_parts(tmp_path: Path) -> None:
    """Version and help are 0, a part that there is not is 2."""
    assert run(tmp_path, "vipwarden", "--version").code == 0
    assert "check " in run(tmp_path, "vipwarden", "--help").out
    assert run(tmp_path, "vipwarden", "nonsense").code == 2


@pytest.mark.parametrize("arguments", [["check", "port", "--help"], ["check", "port", "-H", "127.0.0.1", "-p", "1"]])
def test_a_reader_that_left_ends_it_quietly(tmp_path: Path, arguments: list[str]) -> None:
    """As any filter in a pipe: 141, no traceback."""
    with start(tmp_path, "vipwarden", *arguments) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_an_answer_that_cannot_be_said_is_never_ok(tmp_path: Path) -> None:
    """A full disk behind the output is UNKNOWN."""
    with servers.listening() as good:
        ran = shell(tmp_path, 'exec vipwarden "$@" >/dev/full', *at(good))
    assert (ran.code, ran.err) == (3, "vipwarden: cannot write the answer: No space left on device\n")


def test_without_any_output_the_code_still_answers(tmp_path: Path) -> None:
    """Who closes stdout asks for the code alone."""
    with servers.listening() as good, servers.closed() as bad:
        assert shell(tmp_path, 'exec vipwarden "$@" >&-', *at(good)).code == 0
        assert shell(tmp_path, 'exec vipwarden "$@" >&-', *at(bad)).code == 2


def test_json_is_valid_whatever_was_measured() -> None:
    """What is no number is null: JSON knows neither NaN nor Infinity."""
    odd = [Metric("odd", value, minimum=value, maximum=value) for value in (float("nan"), float("inf"), True)]
    text = json.dumps(as_json("port", Result(State.OK, "fine", odd), 0.1), allow_nan=False)
    assert [metric["value"] for metric in json.loads(text)["metrics"]] == [None, None, 1]
