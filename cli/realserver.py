"""Is this node a real server? The script realserver as a part of the command."""

from keepalived_scripts.realserver.main import main

__all__ = ["main"]
