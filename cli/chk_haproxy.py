"""Is HAProxy healthy? chk_haproxy as a part of the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keepalived_scripts.service.main import main as answer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def main(arguments: Sequence[str]) -> NoReturn:
    """Run it; it leaves by itself."""
    answer("haproxy", arguments)
