"""Is a verdict read as it was written, or not at all?"""

from __future__ import annotations

import math
import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands import program
from tests.state.verdicts import put
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Range, Result, State, one_line
from vipwarden.state.paths import file_name
from vipwarden.state.publish import publish
from vipwarden.state.standing import standing
from vipwarden.state.verdict import against, decode, encode, held, read, read_all

if TYPE_CHECKING:
    from pathlib import Path

ANY_TEXT = st.text(st.characters(codec=None))
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
RANGES = st.none() | st.builds("{0}:{1}".format, st.just("~"), FINITE.map(repr)).map(Range) | st.just(Range("@10:20"))


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    """Draw a metric with any name and any numbers."""
    low, high = draw(st.none() | FINITE), draw(st.none() | FINITE)
    value = draw(NUMBERS | st.integers(-(2**60), 2**60) | st.booleans())
    uom = draw(st.sampled_from(("", "s", "B", "%", "c")))
    return Metric(draw(ANY_TEXT), value, uom, warn=draw(RANGES), crit=draw(RANGES), minimum=low, maximum=high)


def described(metric: Metric) -> tuple[object, ...]:
    """Return all that a metric is, so that two can be compared."""
    value = "nan" if math.isnan(metric.value) else float(metric.value)
    name = one_line(metric.name, 200)
    return name, value, metric.uom, metric.warn, metric.crit, metric.minimum, metric.maximum


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for examples that do not mind each other."""
    return tmp_path_factory.mktemp("verdict")


@settings(deadline=None)
@given(ANY_TEXT, st.sampled_from((OK, WARNING, CRITICAL, UNKNOWN)), ANY_TEXT, st.lists(metrics(), max_size=5), FINITE)
def test_a_verdict_survives_the_round_trip(
    shared: Path, name: str, state: State, text: str, measured: list[Metric], duration: float
) -> None:
    """Any name, any text, any number; the text is one line then, and the name what of it is text."""
    publish(str(shared), name, "http_digest", Result(state, text, measured), abs(duration) % 1e6)
    back = read(f"{shared}/{file_name(name)}")
    assert back is not None
    assert back.check == "http_digest"
    assert back.result.state is state or back.result.state == state
    assert back.result.text == one_line(text)
    assert [described(metric) for metric in back.result.metrics] == [described(metric) for metric in measured]
    assert back.duration == pytest.approx(abs(duration) % 1e6, abs=1e-6)
    assert 0 <= back.age < 60
    if "~" not in file_name(name) and not any("\ud800" <= char <= "\udfff" for char in name):
        assert back.name == name


def test_the_first_line_is_made_for_a_shell(tmp_path: Path) -> None:
    """A script of dash tells state and age without another process, and the stamp is not in the future."""
    dash = program("dash")
    script = """
        { read -r magic state stamp since duration check; read -r text; } < "$1" || exit 9
        read -r up idle < /proc/uptime
        age=$(( ${up%.*}${up#*.} - ${stamp%.*}${stamp#*.} ))
        printf '%s|' "$magic" "$state" "$check" "$text" "$age" "$since" "$duration"
    """
    for _ in range(20):
        path = put(tmp_path, "web", CRITICAL, 'down \\n $(id) `id` "')
        done = subprocess.run([dash, "-c", script, "dash", path], capture_output=True, text=True, check=True)
        magic, state, check, text, age, since, duration = done.stdout.removesuffix("|").split("|")
        assert (magic, state, check, duration) == ("vipwarden-1", "2", "port", "0.250000")
        assert text == 'down \\n $(id) `id` "'
        assert 0 <= int(age) < 3000
        assert abs(float(since) - time.time()) < 60


WHOLE = "vipwarden-1 0 1.50 1000.000 0.250000 port\nall is well\ntime\t0.5\ts\t1\t~:2\t0\t10.0\n"


def test_a_whole_file_is_a_verdict(tmp_path: Path) -> None:
    """The format by hand, which other programs read and write as well."""
    (tmp_path / "web%20a").write_text(WHOLE)
    back = read(f"{tmp_path}/web%20a")
    assert back is not None
    assert (back.name, back.check, int(back.result.state), back.result.text) == ("web a", "port", 0, "all is well")
    assert (back.stamp, back.since, back.duration) == (1.5, 1000, 0.25)
    [metric] = back.result.metrics
    assert described(metric) == ("time", 0.5, "s", Range("1"), Range("~:2"), 0, 10)


@pytest.mark.parametrize(("told", "expected"), [("panic0@12345", (OK, 12345.0)), ("dampened2900", (None, 2900.0))])
def test_a_verdict_that_is_held_says_so(told: str, expected: tuple[State | None, float]) -> None:
    """What is held until when, or by which penalty; that is no maintenance."""
    back = decode("web", encode("port", Result(OK, "open"), 1e9, 0.25, 5, told, "they all fail"))
    assert (back.told, back.held, back.maintenance) == (told, "they all fail", "")
    assert held(back.told) == expected
    assert standing(back).text == "they all fail: open"


@pytest.mark.parametrize(
    "told", ["panic", "panic0", "panic0@", "panic4@5", "panic0@-5", "panic0@5.0", "dampened", "dampened-1", "5", "up"]
)
def test_a_word_of_another_kind_makes_it_no_verdict(told: str) -> None:
    """Nothing is held by it."""
    data = encode("port", Result(OK, "open"), 1e9, 0.25, 5, told, "why")
    with pytest.raises(ValueError):
        decode("web", data)


@pytest.mark.parametrize("told", ["drain", "down", "hold0", "hold3"])
def test_a_verdict_in_maintenance_says_so(told: str) -> None:
    """What keepalived is told, and until when, by whom and why; the text stays the check's own."""
    back = decode("web", encode("port", Result(OK, "open\tfor all"), 1e9, 0.25, 5, told, "in\tmaintenance\n: disks"))
    assert (back.told, back.maintenance, back.result.text) == (told, "in maintenance : disks", "open for all")
    assert (back.ttl, back.result.state) == (5, OK)
    plain = decode("web", encode("port", Result(OK, "open"), 1e9, 0.25, 5))
    assert (plain.told, plain.maintenance) == ("", "")


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_torn_file_is_no_verdict(tmp_path: Path, length: int) -> None:
    """Except where it ends with a line: what is there is whole then, and only metrics are missing."""
    (tmp_path / "web").write_text(WHOLE[:length])
    back = read(f"{tmp_path}/web")
    whole = WHOLE[:length].count("\n") >= 2 and WHOLE[:length].endswith("\n")
    assert (back is not None) is whole


@pytest.mark.parametrize(
    "text",
    ["", "\n", "\n\n", "\0" * 100, "vipwarden-2 0 1 1 1 port\nx\n", "vipwarden-1 4 1 1 1 port\nx\n", "nonsense\nx\n"]
    + ["vipwarden-1 -1 1 1 1 port\nx\n", "vipwarden-1 OK 1 1 1 port\nx\n", "vipwarden-1 0 nan 1 1 port\nx\n"]
    + ["vipwarden-1 0 inf 1 1 port\nx\n", "vipwarden-1 0 1 1 port\nx\n", "vipwarden-1 0 1 1 1 port more\nx\n"]
    + ["vipwarden-1 0 1 1 1 port 5 hold4\nx\n", "vipwarden-1 0 1 1 1 port 5 drain more\nx\n"]
    + ["vipwarden-1 0 1 1 1 port\n", f"vipwarden-1 {'9' * 5000} 1 1 1 port\nx\n", "vipwarden-1  0 1 1 1 port\nx\n"]
    + [
        f"vipwarden-1 0 1 1 1 port\nx\n{line}\n"
        for line in ("", "a\t1", "a\tx\t\t\t\t\t", "a\t1\t\tx\t\t\t", "a\t1\t\t9:1\t\t\t")
    ],
)
def test_a_file_that_is_no_verdict_is_none(tmp_path: Path, text: str) -> None:
    """Another magic word, numbers that are none, too many or too few of them."""
    (tmp_path / "web").write_text(text)
    assert read(f"{tmp_path}/web") is None


@settings(deadline=None)
@given(
    st.binary()
    | st.tuples(st.just(WHOLE.encode()), st.integers(0, 200), st.binary(max_size=4)).map(
        lambda case: case[0][: case[1]] + case[2] + case[0][case[1] :]
    )
)
def test_no_content_breaks_the_reader(shared: Path, data: bytes) -> None:
    """A verdict or None; and in a verdict no sign that a terminal would obey."""
    path = shared / "garbage"
    path.write_bytes(data)
    back = read(str(path))
    if back is not None:
        said = [
            back.check,
            back.result.text,
            *(part for metric in back.result.metrics for part in (metric.name, metric.uom)),
        ]
        assert all(text.isprintable() for text in said)


def test_a_huge_file_is_read_to_a_bound_only(tmp_path: Path) -> None:
    """A terabyte of zeros costs nothing."""
    with (tmp_path / "web").open("wb") as file:
        file.truncate(1 << 40)
    assert read(f"{tmp_path}/web") is None


def test_more_metrics_than_a_reader_takes_are_cut_whole(tmp_path: Path) -> None:
    """The verdict counts; it must not become unreadable for its size."""
    back = read(put(tmp_path, measured=tuple(Metric(f"metric {number}", number) for number in range(5000))))
    assert back is not None
    assert len(back.result.metrics) > 1000
    assert [metric.value for metric in back.result.metrics] == list(range(len(back.result.metrics)))


def test_what_is_no_plain_file_is_no_verdict(tmp_path: Path) -> None:
    """And a FIFO holds nobody up, with a writer or without."""
    (tmp_path / "real").write_text(WHOLE)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    os.mkfifo(tmp_path / "written")
    writer = os.open(tmp_path / "written", os.O_RDWR)
    try:
        for name in ("link", "folder", "fifo", "written", "missing"):
            assert read(f"{tmp_path}/{name}") is None
        assert [back.name for back in read_all(str(tmp_path))] == ["real"]
    finally:
        os.close(writer)


def test_all_verdicts_of_a_folder_are_read_by_name(tmp_path: Path) -> None:
    """But locks, files that are being written and what is no verdict; a folder that is not there holds none."""
    for name in ("b", "a", ".a", "c d"):
        put(tmp_path, name)
    (tmp_path / ".b.lock").write_text("")
    (tmp_path / ".99.b").write_text(WHOLE)
    (tmp_path / "garbage").write_text("x")
    (tmp_path / "%zz").write_text(WHOLE)
    assert [back.name for back in read_all(str(tmp_path))] == [".a", "a", "b", "c d"]
    assert read_all(f"{tmp_path}/missing") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to give files away")
def test_files_of_other_users_do_not_count(tmp_path: Path) -> None:
    """A folder that another user laid into one that is open to all, one open to all itself, and a file given away."""
    public, own = tmp_path / "public", tmp_path / "own"
    public.mkdir()
    public.chmod(0o1777)
    laid = public / "vipwarden-0" / "verdict"
    for place in (laid, own):
        place.mkdir(parents=True)
        put(place, "web")
        put(place, "given")
        assert [back.name for back in read_all(str(place))] == ["given", "web"]
        os.chown(place / "given", 1234, 1234)
        assert read(f"{place}/given") is None
        assert [back.name for back in read_all(str(place))] == ["web"]
    os.chown(laid.parent, 1234, 1234)
    assert read_all(str(laid)) == []
    (public / "link").symlink_to(own)
    os.lchown(public / "link", 1234, 1234)
    assert read_all(f"{public}/link") == []
    own.chmod(0o777)
    assert read_all(str(own)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to give files away")
def test_a_folder_that_was_given_to_a_user_holds_his_verdicts(tmp_path: Path) -> None:
    """As /run/user has one for each."""
    place = tmp_path / "1234"
    place.mkdir()
    for name in ("his", "roots", "strangers"):
        put(place, name)
    for path, user in ((place, 1234), (place / "his", 1234), (place / "strangers", 4321)):
        os.chown(path, user, user)
    assert [back.name for back in read_all(str(place))] == ["his", "roots"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (against(1, 3, OK, "closed"), True),
        ("open", False),
        ("two of 3 results against OK", False),
        ("1 of 3: no", False),
    ],
)
def test_a_verdict_that_is_about_to_change_is_known_by_its_text(text: str, expected: bool) -> None:
    """By that which the agent puts before the words of the check."""
    assert decode("web", encode("port", Result(OK, text), 1e9, 0.25, 5)).is_changing is expected
