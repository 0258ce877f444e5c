"""What is the error of a peer that does not speak the protocol?"""

from __future__ import annotations


class WireError(ValueError):
    """The data belongs to no message of the protocol; the text follows the name of the server."""
