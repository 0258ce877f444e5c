"""What becomes of the VIPs of these nodes when something breaks? The rehearsal as a part of the command."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from cli.nodes import NodeConf, WhatIf, names_of
from cli.rehearsed import by_place, findings, report, writable, write_page
from rehearse.change import ChangeError, apply
from rehearse.conf import cluster as cluster_of
from rehearse.conf import parsed
from rehearse.expected import ExpectedError, differences, expected
from rehearse.model.faults import faults as all_faults
from rehearse.model.predict import predict
from rehearse.real import Reals
from rehearse.report import as_json, as_text, pairs_as_text
from rehearse.rows import lines
from rehearse.search import proposed
from rehearse.services import notes, scripts_run, service_faults
from rehearse.stage.apart import StageError
from rehearse.stage.disk import disk_faults
from rehearse.stage.perform import faults_behind, observe, on_stage
from rehearse.stage.processes import said_of
from rehearse.stage.steps import clock_faults, played
from rehearse.stage.two import perform_two
from rehearse.together import MOST_FAULTS, NO_PAIRS, two_at_a_time
from rehearse.unmodelled import unmodelled
from rehearse.verdict import BAD
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import File, UsageError
from vipwarden.core.result import one_line
from vipwarden.net.file import look
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.version import Version, installed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.expected import Expected
    from rehearse.model.cluster import Cluster
    from rehearse.model.faults import Fault
    from rehearse.model.predict import Row
    from rehearse.report import Both
    from rehearse.rows import Line
    from vipwarden.node.keepalived.conf import Block

GOOD, BAD_CODE, UNREADABLE = 0, 1, 3
_MOST_INSTANCES = 1000
_MOST_EXPECTED = 64 << 20


def rehearse(
    node: NodeConf,
    *peer: NodeConf,
    dry: bool = False,
    faults: tuple[str, ...] = (),
    pairs: bool = False,
    step_clock: bool = False,
    what_if: tuple[WhatIf, ...] = (),
    search: bool = False,
    expect: File | None = None,
    json: bool = False,
    html: File | None = None,
    keepalived_version: Version | None = None,
) -> int:
    """Say what becomes of the VIPs of these nodes when something breaks.

    As root it starts the installed keepalived with each configuration in namespaces, one stage for each fault, and
    watches who holds the VIPs; scripts run as they are, with stand-ins for what they ask. With --dry a model of
    keepalived computes it from the configurations alone: nothing is started.

    Exit codes: 0 no fault is bad, or all is as expected; 1 a fault is bad, or not as expected; 3 an unreadable file, or
    no rehearsal.

    node: NAME=PATH, a node and its keepalived.conf, its /etc or its root
    peer: NAME=PATH, the other nodes
    dry: compute it by a model, without root and keepalived
    faults: text that a fault must contain, such as "power" or "on lb1"
    pairs: two faults at a time as well, the second while the first lasts
    step_clock: step the clock of this machine as well, for virtual machines that do nothing else
    what_if: [NODE:][NAME.]KEY=VALUE, a change to try, such as weight=-60
    search: look for the smallest change that makes every fault good
    expect: file that an earlier run with --json wrote; the exit code says whether all is as it was
    json: print the table as one JSON object
    html: file to write as well: one page with the table, a timeline for each fault and what the doctor finds
    keepalived_version: version in place of the installed one, such as 2.2.7
    """
    if not dry and (what_if or search):
        raise UsageError("--what-if and --search are for --dry: the configurations are run as they are")
    if search and (faults or pairs or expect or json or html):
        raise UsageError("--search looks at all faults and prints a change: only --what-if goes with it")
    if dry and step_clock:
        raise UsageError("--step-clock is for real runs: a step changes nothing of what --dry computes")
    nodes = [node, *peer]
    names = names_of(nodes)
    try:
        confs = [(name, parsed(name, path)) for name, path in nodes]
        version = keepalived_version or installed()
        cluster = cluster_of(confs, version)
        _refuse(cluster, confs)
        wanted_then = expected(_slurp(expect), names) if expect else None
        if html:
            writable(html)
    except (ConfError, ExpectedError) as error:
        why = f"{expect}: {error}; nothing was run" if isinstance(error, ExpectedError) else str(error)
        sys.stderr.write(f"vipwarden rehearse: {one_line(why, 300)}\n")
        return UNREADABLE
    try:
        for wanted in what_if:
            cluster = apply(cluster, wanted)
    except ChangeError as error:
        raise UsageError(f"--what-if: {error}") from None
    if search:
        sys.stdout.write(proposed(cluster))
        return GOOD
    given = [(name, path, conf) for (name, path), (_, conf) in zip(nodes, confs, strict=True)]
    said = [] if what_if else findings(confs, version)
    try:
        steps = clock_faults(cluster) if step_clock else []
        observed = [] if dry else observe(cluster, given, version)
        ran = scripts_run(cluster, observed)
        behind = Reals() if dry else on_stage([conf for _, conf in confs])
        told = [] if dry else [*notes(ran), *said_of(conf for _, conf in confs), *behind.notes]
        possible = [
            *all_faults(cluster),
            *service_faults(cluster, observed),
            *faults_behind(cluster, behind),
            *([] if dry else disk_faults(cluster)),
            *steps,
        ]
        chosen = _chosen(possible, faults, names, MOST_FAULTS if pairs else len(possible))
        rows = _predicted(cluster, chosen, confs) if dry else played(cluster, given, chosen, version, observed, behind)
        places = by_place(confs, said)
        found = lines(cluster, rows, places)
        run = None if dry else partial(perform_two, cluster, given, version, observed)
        both = two_at_a_time(cluster, chosen, rows, places, run) if pairs else NO_PAIRS
        if html:
            write_page(html, report(names, found, both, said, version, dry=dry, what_if=what_if, told=told))
    except (ConfError, StageError) as error:
        sys.stderr.write(f"vipwarden rehearse: {one_line(str(error), 1000)}\n")
        return UNREADABLE
    if json:
        more: dict[str, object] = {} if dry else {"scripts": [it._asdict() for it in ran]}
        sys.stdout.write(
            as_json(found, both if pairs else None, nodes=names, keepalived=version and str(version), **more)
        )
    else:
        sys.stdout.write(_as_text(found, both if pairs else None) + "".join(f"{it}\n" for it in told))
    return _code(found, both.lines, wanted_then)


def _chosen(possible: list[Fault], words: Sequence[str], names: list[str], most: int) -> list[Fault]:
    """Return the faults that contain one of the words; raises UsageError, also for more than can be paired."""
    chosen = [it for it in possible if not words or any(word in it.text(names) for word in words)]
    if not chosen:
        raise UsageError("--faults: no fault contains this text")
    if len(chosen) > most:
        raise UsageError(f"--pairs: {len(chosen)} faults make too many pairs: at most {most}, see --faults")
    return chosen


def _refuse(cluster: Cluster, confs: Sequence[tuple[str, Block]]) -> None:
    for node, (_, conf) in zip(cluster.nodes, confs, strict=True):
        if not node.instances:
            raise ConfError(f"{conf.path} of {node.name} has no vrrp_instance, nor what it includes: no VIP can move")
        if len(node.instances) > _MOST_INSTANCES:
            raise ConfError(f"{node.name} has {len(node.instances)} instances: at most {_MOST_INSTANCES} are rehearsed")


def _predicted(cluster: Cluster, chosen: list[Fault], confs: list[tuple[str, Block]]) -> list[Row]:
    """Return the rows of the model, and say what it does not know."""
    sys.stderr.writelines(f"vipwarden rehearse: {one_line(it, 300)}\n" for it in unmodelled(confs))
    return predict(cluster, chosen)


def _slurp(path: str) -> str:
    try:
        _, data = look(path, _MOST_EXPECTED)
    except OSError as error:
        raise ConfError(f"cannot read {path}: {error.strerror}") from None
    return data.decode("utf-8", "replace")


def _code(found: list[Line], pairs: list[Line], wanted: Expected | None) -> int:
    """Return the exit code, and say what is not as expected."""
    if wanted is None:
        return BAD_CODE if any(line.verdict == BAD for line in (*found, *pairs)) else GOOD
    differing = differences(found, pairs, wanted)
    sys.stderr.writelines(f"{it}\n" for it in differing)
    return BAD_CODE if differing else GOOD


def _as_text(found: Sequence[Line], both: Both | None) -> str:
    colour = sys.stdout.isatty()
    return as_text(found, colour=colour) + (pairs_as_text(both, colour=colour) if both is not None else "")


main = CommandLine("vipwarden rehearse", rehearse, refused=2)
