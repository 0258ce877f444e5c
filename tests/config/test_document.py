"""Is every mistake in the configuration named with its file, line and key?"""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.settings import plan
from checks.port import port
from vipwarden.config.document import ConfigError, Document
from vipwarden.config.entries import checks
from vipwarden.core.options import UsageError
from vipwarden.core.result import Range
from vipwarden.core.values import Count, Port

FINE = """\
# what is watched
checks:
  web:
    check: port
    host: 127.0.0.1
    port: 80,443
    warning: "@1:2"
    ipv6: false
    interval: 2
    timeout: 0.5
  cache: {check: port, host: "::1", port: 6379}
"""


class Secret(str):
    """A type that refuses a text in its own words."""

    __slots__ = ()

    def __new__(cls, _text: str) -> Secret:
        """Refuse every text; raises UsageError."""
        raise UsageError("is a password, which has no place here")


def section(
    *,
    listen: Port = Port("9877"),
    tags: tuple[str, ...] = (),
    page: bool = True,
    most: Count | None = None,
    key: Secret | None = None,
) -> None:
    """Stand in for a section of another part."""


def refused(text: str, *sections: str) -> str:
    """Return what is said of a configuration that cannot be."""
    with pytest.raises(ConfigError) as error:
        whole(text, *sections)
    return str(error.value)


def whole(text: str, *sections: str) -> Document:
    """Read all that a document has."""
    document = Document("a.yaml", text, sections)
    checks(document)
    for name in sections:
        document.section(name, section)
    return document


def test_a_check_has_the_options_of_its_function() -> None:
    """With the same types and words as on the command line; interval and timeout in seconds."""
    web, cache = checks(Document("a.yaml", FINE))
    assert (web.name, web.check, web.function, web.interval, web.timeout) == ("web", "port", port, 2, 0.5)
    assert web.values == {
        "host": "127.0.0.1", "port": (80, 443), "warning": Range("@1:2"), "ipv6": False, "timeout": 0.5,
    }  # fmt: skip
    assert (cache.name, cache.interval, cache.timeout) == ("cache", 5, 5)
    assert cache.values["timeout"] == 5


@pytest.mark.parametrize(
    ("keys", "interval", "timeout"),
    [
        ("", 5, 5),
        ("interval: 60", 60, 10),
        ("interval: 1", 1, 1),
        ("interval: 0.1", 0.1, 0.1),
        ("timeout: 3", 5, 3),
        ("timeout: 5", 5, 5),
        ("interval: 60, timeout: 60", 60, 60),
    ],
)
def test_a_deadline_is_never_above_the_interval(keys: str, interval: float, timeout: float) -> None:
    """By itself it is the check's own, or the interval where that is shorter."""
    [entry] = checks(Document("a.yaml", f"checks: {{a: {{check: port, port: 1, host: h, {keys}}}}}"))
    assert (entry.interval, entry.timeout) == (interval, timeout)


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "~", "checks:\n", "checks: {}\n", "\ufeff# mark\n", "--- \n...\n"]
)
def test_an_empty_configuration_has_no_checks(text: str) -> None:
    """It is no mistake."""
    document = Document("a.yaml", text, ["web"])
    assert checks(document) == []
    assert document.section("web", section) == {}


def test_another_part_has_a_section() -> None:
    """Read by the signature of a function; what is not given is left out."""
    text = "web:\n  listen: 80\n  tags: [a, b]\n  page: no\n"
    assert Document("a.yaml", text, ["web"]).section("web", section) == {
        "listen": 80,
        "tags": ("a", "b"),
        "page": False,
    }
    assert Document("a.yaml", "web: {tags: a}", ["web"]).section("web", section) == {"tags": ("a",)}
    assert Document("a.yaml", "web:", ["web"]).section("web", section) == {}


