"""What is made once and found again by later runs: whole folders, outside of the tree."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLACE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vipwarden" / "releases"


@contextmanager
def kept(name: str, recipe: str, make: Callable[[Path], None]) -> Iterator[Path]:
    """Give out the folder ``name`` as this recipe makes it; nobody changes it meanwhile, also no other run of this.

    ``make`` fills a folder aside, which takes its name when it is whole; what another recipe made is removed before.
    """
    PLACE.mkdir(parents=True, exist_ok=True)
    made = PLACE / f"{name}-{sha256(recipe.encode()).hexdigest()[:12]}"
    with (PLACE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        while not made.exists():  # another run may come in between while the lock changes
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                aside = PLACE / f".{name}"
                for old in (aside, *PLACE.glob(f"{name}-????????????")):
                    if old.exists():
                        shutil.rmtree(old)
                make(aside)
                aside.rename(made)
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield made
