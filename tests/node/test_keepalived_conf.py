"""Is keepalived.conf read as keepalived reads it?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vipwarden.node.keepalived.conf import Block, parse, quoted
from vipwarden.node.keepalived.lines import ConfError, ConfMissingError

if TYPE_CHECKING:
    from pathlib import Path


def tree(block: Block) -> list[object]:
    """Return the words of each statement, and behind those of a block what is inside."""
    return [[*inner.words, tree(inner)] if inner.blocks else inner.words for inner in block.blocks]


def read(folder: Path, text: str, **others: str) -> list[object]:
    """Write a configuration and others beside it, and read it."""
    for name, content in others.items():
        (folder / f"{name}.conf").write_text(content, encoding="utf-8")
    main = folder / "keepalived.conf"
    main.write_text(text, encoding="utf-8")
    return tree(parse(str(main)))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a b {\n c d\n}\ne", [["a", "b", [["c", "d"]]], ["e"]]),
        ("a b\n{\n c d }\n", [["a", "b", [["c", "d"]]]]),
        ("a { c d }", [["a", [["c", "d"]]]]),
        ("a{\nc\n}b{\nd\n}", [["a", [["c"]]], ["b", [["d"]]]]),
        ("a ! b\n# c\n!d\ne#f", [["a"], ["e"]]),
        ('a "b ! { # c" d', [["a", "b ! { # c", "d"]]),
        ("a b\\#c \\!d", [["a", "b#c", "!d"]]),
        ('a ""', [["a", ""]]),
        ("a }\n}\nb", [["a"], ["b"]]),
        ("a {\n b", [["a", [["b"]]]]),
        ("  a\tb \r\n\n", [["a", "b"]]),
        ("a b\0c\nd", [["d"]]),
        ("{ a }", [["", [["a"]]]]),
    ],
)
def test_words_comments_quotes_and_braces(tmp_path: Path, text: str, wanted: list[object]) -> None:
    """Braces stand anywhere, comments begin anywhere, and neither counts in quotes."""
    assert read(tmp_path, text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("$VIP=192.0.2.1/32\na $VIP dev x", [["a", "192.0.2.1/32", "dev", "x"]]),
        ("$NET= 192.0.2\na ${NET}.7", [["a", "192.0.2.7"]]),
        ("$NET = 192.0.2", [["$NET", "=", "192.0.2"]]),
        ("$A=1\n$B=${A}2\na $B", [["a", "12"]]),
        ("$A=1\na $AB $A.2 ${A}", [["a", "$AB", "$A.2", "1"]]),
        ("$V=\\\n b 1 \\\n b 2\na {\n$V\n}", [["a", [["b", "1"], ["b", "2"]]]]),
        ("a$_HASH\nb ${_BANG}", [["a"], ["b"]]),
        ("$V=a $N \\\n $N\n$N=1\n$V", [["a", "1"], ["1"]]),
        ("$P=x \\\n@a y\\\n@^a z\n$P", [["x"], ["z"]]),
        ("~SEQ(i, 2) a $i", [["a", "1"], ["a", "2"]]),
        ("~LST({a,b},{x,y},{z}) c ${a}$b", [["c", "xy"], ["c", "z"]]),
        ('a "${NO}"', [["a", "${NO}"]]),
    ],
)
def test_definitions_are_put_in(tmp_path: Path, text: str, wanted: list[object]) -> None:
    """``$NAME`` needs a word's end behind it, ``${NAME}`` does not, and a definition may have lines."""
    assert read(tmp_path, text) == wanted


def test_lines_for_another_node_are_left_out(tmp_path: Path) -> None:
    """``@id`` is compared with the name of the node up to its first dot, as without --config-id."""
    mine = os.uname().nodename.partition(".")[0]
    assert read(tmp_path, f"@{mine} a\n@another b\n@^{mine} c\n@^another d\n@\n@{mine}") == [["a"], ["d"]]


