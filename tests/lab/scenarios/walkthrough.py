"""A reader follows docs/two-nodes.md, line by line."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.commands import CODE
from tests.docs.pages import Block, blocks, normal, pattern
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS
from tests.lab.pace import factor

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE = CODE / "docs" / "two-nodes.md"
_HOSTS = ("client", "web1", "web2", "lb1", "lb2")
_PATIENCE = 30.0  # seconds until a command says what the page shows; the alert takes its "for" as well
_ALERT = 150.0
_HASH = "$2y$10$..."
_PROMPT = re.compile(r"(\w+)[#$] (.*)")


class Typed(NamedTuple):
    """One command of a session, and what the page shows below it."""

    host: str
    command: str
    shown: str


class Reader:
    """Types what the page shows; raises AssertionError where it does not come out as shown."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.hash = ""

    def follow(self, block: Block) -> None:
        """Write the file that a block shows, or type its commands."""
        if block.kind == "console":
            for typed in _session(block):
                self._type(block, typed)
        elif block.place:
            *hosts, path = block.place.split()
            for host in hosts:
                self._write(host, path, block.text.replace(_HASH, self.hash or _HASH))

    def _write(self, name: str, path: str, text: str) -> None:
        host = self.case[name]
        if path.startswith("edit:"):
            path, what = "/etc/keepalived/keepalived.conf", path.removeprefix("edit:")
            text = re.sub(rf"^{what} .*?^}}\n", lambda _: text, host.read(path), flags=re.MULTILINE | re.DOTALL)
        if path.startswith("/etc/prometheus/"):
            Path(path).write_text(text)
        else:
            host.write(path, text)

    def _type(self, block: Block, typed: Typed) -> None:
        """Type a command, again and again until it says what is shown; one that shows nothing only once."""
        host = self.case[typed.host]
        if typed.command.startswith("scp "):
            self._copy(typed)
            return
        if typed.command.startswith("while "):
            host.popen("bash", "-c", f"({typed.command}) >/run/loop 2>&1 &").wait(60)
            return
        end = time.monotonic() + (_ALERT if "ALERTS" in typed.command else _PATIENCE) * factor()
        while True:
            process = host.popen("bash", "-c", typed.command)
            said, _ = process.communicate(timeout=60 * factor())
            if typed.command.startswith("htpasswd "):
                self.hash = said.strip().partition(":")[2]
            if re.fullmatch(pattern(typed.shown), normal(said.rstrip() + "\n" if said.strip() else "")) and (
                typed.shown or not process.returncode
            ):
                return
            if not typed.shown or time.monotonic() > end:
                raise AssertionError(f"{block}: {typed.host}: {typed.command}\n{said}\nnot\n{typed.shown}")
            time.sleep(0.2)

    def _copy(self, typed: Typed) -> None:
        """Be scp, which the lab has not."""
        *_, source, target = typed.command.split()
        name, path = source.split(":")
        if path.startswith("/usr/share/vipwarden/"):
            shutil.copytree(CODE / "packaging" / path.removeprefix("/usr/share/vipwarden/"), target)
        else:
            self._write(typed.host, target, self.case[name].read(path))


def _session(block: Block) -> Iterator[Typed]:
    lines: list[list[str]] = []
    for line in block.text.splitlines():
        if prompt := _PROMPT.fullmatch(line):
            lines.append([prompt[1], prompt[2]])
        else:
            lines[-1].append(line)
    for host, command, *shown in lines:
        yield Typed(host, command, "".join(f"{line}\n" for line in shown))


@scenario("A reader follows the walkthrough", tutorial="killall -0 (sections 1 to 3)", ours="the whole page", seconds=0)
def walkthrough(case: Case) -> str:
    """Each file, each command, each answer."""
    case.start(_HOSTS)
    case.watch("10.10.0.10")
    case.web()
    for name in ("lb1", "lb2"):
        (case[name].files / "run/haproxy").mkdir()
        (case[name].files / "run/vipwarden/handover").mkdir(parents=True)  # as packages do
    Path("/etc/prometheus").mkdir(exist_ok=True)
    if "vipwarden:" not in (group := Path("/etc/group")).read_text():
        group.write_text(f"{group.read_text()}vipwarden:x:899:\n")
    for command in ("vipwarden",):
        Path("/usr/local/lab", command).unlink(missing_ok=True)
        Path("/usr/local/lab", command).symlink_to(f"{SCRIPTS}/{command}")
    page = _PAGE.read_text()
    proof = page.count("\n", 0, page.index("## 4.")) if not case.ours else page.count("\n")
    reader = Reader(case)
    try:
        for block in blocks(pages=[_PAGE]):
            if block.line <= proof:
                reader.follow(block)
    finally:
        case["client"].off()  # and with it the loop
    return "comes out as it is printed" if case.ours else "healthy, while no client is served"
