"""Runs all checks of the configuration in one process, and hands their verdicts to keepalived; fails closed."""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
from typing import TYPE_CHECKING

from agent.agent import AgentError
from agent.log import Log
from agent.relief import fail_closed
from agent.service import serve
from agent.settings import plan, runtime
from vipwarden import VERSION
from vipwarden.config.document import PATH, ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run ``vipwarden agent``; return 0 when told to stop, 1 where it cannot run, 2 for a wrong configuration."""
    parser = argparse.ArgumentParser("vipwarden agent", description=__doc__)
    parser.add_argument("--config", metavar="FILE", default=PATH, help=f"configuration (default {PATH})")
    parser.add_argument("--check-config", action="store_true", help="read the configuration, say what is wrong, end")
    parser.add_argument(
        "--fail-closed",
        action="store_true",
        help="take back what an agent that is gone said of healthy checks, unless its watchdog or another agent "
        "sees to it; for ExecStopPost",
    )
    given = parser.parse_args(arguments)
    if given.fail_closed:
        return _fail_closed()
    try:
        first = plan(given.config)
    except ConfigError as error:
        sys.stderr.write(f"vipwarden agent: {error}\n")
        return 2
    if given.check_config:
        sys.stdout.write(f"{given.config}: {len(first.entries)} checks, nothing wrong\n")
        return 0
    raise_limits()
    log = Log()
    log.say(f"vipwarden {VERSION} runs {len(first.entries)} checks of {given.config}")
    try:
        asyncio.run(serve(lambda: plan(given.config), runtime(), log, first))
    except AgentError as error:
        complain(f"vipwarden agent: {error}")
        return 1
    finally:
        log.close()
    return 0


def _fail_closed() -> int:
    try:
        left = fail_closed(runtime())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"vipwarden agent: cannot tell which track files have to fail: {error}\n")
        return 1
    if left:
        sys.stderr.write(f"vipwarden agent: {left} track files could neither be written nor removed\n")
    return 1 if left else 0


def raise_limits() -> None:
    """Allow as many connections at once as the system does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def complain(text: str) -> None:
    """Say on standard error why it ends; whoever does not read holds nothing up."""
    log = Log(2)
    log.say(text)
    log.close()
