"""How does keepalived.conf run this check? Prints the lines for this node's version of keepalived."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from cli.wish import Name, front_end
from keepalived_scripts import chk
from keepalived_scripts.keepalived_conf import (
    Wish,
    handover,
    joined,
    misc_check,
    notify,
    security,
    track_file,
    verdict_check,
    vrrp_script,
)
from keepalived_scripts.service import options as service
from vipwarden.core.commandline import CommandLine, by_name
from vipwarden.core.options import UsageError, complete, options, parse
from vipwarden.core.registry import load, questions
from vipwarden.core.usage import usage
from vipwarden.node.keepalived.version import Version, installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from keepalived_scripts.keepalived_conf import Parts
    from vipwarden.core.options import Option

_ASSUMED = Version("2.2.7")

HANDOVER = "the track file by which vipwarden handover gives a VIP to the peer"


def main(arguments: Sequence[str]) -> int:
    """Print the snippet; return 0, or 2 where it cannot be."""
    return by_name("vipwarden snippet", arguments, known_names, _print, 2)


def known_names() -> dict[str, str]:
    """Return what can be run, and what each asks."""
    return (
        questions()
        | {"handover": HANDOVER}
        | {name: (preset.__doc__ or "").partition("\n")[0] for name, preset in service.PRESETS.items()}
    )


def of_handover(*, name: Name = Name("VI_1"), keepalived_version: Version | None = None) -> int:
    """Print what keepalived.conf needs for vipwarden handover.

    name: vrrp_instance, by its name
    keepalived_version: keepalived version to write for; default the installed version
    """
    version = keepalived_version or installed()
    sys.stdout.write(_head(version) + joined(handover(name, version or _ASSUMED)))
    return 0


def _print(check: str, arguments: Sequence[str]) -> int:
    if check == "handover":
        return _HANDOVER.call(arguments)
    sys.stdout.write(_snippet(check, arguments))
    return 0


def declared(check: str) -> tuple[Callable[..., object], ...]:
    """Return the functions whose signatures are the options for a check; raises UsageError."""
    if check == "handover":
        return _HANDOVER.functions
    preset = service.PRESETS.get(check)
    return (preset, service.front_end, front_end) if preset else (load(check), chk.front_end, front_end)


def _snippet(check: str, arguments: Sequence[str]) -> str:
    preset = service.PRESETS.get(check)
    functions = declared(check)
    known = options(*functions)
    values: dict[str, Any] = parse(known, arguments)
    if values.get("help"):
        return usage(f"vipwarden snippet {check}", *functions) + "\n"
    complete(known, values)
    if check == "service" and not ("command" in values or "check" in values):
        raise UsageError("nothing to check: give --command or --check")
    own = {name: option for name, option in known.items() if name not in options(front_end)}
    given = {name: values.get(name, option.default) for name, option in known.items()}
    folder = given["folder"].rstrip("/")
    if not folder.startswith("/"):
        raise UsageError("--folder wants an absolute path")
    version = given["keepalived_version"] or installed()
    name = () if given["name"] is None else ("--name", given["name"])
    weights = [own.pop(key) for key in ("misc_dynamic", "warning_weight") if key in own]
    times = 1 if preset else 2  # chk_service counts by itself
    called = str(given["name"] or f"chk_{check}")
    wish = Wish(
        name=called,
        argv=(f"{folder}/chk_{check}", *_words(own.values()), *name),
        deadline=given["timeout"],
        interval=given["interval"],
        fall=given["fall"] or times,
        rise=given["rise"] or times,
        weight=given["weight"],
        version=version or _ASSUMED,
        dynamic=tuple(_words(weights)) if values.get("misc_dynamic") else (),
        checks=_entries(check, called, float(given["interval"] or 1), _texts(options(functions[0]), known)),
    )
    return _head(version) + joined(_parts(given["as_"], wish, folder, is_service=preset is not None))


def _entries(check: str, name: str, interval: float, asked: dict[str, object]) -> dict[str, dict[str, object]]:
    """Return what the agent runs; for HAProxy it does what chk_haproxy does, but for the restart."""
    if check != "haproxy":
        return {name: {"check": check, "interval": interval, **asked}}
    often: dict[str, object] = {"interval": interval, "fall": 2, "fast_interval": min(interval, 0.2)}
    where: dict[str, object] = {key: asked[key] for key in ("socket", "conf") if key in asked}
    parts: dict[str, dict[str, object]] = {
        # a process that has ended is no matter of patience: the agent sees it at once
        f"{name}-runs": {"check": "process", "command": asked.get("command", "haproxy"), "interval": interval},
        f"{name}-answers": {"check": "haproxy_backend", **where, "critical": "0:", **often},
    }
    if "port" in asked:
        parts[f"{name}-open"] = {
            "check": "port",
            "host": asked.get("host", "127.0.0.1"),
            "port": asked["port"],
            **often,
        }
    return {name: {"all_of": list(parts)}, **parts}


def _parts(form: str, wish: Wish, folder: str, *, is_service: bool) -> Parts:
    if is_service and (form == "misc_check" or (form == "track_file" and len(wish.checks) == 1)):
        raise UsageError(f"--as {form}: a service of this node is for a vrrp_script")
    if wish.dynamic and form not in ("misc_check", "all"):
        raise UsageError(f"--misc-dynamic is for --as misc_check, not for {form}")
    made = security()
    if form in ("vrrp_script", "all"):
        made += vrrp_script(wish)
    if form in ("misc_check", "all") and not is_service:
        made += misc_check(wish)
    if form == "track_file" or (form == "all" and not is_service and wish.can_fail_closed):
        made += track_file(wish)
        made += verdict_check(wish) if not is_service else []
    if form in ("notify", "all"):
        made += notify(folder, wish.version)
    return made


def _head(version: Version | None) -> str:
    if version is None:
        return f"# No keepalived is installed here: written for {_ASSUMED}, or as --keepalived-version says.\n"
    return f"# For keepalived {version}.\n"


def _words(known: Iterable[Option]) -> list[str]:
    """Return the options that were given, as they were given."""
    words: list[str] = []
    for option in known:
        flag = f"-{option.letters[0]}" if option.letters else option.flag
        for text in option.texts:
            words += [flag] if option.is_flag else [flag, text]
    return words


def _texts(own: Mapping[str, Option], known: Mapping[str, Option]) -> dict[str, object]:
    """Return the options of the check that were given as the configuration file has them."""
    given = [option for name, option in known.items() if name in own and option.texts]
    return {option.name: option.is_flag or (option.texts if option.repeats else option.texts[0]) for option in given}


_HANDOVER = CommandLine("vipwarden snippet handover", of_handover)
