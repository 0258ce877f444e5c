"""Where does each file of the runtime folder lie, and how is a name written as a file name?"""

from __future__ import annotations

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = "/run/vipwarden"  # the runtime folder of root, and so of the agent
HISTORY = "/var/lib/vipwarden/events"  # of the recorder of root
AGENT = "vipwarden agent"  # the name of the agent's own verdict
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:=,@+-")


def runtime(environ: Mapping[bytes, bytes] = posix.environ) -> str:
    """Return the runtime folder: $VIPWARDEN_RUNTIME_DIR, /run/vipwarden for root, $XDG_RUNTIME_DIR/vipwarden.

    Without $XDG_RUNTIME_DIR it is /tmp/vipwarden-UID, closed to others.
    """
    given = environ.get(b"VIPWARDEN_RUNTIME_DIR")
    if given:
        return given.decode(errors="surrogateescape")
    user = posix.geteuid()
    if user == 0:
        return ROOT
    own = environ.get(b"XDG_RUNTIME_DIR")
    if own:
        return own.decode(errors="surrogateescape") + "/vipwarden"
    return f"/tmp/vipwarden-{user}"  # noqa: S108 - files.ready() refuses it where it is somebody else's


def verdicts(top: str = "") -> str:
    """Return the folder of the verdict files, by default of this user."""
    return f"{top or runtime()}/verdict"


def tracks(top: str = "") -> str:
    """Return the folder of the track files."""
    return f"{top or runtime()}/track"


def agent(what: str, top: str = "") -> str:
    """Return a file of the agent itself: its ``lock``, ``watchdog``, ``guard`` or ``names``."""
    return f"{top or runtime()}/agent.{what}"


def pidfile(top: str = "") -> str:
    """Return the file with the number of the process of ``vipwarden run``."""
    return f"{top or runtime()}/run.pid"


def vrrp(top: str = "") -> str:
    """Return the folder of the VRRP states that ``notify`` records."""
    return f"{top or runtime()}/vrrp"


def spool(top: str = "") -> str:
    """Return the folder of the work that ``notify`` has yet to do."""
    return f"{top or runtime()}/notify"


def realserver(top: str = "") -> str:
    """Return the folder of what ``realserver`` changed."""
    return f"{top or runtime()}/realserver"


def events(top: str = "") -> str:
    """Return the folder in which events wait for the recorder."""
    return f"{top or runtime()}/events"


def handover(top: str = "") -> str:
    """Return the folder of the track files by which ``handover`` gives VIPs to the peer."""
    return f"{top or runtime()}/handover"


def services(environ: Mapping[bytes, bytes] = posix.environ) -> str:
    """Return the folder of what chk_service remembers."""
    return f"{_lasting(environ)}/service"


def maintained(top: str = "") -> str:
    """Return the folder of the copies of the records of maintenance, which commands read without the disk."""
    return f"{top or runtime()}/maintenance"


def maintenance(environ: Mapping[bytes, bytes] = posix.environ, *, root: bool = False) -> str:
    """Return the folder of the records of maintenance, of this user or of root."""
    return f"{_lasting(environ, root=root)}/maintenance"


def _lasting(environ: Mapping[bytes, bytes], *, root: bool = False) -> str:
    """Return the folder of what survives a reboot: $VIPWARDEN_STATE_DIR, else /var/lib/vipwarden for root.

    Others have it in their runtime folder, where it does not survive a reboot.
    """
    given = environ.get(b"VIPWARDEN_STATE_DIR")
    if given:
        return given.decode(errors="surrogateescape")
    return "/var/lib/vipwarden" if root or posix.geteuid() == 0 else runtime(environ)


def haproxy(top: str, environ: Mapping[bytes, bytes] = posix.environ) -> str:
    """Return the file of what the agent of a runtime folder told HAProxy; only that of root survives a reboot."""
    return f"{_lasting(environ) if top == ROOT or b'VIPWARDEN_STATE_DIR' in environ else top}/haproxy/agent-check"


def history(environ: Mapping[bytes, bytes] = posix.environ) -> str:
    """Return the folder of the recorded events: $VIPWARDEN_STATE_DIR/events, else HISTORY for root.

    Others, and a runtime folder that is given, have it in the runtime folder.
    """
    given = environ.get(b"VIPWARDEN_STATE_DIR")
    if given:
        return given.decode(errors="surrogateescape") + "/events"
    return HISTORY if runtime(environ) == ROOT else f"{runtime(environ)}/history"


def file_name(name: str) -> str:
    """Return the file name that stands for a name, at most 200 bytes: unusual bytes are written %XX."""
    if _SAFE.issuperset(name) and 0 < len(name) <= 200 and name[0] != ".":
        return name
    raw = name.encode("utf-8", "surrogatepass")
    pieces = [chr(byte) if chr(byte) in _SAFE else f"%{byte:02X}" for byte in raw] or ["%"]
    if pieces[0] == ".":
        pieces[0] = "%2E"
    text = "".join(pieces)
    if len(text) > 200:
        try:
            from _md5 import md5  # type: ignore[import-not-found]  # a millisecond sooner than hashlib
        except ImportError:
            from hashlib import md5

        text = f"{''.join(pieces[:55])}~{md5(raw, usedforsecurity=False).hexdigest()}"
    return text


def name_of(file: str) -> str:
    """Undo file_name(), as far as it could keep the name."""
    head, *rest = file.split("%")
    raw = b"".join(bytes.fromhex(part[:2]) + part[2:].encode("utf-8", "surrogateescape") for part in rest)
    return head + raw.decode("utf-8", "replace")
