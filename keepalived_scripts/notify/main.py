"""What does an event of keepalived lead to? The program for notify, notify_master and the like, and for the FIFOs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from keepalived_scripts.notify import journal
from keepalived_scripts.notify.accept import Next, accept, go_on, started
from keepalived_scripts.notify.event import Event, EventError, from_words
from vipwarden.core.options import UsageError, options, parse
from vipwarden.core.result import one_line
from vipwarden.core.values import Seconds
from vipwarden.node.keepalived.vrrp_state import STATES
from vipwarden.state import paths

if TYPE_CHECKING:
    from collections.abc import Sequence


def notify(
    *,
    state: str | None = None,
    instance: str | None = None,
    group: str | None = None,
    fifo: str | None = None,
    keepalived_conf: str = "/etc/keepalived/keepalived.conf",
    compare: Seconds = Seconds(5),
    config: str | None = None,
    check_config: bool = False,
    help: bool = False,  # noqa: A002 - the option's name
) -> None:
    """Record, log and forward keepalived's events.

    As notify script:         notify "/usr/libexec/keepalived/notify"
    As notify_master script:  notify_master "/usr/libexec/keepalived/notify --state MASTER --instance V1"
    As reader of the FIFO:    vrrp_notify_fifo_script "/usr/libexec/keepalived/notify --fifo"
    Hooks get your own arguments after the options first, then keepalived's.

    state: MASTER, BACKUP, FAULT, STOP or DELETED, for scripts to which keepalived does not pass it
    instance: name of the vrrp_instance; needs --state
    group: name of the vrrp_sync_group; needs --state
    fifo: path of the FIFO to read until SIGTERM
    keepalived_conf: keepalived configuration whose VIPs show whether an event of the FIFO was lost
    compare: seconds between two comparisons with the VIPs that the kernel holds
    config: configuration file; default /etc/vipwarden/vipwarden.yaml, if it exists
    check_config: check the configuration, report errors and exit
    help: show this text
    """


def main(arguments: Sequence[str]) -> int:
    """Run notify; return 0 for success, 1 for a failure and 2 for a wrong command line."""
    os.umask(0o022)  # keepalived's is 0177
    try:
        return _run(arguments)
    except (UsageError, EventError) as error:
        return _failed(f"{error}; see notify --help", 2)
    except OSError as error:
        return _failed(f"{' '.join(arguments)}: {error}", 1)


def _run(arguments: Sequence[str]) -> int:
    count = _options(arguments)
    known = options(notify)
    values: dict[str, Any] = {name: option.default for name, option in known.items()}
    values |= parse(known, arguments[:count])
    words = [word for index, word in enumerate(arguments[count:]) if index or word != "--"]
    if values["help"]:
        from vipwarden.core.usage import usage

        sys.stdout.write(usage("notify", notify) + "\n")
        return 0
    config = values["config"]
    if values["check_config"]:
        return _check(config)
    if values["fifo"] is not None:
        from keepalived_scripts.notify.fifo import Reader

        if words:
            raise UsageError(f"{words[0]!r}: --fifo takes no arguments")
        Reader(values["fifo"], config, values["keepalived_conf"], values["compare"]).run()
        return 0
    event = _event(values, words)
    event.order = started()
    todo = accept(event)
    if todo is not Next.NOTHING:
        go_on(config, [event] if todo is Next.AT_ONCE else ())
    if todo is Next.AT_ONCE:
        sys.stderr.write(f"notify: {event} cannot be spooled in {paths.vrrp()}; its hooks run at once\n")
        return 1
    return 0


def _options(arguments: Sequence[str]) -> int:
    """Return the number of leading arguments that are options and their values."""
    count = 0
    while count < len(arguments) and arguments[count].startswith("-") and arguments[count] != "--":
        alone = "=" in arguments[count] or arguments[count] in ("--help", "-h", "--check-config")
        count += 1 if alone else 2
    return count


def _event(values: dict[str, Any], words: Sequence[str]) -> Event:
    given = [(kind.upper(), values[kind]) for kind in ("instance", "group") if values[kind] is not None]
    if values["state"] is None and not given:
        return from_words(words)
    if values["state"] is None or len(given) != 1:
        raise UsageError("--state needs --instance or --group, and they need --state")
    if values["state"] not in STATES:
        raise UsageError(f"--state {values['state']!r}: one of {', '.join(STATES)} is wanted")
    return Event(*given[0], values["state"], words=words)


def _check(config: str | None) -> int:
    from keepalived_scripts.notify.settings import load, problems
    from vipwarden.config.document import ConfigError

    try:
        texts = list(problems(load(config)))
    except ConfigError as error:
        return _failed(str(error), 2)
    sys.stderr.writelines(f"notify: {one_line(text)}\n" for text in texts)
    if not texts:
        sys.stdout.write("nothing wrong\n")
    return 2 if texts else 0


def _failed(text: str, code: int) -> int:
    """Report an error, to the journal as well: keepalived discards the output of scripts."""
    try:
        sys.stderr.write(f"notify: {text}\n")
    except (OSError, AttributeError):
        pass  # there is no terminal
    journal.log(journal.ERROR, text)
    return code


def entry() -> None:
    """Run the command and leave with its code."""
    sys.exit(main(sys.argv[1:]))
