"""What is seen of HAProxy, IPVS and keepalived, which do not tell when they change?"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from tests.commands import program
from tests.events.make import Heard, Said, event, until
from vipwarden.events import keepalived
from vipwarden.events.hand import Hand
from vipwarden.events.ipvs import Ipvs
from vipwarden.events.keepalived import Keepalived
from vipwarden.events.looks import Looks

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

HEAD = (
    "IP Virtual Server version 1.2.1 (size=4096)\n"
    "Prot LocalAddress:Port Scheduler Flags\n"
    "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
)
SERVICE = "TCP  C0000201:0050 rr \n"
FIRST, SECOND = (
    "  -> 0A000001:0050      Masq    {}      0          0\n",
    "  -> 0A000002:0050      Masq    {}      7          3\n",
)


def test_ipvs(tmp_path: Path) -> None:
    """A service, a real server and a weight, whoever changes them; connections are no change."""
    heard, table = Heard(), tmp_path / "ip_vs"
    source = Ipvs(str(table))
    assert heard.after(source.look) == []
    name = "TCP 192.0.2.1:80"
    steps: tuple[tuple[str, list[Said]], ...] = (
        (SERVICE + FIRST.format(10), [Said("ipvs", name, "service", state="added")]),
        (SERVICE + FIRST.format(10).replace("  0  ", "  9  "), []),
        (SERVICE + FIRST.format(0), [Said("ipvs", "10.0.0.1:80", name, "weight 10", "weight 0")]),
        (SERVICE + FIRST.format(0) + SECOND.format(5), [Said("ipvs", "10.0.0.2:80", name, state="added")]),
        (SERVICE + SECOND.format(5), [Said("ipvs", "10.0.0.1:80", name, "weight 0", "removed")]),
        ("", [Said("ipvs", name, "service", state="removed")]),
    )
    for text, told in steps:
        table.write_text(HEAD + text)
        assert heard.after(source.look) == told
    table.write_text("nonsense")
    assert heard.after(source.look) == [Said("source", "ipvs", state="failed")]
    assert heard.after(source.look) == []
    table.unlink()  # the module was unloaded
    assert heard.after(source.look) == [Said("source", "ipvs", before="failed", state="read")]


def test_paths_of_checks_are_no_services(tmp_path: Path) -> None:
    """Those of the option via come and go with each run."""
    heard, table = Heard(), tmp_path / "ip_vs"
    source = Ipvs(str(table))
    table.write_text(HEAD)
    assert heard.after(source.look) == []
    table.write_text(f"{HEAD}FWM  00002001 rr ops\n{FIRST.format(4711)}FWM  00000001 rr \n{FIRST.format(1)}")
    assert heard.after(source.look) == [Said("ipvs", "FWM 1", "service", state="added")]


def test_keepalived_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing itself; another process of its PID is none."""
    heard, pidfile = Heard(), tmp_path / "keepalived.pid"
    daemon = str(shutil.copy(program("sleep"), tmp_path / "keepalived"))
    monkeypatch.setattr(keepalived, "pidfiles", lambda: iter([str(pidfile)]))
    (tmp_path / "keepalived.conf").write_text("")
    source = Keepalived(str(tmp_path / "keepalived.conf"))
    first = started(daemon)
    pidfile.write_text(f"{first.pid}\n")
    assert heard.after(source.look) == []
    first.kill()
    first.wait()
    assert heard.after(source.look) == [Said("process", "keepalived", state="ended")]
    assert heard.after(source.look) == []
    pidfile.write_text(f"{os.getpid()}\n")
    assert heard.after(source.look) == []
    second = started(daemon)
    pidfile.write_text(f"{second.pid}\n")
    assert heard.after(source.look) == [Said("process", "keepalived", state="started")]
    second.kill()
    second.wait()


def started(daemon: str) -> subprocess.Popen[bytes]:
    """Start a program, and wait until the kernel knows its name."""
    process = subprocess.Popen([daemon, "20"])
    until(lambda: Path(f"/proc/{process.pid}/comm").read_text().strip() == "keepalived")
    return process


class Counted:
    """A source that counts looks, and may be broken."""

    least, most, is_there = 10.0, 60.0, True

    def __init__(self, *, broken: bool = False, seconds: float = 0.0) -> None:
        self.looks = 0
        self.broken = broken
        self.seconds = seconds

    def descriptors(self) -> tuple[int, ...]:
        """Return that it has no descriptor."""
        return ()

    def look(self, _tell: Callable[..., None]) -> None:
        """Count."""
        self.looks += 1
        time.sleep(self.seconds)
        if self.broken:
            raise ValueError("a bug")


def test_what_happens_is_looked_at_at_once_and_then_more_often(tmp_path: Path) -> None:
    """A storm of events is no storm of looks, and a broken source does not end the others."""
    said: list[str] = []
    good, bad = Counted(), Counted(broken=True)
    looks = Looks(Hand("test", str(tmp_path)), (bad, good), said.append)
    Thread(target=looks.run, daemon=True).start()
    until(lambda: good.looks == 1)
    looks.stir([event(1, "recorder")])
    begun = time.monotonic()
    looks.stir([event(1, "check")])
    until(lambda: good.looks > 1)
    assert time.monotonic() - begun < 4
    before = good.looks
    for _ in range(100):
        looks.stir([event(1, "check")])
        time.sleep(0.005)
    assert good.looks - before <= 100 * 0.005 / 0.05 + 20
    assert bad.looks == 1
    assert "Counted is not recorded any more" in said[0]


def test_another_address_wakes_nobody(tmp_path: Path) -> None:
    """Those of containers come and go; a VIP is another kind. What is not there is looked at seldom."""
    good = Counted()
    looks = Looks(Hand("test", str(tmp_path)), (good,), print)
    Thread(target=looks.run, daemon=True).start()
    until(lambda: good.looks == 1)
    for _ in range(5):
        looks.stir([event(1, "address")])
    time.sleep(0.3)
    assert good.looks == 1


def test_a_source_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    """It is looked at as seldom as when nothing happens, the others often."""
    slow, quick = Counted(seconds=0.15), Counted()
    looks = Looks(Hand("test", str(tmp_path)), (slow, quick), print)
    Thread(target=looks.run, daemon=True).start()
    until(lambda: quick.looks == 1)
    looks.stir([event(1, "check")])
    until(lambda: quick.looks >= 3)
    assert slow.looks == 1
