"""What do files show that somebody made to break the reader: never a traceback, nor control characters?"""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from cli.events import main
from tests.events.make import event

TIMES = st.floats(0, 1e11) | st.integers(0, 100) | st.sampled_from([0.0, 1e11, 1.7e9])
WORDS = st.text(max_size=30) | st.sampled_from(["\x1b[2J", "\u202eLIVE", "\ud800", "<script>", "a\nb", "", "x" * 5000])
STATES = st.sampled_from(["MASTER", "BACKUP", "FAULT", "STOP", "held", "gone", "CRITICAL", "OK", "begin", "ended"])
EVENTS = st.fixed_dictionaries(
    {
        "wall": TIMES,
        "boot": TIMES,
        "mono": TIMES,
        "bid": st.sampled_from(["a", "b", "c"]) | st.text(min_size=1, max_size=5),
        "node": st.sampled_from(["lb1", "lb2"]) | WORDS,
        "by": st.just("test"),
        "pid": st.integers(0, 5),
        "n": st.integers(0, 5),
        "kind": st.sampled_from(["vrrp", "vip", "check", "maintenance"]) | WORDS,
        "name": st.sampled_from(["VI_1", "192.0.2.1"]) | WORDS,
        "of": st.sampled_from(["INSTANCE", "VI_1"]) | WORDS,
        "state": STATES | WORDS,
        "before": STATES | WORDS,
        "text": WORDS,
    }
)
LINES = EVENTS.map(lambda fields: json.dumps(fields).encode()) | st.binary(max_size=60)
FILES = st.lists(LINES, max_size=25).map(b"\n".join)


def shown(*arguments: str) -> tuple[int, str]:
    """Return the exit code of the command and all that it writes."""
    text = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")  # which takes no surrogates, as a terminal's
    with redirect_stdout(text), redirect_stderr(text):
        code = main(arguments)
    text.flush()
    return code, text.buffer.getvalue().decode()


@given(st.lists(FILES, min_size=1, max_size=3), st.sampled_from(["", "--explain", "--json"]))
def test_no_file_breaks_the_reader_or_the_terminal(files: list[bytes], how: str) -> None:
    """Whatever it says of times, nodes and boots."""
    with TemporaryDirectory() as folder:
        names = [f"{folder}/{number}" for number, _ in enumerate(files)]
        for name, data in zip(names, files, strict=True):
            Path(name).write_bytes(data)
        code, text = shown(*filter(None, (*names, how)))
    assert code == 0
    assert all(char.isprintable() or char == "\n" for char in text)


@given(FILES, st.floats(0, 2e9), st.floats(0, 2e9))
def test_no_record_breaks_the_choice_of_a_time(data: bytes, some: float, other: float) -> None:
    """In a folder of segments, of which parts alone are read."""
    with TemporaryDirectory() as folder:
        for number in (1, 2):
            padding = b"".join(event(at * 1e3, bid="a", text="x" * 500).as_line() for at in range(100))
            Path(folder, f"{number:010d}.jsonl").write_bytes(data + b"\n" + padding * number)
        code, _ = shown(folder, "--since", f"@{min(some, other)}", "--until", f"@{max(some, other)}")
    assert code == 0
