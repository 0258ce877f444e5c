"""Is docs/exporter.md true? Its options, its paths, its collectors and its two configurations."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.exporter import main
from exporter.http.web_config import WebConfig
from exporter.registry import sources
from exporter.settings import settings
from tests.exporter.http.certificates import HASH, Authority
from tests.exporter.running import ask, nowhere
from vipwarden.config.document import SECTIONS, Document
from vipwarden.core.options import options

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = (Path(__file__).parents[2] / "docs" / "exporter.md").read_text()


def blocks(begin: str) -> Iterator[str]:
    """Yield the indented blocks whose first line begins so."""
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", TEXT, re.MULTILINE):
        text = re.sub(r"^    ", "", block.strip("\n"), flags=re.MULTILINE)
        if text.startswith(begin):
            yield text + "\n"


def test_its_options_are_there() -> None:
    """Each of the table, and each that is named in between."""
    known = {option.flag for option in options(*main.functions).values()}
    named = set(re.findall(r"`(--[a-z-]+)", TEXT))
    assert named <= known
    assert {"--listen", "--web-config", "--haproxy", "--keepalived-conf", "--proc", "--check-config"} <= named


def test_its_configuration_is_read() -> None:
    """As the exporter reads it."""
    read: list[dict[str, Any]] = [
        Document("exporter.md", text, SECTIONS).section("exporter", settings) for text in blocks("exporter:")
    ]
    main_part, of_peers = (settings(**values) for values in read)
    assert len(main_part.listen) == 2
    assert [peer.name for peer in of_peers.peers] == ["lb1", "lb2"]
    assert of_peers.peer_access.cert_file == "/etc/vipwarden/lb1.pem"


def test_its_web_configuration_is_read(tmp_path: Path) -> None:
    """With the certificates that it names."""
    (text,) = blocks("tls_server_config:")
    authority = Authority(tmp_path, "monitoring-ca")
    authority.sign("lb1")
    (tmp_path / "web.yaml").write_text(text.replace("$2y$10$...", HASH))
    web = WebConfig(str(tmp_path / "web.yaml"), {}).web()
    assert web.context is not None
    assert list(web.users) == [b"prometheus"]


def test_its_paths_answer(tmp_path: Path) -> None:
    """And its collectors are those that there are."""
    paths: list[str] = re.findall(r"^\| `(/[^`]*)`", TEXT, re.MULTILINE)
    assert len(paths) == 8
    (tmp_path / "events").mkdir()  # of a recorder
    assert [answer.status for answer in ask(nowhere(tmp_path), *paths)] == [200] * 8
    (names,) = re.findall(r"series of some collectors: (.*) \|", TEXT)
    assert re.findall(r"`([a-z]+)`", names) == [collector.name for collector in sources()]