HEAD = "checks:\n  a:\n    check: port\n    host: h\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("- a\n", 1, "the file must be a mapping"),
        ("\nword\n", 2, "the file must be a mapping"),
        ("checks: {}\nagents: {}\n", 2, "agents is not known; known are checks, web"),
        ("checks: {}\nchecks: {}\n", 2, "checks is given twice"),
        ("checks: {a: {check: port, <<: {host: h}, port: 1}}\n", 1, "checks.a.<< is YAML's merge key"),
        ("<<: {checks: {}}\n", 1, "<< is YAML's merge key, which is not taken here: write out what it would merge"),
        ("checks: [a]\n", 1, "checks must be a mapping"),
        ("checks:\n  a: port\n", 2, "checks.a must be a mapping"),
        ("checks:\n  a:\n", 2, "checks.a must be a mapping"),
        ("checks:\n  a: {host: h}\n", 2, "checks.a has no check: say which one it is, such as check: port"),
        ("checks:\n  a: {check: [port]}\n", 2, "checks.a has no check"),
        ("checks:\n  a:\n    check: nix\n", 3, "checks.a.check there is no check 'nix'; there are "),
        ("checks:\n  a:\n    check: ../port\n", 3, "checks.a.check there is no check"),
        ("checks:\n  a:\n    check: port\n", 2, "checks.a wants host as well"),
        (HEAD + "  a: {}\n", 5, "checks.a is given twice"),
        (HEAD + "    host: i\n", 5, "checks.a.host is given twice"),
        (HEAD + "    hots: i\n", 5, "checks.a.hots is not known; known are host, port, "),
        (HEAD + "    port: http\n", 5, "checks.a.port is 'http', but ports are numbers from 1 to 65535"),
        (HEAD + "    port: 0x50\n", 5, "checks.a.port is '0x50', but"),
        (HEAD + "    port: [80]\n", 5, "checks.a.port wants one value"),
        (HEAD + "    port:\n", 5, "checks.a.port wants one value"),
        (HEAD + "    expect: ''\n", 5, "checks.a.expect wants one value"),
        (HEAD + "    expect: {a: b}\n", 5, "checks.a.expect wants one value"),
        (HEAD + "    warning: 5:1\n", 5, "checks.a.warning is '5:1', but the range starts at 5, after its end 1"),
        (HEAD + "    ipv4: maybe\n", 5, "checks.a.ipv4 is 'maybe', but wants true or false"),
        (HEAD + "    ipv4: 1\n", 5, "checks.a.ipv4 is '1', but wants true or false"),
        (HEAD + "    ipv4: 'yes'\n", 5, "checks.a.ipv4 is 'yes', but wants true or false"),
        (HEAD + "    ipv4: !!bool maybe\n", 5, "checks.a.ipv4 is 'maybe', but wants true or false"),
        (HEAD + "    interval: 0\n", 5, "checks.a.interval is '0', but a duration is"),
        (HEAD + "    interval: 0.09\n", 2, "checks.a.interval is below 0.1 s"),
        (HEAD + "    timeout: 6\n", 2, "checks.a.timeout is 6 s, above the interval of 5 s"),
        (HEAD + "    timeout: 1s\n", 5, "checks.a.timeout is '1s', but a duration is"),
        (HEAD + "    <<: {port: 80}\n", 5, "checks.a.<< is YAML's merge key"),
        (HEAD + "    [x]: 1\n", 5, "checks.a has a key that is no text"),
        ("checks:\n  ? {a: b}\n  : {check: port, port: 1, host: h}\n", 2, "checks has a key that is no text"),
        ("checks:\n  '': {check: port, port: 1, host: h}\n", 2, "checks has a key that is no text"),
        ("{a: b}: c\n", 1, "the file has a key that is no text"),
        ("web:\n  - 80\n", 2, "web must be a mapping"),
        ("web:\n  listen: 0\n", 2, "web.listen is '0', but a port is a number from 1 to 65535"),
        ("web:\n  tags: []\n", 2, "web.tags wants one value"),
        ("web:\n  tags:\n    - a\n    - [b]\n", 4, "web.tags wants one value"),
        ("web:\n  key: s3cr3t\n", 2, "web.key is a password, which has no place here"),
        ('web:\n  "a\\nb\\e[31m": 1\n', 2, "web.a b [31m is not known"),
        ("checks: &a\n  a: *a\n", 2, "checks.a has no check"),
        ("checks: *nix\n", 1, "is not YAML: found undefined alias"),
        ("a: b: c\n", 1, "is not YAML: mapping values are not allowed here"),
        ("checks:\n\ta: {}\n", 2, "is not YAML: a tab, where YAML takes only blanks"),
        ("checks:\n  a: 'open\n", 3, "is not YAML: found unexpected end of stream"),
        ("--- {}\n--- {}\n", 2, "is not YAML: but found another document"),
        ("checks: {}\n\nnul: \0\n", 3, "is not YAML: a character that it does not allow"),
        ("a: 1\nb: \x1b\n", 2, "is not YAML: a character that it does not allow"),
        ('a: 1\nb: "\\UFFFFFFFF"\n', 2, "is not YAML: "),
        ("\n\n" + "[" * 5000, 3, "is not YAML: nested too deeply"),
        (f"%YAML {'9' * 5000}.1\n---\n", 1, "is not YAML: "),
        ("%YAML 3.0\n---\n", 1, "is not YAML: found incompatible YAML document"),
        ("a: !<tag:%FF> b\n", 1, "is not YAML: 'utf-8'"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(text: str, line: int, said: str) -> None:
    """In one line that a terminal and a log can take."""
    error = refused(text, "web")
    assert error.startswith(f"a.yaml:{line}: {said}")
    assert error.isprintable()
    assert len(error) < 1100


def test_a_huge_value_makes_no_huge_error() -> None:
    """It is cut."""
    assert len(refused(f"checks: {{a: {{check: port, host: h, port: {'x' * 100_000}}}}}")) < 1100


def test_a_password_is_not_repeated() -> None:
    """Errors go to the log."""
    assert "s3cr3t" not in refused("web: {key: s3cr3t}", "web")


PIECES = st.sampled_from(
    [
        "checks", "web", "check", "port", "host", "interval", "timeout", "ipv4", "tags", "a", "1", "true", "~",
        "0.5", ": ", ":\n  ", ":\n    ", "\n", "\n  ", "\n    ", "- ", "{", "}", "[", "]", ", ", "? ", "&x ", "*x",
        "!!bool ", "!!null ", '"', "'", "\\", "|", ">", "#", "%YAML ", "---\n", "...\n", "<<", "\t", "\\x",
        "\\U00110000", "\u2028", "\ufeff", "\x00", "é",
    ]
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(st.text() | st.lists(PIECES).map("".join) | st.lists(PIECES).map(lambda pieces: HEAD + "    " + "".join(pieces)))
def test_any_text_is_a_document_or_a_config_error(text: str) -> None:
    """Nothing else comes of it, and an error begins with the file."""
    try:
        whole(text, "web")
    except ConfigError as error:
        assert str(error).startswith("a.yaml:")  # noqa: PT017


YAML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), min_size=1)
YAML_PATH = YAML_TEXT.map(lambda text: f"/{text.replace('[', '')}")  # a range belongs to the key hosts


