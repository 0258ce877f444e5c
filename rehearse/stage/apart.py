"""How does a stage run so that nothing is left of it, even after kill -9?

All of it lives in mount, network, PID and IPC namespaces of one process, which ends when its parent does; with it end
its processes, and with those the namespaces, the mounts and the files, which are in memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = ("unshare", "setpriv", "nsenter", "ip", "nft", "mount", "chroot", "chrt", "prlimit", "mkfifo", "keepalived")
_LATE = 10  # seconds
_CODE = str(Path(__file__).parents[2])
_SPACES = ("--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc")
_INSIDE = 'mount --make-rprivate / && mount -t tmpfs -o mode=755 run /run && ip link set lo up && exec "$@"'


class StageError(Exception):
    """The stage did not come about, or ended before its time."""


def run(order: dict[str, Any], *files: int) -> Generator[dict[str, Any]]:
    """Yield what was seen of each fault as soon as it is through; raises StageError. It inherits the open ``files``."""
    command = [
        *("setpriv", "--pdeathsig", "KILL", "unshare", *_SPACES, "--", "sh", "-ec", _INSIDE, "sh"),
        *(
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {_CODE!r}); from rehearse.stage.main import main; main()",
        ),
    ]
    with TemporaryFile("w+") as errors:
        stage = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd="/",
            env={"PATH": _PATH},
            pass_fds=files,
        )
        over = threading.Timer(order["most"] + _LATE, stage.kill)  # it ends itself by then, unless it is stopped
        over.daemon = True
        over.start()
        try:
            if stage.stdin is None or stage.stdout is None:
                raise StageError("no pipes")
            stage.stdin.write(json.dumps(order))
            stage.stdin.close()
            for line in stage.stdout:
                if line.endswith("\n"):  # else it was ended in the middle
                    yield json.loads(line)
            if stage.wait():
                errors.seek(0)
                raise StageError(f"the stage ended with {stage.returncode}: {errors.read()[-1000:]}")
        except BrokenPipeError:
            errors.seek(0)
            raise StageError(f"the stage did not come about: {errors.read()[-1000:]}") from None
        finally:
            over.cancel()
            stage.kill()
            stage.wait()
            if stage.stdout is not None:
                stage.stdout.close()