def test_includes_are_relative_to_their_own_file_and_take_patterns(tmp_path: Path) -> None:
    """A pattern's files come in the order of their names, and one that matches nothing is passed over."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "deep.conf").write_text("include beside.conf\nend", encoding="utf-8")
    (tmp_path / "sub" / "beside.conf").write_text("beside", encoding="utf-8")
    text = "include sub/deep.conf\nincluder x[12].conf\ninclude {y,z}.conf\ninclude no*.conf\ninclude none.conf\nlast"
    found = read(tmp_path, text, x2="two", x1="one", y="why", z="zed")
    assert found == [["beside"], ["end"], ["one"], ["two"], ["why"], ["zed"], ["last"]]
    assert read(tmp_path, f"include {tmp_path}/x1.conf") == [["one"]]


def test_a_block_may_be_closed_in_another_file(tmp_path: Path) -> None:
    """An include stands for its lines."""
    assert read(tmp_path, "a {\ninclude x.conf\nb", x="c\n}") == [["a", [["c"]]], ["b"]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("include keepalived.conf", "include itself"),
        ("include ./keepalived.conf\ninclude ./keepalived.conf", "include itself"),
        ("$A=$B\n$B=$A $A\na $A", "has no end"),
        ("$A=${A}${A}\na $A", "has no end"),
        ("a ${_ENV X}", "environment of keepalived"),
        ("$A=1\na ${B}", "is not defined"),
        ("~SEQ(x,1,99999) ~SEQ(y,1,99999) a", "have no end"),
        ("~SEQ(x,1,9999999) a", "sequence has no end"),
        ("include {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}.conf", "too many alternatives"),
        ("include .", "not a file"),
    ],
)
def test_what_cannot_be_followed_is_an_error(tmp_path: Path, text: str, wanted: str) -> None:
    """To pass it over could hide a VIP."""
    with pytest.raises(ConfError, match=wanted):
        read(tmp_path, text)


def test_a_missing_file_is_told_from_one_that_cannot_be_read(tmp_path: Path) -> None:
    """The first is a node without keepalived."""
    with pytest.raises(ConfMissingError, match=r"^no keepalived.conf at /"):
        parse(str(tmp_path / "keepalived.conf"))
    with pytest.raises(ConfError, match="is not a file"):
        parse(str(tmp_path))
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfError, match="cannot read"):
        parse(str(tmp_path / "loop"))


_PIECES = st.lists(
    st.sampled_from(
        ["a", " ", "\n", "{", "}", '"', "\\", "!", "#", "$A", "${A}", "$A=", "@x ", "include x*.conf\n", "~"]
    )
    | st.text(max_size=5)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_PIECES.map("".join))
@example("include \0")
@example("include [")
def test_any_text_is_read_or_is_a_conf_error(tmp_path: Path, text: str) -> None:
    """Nothing else comes out of the reader."""
    (tmp_path / "keepalived.conf").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        parse(str(tmp_path / "keepalived.conf"))
    except ConfError as error:
        assert str(error)  # noqa: PT017


def places(block: Block) -> list[tuple[str, str, int]]:
    """Return first word, name of the file and number of the line of each statement at any depth."""
    found = []
    for inner in block.blocks:
        found += [(inner.words[0], inner.path.rpartition("/")[2], inner.number), *places(inner)]
    return found


def test_each_statement_knows_its_file_and_line(tmp_path: Path) -> None:
    """Through includes, comments, definitions of several lines, and braces on any line."""
    (tmp_path / "x.conf").write_text("\n# c\nc {\n d\n}\n", encoding="utf-8")
    text = "a\n\n! no\nb { b1\n b2 }\ninclude x.conf\n$D=e \\\n f\ng\n$D\n"
    (tmp_path / "keepalived.conf").write_text(text, encoding="utf-8")
    main = "keepalived.conf"
    assert places(parse(str(tmp_path / "keepalived.conf"))) == [
        ("a", main, 1),
        ("b", main, 4),
        ("b1", main, 4),
        ("b2", main, 5),
        ("c", "x.conf", 3),
        ("d", "x.conf", 4),
        ("g", main, 9),
        ("e", main, 10),
        ("f", main, 10),
    ]


_NOTHING = st.sampled_from(["", "  ", "# comment", "! a {", "@another x", "$N=1"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(_NOTHING, max_size=3), st.sampled_from(["", " {", "\t# {", " }"])), max_size=20))
def test_the_numbers_of_the_lines_are_right(tmp_path: Path, pieces: list[tuple[list[str], str]]) -> None:
    """Whatever stands between the statements, and however they nest."""
    text: list[str] = []
    wanted = []
    for index, (nothing, tail) in enumerate(pieces):
        text += [*nothing, f"s{index}{tail}"]
        wanted.append((f"s{index}", "keepalived.conf", len(text)))
    (tmp_path / "keepalived.conf").write_text("\n".join(text), encoding="utf-8")
    assert sorted(places(parse(str(tmp_path / "keepalived.conf")))) == sorted(wanted)


def test_errors_name_the_line(tmp_path: Path) -> None:
    """So that it can be found."""
    with pytest.raises(ConfError, match=r"keepalived.conf:3: "):
        read(tmp_path, "a\n\na ${_ENV X}")


def test_absolute_includes_are_looked_for_below_the_root(tmp_path: Path) -> None:
    """And lines for another node are kept where it is the one that was asked for."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "x.conf").write_text("@other x", encoding="utf-8")
    (tmp_path / "keepalived.conf").write_text("include /etc/x*.conf\n@^other y", encoding="utf-8")
    found = parse(str(tmp_path / "keepalived.conf"), root=str(tmp_path), config_id="other")
    assert tree(found) == [["x"]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a  b\tc", ["a", "b", "c"]),
        ("a 'b c' \"d 'e'\"", ["a", "b c", "d 'e'"]),
        ("a'b'\"c\"d", ["abcd"]),
        ("''", [""]),
        (r"a\ b \x41\x4a2 \101\0601 \cA \e\n", ["a b", "A\xa2", "A01", "\x01", "e\n"]),
        (r'"a\"b" ' + r"'c\'d'", ['a"b', "c'd"]),
        ("a 'b", []),
        ("a b'", ["a", "b"]),
        ("a '", ["a", ""]),
        (r"a 'b\'", ["a", "b'"]),
        ("a b\\", []),
        ("  ", []),
    ],
)
def test_quotes_and_escapes_of_commands(text: str, wanted: list[str]) -> None:
    """As alloc_strvec_quoted_escaped() reads them: what has no end is no command at all."""
    assert quoted(text) == wanted


def test_escapes_may_be_left_for_the_second_time() -> None:
    """As keepalived 2.3.2 and later do with a statement."""
    assert quoted("script \"a 'b\\'c' \\042 d\"", escapes=False) == ["script", "a 'b\\'c' \\042 d"]
    assert quoted("a\\ b", escapes=False) == ["a\\ b"]
    assert quoted("a\\", escapes=False) == []


@given(st.text())
def test_any_text_has_words_or_none(text: str) -> None:
    """Nothing is raised, and no word holds more than the text did."""
    assert sum(map(len, quoted(text))) <= len(text)
