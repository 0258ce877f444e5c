"""Which options do chk_service and chk_haproxy take?"""

from __future__ import annotations

from keepalived_scripts.service.parts import Ask  # noqa: TC001 - options() looks it up
from vipwarden.core.values import Count, Seconds
from vipwarden.core.words import Words  # noqa: TC001

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Unit(str):
    """The name of a systemd unit."""

    __slots__ = ()

    def __new__(cls, text: str) -> Unit:
        """Build it from its text; raises ValueError with what is wanted."""
        known = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"
        if not text or text[0] == "-" or text.strip(known) or len(text) > 255:
            raise ValueError("a unit of systemd is wanted, such as haproxy or haproxy.service")
        return str.__new__(cls, text)


class Runs(Count):
    """A number of runs, from 1 up."""

    __slots__ = ()
    LEAST, MOST, WANTED = 1, 1000, "a number of runs from 1 to 1000 is wanted"


class Grace(float):
    """A duration in seconds, fractions allowed, from 0 to a day."""

    __slots__ = ()

    def __new__(cls, text: str | float) -> Grace:
        """Build it from its text; raises ValueError with what is wanted."""
        return float.__new__(cls, 0.0 if str(text) in ("0", "0.0") else Seconds(text))


def chk_service(*, command: str | None = None, unit: Unit | None = None) -> None:
    """Is a service healthy, and if not, does one restart help?

    Exit code 0 means healthy. Give --command, --check or both; all of them must be OK.

    command: name of the program that must run
    unit: systemd unit to restart; the check does not wait for the restart
    """


def chk_haproxy(
    *,
    command: str = "haproxy",
    conf: str = "/etc/haproxy/haproxy.cfg",
    socket: str | None = None,
    host: str = "127.0.0.1",
    port: str | None = None,
    unit: Unit = Unit("haproxy"),
) -> None:
    """Is HAProxy healthy, and if not, does one restart help?

    HAProxy is healthy if its process runs and its stats socket answers "show info". An open port alone proves
    little: the kernel accepts connections for a hung HAProxy.

    command: name of the program that must run
    conf: HAProxy configuration that names the stats socket
    socket: path of the stats socket, instead of that in --conf
    host: address for --port
    port: port or ports that must be open as well; enough where there is no stats socket
    unit: systemd unit to restart; the check does not wait for the restart
    """


def front_end(
    *,
    check: tuple[Ask, ...] = (),
    restart: Words | None = None,
    restart_timeout: Seconds = Seconds(60),
    fall: Runs = Runs(1),
    fall_timeout: Runs = Runs(2),
    grace: Grace = Grace(3),
    good_for: Seconds = Seconds(5),
    restarts: Count = Count(3),
    window: Seconds = Seconds(600),
    max_age: Seconds = Seconds(3),
    timeout: Seconds = Seconds(0.9),
    name: str | None = None,
    help: bool = False,  # noqa: A002 - the option's name
) -> None:
    """Add the options of both commands.

    check: check with its options in one text, such as "port -H 127.0.0.1 -p 80"
    restart: command that restarts the service and then ends, instead of a unit; runs without a shell
    restart_timeout: seconds after which a restart command that still runs is killed with its process group
    fall: bad runs in a row before the service counts as failed; until then the verdict stays healthy
    fall_timeout: the same for runs without an answer in time, for which a short stall is enough
    grace: seconds after a restart for which the verdict stays healthy; 0 gives up the VIP at once
    good_for: seconds of good runs after which a failed service is healthy again and may be restarted again
    restarts: maximum number of restarts in the window; 0 for none
    window: seconds in which restarts are counted, also across reboots
    max_age: maximum age in seconds of the verdict with which a second copy answers while the first one runs
    timeout: deadline for the whole run in seconds
    name: name of the verdict; default the command and the unit
    help: show this text; exits 1, which keepalived takes for a failure
    """


PRESETS: dict[str, Callable[..., object]] = {"service": chk_service, "haproxy": chk_haproxy}
