"""Does a command run its check to a result, whatever the check does?"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from cli.check import front_end as people_front_end
from keepalived_scripts.chk import front_end as chk_front_end
from nagios_plugins.check import front_end as nagios_front_end
from tests.commands import FAR
from vipwarden.core.options import UsageError
from vipwarden.core.result import OK, UNKNOWN
from vipwarden.core.usage import usage
from vipwarden.core.values import Seconds  # noqa: TC001 - the type of an option
from vipwarden.net.oneshot import Command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CODE = Path(__file__).parents[2]

CHECK = '''"""Does the test pass?"""

from __future__ import annotations

from vipwarden.core.result import OK, Result
from vipwarden.core.values import Seconds  # noqa: TC001 - the type of an option

{top}
async def {name}(net, *, timeout: Seconds = Seconds(0.2)) -> Result:
    """Does the test pass?

    timeout: deadline in seconds for the whole run
    """
    net.begin(timeout)
    {body}
'''

BODIES = {
    "broken": "return Result(OK, str(1 / 0))",
    "busy": "while True: pass",
    "regex": "import re; return Result(OK, str(re.match('(a|aa)+$', 'a' * 100 + 'b')))",
    "swallow": """while True:
        try:
            while True: pass
        except Exception: pass""",
    "loud": r"return Result(OK, 'a\nb\x1b[31m' + 'x' * 5000)",
    "foreign": "import types; await types.coroutine(lambda: (yield))()",
    "multiline": r"raise KeyError('a\nb\x1b[2J')",
    "lazy": "import nothing_of_that_name",
}

DRIVE = """
from __future__ import annotations
import sys
sys.path.insert(0, sys.argv[1])
from vipwarden.net.oneshot import Command
def front_end(*, name: str = "x") -> None: pass
try:
    command = Command("chk_" + sys.argv[2], sys.argv[2], front_end, sys.argv[3:])
    result, seconds = command.run()
    print([int(result.state), result.text, result.expired, seconds])
except Exception as error:
    print([type(error).__name__, str(error)])
"""


class Ran(NamedTuple):
    """What came of a check of the throw-away tree."""

    state: int
    text: str
    expired: bool
    seconds: float


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the code with checks that misbehave laid beside the good ones."""
    root = tmp_path_factory.mktemp("tree")
    for part in ("checks", "vipwarden"):
        shutil.copytree(CODE / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name, body in BODIES.items():
        (root / "checks" / f"{name}.py").write_text(CHECK.format(name=name, body=body, top=""))
    (root / "checks" / "unready.py").write_text(CHECK.format(name="unready", body="pass", top="OK.nothing"))
    (root / "checks" / "needy.py").write_text(
        CHECK.format(name="needy", body="pass", top="import nothing_of_that_name")
    )
    (root / "checks" / "misnamed.py").write_text(CHECK.format(name="other", body="pass", top=""))
    return root


def drive(tree: Path, check: str, *arguments: str) -> list[object]:
    """Run a check of the tree by Command in a process of its own."""
    command = [sys.executable, "-I", "-S", "-c", DRIVE, str(tree), check, *arguments]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60)
    assert not done.stderr
    found: list[object] = json.loads(json.dumps(eval(done.stdout)))
    return found


def ran(tree: Path, check: str, *arguments: str) -> Ran:
    """Run a check of the tree that comes to a result."""
    return Ran(*drive(tree, check, *arguments))  # type: ignore[arg-type]


def test_a_file_laid_beside_the_checks_is_a_check(tree: Path) -> None:
    """Nothing else has to be told of it."""
    assert ran(tree, "loud")[0] == OK


