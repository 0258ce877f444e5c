"""What is the command of a vrrp_script or MISC_CHECK, and what does it ask?"""

from __future__ import annotations

import pwd
import shlex
from typing import TYPE_CHECKING

from convert.script import Meaning
from convert.shell import meaning
from convert.wanted import Asked, LeftError
from vipwarden.node.keepalived.conf import quoted
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from convert.work import Way
    from vipwarden.node.keepalived.conf import Block

_KEEPS_ESCAPES = Version("2.3.2")
_DEFAULT_USER = "keepalived_script"
_OWN = ("chk_", "vipwarden")


def argv(block: Block, version: Version) -> list[str]:
    """Return the words of the command of a statement; raises LeftError."""
    words = quoted(block.text, escapes=version < _KEEPS_ESCAPES)
    found = quoted(words[1]) if len(words) > 1 else []
    if not found or not found[0]:
        raise LeftError("it has no command, or one with a quote that has no end")
    if len(words) > 2:
        raise LeftError(f"keepalived ignores {' '.join(words[2:])}, which stands outside of the quotes")
    return found


def is_own(words: list[str]) -> bool:
    """Return whether it is one of our commands already."""
    return words[0].rpartition("/")[2].startswith(_OWN)


def asked(conf: Block, scope: Block, words: list[str], way: Way) -> Meaning:
    """Return what a command asks, or with ``commands`` that it is run as it is; raises LeftError."""
    try:
        known = meaning(words)
        known.asked.proved()
    except LeftError as error:
        if not way.commands:
            raise LeftError(f"{' '.join(words)}: {error}; with --commands the agent runs it as it is") from None
    else:
        return known
    if scope.last("misc_dynamic") is not None:
        raise LeftError("misc_dynamic takes its exit code for a weight, which the agent does not")
    if (user := _user(conf, scope)) not in ("", "root"):
        raise LeftError(f"it runs as {user}, but the agent would run it as root")
    if not words[0].startswith("/"):
        raise LeftError(f"{words[0]} is no absolute path, which the agent wants")
    return Meaning(Asked("command", {"run": shlex.join(words), "codes": "script"}).proved())


def lacks_user(conf: Block) -> bool:
    """Return whether keepalived drops scripts, as it would run them as root without having been told so."""
    is_secure = any(defs.last("enable_script_security") is not None for defs in conf.named("global_defs"))
    return is_secure and not _setting(conf) and not _has_default()


def _user(conf: Block, scope: Block) -> str:
    """Return the user of a script."""
    return scope.value("user") or _setting(conf) or (_DEFAULT_USER if _has_default() else "")


def _setting(conf: Block) -> str:
    return next((line.name for defs in conf.named("global_defs") for line in defs.named("script_user")), "")


def _has_default() -> bool:
    try:
        return bool(pwd.getpwnam(_DEFAULT_USER))
    except KeyError:
        return False
