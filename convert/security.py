"""Which global settings do the first scripts of a keepalived.conf need?

Without enable_script_security keepalived -t refuses a configuration with scripts, and without a user keepalived drops
them. Where there were scripts before, these settings are the operator's, and stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convert.source import PlaceError
from doctor.commands import commands

if TYPE_CHECKING:
    from convert.work import Work

_LINES = {"enable_script_security": "enable_script_security", "script_user": "script_user root"}


def secure(work: Work) -> None:
    """Have keepalived run our commands as it runs scripts safely, if there were none before."""
    conf = work.conf
    globals_ = list(conf.named("global_defs"))
    lines = [line for keyword, line in _LINES.items() if not any(defs.last(keyword) for defs in globals_)]
    if not work.runs or not lines:
        return
    if any(command.is_file for command in commands(conf, work.way.version)):
        if _LINES["enable_script_security"] in lines:
            work.notes.append((conf.path, "enable_script_security is not set: others may change what root runs"))
        return
    try:
        if globals_:
            place = work.sources.span(globals_[-1])
            text, start = place.file.text, place.open
            indent = place.file.indent(place.inner[0].start) if place.inner else "    "
            end = text.find("\n", start)
            end = end - (text[end - 1] == "\r") if place.inner and start <= end < place.inner[0].start else start
            place.file.replace(end, end, "".join(f"\n{indent}{line}" for line in lines))
        else:
            place = work.sources.line(conf.blocks[0])
            body = "".join(f"    {line}\n" for line in lines)
            place.file.replace(place.start, place.start, f"global_defs {{\n{body}}}\n")
    except PlaceError as error:
        text = f"{error}: put {' and '.join(lines)} into it, for keepalived runs commands now"
        work.notes.append((conf.path, f"global_defs: {text}"))
