"""Does realserver undo what it did, and nothing else, whatever happened in between?"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepalived_scripts.realserver.record import Record, RecordError
from keepalived_scripts.realserver.vip import VipError, vips
from tests.commands import BIN, program

if TYPE_CHECKING:
    from pathlib import Path

from tests.keepalived_scripts.realserver import OTHER, VIP, VIP6

if TYPE_CHECKING:
    from tests.keepalived_scripts.realserver import Server


@pytest.mark.parametrize("named", [True, False])
def test_an_address_that_was_there_before_the_start_stays(server: Server, *, named: bool) -> None:
    """However often it is started and stopped; the settings are put back all the same."""
    (server.folder / "web").write_text(f"{VIP}\n{OTHER}\n")
    words = ("--conf", str(server.folder), "web") if named else (VIP, OTHER)
    server.run("ip", "addr", "add", f"{VIP}/32", "dev", "lo", "scope", "host")
    stays = f"realserver: {VIP} stays on lo: no start has put it there; remove it by ip address del\n"
    for _ in range(2):
        assert [server("start", *words).returncode for _ in range(2)] == [0, 0]
        assert server.settings() == (1, 2)
        done = server("stop", *words)
        assert (done.returncode, done.stderr) == (0, stays)
        assert (VIP in server.on_lo(), OTHER in server.on_lo()) == (True, False)
        assert server.settings() == (0, 0)
    assert server("stop", *words).stderr == stays


def test_a_list_that_was_edited_orphans_nothing(server: Server) -> None:
    """What left it goes at the next start, or at the stop, though the list be gone; what others started stays."""
    conf = ("--conf", str(server.folder))
    listed = server.folder / "web"
    listed.write_text(f"{VIP}\n{OTHER}\n{VIP6}\n")
    assert server(*conf, "start", "web").returncode == 0
    listed.write_text(f"{VIP}\n")
    assert server(*conf, "start", "web").returncode == 0
    assert [vip in server.on_lo() for vip in (VIP, OTHER, VIP6)] == [True, False, False]
    listed.write_text(f"{OTHER}\n{VIP6}\n")
    (server.folder / "mail").write_text(f"{VIP6}\n{OTHER}\n")
    assert server(*conf, "start", "mail").returncode == 0
    assert server(*conf, "stop", "web").returncode == 0
    assert [vip in server.on_lo() for vip in (VIP, OTHER, VIP6)] == [False, True, True]
    (server.folder / "mail").write_text("nonsense\n")
    assert server(*conf, "start", "mail").returncode == 2
    (server.folder / "mail").unlink()
    assert server(*conf, "stop", "mail").returncode == 0
    assert "/128 scope global" not in server.on_lo()
    assert "198.18" not in server.on_lo()
    assert server.settings() == (0, 0)
    assert server(*conf, "stop", "mail").returncode == 2


def test_the_settings_go_with_the_last_ipv4_address_of_a_list(server: Server) -> None:
    """When it is edited to hold none; and a start that fails takes nothing away."""
    conf = ("--conf", str(server.folder))
    listed = server.folder / "web"
    listed.write_text(f"{VIP}\n")
    assert server(*conf, "start", "web").returncode == 0
    listed.write_text(f"{VIP6}\n")
    server.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6")
    assert server(*conf, "start", "web").returncode == 1
    assert VIP in server.on_lo()
    server.run("sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6")
    assert server(*conf, "start", "web").returncode == 0
    assert (VIP in server.on_lo(), VIP6 in server.on_lo()) == (False, True)
    assert server.settings() == (0, 0)


def test_what_an_earlier_version_recorded_is_undone(server: Server) -> None:
    """It knew no lists: an upgrade lies between start and stop."""
    (server.folder / "web").write_text(f"{VIP}\n")
    assert server("start", VIP).returncode == 0
    record = next(path for path in (server.folder / "run" / "realserver").iterdir() if path.name[0] != ".")
    record.write_text(record.read_text().replace(f"vip {VIP} {VIP}\n", f"vip {VIP}\n"))
    assert server("--conf", str(server.folder), "stop", "web").returncode == 0
    assert VIP not in server.on_lo()
    assert server.settings() == (0, 0)


def test_many_that_start_and_stop_at_once_leave_nothing_behind(server: Server) -> None:
    """As the units of a node do at boot and shutdown."""
    addresses = [f"198.18.0.{number}" for number in range(20, 28)]
    with ThreadPoolExecutor(8) as pool:
        assert {done.returncode for done in pool.map(lambda vip: server("start", vip), addresses)} == {0}
        assert server("status", *addresses).returncode == 0
        assert {done.returncode for done in pool.map(lambda vip: server("stop", vip), addresses)} == {0}
    assert server.settings() == (0, 0)
    assert "198.18" not in server.on_lo()


def test_a_named_list_stands_for_its_addresses(server: Server) -> None:
    """As the unit's instance name."""
    (server.folder / "web").write_text(f"# the site\n{VIP}  # first\n\n{VIP6}/128\n")
    assert server("--conf", str(server.folder), "start", "web").returncode == 0
    assert VIP in server.on_lo()
    assert VIP6 in server.on_lo()
    (server.folder / "bad").write_text(f"{VIP}\n10.0.0.0/8\n")
    done = server("--conf", str(server.folder), "start", "bad")
    assert (done.returncode, f"{server.folder}/bad:2: 10.0.0.0/8" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "text", ["127.0.0.2", "::1", "224.0.0.1", "0.0.0.0", "fe80::1", "198.18.0.1/24", "1.2.3", "../x", ".x", "a b"]
)
def test_what_can_be_no_vip_is_refused(text: str, tmp_path: Path) -> None:
    """By an error that names it."""
    with pytest.raises(VipError, match=text.partition("/")[0].replace(".", r"\.")):
        vips([text], str(tmp_path))


def test_ended_in_between_it_undoes_what_was_done(server: Server) -> None:
    """Whenever SIGTERM comes: all of it or nothing is there."""
    for delay in (0.02, 0.03, 0.04, 0.05, 0.06, 0.08):
        process = subprocess.Popen(
            [program("nsenter"), "-t", str(server.space.pid), "-n", BIN / "realserver", "start", VIP, OTHER, VIP6],
            env=server.environment,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(delay)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        assert server("status", VIP, OTHER, VIP6).returncode in (0, 3)
        assert server.settings() in ((0, 0), (1, 2))
        assert (VIP in server.on_lo()) is (server.settings() == (1, 2))
        server("stop", VIP, OTHER, VIP6)


@given(st.text(max_size=200))
def test_a_broken_record_is_told_and_never_guessed(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever it holds."""
    path = tmp_path_factory.getbasetemp() / "record"
    path.write_text(text, encoding="utf-8")
    with contextlib.suppress(RecordError):
        Record(str(path))
