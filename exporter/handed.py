"""How does the record of events learn that a collector of the exporter fails? At begin and end, not at each scrape."""

from __future__ import annotations

from threading import Lock

from vipwarden.events.hand import Hand
from vipwarden.events.senders import EXPORTER


class Handed:
    """Hands failures over to the recorder, which nobody waits for; from any thread."""

    def __init__(self) -> None:
        self._hand = Hand(EXPORTER)
        self._lock = Lock()

    def tell(self, name: str, failure: str) -> None:
        """Hand over that ``name``, such as "collector vip", fails or, where ``failure`` is empty, works again."""
        with self._lock:
            if failure:
                self._hand.give("source", name, of=EXPORTER, state="failed", text=failure)
            else:
                self._hand.give("source", name, of=EXPORTER, state="read", before="failed")
            self._hand.flush()
