"""A real Icinga 2 with everything private, and what its REST API says."""

from __future__ import annotations

import base64
import getpass
import grp
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.node import until
from tests.commands import environment, program
from tests.servers.certificate import self_signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = "icinga.test"
_PASSWORD = "only-here"
# of the folder, what Icinga would have below /var and /run
_PRIVATE = {
    "DataDir": "data",
    "LogDir": "log",
    "CacheDir": "cache",
    "SpoolDir": "spool",
    "InitRunDir": "run",
    "PidPath": "run/icinga2.pid",
    "StatePath": "data/icinga2.state",
    "VarsPath": "cache/icinga2.vars",
    "ObjectsPath": "cache/icinga2.debug",
    "ModAttrPath": "data/modified-attributes.conf",
}
_MAIN = """
{constants}
const NodeName = "{name}"
const ZoneName = NodeName
const TicketSalt = ""
const MaxConcurrentChecks = 8
include <itl>
include <plugins>
include "{definitions}"
object Endpoint NodeName {{ }}
object Zone ZoneName {{ endpoints = [ NodeName ] }}
object CheckerComponent "checker" {{ }}
object ApiListener "api" {{
  bind_host = "127.0.0.1"
  bind_port = {port}
}}
object ApiUser "tester" {{
  password = "{password}"
  permissions = [ "objects/query/Service", "actions/reschedule-check", "status/query" ]
}}
{objects}
"""


class Icinga:
    """One configuration, and its daemon where it runs; ``constants`` and ``objects`` are in Icinga's own language."""

    def __init__(self, folder: Path, definitions: Path, constants: str, objects: str) -> None:
        self.folder = folder
        self.program = program("icinga2")
        for name in ("data/certs", "log", "cache", "spool", "run"):
            (folder / name).mkdir(parents=True)
        certificate, key = self_signed(folder, _NAME)
        for path in (certificate, key):
            shutil.copy(path, folder / "data" / "certs")
        shutil.copy(certificate, folder / "data" / "certs" / "ca.crt")
        self.context = ssl.create_default_context(cafile=str(certificate))
        with socket.create_server(("127.0.0.1", 0)) as held:
            self.port: int = held.getsockname()[1]
        self.main = folder / "icinga2.conf"
        words = {"name": _NAME, "password": _PASSWORD, "port": self.port}
        self.main.write_text(_MAIN.format(definitions=definitions, constants=constants, objects=objects, **words))
        settings = {name: str(folder / path) for name, path in _PRIVATE.items()}
        settings |= {"RunAsUser": getpass.getuser(), "RunAsGroup": grp.getgrgid(os.getegid()).gr_name}
        defines = [word for pair in settings.items() for word in ("-D", "Configuration." + "=".join(pair))]
        self.command = [self.program, "daemon", "-c", str(self.main), *defines]

    def validate(self) -> None:
        """Let `icinga2 daemon -C` look at it; fails where that finds an error or a warning."""
        done = subprocess.run([*self.command, "-C"], capture_output=True, text=True, check=False)
        if done.returncode or "warning/" in done.stdout or "critical/" in done.stdout:
            pytest.fail(done.stdout + done.stderr)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it in the foreground and wait for its API."""
        with (self.folder / "out").open("wb") as out:
            process = subprocess.Popen(
                self.command, stdout=out, stderr=out, env=environment(self.folder), start_new_session=True
            )
        try:
            until(self._is_up, tell=self.log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # it is several processes
                process.wait()

    def _is_up(self) -> bool:
        try:
            self.ask("GET", "status/IcingaApplication")
        except OSError:
            return False
        return True

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Return the results of a request to the API, over verified TLS and with a password."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=self.context)
        login = base64.b64encode(f"tester:{_PASSWORD}".encode()).decode()
        try:
            headers = {"Accept": "application/json", "Authorization": f"Basic {login}"}
            connection.request(method, f"/v1/{path}", json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, text
        return json.loads(text)["results"]

    def results(self) -> dict[str, dict[str, Any]]:
        """Return the last result of each service that was checked."""
        found = self.ask("GET", "objects/services?attrs=last_check_result&attrs=name")
        return {
            one["attrs"]["name"]: one["attrs"]["last_check_result"]
            for one in found
            if one["attrs"]["last_check_result"]
        }

    def check_all(self) -> None:
        """Have every service checked now."""
        self.ask("POST", "actions/reschedule-check", {"type": "Service", "filter": "true", "force": True})

    def log(self) -> str:
        """Return what it said."""
        return (self.folder / "out").read_text(errors="replace")
