"""How does the recorder of events run? It writes what others hand over, and watches the addresses of this node."""

from __future__ import annotations

import gc
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from exporter.settings import settings
from vipwarden.config.document import PATH, SECTIONS, ConfigError, Document
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import File  # noqa: TC001 - options() looks it up
from vipwarden.core.systemd import notify
from vipwarden.core.values import Count
from vipwarden.events.addresses import Addresses
from vipwarden.events.hand import Hand
from vipwarden.events.haproxies import Haproxies
from vipwarden.events.ipvs import Ipvs
from vipwarden.events.keepalived import Keepalived
from vipwarden.events.looks import Looks
from vipwarden.events.recorder import Recorder
from vipwarden.events.segments import BusyError, Segments
from vipwarden.events.spool import Spool
from vipwarden.node.haproxy.source import Source  # noqa: TC001 - options() looks it up
from vipwarden.state import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.settings import Settings


class Mebibytes(Count):
    """A size in MiB, from 1 to 65536."""

    __slots__ = ()
    LEAST, MOST, WANTED = 1, 65536, "a size from 1 to 65536 MiB is wanted"


_LAST = 1.0  # seconds for the last events
_MOST = Mebibytes("64")


def recorder(
    *,
    most: Mebibytes = _MOST,
    keepalived_conf: File | None = None,
    haproxy_conf: File | None = None,
    haproxy: tuple[Source, ...] = (),
    config: File | None = None,
) -> int:
    """Record the events of this node, which "vipwarden events" shows.

    Agent, notify and chk_service hand theirs over; VIPs that come or go are seen by netlink, and HAProxy, IPVS and
    keepalived are looked at. Exit codes: 0 stopped, 1 it cannot record, 2 an option is wrong.

    most: size in MiB beyond which the oldest events are removed
    keepalived_conf: keepalived's configuration, which names the VIPs and the users of scripts
    haproxy_conf: HAProxy's configuration, which names its stats sockets
    haproxy: a HAProxy in place of those of haproxy_conf, [NAME=]unix:/PATH or [NAME=]tcp://HOST:PORT
    config: configuration file, whose section "exporter" has these three where they are not given
    """
    if pages := [str(source) for source in haproxy if source.is_page]:
        sys.stderr.write(f"vipwarden recorder: haproxy: {pages[0]} is a stats page, which says too little\n")
        return 2
    given = {"keepalived_conf": keepalived_conf, "haproxy_conf": haproxy_conf, "haproxy": haproxy}
    try:
        work = start(most << 20, _settings(config, {name: value for name, value in given.items() if value}), _say)
    except OSError as error:
        sys.stderr.write(f"vipwarden recorder: {_why(error)}\n")
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: work.end())
    gc.collect()
    gc.freeze()  # else a collection, which finds nothing, takes more CPU than hours of rest
    notify("READY=1", f"STATUS=records in {paths.history()}")
    work.run()
    return 0


main = CommandLine("vipwarden recorder", recorder)


def _settings(config: str | None, given: dict[str, Any]) -> Settings:
    """Return what is to be looked at; a configuration that is wrong keeps nobody from recording."""
    path = config or (PATH if Path(PATH).exists() else "")
    values: dict[str, Any] = {}
    if path:
        try:
            values = Document(path, sections=SECTIONS).section("exporter", settings)
        except ConfigError as error:
            _say(f"the defaults are taken, as the configuration is wrong: {error}")
    if "haproxy_conf" in given:
        values.pop("haproxy", None)
    return settings(**values | given)


def start(most: int, seen: Settings, say: Callable[[str], None]) -> Recorder:
    """Return a recorder that is ready to run, whose node is watched already; raises OSError, BusyError among it."""
    conf = seen.keepalived_conf
    segments = Segments(paths.history(), most)  # first: where another recorder writes, nothing is touched
    try:
        work = Recorder(Spool(paths.events(), conf), segments, say)
    except OSError:
        segments.close()  # another recorder may be able to
        raise
    looks = Looks(Hand("recorder"), (Keepalived(conf), Haproxies(seen.haproxy_conf, seen.haproxy), Ipvs()), say)
    work.seen = looks.stir
    Thread(target=looks.run, daemon=True).start()
    try:
        watch = Addresses(Hand("recorder"), conf, say)
    except OSError as error:
        say(f"VIPs that come or go are not recorded: netlink: {error.strerror}")
    else:
        Thread(target=watch.run, daemon=True).start()
    return work


@contextmanager
def recording(seen: Settings, say: Callable[[str], None]) -> Iterator[None]:
    """Record in this process until the end of the block, unless another recorder does or it cannot be done."""
    try:
        work = start(_MOST << 20, seen, say)
    except BusyError:
        yield
        return
    except OSError as error:
        say(_why(error))
        yield
        return
    thread = Thread(target=work.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        work.end()
        thread.join(_LAST)


def _why(error: OSError) -> str:
    """Say why nothing is recorded, and what to do."""
    reason = error.strerror or str(error)
    if error.filename is not None:
        reason = f"{error.filename}: {reason}"
    if isinstance(error, BusyError):
        return reason
    return (
        f"events are not recorded: {reason}; the record is in {paths.history()} (by $VIPWARDEN_STATE_DIR), what waits"
        f" for it in {paths.events()} (by $VIPWARDEN_RUNTIME_DIR): this user has to own both and write there"
    )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
