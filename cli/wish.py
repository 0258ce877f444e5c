"""What can an operator say of a snippet for keepalived.conf, beside the options of the check?"""

from __future__ import annotations

from vipwarden.core.values import Choice, Count, Seconds, Times
from vipwarden.node.keepalived.version import Version  # noqa: TC001 - options() looks it up

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


class Form(Choice):
    """What to print."""

    __slots__ = ()
    choices = ("all", "vrrp_script", "misc_check", "track_file", "notify")


class Weight(Count):
    """The weight of a vrrp_script, -253 to 253."""

    __slots__ = ()
    LEAST, MOST, WANTED = -253, 253, "a weight is a number from -253 to 253"


class Name(str):
    """A name for keepalived.conf, and for a file."""

    __slots__ = ()

    def __new__(cls, text: str) -> Name:
        """Build it from its text; raises ValueError with what is wanted."""
        if not text or set(text) - _NAME or text[0] in ".-" or len(text) > 100:
            raise ValueError("a name is made of letters, digits, _ . and -")
        return str.__new__(cls, text)


def front_end(
    *,
    as_: Form = Form("all"),
    name: Name | None = None,
    weight: Weight | None = None,
    interval: Seconds | None = None,
    fall: Times | None = None,
    rise: Times | None = None,
    keepalived_version: Version | None = None,
    folder: str = "/usr/libexec/keepalived",
    help: bool = False,  # noqa: A002 - the option's name
) -> None:
    """Add the options of the snippet to those of the check.

    as_: vrrp_script, misc_check, track_file, notify or all of them
    name: name in keepalived.conf and of the verdict; default the command's name
    weight: weight of the vrrp_script or track file; without a weight a failure is FAULT
    interval: seconds between the starts of two runs; default the next whole second above the check's deadline
    fall: failures in a row before a failure counts; default 2, for chk_service and chk_haproxy 1
    rise: successes in a row before a success counts; default the same
    keepalived_version: keepalived version to write for; default the installed version
    folder: folder of the commands
    help: show this text
    """
