"""A real Nagios 4 with everything private, and what its status.dat says."""

from __future__ import annotations

import getpass
import grp
import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.commands import environment, program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MAIN = """
cfg_dir={folder}/objects
resource_file={folder}/resource.cfg
log_file={folder}/nagios.log
object_cache_file={folder}/objects.cache
precached_object_file={folder}/objects.precache
status_file={folder}/status.dat
temp_file={folder}/nagios.tmp
temp_path={folder}
check_result_path={folder}/results
lock_file={folder}/nagios.lock
command_file={folder}/nagios.cmd
query_socket={folder}/nagios.qh
nagios_user={user}
nagios_group={group}
# nothing leaves this machine
check_for_updates=0
bare_update_check=0
enable_notifications=0
use_syslog=0
check_external_commands=0
retain_state_information=0
# a check_interval is seconds; all begin at once
interval_length=1
status_update_interval=1
service_inter_check_delay_method=n
max_service_check_spread=1
service_interleave_factor=1
illegal_macro_output_chars=`~$&|'"<>
"""
# what every object of a test uses, and Nagios cannot do without
_COMMON = """
define timeperiod {
    timeperiod_name always
    alias always
    monday 00:00-24:00
    tuesday 00:00-24:00
    wednesday 00:00-24:00
    thursday 00:00-24:00
    friday 00:00-24:00
    saturday 00:00-24:00
    sunday 00:00-24:00
}
define command {
    command_name nothing
    command_line /bin/true
}
define contact {
    contact_name nobody
    host_notification_commands nothing
    service_notification_commands nothing
    host_notification_period always
    service_notification_period always
}
define host {
    name common
    register 0
    max_check_attempts 1
    check_period always
    notification_period always
    contacts nobody
}
define service {
    name common
    register 0
    max_check_attempts 1
    check_period always
    notification_period always
    notification_interval 0
    contacts nobody
}
"""


class Status(NamedTuple):
    """What Nagios shows of a service."""

    state: int
    output: str
    perfdata: str


class Nagios:
    """One configuration, and its daemon where it runs."""

    def __init__(self, folder: Path, plugins: Path) -> None:
        self.folder = folder
        self.program = program("nagios4")
        user = "nagios" if os.geteuid() == 0 else getpass.getuser()
        group = "nagios" if os.geteuid() == 0 else grp.getgrgid(os.getegid()).gr_name
        for name in ("objects", "results"):
            (folder / name).mkdir(parents=True)
        self.main = folder / "nagios.cfg"
        self.main.write_text(_MAIN.format(folder=folder, user=user, group=group))
        (folder / "resource.cfg").write_text(f"$USER1$={plugins}\n")
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, user, group)

    def add(self, name: str, text: str) -> None:
        """Add a file of objects."""
        (self.folder / "objects" / name).write_text(text)

    def add_host(self, name: str, address: str, services: Mapping[str, str], interval: int) -> None:
        """Add a host and its services, by name with their check_command, which are checked each ``interval`` seconds.

        The host itself is never checked.
        """
        text = f"define host {{\n use common\n host_name {name}\n address {address}\n}}\n"
        for service, command in services.items():
            text += f"define service {{\n use common\n host_name {name}\n service_description {service}\n"
            text += f" check_command {command}\n check_interval {interval}\n retry_interval {interval}\n}}\n"
        self.add("common.cfg", _COMMON)
        self.add(f"{name}.cfg", text)

    def verify(self) -> str:
        """Return what `nagios4 -v` says; fails where that is an error or a warning."""
        said = subprocess.run([self.program, "-v", self.main], capture_output=True, text=True, check=False).stdout
        if not re.search(r"Total Warnings: +0\nTotal Errors: +0\n", said):
            pytest.fail(said)
        return said

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it in the foreground."""
        with (self.folder / "out").open("wb") as out:
            process = subprocess.Popen(
                [self.program, self.main],
                stdout=out,
                stderr=out,
                env=environment(self.folder),
                start_new_session=True,
            )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # it is several processes
                process.wait()

    def status(self) -> dict[str, Status]:
        """Return what status.dat says of each service that was checked."""
        path = self.folder / "status.dat"
        text = path.read_text(errors="replace") if path.exists() else ""
        found = {}
        for block in re.findall(r"^servicestatus \{\n(.*?)^\t\}", text, re.MULTILINE | re.DOTALL):
            values = dict(line.strip().split("=", 1) for line in block.splitlines() if "=" in line)
            if values["has_been_checked"] == "1":
                name, state = values["service_description"], int(values["current_state"])
                found[name] = Status(state, values["plugin_output"], values["performance_data"])
        return found

    def tell(self) -> str:
        """Return all that it said and shows."""
        said = [
            path.read_text(errors="replace") for path in self.folder.glob("*") if path.name in ("nagios.log", "out")
        ]
        return "\n".join([*said, *map(str, self.status().items())])
