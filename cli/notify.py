"""What did keepalived say? The script notify as a part of the command."""

from keepalived_scripts.notify.main import main

__all__ = ["main"]
