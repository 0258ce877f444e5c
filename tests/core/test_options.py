"""Is a command line read as its signature says, and refused in words otherwise?"""

from __future__ import annotations

from random import Random  # noqa: TC003 - hypothesis reads it

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.check import front_end as people_front_end
from keepalived_scripts.chk import front_end as chk_front_end
from nagios_plugins.check import front_end as nagios_front_end
from vipwarden.config.entry import asked, composed, judged
from vipwarden.core.options import LETTERS, UsageError, complete, options, parse
from vipwarden.core.registry import load, names
from vipwarden.core.result import Range, State
from vipwarden.core.usage import descriptions
from vipwarden.core.values import Port, Seconds

FRONT_ENDS = (chk_front_end, nagios_front_end, people_front_end)


def sample(
    place: str,
    *,
    host: str,
    port: Port | None = None,
    ipv4: bool = False,
    ipv6: bool = False,
    warning: Range | None = None,
    argument: tuple[str, ...] = (),
    refused: State = State.CRITICAL,
    ratio: float = 0.5,
    ca_file: str | None = None,
    verbose: bool = False,
    timeout: Seconds = Seconds(10),
) -> None:
    """Stand in for a check that has an option of every sort."""


KNOWN = options(sample)


def read(*arguments: str) -> dict[str, object]:
    """Read a command line for the sample."""
    return parse(options(sample), arguments)


def test_the_signature_is_the_list_of_options() -> None:
    """Positional parameters are none; names, types, defaults and what is required come from it."""
    assert list(KNOWN) == [
        "host", "port", "ipv4", "ipv6", "warning", "argument", "refused", "ratio", "ca_file", "verbose", "timeout",
    ]  # fmt: skip
    assert [name for name, option in KNOWN.items() if option.required] == ["host"]
    assert [name for name, option in KNOWN.items() if option.is_flag] == ["ipv4", "ipv6", "verbose"]
    assert [name for name, option in KNOWN.items() if option.repeats] == ["argument"]
    assert (KNOWN["port"].kind, KNOWN["port"].default, KNOWN["port"].letters) == ("Port", None, ("p", "P"))
    assert (KNOWN["ca_file"].flag, KNOWN["ca_file"].letters) == ("--ca-file", ())
    assert KNOWN["timeout"].default == Seconds(10)


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("", {}),
        ("-p80", {"port": 80}),
        ("-p 80", {"port": 80}),
        ("-P 80", {"port": 80}),
        ("--port 80", {"port": 80}),
        ("--port=80", {"port": 80}),
        ("-4", {"ipv4": True}),
        ("-46", {"ipv4": True, "ipv6": True}),
        ("-4 -4", {"ipv4": True}),
        ("-46p80", {"ipv4": True, "ipv6": True, "port": 80}),
        ("-4p 80 -6", {"ipv4": True, "port": 80, "ipv6": True}),
        ("-vvv --verbose", {"verbose": 4}),
        ("-H -dash", {"host": "-dash"}),
        ("-H --", {"host": "--"}),
        ("-H-", {"host": "-"}),
        ("--host=", None),
        ("--host=a=b", {"host": "a=b"}),
        ("--host==", {"host": "="}),
        ("-a x -a y -ax --argument=x", {"argument": ("x", "y", "x", "x")}),
        ("--ca-file f", {"ca_file": "f"}),
        ("--ca_file f", None),
        ("--ratio -.5", {"ratio": -0.5}),
        ("--ratio nan", None),
        ("--refused ok", {"refused": 0}),
        ("-t0.9", {"timeout": 0.9}),
        ("-t=1", None),
        ("--por 80", None),
        ("-p 80 -P 80", None),
        ("-p 80 --port=80", None),
        ("-p", None),
        ("-4p", None),
        ("--port", None),
        ("-p 0", None),
        ("-p 70000", None),
        ("--ipv4=yes", None),
        ("--ipv4=", None),
        ("-4x", None),
        ("--nothing", None),
        ("--nothing=1", None),
        ("-x", None),
        ("--", None),
        ("-", None),
        ("host", None),
        ("-4 80", None),
        ("-\u0664", None),
    ],
)
def test_a_command_line_is_read_as_getopt_would(line: str, values: dict[str, object] | None) -> None:
    """None: it is refused."""
    if values is not None:
        assert read(*line.split()) == values
        return
    with pytest.raises(UsageError):
        read(*line.split())


def test_a_value_may_start_with_a_dash() -> None:
    """A range does that."""
    assert read("-w", "-5:5") == read("-w-5:5") == read("--warning=-5:5") == {"warning": Range("-5:5")}


@pytest.mark.parametrize("line", [["-H", ""], ["--host="], ["-a", "x", "-a", ""], ["-w", ""], ["--warning="]])
def test_an_empty_value_is_refused(line: list[str]) -> None:
    """It comes of a variable that was never set, and would switch a test off."""
    with pytest.raises(UsageError, match="wants a value"):
        read(*line)


def test_an_empty_argument_is_no_option() -> None:
    """A shell makes one of a quoted variable."""
    with pytest.raises(UsageError, match="'' belongs to no option"):
        read("-4", "")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (["-p", "http"], "--port 'http': a port is a number from 1 to 65535"),
        (["-x"], "there is no option '-x'"),
        (["--nix=1"], "there is no option '--nix'"),
        (["www"], "'www' belongs to no option"),
        (["-p"], "--port wants a value"),
        (["-p1", "-p2"], "--port is given twice"),
        (["--ipv4=1"], "--ipv4 takes no value"),
        (["-t", "0"], "--timeout '0': a duration is a number of seconds above 0 and at most 86400, such as 0.5"),
    ],
)
def test_what_is_refused_is_named(line: list[str], text: str) -> None:
    """With what was given and what is wanted."""
    with pytest.raises(UsageError) as refused:
        read(*line)
    assert str(refused.value) == text


