"""The commands chk_NAME as a plain wheel installs them; packages write faster launchers for the same main()."""

from __future__ import annotations

import sys

from keepalived_scripts.chk import main


def chk_haproxy() -> None:
    """Run chk_haproxy."""
    from keepalived_scripts.service.main import main

    main("haproxy", sys.argv[1:])


def chk_http_digest() -> None:
    """Run chk_http_digest."""
    main("http_digest", sys.argv[1:])


def chk_mysql_ping() -> None:
    """Run chk_mysql_ping."""
    main("mysql_ping", sys.argv[1:])


def chk_port() -> None:
    """Run chk_port."""
    main("port", sys.argv[1:])


def chk_process() -> None:
    """Run chk_process."""
    main("process", sys.argv[1:])


def chk_service() -> None:
    """Run chk_service."""
    from keepalived_scripts.service.main import main

    main("service", sys.argv[1:])
