"""Where does a keepalived write its dumps, by its configuration, its options and its /tmp?"""

from __future__ import annotations

import pytest

from vipwarden.node.keepalived.conf import Block
from vipwarden.node.keepalived.dump_ask import Places
from vipwarden.node.keepalived.process import option


class _Process:
    """What Places asks of a process."""

    def __init__(self, *words: str, tmpdir: str = "") -> None:
        self.words = ["keepalived", *words]
        self._tmpdir = tmpdir

    def environment(self, _: str) -> str:
        return self._tmpdir

    def seen(self, path: str) -> str:
        return f"/root{path}"


def places(conf: str, *arguments: str, tmpdir: str = "") -> list[list[str]]:
    """Return the paths of data, stats and json."""
    top = Block([])
    definitions = Block(["global_defs"])
    for line in conf.splitlines():
        block = Block(line.split())
        (top if line.startswith(("instance", "net_namespace")) else definitions).blocks.append(block)
    top.blocks.append(definitions)
    found = Places(_Process(*arguments, tmpdir=tmpdir), top)  # type: ignore[arg-type]
    return [found.data, found.stats, found.json]


def test_dumps_are_in_tmp_as_the_process_sees_it() -> None:
    """Or where its TMPDIR says."""
    assert places("") == [[f"/root/tmp/keepalived.{kind}"] for kind in ("data", "stats", "json")]
    assert places("", tmpdir="/run/k/")[0] == ["/root/run/k/keepalived.data"]
    assert places("", tmpdir="here")[0] == ["/root/tmp/keepalived.data"]


@pytest.mark.parametrize(
    ("conf", "arguments", "wanted"),
    [
        ("instance one\ndata_use_instance", (), "/tmp/keepalived.one.data"),
        ("instance one\nnet_namespace blue\ndata_use_instance", (), "/tmp/keepalived.blue_one.data"),
        ("data_use_instance", ("-s", "blue"), "/tmp/keepalived.blue.data"),
        ("state_dump_file /var/lib/k/", (), "/var/lib/k/keepalived.data"),
        ("state_dump_file /var/lib/k/state", (), "/var/lib/k/state"),
        ("state_dump_file state.txt", (), "/tmp/state.txt"),
        ("instance one\nstate_dump_file /var/lib/k.d/state", (), "/var/lib/k.d/state.one"),
        ("instance one\nstate_dump_file /var/lib/state.txt", (), "/var/lib/state.one.txt"),
    ],
)
def test_the_configuration_moves_them(conf: str, arguments: tuple[str, ...], wanted: str) -> None:
    """As open_dump_file() of 2.2.7 and of 2.4.3; the default is looked at as well."""
    found = places(conf, *arguments)[0]
    assert f"/root{wanted}" in found
    assert "/root/tmp/keepalived.data" in found


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("-f", "/a"), "/a"),
        (("-f/a",), "/a"),
        (("--use-file", "/a"), "/a"),
        (("--use-file=/a",), "/a"),
        (("-f", "/a", "-n", "-f/b"), "/b"),
        (("-n", "-l"), ""),
        (("-f",), ""),
    ],
)
def test_options_are_found_as_getopt_finds_them(words: tuple[str, ...], value: str) -> None:
    """The last one counts."""
    assert option(["keepalived", *words], "f", "use-file") == value