def test_what_is_missing_is_named_with_its_letters() -> None:
    """Nothing is filled in: the defaults are the function's own."""
    with pytest.raises(UsageError, match=r"^wanted as well: -H/--host$"):
        complete(KNOWN, {"port": 80})
    assert complete(KNOWN, {"host": "a"}) == {"host": "a"}


def test_options_of_a_face_join_those_of_the_check() -> None:
    """Of two of one name the later function's counts; a letter goes to one of them only."""

    def check(*, virtualhost: str, timeout: Seconds = Seconds(10)) -> None:
        """Take the letter V before the version does."""

    def front_end(*, timeout: State = State.OK, version: bool = False) -> None:
        """Take the time-out over."""

    known = options(check, front_end)
    assert [option.flag for option in known.values()] == ["--virtualhost", "--timeout", "--version"]
    assert known["timeout"].kind == "State"
    assert (known["virtualhost"].letters, known["version"].letters) == (("V",), ())
    assert options(front_end)["version"].letters == ("V",)


def test_bytes_that_are_no_text_come_through() -> None:
    """An argument that is not UTF-8 reaches us with surrogates, and a path may be one."""
    assert read("--ca-file", "/tmp/\udcff") == {"ca_file": "/tmp/\udcff"}


ARGUMENTS = st.lists(
    st.text(st.characters(codec=None, exclude_characters="\0"))
    | st.sampled_from([f"-{letter}" for letter in LETTERS] + [option.flag for option in KNOWN.values()])
    | st.sampled_from(
        ["--port=80", "-p80", "-46", "--", "-", "", "-5:5", "10", "localhost", "\udcff", "-\udcff", "--\x1b["]
    )
)


@given(ARGUMENTS)
def test_a_command_line_is_read_or_refused_in_one_printable_line(arguments: list[str]) -> None:
    """Nothing but a UsageError comes of it, and its text fits any terminal and log."""
    try:
        values = read(*arguments)
    except UsageError as error:
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert values.keys() <= KNOWN.keys()


@given(st.lists(st.sampled_from(sorted(KNOWN)), unique=True), st.randoms())
def test_every_notation_of_an_option_means_the_same(chosen: list[str], random: Random) -> None:
    """Long or short, apart or together, in any order."""
    texts = {
        "host": "h", "port": "80", "warning": "-5:5", "argument": "a", "refused": "ok", "ratio": "1", "ca_file": "f",
        "timeout": "2",
    }  # fmt: skip
    arguments: list[str] = []
    for name in chosen:
        option = KNOWN[name]
        text = texts.get(name)
        forms = [[option.flag], *([f"-{letter}"] for letter in option.letters)]
        if text is not None:
            together = [[form[0] + ("=" if form[0].startswith("--") else "") + text] for form in forms]
            forms = [[*form, text] for form in forms] + together
        arguments += random.choice(forms)
    values = read(*arguments)
    assert values.keys() == set(chosen)
    plain = read(*[f"{KNOWN[name].flag}={texts[name]}" if name in texts else KNOWN[name].flag for name in chosen])
    assert values == plain


@pytest.mark.parametrize("check", names())
def test_every_letter_of_a_check_means_one_option(check: str) -> None:
    """By itself and behind each front end; only the deadline may belong to both."""
    own = options(load(check))
    for front_end in FRONT_ENDS:
        known = options(load(check), front_end)
        letters = [letter for option in known.values() for letter in option.letters]
        assert len(letters) == len(set(letters))
        assert own.keys() & options(front_end).keys() <= {"timeout"}
        for name, option in own.items():
            assert known[name].letters == option.letters


@pytest.mark.parametrize("check", names())
def test_every_option_of_a_check_has_a_line_of_help(check: str) -> None:
    """And no line tells of an option that is not there any more."""
    function = load(check)
    known = options(function)
    about = descriptions(function)
    assert list(about) == list(known)
    assert all(about.values())
    assert "timeout" in known
    keys = {name for function in (asked, composed, judged) for name in options(function)}
    assert not known.keys() & keys  # those that every entry of the configuration has


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_every_option_of_a_front_end_has_a_line_of_help(front_end: object) -> None:
    """As those of the checks."""
    assert callable(front_end)
    assert descriptions(front_end).keys() == options(front_end).keys()


@pytest.mark.parametrize("check", names())
def test_the_defaults_of_a_check_could_have_been_written(check: str) -> None:
    """Each is of the option's own type: what it is written as reads back as the same."""
    for option in options(load(check)).values():
        if option.default is not None and not option.is_flag and not option.repeats:
            assert option.value(str(option.default)) == option.default


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of re, to the author of a regular expression
@pytest.mark.parametrize("check", names())
@given(data=st.data())
def test_no_text_breaks_an_option_of_a_check(check: str, data: st.DataObject) -> None:
    """A type takes a text or refuses it by a ValueError."""
    known = options(load(check))
    option = data.draw(st.sampled_from(list(known.values())))
    text = data.draw(
        st.text(st.characters(codec=None, exclude_characters="\0")) | st.text("0123456789-:,.%~@\\x[](*+KMG")
    )
    arguments = [option.flag] if option.is_flag else [f"{option.flag}={text}"]
    try:
        assert parse(known, arguments).keys() == {option.name}
    except UsageError as error:
        assert str(error).isprintable()  # noqa: PT017
