"""What does the doctor know of the agent? The entries of its configuration, and its unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from vipwarden.config.document import PATH, SECTIONS, ConfigError, Document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.case import Case

UNIT = "vipwarden-agent.service"
_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


def settings(case: Case, key: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, entry and value of each ``key``; none where the configuration cannot be read."""
    text = (case.host.read(PATH) or b"").decode("utf-8", "replace")
    try:
        document = Document(PATH, text, SECTIONS)
        checks = document.top("checks")
        for name, (_, entry) in document.pairs(checks, "checks") if checks is not None else ():
            for word, (node, value) in document.pairs(entry, name):
                if word == key and isinstance(value, yaml.ScalarNode):
                    yield node.start_mark.line + 1, f"checks.{name}", value.value
    except ConfigError:
        return


def unit(case: Case, key: str) -> list[str]:
    """Return the values of a setting in the agent's unit and its drop-ins, the last one last; none without a unit."""
    own = next((text for folder in _FOLDERS if (text := case.host.read(f"{folder}/{UNIT}"))), b"")
    more = [case.host.read(path) or b"" for folder in reversed(_FOLDERS) for path in _drop_ins(case, folder)]
    lines = [line.decode("utf-8", "replace").partition("=") for text in (own, *more) for line in text.splitlines()]
    return [value.strip() for word, _, value in lines if word.strip() == key]


def _drop_ins(case: Case, folder: str) -> list[str]:
    return [f"{folder}/{UNIT}.d/{name}" for name in case.host.names(f"{folder}/{UNIT}.d") if name.endswith(".conf")]
