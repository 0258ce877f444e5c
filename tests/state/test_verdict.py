"""Is a verdict read as it was published, or not at all?"""

from __future__ import annotations

import ctypes
import math
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands import open_to_others, program
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Range, Result, State, one_line
from vipwarden.state import verdict
from vipwarden.state.verdict import file_name, folder, publish, read, read_all, ready

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = Path(__file__).parents[2]
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


def held(place: Path) -> list[str]:
    """Return the names of all files in a folder, hidden ones as well."""
    return sorted(path.name for path in place.iterdir())


def put(
    place: Path, name: str = "web", state: State = OK, text: str = "fine", measured: tuple[Metric, ...] = ()
) -> str:
    """Publish a verdict and return its path."""
    publish(str(place), name, "port", Result(state, text, measured), 0.25)
    return f"{place}/{file_name(name)}"


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
    assert back.is_fresh(60)
    assert not back.is_fresh(-1)
    if "~" not in file_name(name) and not any("\ud800" <= char <= "\udfff" for char in name):
        assert back.name == name


@given(st.lists(ANY_TEXT | st.text("a.%~/E2", max_size=8) | st.text("ax%é", min_size=190), min_size=2, unique=True))
def test_file_names_are_safe_and_never_meet(names: list[str]) -> None:
    """A name of a file is no path, not hidden, not too long, plain ASCII, and belongs to one name."""
    files = [file_name(name) for name in names]
    assert len(set(files)) == len(names)
    for file in files:
        assert 0 < len(file) <= 200
        assert file.isascii()
        assert file.isprintable()
        assert not file.startswith(".")
        assert not set(file) & set("/ '\"\\$*?[~]") - {"~"}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("web", "web"),
        ("", "%"),
        ("%", "%25"),
        (".", "%2E"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("a/b", "a%2Fb"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("chk_port host=::1 port=80", "chk_port%20host=::1%20port=80"),
        ("~", "%7E"),
        ("ü", "%C3%BC"),
        ("a\nb", "a%0Ab"),
        ("\udcff", "%ED%B3%BF"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 55 + "~3ea01af1716230e4a1484e78b3199f61"),
    ],
)
def test_what_is_unusual_in_a_file_name_is_written_in_hexadecimal(name: str, file: str) -> None:
    """Readably where that can be, for a shell looks for these files too."""
    assert file_name(name) == file


@pytest.mark.parametrize("name", ["é" * 300, "a" * 199 + "é", "%" * 250, "a" * 53 + "é" * 100])
def test_a_name_too_long_for_a_file_can_be_published_and_read(tmp_path: Path, name: str) -> None:
    """It is cut behind a byte, never in its %XX, and a digest tells it from others."""
    back = read(put(tmp_path, name))
    assert back is not None
    assert back.name.partition("~")[0].rstrip("\ufffd") in name


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


def test_since_stays_while_the_state_does(tmp_path: Path) -> None:
    """And publish() returns the verdict before, or None for the first."""
    assert publish(str(tmp_path), "web", "port", Result(OK, "one"), 0) is None
    path = f"{tmp_path}/web"
    old = "vipwarden-1 0 1.00 1000.000 0.000000 port\none\n"
    Path(path).write_text(old)
    before = publish(str(tmp_path), "web", "port", Result(OK, "two"), 0)
    assert before is not None
    assert (before.result.text, before.since, before.stamp) == ("one", 1000, 1)
    same = read(path)
    assert same is not None
    assert (same.since, same.result.text) == (1000, "two")
    publish(str(tmp_path), "web", "port", Result(WARNING, "three"), 0)
    changed = read(path)
    assert changed is not None
    assert abs(changed.since - time.time()) < 60


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


@pytest.mark.parametrize("stamp", [1e12, -1e12])
def test_a_verdict_dated_into_the_future_is_never_fresh(tmp_path: Path, stamp: float) -> None:
    """It is from before a reboot, or a lie."""
    (tmp_path / "web").write_text(f"vipwarden-1 0 {stamp:.2f} 1 1 port\nx\n")
    back = read(f"{tmp_path}/web")
    assert back is not None
    assert (back.age < 0) is (stamp > 0)
    assert not back.is_fresh(1e9)


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


