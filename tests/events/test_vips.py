"""What does the recorder see of addresses that come and go?"""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING, NoReturn

from tests.commands import needs_namespaces, program, stop
from tests.events.make import Heard, recording, until
from vipwarden.events import addresses
from vipwarden.node.netlink.addresses import AddressesError

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_transition_without_notify_is_told_by_the_vips(tmp_path: Path) -> None:
    """After a while, with the time of the VIP."""
    needs_namespaces()
    (tmp_path / "keepalived.conf").write_text(
        "vrrp_instance VI_1 {\n interface lo\n virtual_router_id 1\n virtual_ipaddress {\n  198.18.0.1/32\n }\n}\n"
    )
    with recording(tmp_path, before=[program("unshare"), "-n", "--"]) as run:

        def change(verb: str, address: str) -> None:
            inside = [program("nsenter"), "-t", str(run.process.pid), "-n", program("ip"), "address", verb]
            subprocess.run([*inside, f"{address}/32", "dev", "lo"], check=True)

        def is_watched() -> bool:
            change("add", "198.18.0.9")
            change("delete", "198.18.0.9")
            return any(it.kind == "address" for it in run.events())

        until(is_watched, run.process)
        for verb in ("add", "delete"):
            count = len([it for it in run.events() if it.kind == "vrrp"])
            change(verb, "198.18.0.1")
            until(lambda: len([it for it in run.events() if it.kind == "vrrp"]) > count, run.process)  # noqa: B023
    states = [(it.name, it.of, it.before, it.state) for it in run.events() if it.kind == "vrrp"]
    assert states == [("VI_1", "INSTANCE", "", "MASTER"), ("VI_1", "INSTANCE", "MASTER", "not MASTER")]
    vips = [it for it in run.events() if it.kind == "vip"]
    roles = [it for it in run.events() if it.kind == "vrrp"]
    assert all(abs(vip.boot - role.boot) < 0.01 for vip, role in zip(vips, roles, strict=True))


def test_vips_that_come_and_go_are_seen_at_once(tmp_path: Path) -> None:
    """With the instance by keepalived.conf; other addresses have another kind."""
    needs_namespaces()
    (tmp_path / "keepalived.conf").write_text(
        "vrrp_instance VI_1 {\n interface lo\n virtual_router_id 1\n virtual_ipaddress {\n  198.18.0.1/32\n }\n}\n"
    )
    ip = program("ip")
    with recording(tmp_path, before=[program("unshare"), "-n", "--"]) as run:

        def change(*words: str) -> None:
            inside = [program("nsenter"), "-t", str(run.process.pid), "-n", ip, *words]
            subprocess.run(inside, check=True)

        change("link", "set", "lo", "up")
        change("address", "add", "198.18.0.1/32", "dev", "lo")
        change("address", "add", "198.18.0.2/32", "dev", "lo")
        change("address", "delete", "198.18.0.1/32", "dev", "lo")
        until(lambda: [it.state for it in run.events() if it.kind == "vip"] == ["held", "gone"], run.process)
    vips = [it for it in run.events() if it.kind == "vip"]
    assert {(it.name, it.of, it.text) for it in vips} == {("198.18.0.1", "VI_1", "on lo")}
    assert "198.18.0.2" in [it.name for it in run.events() if it.kind == "address"]


def test_more_changes_than_the_kernel_keeps_for_a_reader(tmp_path: Path) -> None:
    """The last of them are left out, a VIP's among them: it is as the kernel has it, and later changes are seen."""
    needs_namespaces()
    (tmp_path / "keepalived.conf").write_text(
        "vrrp_instance VI_1 {\n interface lo\n virtual_ipaddress {\n  198.18.0.1/32\n  198.18.0.2/32\n }\n}\n"
    )
    others = [f"10.0.{place // 250}.{place % 250}" for place in range(3000)]
    with recording(tmp_path, before=[program("unshare"), "-n", "--"]) as run:

        def change(*changes: tuple[str, str]) -> None:
            inside = [program("nsenter"), "-t", str(run.process.pid), "-n", program("ip"), "-batch", "-"]
            lines = "".join(f"address {verb} {address}/32 dev lo\n" for verb, address in changes)
            subprocess.run(inside, input=lines, text=True, check=True)

        def vips() -> list[tuple[str, str]]:
            return [(it.name[-1], it.state) for it in run.events() if it.kind == "vip"]

        change(("add", "198.18.0.2"))
        until(lambda: vips() == [("2", "held")], run.process)
        stop(run.process)
        change(("add", "198.18.0.1"), *(("add", it) for it in others), ("del", "198.18.0.1"), ("del", "198.18.0.2"))
        run.process.send_signal(signal.SIGCONT)
        until(lambda: sorted(vips()[1:]) == [("1", "gone"), ("1", "held"), ("2", "gone")], run.process)
        assert vips().index(("1", "held")) < vips().index(("1", "gone"))
        change(("add", "198.18.0.1"))
        until(lambda: vips()[4:] == [("1", "held")], run.process)


def test_addresses_that_cannot_be_read_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As while ten thousand of them change: that is said once, and what was left out is told when they can."""
    (tmp_path / "keepalived.conf").write_text(
        "vrrp_instance VI_1 {\n interface lo\n virtual_ipaddress {\n  127.0.0.1/8\n }\n}\n"
    )
    said: list[str] = []
    heard = Heard()
    watch = addresses.Addresses(heard, str(tmp_path / "keepalived.conf"), said.append)  # type: ignore[arg-type]

    def fail() -> NoReturn:
        raise AddressesError("the addresses of this node change too fast to be read")

    with monkeypatch.context() as patch:
        patch.setattr(addresses, "own_addresses", fail)
        assert not watch._look(first=True)
        assert not watch._look(first=True)
        assert len(said) == 1
    assert watch._look(first=True)
    assert [(it.name, it.state, it.before) for it in heard] == [("127.0.0.1", "held", "held")]
    assert said[1:] == ["addresses that come or go are seen at once again"]
    watch._socket.close()
