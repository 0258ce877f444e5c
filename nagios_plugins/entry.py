"""The commands check_NAME as a plain wheel installs them; packages write faster launchers for the same main()."""

from __future__ import annotations

import sys

from nagios_plugins.check import main


def check_http_digest() -> None:
    """Run check_http_digest."""
    main("http_digest", sys.argv[1:])


def check_mysql_ping() -> None:
    """Run check_mysql_ping."""
    main("mysql_ping", sys.argv[1:])


def check_port() -> None:
    """Run check_port."""
    main("port", sys.argv[1:])


def check_process() -> None:
    """Run check_process."""
    main("process", sys.argv[1:])
