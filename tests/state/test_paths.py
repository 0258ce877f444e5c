"""Where do runtime files lie, and is each name a file name of its own?"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import open_to_others
from vipwarden.state import paths
from vipwarden.state.paths import file_name, history, maintenance, name_of, runtime, services

CODE = Path(__file__).parents[2]
ANY_TEXT = st.text(st.characters(codec=None))


@given(st.lists(ANY_TEXT | st.text("a.%~/E2", max_size=8) | st.text("ax%é", min_size=190), min_size=2, unique=True))
def test_file_names_are_safe_and_never_meet(names: list[str]) -> None:
    """A name of a file is no path, not hidden, not too long, plain ASCII, and belongs to one name."""
    files = [file_name(name) for name in names]
    assert len(set(files)) == len(names)
    for file in files:
        assert 0 < len(file) <= 200
        assert file.isascii()
        assert file.isprintable()
        assert not file.startswith(".")
        assert not set(file) & set("/ '\"\\$*?[~]") - {"~"}


@given(st.text(st.characters(codec="utf-8")))
def test_a_name_comes_back(name: str) -> None:
    """Where it is short enough to be kept whole."""
    file = file_name(name)
    assert "~" in file or name_of(file) == name


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("web", "web"),
        ("", "%"),
        ("%", "%25"),
        (".", "%2E"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("a/b", "a%2Fb"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("chk_port host=::1 port=80", "chk_port%20host=::1%20port=80"),
        ("~", "%7E"),
        ("ü", "%C3%BC"),
        ("a\nb", "a%0Ab"),
        ("\udcff", "%ED%B3%BF"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 55 + "~3ea01af1716230e4a1484e78b3199f61"),
    ],
)
def test_what_is_unusual_in_a_file_name_is_written_in_hexadecimal(name: str, file: str) -> None:
    """Readably where that can be, for a shell looks for these files too."""
    assert file_name(name) == file


@pytest.mark.skipif(os.geteuid() != 0, reason="as root the answer is known")
def test_where_the_runtime_folder_is() -> None:
    """The environment first, then what the user has; the user's number keeps those of /tmp apart."""
    assert runtime({b"VIPWARDEN_RUNTIME_DIR": b"/x/\xff"}) == "/x/\udcff"
    assert runtime({b"VIPWARDEN_RUNTIME_DIR": b"", b"XDG_RUNTIME_DIR": b"/run/user/0"}) == "/run/vipwarden"
    assert services({b"VIPWARDEN_STATE_DIR": b"/x"}) == "/x/service"
    assert maintenance({b"VIPWARDEN_STATE_DIR": b"/x"}, root=True) == "/x/maintenance"
    assert maintenance({b"VIPWARDEN_RUNTIME_DIR": b"/x"}) == "/var/lib/vipwarden/maintenance"
    assert services({b"VIPWARDEN_RUNTIME_DIR": b"/x"}) == "/var/lib/vipwarden/service"
    assert history({b"VIPWARDEN_STATE_DIR": b"/x"}) == "/x/events"
    assert history({b"VIPWARDEN_RUNTIME_DIR": b"/x"}) == "/x/history"
    assert history({}) == paths.HISTORY
    script = "import sys; sys.path.insert(0, sys.argv[1]); from vipwarden.state import paths as p"
    script += "; print(p.runtime(), p.services())"
    for env, expected in (({}, "/tmp/vipwarden-4711"), ({"XDG_RUNTIME_DIR": "/r"}, "/r/vipwarden")):
        done = subprocess.run(
            [open_to_others(), "-I", "-S", "-c", script, CODE],
            capture_output=True,
            check=False,
            env=env,
            text=True,
            user=4711,
        )
        assert (done.stdout.strip() or done.stderr) == f"{expected} {expected}/service"


def test_all_files_lie_below_the_runtime_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this user, or of another whose folder is known."""
    monkeypatch.setattr(paths, "runtime", lambda: "/own")
    for make, name in (
        (paths.verdicts, "verdict"),
        (paths.tracks, "track"),
        (paths.pidfile, "run.pid"),
        (paths.vrrp, "vrrp"),
        (paths.spool, "notify"),
        (paths.events, "events"),
        (paths.realserver, "realserver"),
        (paths.handover, "handover"),
        (paths.maintained, "maintenance"),
    ):
        assert (make(), make("/run/other")) == (f"/own/{name}", f"/run/other/{name}")
    assert (paths.agent("lock"), paths.agent("guard", "/o")) == ("/own/agent.lock", "/o/agent.guard")
