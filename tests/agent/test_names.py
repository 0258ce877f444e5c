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
from vipwarden.core.result import OK, Result

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
            ttl = 600 if name == "long.test" else 1
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
    for _ in range(2):
        out["long"] = await ask(driver, "long.test")
    out["long asked"] = len(asked)
    out["first"] = await ask(driver, "web.test")
    await asyncio.sleep(1.1)
    mood["web.test"] = "new 127.0.0.2"
    out["old at once"] = await ask(driver, "web.test")
    async with asyncio.timeout(20):
        while (await ask(driver, "web.test"))[0] == ["127.0.0.1"]:
            await asyncio.sleep(0.02)
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
    mood["gone.test"] = ""
    out["there"] = await ask(driver, "gone.test")
    mood["gone.test"] = "none"
    await asyncio.sleep(1.1)
    async with asyncio.timeout(20):
        while (await ask(driver, "gone.test"))[0] == ["127.0.0.1"]:
            await asyncio.sleep(0.02)
    out["gone"] = await ask(driver, "gone.test")
    out["bad"] = await ask(driver, "..bad..")
    async with asyncio.timeout(20):
        while not any("web.test" in line for line in said):
            await asyncio.sleep(0.02)
    out["said"] = said
    driver.close()
    print(json.dumps(out))


asyncio.run(main())
"""


def found(tmp_path: Path, text: str = SCRIPT) -> dict[str, Any]:
    """Run a script apart and return what it found."""
    script = tmp_path / "script.py"
    script.write_text(text)
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
    assert said["long"][0] == ["127.0.0.1"]
    assert said["long asked"] == 2  # A and AAAA, once
    assert said["first"][0] == ["127.0.0.1"]
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
    assert said["silent asked"] <= 8
    assert sorted(said["both"][0]) == ["127.0.0.3", "::1"]
    assert said["there"][0] == ["127.0.0.1"]
    assert said["gone"][0] == ["cannot resolve gone.test: Name or service not known"]  # that is an answer
    assert said["bad"][0] == ["cannot resolve ..bad..: Name or service not known"]
    assert "cannot resolve web.test: Temporary failure in name resolution; the last good answer is kept" in said["said"]
    assert len([line for line in said["said"] if "web.test" in line]) == 1


RESTARTED = (
    SCRIPT.partition("async def main():")[0]
    + """
async def main():
    runtime = sys.argv[1].rpartition("/")[0]
    first = Driver(said.append)
    first.names.remember(runtime)
    out = {"first": await ask(first, "web.test")}
    first.close()
    for number in range(100):
        mood[f"dead{number}.test"] = "silent"
    mood["web.test"] = "silent"
    second = Driver(said.append)
    second.names.remember(runtime)
    dead = [asyncio.ensure_future(ask(second, f"dead{number}.test", 1)) for number in range(100)]
    await asyncio.sleep(0.1)
    out["after"] = await ask(second, "web.test")
    await asyncio.gather(*dead)
    values = {"host": "dead0.test", "timeout": 0.1}
    again = Run(second, "dead0.test", resolved, values, 0.1, lambda result: None)
    for _ in range(30):
        second.start(again)
        await asyncio.sleep(0.02)
        second.abandon(again)
    out["waiting"] = max(len(name.waiting) for name in second.names._names.values())
    out["queued"] = len(second.names._tasks)
    mood["new.test"] = ""
    out["new"] = await ask(second, "new.test", 30)
    second.close()
    out["file"] = Path(runtime, "agent.names").read_text()
    print(json.dumps(out))


asyncio.run(main())
"""
)


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    """What was known is known, though nobody answers now and 100 dead names were asked for before."""
    said = found(tmp_path, RESTARTED)
    assert said["first"][0] == ["127.0.0.1"]
    assert said["after"][0] == ["127.0.0.1"]
    assert said["after"][1] < 0.5
    assert said["waiting"] <= 2  # each check waits once, however often it was due
    assert said["queued"] <= 101  # one query of each name
    assert said["new"][0] == ["127.0.0.1"]  # dead names do not take all the turns
    assert sorted(said["file"].splitlines()) == ["new.test 127.0.0.1", "web.test 127.0.0.1"]


MANY = (
    SCRIPT.partition("async def main():")[0]
    + """
import agent.hosts, agent.names


async def main():
    names = [f"web{number}.test" for number in range(4000)]
    lines = [f"127.0.{number >> 8}.{number & 255} {name}\\n" for number, name in enumerate(names)]
    hosts = Path(sys.argv[1])
    hosts.write_text("127.0.0.010 octal.test\\n" + "".join(lines))
    driver = Driver(said.append)
    agent.hosts.TTL = agent.names.TTL = 0.5
    begun = time.process_time()
    for name in names:
        await ask(driver, name)
    first = time.process_time() - begun
    await asyncio.sleep(0.6)
    begun = time.process_time()
    found = [driver.names.known(name, 0)[0].host for name in names]
    again = time.process_time() - begun
    hosts.write_text("127.0.0.9 web0.test\\n127.0.0.8 web1.test\\n")
    await asyncio.sleep(0.6)
    changed = [driver.names.known(name, 0)[0].host for name in names[:2]]
    mood["octal.test"] = "none"
    octal = await ask(driver, "octal.test")
    print(json.dumps({"first": first, "again": again, "found": len(set(found)), "changed": changed, "octal": octal[0]}))


asyncio.run(main())
"""
)


def test_the_file_of_hosts_is_read_once_for_all_names(tmp_path: Path) -> None:
    """4000 of them cost next to nothing; a change is seen, and a line that libc skips is skipped."""
    said = found(tmp_path, MANY)
    assert said["found"] == 4000
    assert said["again"] < 0.2, said  # seconds of CPU, for each TTL
    assert said["changed"] == ["127.0.0.9", "127.0.0.8"]
    assert said["octal"] == ["cannot resolve octal.test: Name or service not known"]
