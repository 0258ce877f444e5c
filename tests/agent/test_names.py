"""Are names resolved off the hot path, and does the last good answer outlive the resolver?"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from tests.commands import CODE, shell

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

# A namespace of mounts and network whose resolver is 127.0.0.1, where the script answers by itself.
APART = """
ip link set lo up
mkdir "$1"
printf 'nameserver 127.0.0.1\\n' >"$1/resolv.conf"
printf '127.0.0.7 listed.test\\n' >"$1/hosts"
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/hosts" /etc/hosts
exec "$2" "$3" "$1/hosts"
"""
SCRIPT = f"""
import sys
sys.path[:0] = [{str(CODE)!r}]
import asyncio, json, socket, threading, time
from pathlib import Path
import dns.message, dns.rcode, dns.rrset
from agent.driver import Driver
from agent.run import Run
from checks.core.result import OK, Result

asked = []
mood = {{}}


def serve():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 53))
    while True:
        data, client = sock.recvfrom(4096)
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(True), question.rdtype.name
        asked.append((name, kind))
        how = mood.get(name, "")
        if how == "silent":
            continue
        reply = dns.message.make_response(query)
        if how == "refused":
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif how == "none":
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif kind == "A" or how.startswith("both"):
            address = how.rpartition(" ")[2] or "127.0.0.1"
            ttl = 1
            reply.answer.append(dns.rrset.from_text(question.name, ttl, "IN", kind, address if kind == "A" else "::1"))
        sock.sendto(reply.to_wire(), client)


threading.Thread(target=serve, daemon=True).start()
said = []


async def resolved(net, *, host, timeout):
    net.begin(timeout)
    begun = time.monotonic()
    try:
        found = [address.host for address in await net.resolve(host)]
    except OSError as error:
        found = [error.text]
    return Result(OK, json.dumps([found, time.monotonic() - begun]))


async def ask(driver, host, timeout=8):
    end = asyncio.get_running_loop().create_future()
    driver.start(Run(driver, host, resolved, {{"host": host, "timeout": timeout}}, timeout, end.set_result))
    return json.loads((await end).text)


async def main():
    driver = Driver(said.append)
    out = {{}}
    out["listed"] = await ask(driver, "listed.test")
    out["listed asked"] = len(asked)
    out["first"] = await ask(driver, "web.test")
    out["again"] = await ask(driver, "web.test")
    out["asked"] = len(asked)
    await asyncio.sleep(1.1)
    mood["web.test"] = "new 127.0.0.2"
    out["old at once"] = await ask(driver, "web.test")
    await asyncio.sleep(0.2)
    out["then new"] = await ask(driver, "web.test")
    mood["web.test"] = "silent"
    await asyncio.sleep(1.1)
    out["kept"] = await ask(driver, "web.test")
    await asyncio.sleep(5.3)
    out["still kept"] = await ask(driver, "web.test")
    mood["none.test"] = "none"
    out["none"] = await ask(driver, "none.test")
    mood["refused.test"] = "refused"
    out["refused"] = await ask(driver, "refused.test")
    mood["silent.test"] = "silent"
    before = len(asked)
    out["silent"] = await asyncio.gather(*(ask(driver, "silent.test", 0.5) for _ in range(50)))
    out["silent asked"] = len(asked) - before
    mood["both.test"] = "both 127.0.0.3"
    out["both"] = await ask(driver, "both.test")
    Path(sys.argv[1]).write_text("127.0.0.8 listed.test\\n")
    out["bad"] = await ask(driver, "..bad..")
    await asyncio.sleep(0.1)
    out["said"] = said
    driver.close()
    print(json.dumps(out))


asyncio.run(main())
"""


def found(tmp_path: Path) -> dict[str, Any]:
    """Run the script apart and return what it found."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    words = (str(tmp_path / "etc"), sys.executable, str(script))
    ran = shell(tmp_path, APART, *words, flags=["-m", "-n"], needs=["ip"])
    assert ran.code == 0, ran.err
    answers: dict[str, Any] = json.loads(ran.out)
    return answers


def test_names_are_asked_for_once_and_remembered(tmp_path: Path) -> None:
    """By their TTL; while nobody answers, the last good answer is taken at once, and trouble is told once."""
    said = found(tmp_path)
    assert said["listed"][0] == ["127.0.0.7"]
    assert said["listed asked"] == 0  # /etc/hosts goes first
    assert said["first"][0] == ["127.0.0.1"]
    assert said["again"][0] == ["127.0.0.1"]
    assert said["asked"] == 2  # A and AAAA, once
    assert said["old at once"][0] == ["127.0.0.1"]
    assert said["then new"][0] == ["127.0.0.2"]
    for name in ("kept", "still kept"):
        assert said[name][0] == ["127.0.0.2"]
        assert said[name][1] < 1  # nobody waits for a name that was known, as long as for one that was not
    assert said["none"][0] == ["cannot resolve none.test: Name or service not known"]
    assert said["refused"][0] == ["cannot resolve refused.test: Temporary failure in name resolution"]
    assert {tuple(answer[0]) for answer in said["silent"]} == {
        ("the name silent.test could not be resolved within 0.5 s",)
    }
    assert said["silent asked"] <= 4
    assert sorted(said["both"][0]) == ["127.0.0.3", "::1"]
    assert said["bad"][0] == ["cannot resolve ..bad..: Name or service not known"]
    assert "cannot resolve web.test: Temporary failure in name resolution; the last good answer is kept" in said["said"]
    assert len([line for line in said["said"] if "web.test" in line]) == 1
