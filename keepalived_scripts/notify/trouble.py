"""What would keep a configured hook, mail or webhook from working on this node? Told before it is needed."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keepalived_scripts.notify.hooks import LEFT_BEHIND, refusal
from keepalived_scripts.notify.settings import secret

if TYPE_CHECKING:
    from collections.abc import Iterator


def trouble(given: Any) -> Iterator[str]:
    """Yield what is wrong with files and programs that the settings name; nothing is sent."""
    for key in ("smtp_password_file", "webhook_file", "webhook_token_file"):
        path = getattr(given, key)
        if path is not None:
            try:
                secret(path)
            except (OSError, ValueError) as error:
                yield f"{key}: {error}"
    if given.ca_file is not None:
        try:
            ssl.create_default_context(cafile=given.ca_file)
        except OSError as error:
            yield f"ca_file: {given.ca_file}: {error.strerror or error}"
    if given.mail_to and given.smtp_host is None and not os.access(given.sendmail, os.X_OK):
        yield f"mail_to: there is no {given.sendmail} to take the mail: name smtp_host, or sendmail"
    if not given.mail_to and (given.smtp_host is not None or given.mail_from is not None):
        yield "smtp_host and mail_from are of no use without mail_to"
    yield from _hooks(given.hooks)


def _hooks(folder: str) -> Iterator[str]:
    for path in sorted(Path(folder).glob("*/*")):
        why = "" if path.name.startswith(".") or path.name.endswith(LEFT_BEHIND) else refusal(path)
        if why:
            yield f"the hook {path} would not be run: {why}"
