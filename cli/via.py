"""Which of our paths to real servers are in the kernel's IPVS table, and which of them are left over?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vipwarden.core.commandline import CommandLine, by_name
from vipwarden.node.ipvs.control import Control
from vipwarden.node.ipvs.proc import must_exist
from vipwarden.node.ipvs.table import IpvsError, IpvsMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vipwarden.node.ipvs.control import Found

ABOUT = {
    "list": "list the paths that checks with via have in the IPVS table",
    "clear": "remove the paths whose program has ended",
}


def list_() -> int:
    """List the paths that checks with via have in the IPVS table: mark, kind, real server and owner.

    Exit codes: 0 done, 1 the table cannot be read, 2 an option is wrong.
    """
    return _reported(lambda control: control.all())


def clear(*, all: bool = False) -> int:  # noqa: A002 - the option's name
    """Remove the paths whose program has ended, and list them. Services of others are never touched.

    Exit codes: 0 done, 1 the table cannot be changed, 2 an option is wrong.

    all: remove those in use as well; a running agent makes its own again
    """
    return _reported(lambda control: control.clear(used=all))


def _reported(work: Callable[[Control], Iterable[Found]]) -> int:
    try:
        must_exist("/proc/net/ip_vs")  # to ask by netlink could load the module
        sys.stdout.write("".join(map(_line, work(Control()))))
    except IpvsMissingError:
        return 0  # and so no paths
    except IpvsError as error:
        sys.stderr.write(f"vipwarden via: {error}\n")
        return 1
    return 0


def _line(found: Found) -> str:
    servers = " ".join(f"{server.kind} {server.real}" for server in found.servers) or "nobody"
    owner = next((server.owner for server in found.servers), 0)
    kind = ("agent" if found.lasts else "command") if found.is_owned else "left over, of"
    return f"{found.mark} {servers} ({kind} {owner})\n"


COMMANDS = {"list": CommandLine("vipwarden via list", list_), "clear": CommandLine("vipwarden via clear", clear)}


def main(arguments: Sequence[str]) -> int:
    """Run ``vipwarden via list`` or ``vipwarden via clear``."""
    return by_name("vipwarden via", arguments, lambda: ABOUT, _run, 2)


def _run(name: str, arguments: Sequence[str]) -> int:
    if name not in COMMANDS:
        sys.stderr.write(f"vipwarden via: there is no {name!r}; there are {', '.join(COMMANDS)}\n")
        return 2
    return COMMANDS[name](arguments)
