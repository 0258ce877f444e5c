"""What is told of a keepalived by an exporter without rights, or with some of them?"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.exporter.sources.pair import EXCLUDED, ROOT, SECOND, VIP, Node
from vipwarden.node.keepalived import vrrp_state

if TYPE_CHECKING:
    import pytest

    from tests.servers.keepalived import Keepalived

_AS_NOBODY = """
import json, sys
from exporter.sources.vrrp import source as vrrp
from exporter.settings import settings
conf, pidfile, states = sys.argv[1:]
facts = vrrp.read(settings(keepalived_conf=conf, keepalived_pidfile=pidfile, keepalived_states=(states,)))
print(json.dumps([facts.up, facts.source, facts.failure, facts.why,
    [[one.name, one.state, one.effective_priority, one.interface, one.vrid, one.vips] for one in facts.instances]]))
"""


def as_nobody(running: Keepalived, states: str, *capabilities: str, hidden: bool = False) -> list[Any]:
    """Read as one who may do nothing but what the capabilities let him."""
    more = ",".join(f"+{one}" for one in capabilities)
    given = [f"--inh-caps={more}", f"--ambient-caps={more}"] if capabilities else []
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *given]
    if hidden:
        nobody = ["unshare", "-m", "sh", "-ec", 'mount -t proc -o hidepid=2 proc /proc; exec "$@"', "sh", *nobody]
    run = [*nobody, sys.executable, "-c", _AS_NOBODY, running.conf, running.pidfile, states]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_without_rights_what_notify_recorded_is_told(nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this keepalived's life only; where nothing is recorded it says why, and that keepalived is up."""
    (_, (_, right)) = nodes
    outside = Path(right.conf).parent
    outside.chmod(0o755)
    up, source, failure, _, instances = as_nobody(right, f"{outside}/run/vrrp")
    assert (up, source, instances) == (True, "", [])
    assert "may not be sent signals by user 65534" in failure
    assert f"nor has notify recorded a state in {outside}/run/vrrp" in failure
    monkeypatch.setenv("VIPWARDEN_RUNTIME_DIR", f"{outside}/run")
    boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    for name, word, order in (("VI_1", "MASTER", boot), ("VI_2", "MASTER", 1.0)):  # the second before its start
        vrrp_state.publish(vrrp_state.VrrpState("INSTANCE", name, word, 1e9, priority=90, order=(order, 0)))
    up, source, failure, why, instances = as_nobody(right, f"{outside}/run/vrrp")
    assert (up, source, failure) == (True, "notify", "")
    assert "may not be sent signals" in why
    vips = [[address, "va"] for address in (VIP, SECOND, EXCLUDED)]
    assert instances == [["VI_1", 2, 90, "va", "51", vips]]
    up, source, _, why, instances = as_nobody(right, f"{outside}/run/vrrp", hidden=True)
    assert (up, source, len(instances)) == (None, "notify", 2)  # which of them is old cannot be seen
    assert "hidepid" in why


def test_capabilities_stand_in_for_root(nodes: tuple[Node, Node]) -> None:
    """All three; without the one that sees another's /tmp nobody may say that keepalived does not answer."""
    _, (_, right) = nodes
    Path(right.conf).parent.chmod(0o755)
    up, source, failure, _, instances = as_nobody(right, "/none", "kill", "dac_read_search", "sys_ptrace")
    assert failure == ""
    assert (up, source, len(instances)) == (True, "json", 2)
    up, _, failure, _, _ = as_nobody(right, "/none", "kill", "dac_read_search")
    assert up
    assert "whether it has a /tmp of its own may not be seen by user 65534" in failure
