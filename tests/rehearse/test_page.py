"""Is the report of a rehearsal one page that shows everything, loads nothing, and trusts no name?"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from cli.rehearse import main
from tests.commands import CODE

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = CODE / "docs" / "rehearse"
_EVIL = "<script>alert(1)&\"'<!--"
_VOID = ("meta", "br", "img", "link", "input")


class _Read(HTMLParser):
    """Collects elements with their attributes, and the texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def report(tmp_path: Path, *words: str) -> tuple[str, _Read]:
    """Return the page as text and read."""
    place = tmp_path / "report.html"
    main(["--dry", "--keepalived-version", "2.2.7", *words, "--html", str(place)])
    text = place.read_text("utf-8")
    read = _Read(text)
    assert read.open == []
    return text, read


def test_a_page_has_the_table_the_timelines_and_the_findings(tmp_path: Path) -> None:
    """For each line a picture, which says the same in words."""
    nodes = [f"{name}={PAIRS}/dual-master/{name}.conf" for name in ("lb1", "lb2")]
    _, read = report(tmp_path, *nodes, "--faults", "fails on lb1", "--faults", "power off on lb1")
    said = " ".join(read.texts)
    assert "2 faults: 1 good, 1 bad, 0 open to choice" in said
    assert "keepalived 2.2.7, vipwarden" in said
    assert "script chk_haproxy fails on lb1" in said
    assert "0.00 s after the fault: lb1, without its service on lb1" in said
    assert re.search(r"3\.\d\d s after the fault: lb2", said)
    assert "0.00 s after the end of the fault" in said
    assert "lb1.conf:" in said
    assert "[weight-too-small]" in said
    drawn = [it for name, it in read.elements if name == "rect" and it["class"] in ("held", "sick", "none")]
    assert len(drawn) > 20
    for it in drawn[4:]:  # behind the legend
        left, width = (float(str(it[key]).removesuffix("%")) for key in ("x", "width"))
        assert 0 <= left < left + width <= 100.2
    ids = {it["id"] for _, it in read.elements if "id" in it}
    assert {str(it["href"])[1:] for name, it in read.elements if name == "a"} == ids


def test_of_what_is_only_tried_the_doctor_says_nothing(tmp_path: Path) -> None:
    """He reads files."""
    nodes = [f"{name}={PAIRS}/dual-master/{name}.conf" for name in ("lb1", "lb2")]
    _, read = report(tmp_path, *nodes, "--what-if", "weight=-60")
    said = " ".join(read.texts)
    assert "As if weight=-60." in said
    assert "Not asked: the changes are in no file." in said


def test_a_page_loads_nothing(tmp_path: Path) -> None:
    """Its policy allows its own style alone, by its digest."""
    text, read = report(tmp_path, *[f"{it}={PAIRS}/fault/{it}.conf" for it in ("lb1", "lb2")])
    assert not {"script", "link", "img", "iframe"} & {name for name, _ in read.elements}
    assert not [key for _, it in read.elements for key in it if key in ("src", "style") or key.startswith("on")]
    assert "http:" not in text
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    policy = next(it["content"] for _, it in read.elements if it.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'"


def test_names_are_escaped(tmp_path: Path) -> None:
    """Of nodes, instances, scripts and files; control characters and halves of characters become blanks."""
    for name in ("one", "two"):
        conf = (PAIRS / f"dual-master/lb{1 + (name == 'two')}.conf").read_text("utf-8")
        text = conf.replace("chk_haproxy", "<b>&amp;").replace("VI_1", "</script><i>\x1b[31m")
        (tmp_path / f"<u>{name}").write_text(text, encoding="utf-8")
    words = [f"{_EVIL}{number}\x07\udcff={tmp_path}/<u>{name}" for number, name in ((1, "one"), (2, "two"))]
    text, read = report(tmp_path, *words)
    assert {"b", "i", "u", "script"}.isdisjoint(name for name, _ in read.elements)
    assert "<b>&amp; fails on <script>alert(1)&\"'<!--1" in " ".join(read.texts)
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)


@pytest.mark.parametrize("place", ["", "none/report.html", "/proc/report.html", "/dev/full/report.html"])
def test_a_page_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str) -> None:
    """Before anything is run where that can be known, and nothing is left."""
    nodes = [f"{name}={PAIRS}/fault/{name}.conf" for name in ("lb1", "lb2")]
    wanted = str(tmp_path / place)
    assert main(["--dry", *nodes, "--html", wanted]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"vipwarden rehearse: --html {wanted}: ")
    assert not any(tmp_path.iterdir())


def test_an_old_page_stays_where_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is written aside and renamed."""
    place = tmp_path / "report.html"
    place.write_text("old", encoding="ascii")
    monkeypatch.setattr("posix.write", lambda _file, data: len(data) // 2)
    assert main(["--dry", *[f"{it}={PAIRS}/fault/{it}.conf" for it in ("lb1", "lb2")], "--html", str(place)]) == 3
    assert place.read_text("ascii") == "old"
    assert [it.name for it in tmp_path.iterdir()] == ["report.html"]


def test_what_a_killed_run_has_left_is_swept(tmp_path: Path) -> None:
    """Its page that was not yet whole; not that of a run that goes on, nor any other file."""
    with subprocess.Popen(["sleep", "60"]) as other:
        names = [".4194305.report.html", ".x.report.html", "4194305.report.html", ".4194305.other"]
        names.append(f".{other.pid}.report.html")
        for name in names:
            (tmp_path / name).touch()
        report(tmp_path, *[f"{it}={PAIRS}/fault/{it}.conf" for it in ("lb1", "lb2")])
        other.kill()
    assert sorted(it.name for it in tmp_path.iterdir()) == sorted([*names[1:], "report.html"])


@pytest.mark.parametrize("kind", ["device", "link", "pipe"])
def test_only_a_plain_file_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """Root could else lose /dev/stdout."""
    place = tmp_path / "page"
    if kind == "link":
        place.symlink_to("/dev/stdout")
    elif kind == "pipe":
        os.mkfifo(place)
    elif os.geteuid() == 0:
        try:
            os.mknod(place, stat.S_IFCHR, os.makedev(1, 7))
        except PermissionError:
            pytest.skip("no devices here")
    else:
        pytest.skip("only root may make a device")
    before = place.lstat()
    nodes = [f"{name}={PAIRS}/fault/{name}.conf" for name in ("lb1", "lb2")]
    assert main(["--dry", *nodes, "--html", str(place)]) == 3
    assert f"--html {place}: it is no plain file; nothing was run" in capsys.readouterr().err
    assert os.path.samestat(place.lstat(), before)
