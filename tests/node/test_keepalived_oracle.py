"""Does keepalived itself read the same lines? It names each keyword that it does not know, which here are all."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.commands import program
from vipwarden.node.keepalived.lines import ConfError, lines

if TYPE_CHECKING:
    from pathlib import Path

_NODE = "lb1"


def of_keepalived(path: Path) -> list[tuple[int, str]]:
    """Return the number of each line that keepalived reads, and its first word.

    It reads the file once for itself and once more for each of its parts: the last line ends the first reading.
    """
    command = [program("keepalived"), "-t", "-l", "-i", _NODE, "-f", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stderr
    words = re.findall(r"Line (\d+)\) Unknown keyword '(.*)'$", said, re.MULTILINE)
    assert "last" in [word for _, word in words], said
    once = [word for _, word in words].index("last")
    return [(int(number), word) for number, word in words[:once]]


def of_ours(path: Path) -> list[tuple[int, str]]:
    """Return number and text of each line by the doctor's reader."""
    read = [(line.number, line.text) for line in lines(str(path), config_id=_NODE)]
    assert read.pop()[1] == "last"
    return read


def firsts(read: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the first word of each line, as keepalived names it."""
    return [(number, text.split()[0]) for number, text in read]


TEXT = r"""
a_${_HASH}y
b $_HASH z
$H=x\#y
c_$H
e_${_RANDOM 7 7}
$E=
f_$E ,
g_${E}_
$M=u \
 v $M2 \
 w
$M2=1 \
  2
$M
$M no
h_$M
${M}
~SEQ(i, 2) $M
~SEQx(i,9,11) x$i
~SEQ(i,4,-2,0) y$i
~SEQ(i,0) z$i
~SEQ(i,-2) n$i
~SEQ(i,0x10,2,022) h$i
~SEQ(j,2) ~SEQ(k,2) t_${j}_$k
~SEQ(,2) none
~SEQ(i,2,-1,4) none
~LST(a,b,c,,d) l$a
~LST({a, b}, {1 , 2} , 3 ) n_${a} nn${a}_${b}
~LST({a},{1,2}) none
$S = 1
$U= 1
o$U
@^lb1 no
@lb1
@lb1 yes
@lb2 no
$P=\
@lb2 high_130 \
@lb1 low_120
$P
$C=c1 # c \
 c2
C$C
# a comment that ends in \
$Q=1 \
# only \
  2

q_$Q
$N=2
$L=l1 ${N} \
 l2_$N \
 l3_$N
$L
p_${_PWD}
i_$_INSTANCE

last
"""


def test_definitions_sequences_and_conditions_are_read_as_keepalived_reads_them(tmp_path: Path) -> None:
    """One line of each kind, and those that only look like it."""
    path = tmp_path / "k.conf"
    path.write_text(TEXT, encoding="utf-8")
    assert firsts(of_ours(path)) == of_keepalived(path)


def test_included_files_follow_the_lines_that_include_them(tmp_path: Path) -> None:
    """The last first, each with its own folder, and with the definitions of the file that includes it."""
    (tmp_path / "below").mkdir()
    for name in ("a", "b", "below/c"):
        (tmp_path / f"{name}.conf").write_text(f"{name[-1]}_$X\np_${{_PWD}}\n", encoding="utf-8")
    path = tmp_path / "k.conf"
    path.write_text("$X=1\n$I=include a.conf \\\n include b.conf \\\n z\n$I\ninclude below/*.conf\np_${_PWD}\nlast\n")
    assert [word for _, word in firsts(of_ours(path))] == [word for _, word in of_keepalived(path)]


_WORDS = st.sampled_from(["$A", "${A}", "$B", "${B}", "${C", "$D.", "x", "_", " ", ",", "\\", "#", "!", "@lb1 ", "@x "])
_STARTS = st.sampled_from(
    ["", "w", "$A=", "$B=", "$A =", "~SEQ(C,2) ", "~SEQ(C,$A) v", "~LST(D,1,{2}) ", "@^lb1 u", "  "]
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_STARTS, st.lists(_WORDS, max_size=4).map("".join)).map("".join), min_size=1, max_size=12))
@example(["#\\ "])
@example(["$A=\\", "x", "$A =", "$B=\\", "", "$B ="])
@example(["$A=\\", "@x a \\", "b", "$A"])
def test_any_text_of_definitions_is_read_as_keepalived_reads_it(tmp_path: Path, text: list[str]) -> None:
    """What keepalived would not end with, such as a definition that names itself, we refuse."""
    path = tmp_path / "k.conf"
    path.write_text("\n".join(text) + "\n\nlast\n", encoding="utf-8")
    try:
        wanted = of_ours(path)
    except ConfError:
        return
    if any("{" in line for _, line in wanted):
        return  # it begins a block
    assert firsts(wanted) == of_keepalived(path)