@pytest.mark.parametrize(
    ("check", "error"),
    [
        ("broken", "ZeroDivisionError: division by zero"),
        ("lazy", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
    ],
)
def test_a_bug_in_a_check_is_unknown_and_names_its_place(tree: Path, check: str, error: str) -> None:
    """By file and line of the check."""
    done = ran(tree, check)
    path = tree / "checks" / f"{check}.py"
    line = path.read_text().splitlines().index(f"    {BODIES[check]}") + 1
    assert done[:3] == (UNKNOWN, f"internal error in {check}: {error} at {path}:{line}", False)


def test_a_bug_is_told_in_one_printable_line(tree: Path) -> None:
    """As is any text of a check."""
    for check, text in (
        ("multiline", r"internal error in multiline: KeyError: 'a\nb\x1b[2J' at "),
        ("loud", "a b [31mxxx"),
    ):
        done = ran(tree, check)
        assert done.text.startswith(text)
        assert done.text.isprintable()
        assert len(done.text) <= 1000


def test_a_check_that_waits_for_something_else_than_its_net_is_a_bug(tree: Path) -> None:
    """There is no event loop that could bring it on."""
    done = ran(tree, "foreign")
    assert done.state == UNKNOWN
    assert "a check waited for something other than its Net" in done.text


@pytest.mark.parametrize("check", ["busy", "regex", "swallow"])
def test_a_check_that_burns_cpu_is_ended(tree: Path, check: str) -> None:
    """A twentieth of a second after its deadline, and though it catches every ordinary exception."""
    done = ran(tree, check, "-t", "0.1")
    assert done[:3] == (UNKNOWN, "the check did not end within its 0.1 s", True)
    assert 0.14 < done.seconds < FAR


@pytest.mark.parametrize(
    ("check", "error"),
    [("unready", "AttributeError"), ("needy", "ModuleNotFoundError"), ("misnamed", "AttributeError")],
)
def test_a_check_that_cannot_be_imported_is_no_mistake_of_the_operator(tree: Path, check: str, error: str) -> None:
    """So it is not called an unknown check; the front end reports the bug."""
    assert drive(tree, check)[0] == error


@pytest.fixture
def listening() -> Iterator[str]:
    """Return a port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


def front_end(
    *,
    timeout: Seconds | None = None,
    name: str | None = None,
    verbose: bool = False,
    help: bool = False,  # noqa: A002
) -> None:
    """Stand in for a front end with a deadline of its own."""


def test_a_command_runs_its_check(listening: str) -> None:
    """Its name is the one that was given, else the program and what it was asked."""
    line = ["-H", "127.0.0.1", f"--port={listening}"]
    for extra, name in ((["--name", "web"], "web"), ([], f"chk_port host=127.0.0.1 port={listening}")):
        command = Command("chk_port", "port", front_end, [*line, *extra])
        result, seconds = command.run()
        assert (command.name, result.state) == (name, OK)
        assert 0 < seconds < 60


def test_the_name_does_not_hang_on_the_order_or_notation_of_the_options() -> None:
    """So that two lines of one meaning are one verdict; options of the front end are not part of it."""
    lines = (["-H", "h", "-p80", "-4"], ["-4", "--port", "80", "--host=h", "-v"], ["-t9", "-4P", "80", "-Hh"])
    names = {Command("chk_port", "port", front_end, line).name for line in lines}
    assert names == {"chk_port host=h port=80 ipv4=yes"}


@pytest.mark.parametrize(
    ("own", "line", "timeout"),
    [
        (chk_front_end, ["-t", "3"], 3),
        (chk_front_end, [], 0.9),
        (nagios_front_end, ["-t", "3"], 3),
        (nagios_front_end, [], 10),
        (people_front_end, ["-t", "3"], 3),
        (people_front_end, [], 10),
    ],
)
def test_the_deadline_is_the_operators_else_the_front_ends_else_the_checks(
    own: Callable[..., object], line: list[str], timeout: float
) -> None:
    """And it reaches the check, and the help says it."""
    command = Command("x", "port", own, ["-H", "h", *line])
    assert (command.timeout, command.values["timeout"]) == (timeout, timeout)
    assert f"(default {command.known['timeout'].default:g})" in usage("x", command.function, own)
    assert command.known["timeout"].default == (0.9 if own is chk_front_end else 10)


def test_numbers_and_flags_of_the_front_end() -> None:
    """A flag counts, and what was not given is nothing."""
    command = Command("x", "port", front_end, ["-H", "h", "-vv", "-t", "2"])
    assert (command.number("verbose"), command.number("timeout"), command.number("name"), command.number("help")) == (
        2,
        2,
        0,
        0,
    )


def test_help_needs_nothing_else() -> None:
    """All others want what is required."""
    assert Command("x", "port", front_end, ["-h"]).front_end["help"] is True
    with pytest.raises(UsageError, match="wanted as well: -H/--host"):
        Command("x", "port", front_end, [])


def test_a_letter_of_the_check_is_not_taken_by_the_face() -> None:
    """-V is the virtual host of genhash where there is one, and else the version."""

    def version(*, version: bool = False) -> None:
        pass

    assert Command("x", "port", version, ["-H", "h", "-V"]).front_end["version"] is True
    asked = Command("x", "http_digest", version, ["-H", "h", "-V", "www.example.org"])
    assert asked.front_end["version"] is False
    assert "virtualhost" in asked.values


def test_nothing_heavy_is_imported_on_the_way() -> None:
    """The time to start is the time of these modules."""
    script = """
from __future__ import annotations
import sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
from vipwarden.net.oneshot import Command
def front_end() -> None: pass
Command("x", "port", front_end, ["-H", "127.0.0.1", "-p", "1"]).run()
print(*sorted(name for name in set(sys.modules) - before if not name.startswith(("checks", "vipwarden"))))
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script, CODE], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"_signal", "_socket", "select", "__future__"}
    assert _signal.SIGALRM == signal.SIGALRM


@pytest.mark.skipif(Path("/proc/net/ip_vs").exists(), reason="this kernel has IPVS: the lab has what it does then")
@pytest.mark.parametrize(
    ("host", "via", "why"),
    [
        ("198.51.100.1", "dr:192.0.2.10", r"no path to 198\.51\.100\.1: (the kernel has no IPVS|CAP_NET_ADMIN is)"),
        ("198.51.100.1", "tun:2001:db8::10", "both have to be IPv4, or IPv6 without a scope"),
        ("/run/web.sock", "dr:192.0.2.10", "/run/web.sock cannot be asked via dr:192.0.2.10"),
    ],
)
def test_a_path_that_cannot_be_built_is_unknown(host: str, via: str, why: str) -> None:
    """With what helps."""
    place = [] if host.startswith("/") else ["-p", "80"]
    result, _ = Command("chk_port", "port", lambda: None, ["-H", host, *place, "--via", via]).run()
    assert result.state == UNKNOWN
    assert re.search(why, result.text), result.text