@settings(deadline=None)
@given(st.dictionaries(YAML_TEXT, st.tuples(YAML_PATH, st.integers(1, 65535), st.booleans()), max_size=4))
def test_what_a_yaml_writer_writes_is_read(wanted: dict[str, tuple[str, int, bool]]) -> None:
    """Any name and any path."""
    plain = {
        name: {"check": "process", "pidfile": path, "interval": number, "containers": flag}
        for name, (path, number, flag) in wanted.items()
    }
    for text in (
        yaml.safe_dump({"checks": plain}),
        yaml.safe_dump({"checks": plain}, default_flow_style=True, width=20),
    ):
        entries = checks(Document("a.yaml", text))
        assert {entry.name: entry.values["pidfile"] for entry in entries} == {
            name: path for name, (path, _, _) in wanted.items()
        }
        assert all(entry.interval == wanted[entry.name][1] for entry in entries)
        assert all(entry.values["containers"] is wanted[entry.name][2] for entry in entries)


def test_all_mistakes_are_named_at_once() -> None:
    """Each with its place; what refers to a wrong entry is not wrong for that."""
    text = """checks:
  web: {check: prot, host: h}
  cache: {check: port, host: h, port: x, interval: 0, retries: 1}
  node: {at_least: 2, of: [web, cache]}
  other: {all_of: [wep]}
agent: {restart_grase: 1}
"""
    with pytest.raises(ConfigError) as error:
        plan("a.yaml", text)
    places = ["".join(line.split(" ")[:2]) for line in str(error.value).splitlines()]
    assert places == [
        "a.yaml:6:agent.restart_grase",
        "a.yaml:2:checks.web.check",
        "a.yaml:3:checks.cache.port",
        "a.yaml:3:checks.cache.interval",
        "a.yaml:3:checks.cache.retries",
        "a.yaml:5:checks.other.all_of",
    ]
    assert "did you mean 'port'?" in str(error.value)
    assert "did you mean 'retry'?" in str(error.value)
    assert "did you mean 'restart_grace'?" in str(error.value)
    assert "did you mean 'web'?" in str(error.value)


def test_a_thousand_mistakes_are_no_flood() -> None:
    """Nor do they take long."""
    text = "checks:\n" + "".join(f"  c{number}: {{check: nothing}}\n" for number in range(1000))
    lines = refused(text).splitlines()
    assert len(lines) == 51
    assert lines[-1] == "and 950 more"
