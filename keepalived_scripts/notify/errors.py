"""Is a mail or webhook that failed to be tried again?"""

from __future__ import annotations


class LaterError(Exception):
    """It could not be delivered now."""


class NeverError(Exception):
    """It was refused for good."""