def test_publishing_replaces_a_link_or_fifo_and_follows_none(tmp_path: Path) -> None:
    """Where it leads stays as it was."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    place = tmp_path / "verdict"
    place.mkdir()
    (place / "link").symlink_to(victim)
    os.mkfifo(place / "fifo")
    for name in ("link", "fifo"):
        assert read(put(place, name)) is not None
    (place / f".{os.getpid()}.aside").symlink_to(victim)
    os.mkfifo(place / f".{os.getpid()}.pipe")
    for name in ("aside", "pipe"):
        with pytest.raises(OSError, match=r"symbolic links|No such device"):
            put(place, name)
    assert victim.read_text() == "precious"


def test_a_folder_in_the_place_of_a_verdict_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    """The folder stays."""
    (tmp_path / "web").mkdir()
    with pytest.raises(IsADirectoryError):
        put(tmp_path)
    assert held(tmp_path) == ["web"]


def test_without_a_folder_there_is_an_error(tmp_path: Path) -> None:
    """Making it is the business of ready()."""
    with pytest.raises(FileNotFoundError):
        put(tmp_path / "missing")


def test_a_very_long_path_is_no_trouble(tmp_path: Path) -> None:
    """The file is written aside in the same folder, whose path is cut nowhere."""
    place = tmp_path / ("d" * 200) / ("e" * 200)
    place.mkdir(parents=True)
    assert read(put(place, "x" * 300)) is not None
    assert len(held(place)) == 1


@pytest.mark.parametrize("umask", [0o177, 0o777, 0])
def test_a_verdict_is_readable_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    """For keepalived runs its scripts with umask 0177."""
    place = tmp_path / "run" / "verdict"
    before = os.umask(umask)
    try:
        ready(str(place))
        put(place)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (place.parent, place, place / "web")]
    folders = 0o700 if str(tmp_path).startswith("/tmp/") else 0o755
    assert modes == [folders, folders, 0o644]


def test_the_folder_is_made_once_and_its_grandparent_never(tmp_path: Path) -> None:
    """A runtime folder that is not there at all is a mistake of the operator."""
    place = f"{tmp_path}/run/verdict"
    for _ in range(2):
        ready(place)
    assert held(tmp_path / "run") == ["verdict"]
    with pytest.raises(FileNotFoundError):
        ready(f"{tmp_path}/no/run/verdict")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    """Also one whose parent is another's, who could put another in its place, or lay a link to one of ours."""
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    (theirs / "verdict").mkdir(parents=True)
    (ours / "verdict").mkdir(parents=True)
    os.chown(theirs, 4711, 4711)
    (ours / "link").symlink_to(theirs)
    os.chown(ours / "link", 4711, 4711, follow_symlinks=False)
    (ours / "given").mkdir()
    os.chown(ours / "given", 4711, 4711)
    ready(f"{ours}/verdict")
    for place in (theirs / "verdict", theirs / "new", ours / "given", ours / "link", ours / "link" / "verdict"):
        with pytest.raises(PermissionError, match="belongs to another user"):
            ready(str(place))
    assert held(theirs) == ["verdict"]


@pytest.mark.skipif(os.geteuid() != 0, reason="as root the answer is known")
def test_where_verdicts_go() -> None:
    """The environment first, then what the user has; the user's number keeps those of /tmp apart."""
    assert folder({b"VIPWARDEN_RUNTIME_DIR": b"/x/\xff"}) == "/x/\udcff/verdict"
    assert folder({b"VIPWARDEN_RUNTIME_DIR": b"", b"XDG_RUNTIME_DIR": b"/run/user/0"}) == "/run/vipwarden/verdict"
    script = "import sys; sys.path.insert(0, sys.argv[1]); from vipwarden.state.verdict import folder; print(folder())"
    for env, expected in (({}, "/tmp/vipwarden-4711/verdict"), ({"XDG_RUNTIME_DIR": "/r"}, "/r/vipwarden/verdict")):
        done = subprocess.run(
            [open_to_others(), "-I", "-S", "-c", script, CODE],
            capture_output=True,
            check=False,
            env=env,
            text=True,
            user=4711,
        )
        assert (done.stdout.strip() or done.stderr) == expected


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a file system of two pages."""
    place = tmp_path / "tiny"
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", 0, b"size=8k"):
        pytest.skip(f"cannot mount a file system: {os.strerror(ctypes.get_errno())}")
    yield place
    libc.umount2(os.fsencode(place), 2)


@pytest.mark.parametrize("free", [0, 1])
def test_on_a_full_disk_the_old_verdict_stands_and_nothing_is_left(tiny: Path, free: int) -> None:
    """Whether nothing can be written any more or only a part."""
    path = put(tiny, text="the old one")
    if not free:
        (tiny / "filler").write_bytes(b"x" * 4096)
    for _ in range(3):
        with pytest.raises(OSError, match=r"[Nn]o space left"):
            put(tiny, state=CRITICAL, text="y" * 900, measured=tuple(Metric(f"m{number}", 1) for number in range(500)))
        back = read(path)
        assert back is not None
        assert (back.result.text, int(back.result.state)) == ("the old one", 0)
        assert held(tiny) == ["filler", "web"][free:]


PUBLISHER = """
import sys
sys.path.insert(0, sys.argv[1])
from vipwarden.core.result import Metric, Result, State
from vipwarden.state.verdict import publish
writer = int(sys.argv[3])
for run in range(300):
    metrics = [Metric(f"m{number}", writer * 1000 + run) for number in range(run * 7 % 50)]
    publish(sys.argv[2], "web", "port", Result(State(run % 4), f"{writer} {run} {len(metrics)}", metrics), 0)
"""


def test_many_publishers_and_readers_never_meet_half_a_verdict(tmp_path: Path) -> None:
    """Each reader sees one whole verdict of one publisher at any time, and no file is left beside it."""
    put(tmp_path, text="0 0 0")
    command = [sys.executable, "-I", "-S", "-c", PUBLISHER, str(CODE), str(tmp_path)]
    publishers = [subprocess.Popen([*command, str(number)]) for number in range(4)]
    seen = set()
    try:
        while any(publisher.poll() is None for publisher in publishers):
            for _ in range(100):
                back = read(f"{tmp_path}/web")
                assert back is not None
                writer, run, count = map(int, back.result.text.split())
                assert len(back.result.metrics) == count
                assert {metric.value for metric in back.result.metrics} <= {writer * 1000 + run}
                assert int(back.result.state) == run % 4
                seen.add(writer)
    finally:
        for publisher in publishers:
            publisher.wait()
    assert [publisher.returncode for publisher in publishers] == [0] * 4
    assert len(seen) > 1
    assert held(tmp_path) == ["web"]


def test_the_clock_is_that_of_proc_uptime() -> None:
    """It counts from boot and goes on in sleep."""
    before = float(Path("/proc/uptime").read_text().split()[0])
    assert before <= verdict.now() + 0.01
    assert verdict.now() < before + 30


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
