"""Does ``vipwarden rehearse`` say what becomes of the VIPs, and refuse what it cannot know?"""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from cli.rehearse import main
from tests.commands import CODE, shell

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = CODE / "docs" / "rehearse"
INSTANCE = """vrrp_instance VI_{number} {{
    interface eth0
    virtual_router_id {vrid}
    priority {priority}
    authentication {{
        auth_type PASS
        auth_pass s3cret
    }}
    virtual_ipaddress {{
{vips}
    }}
}}
"""


def instances(count: int, priority: int, vips: int = 1) -> str:
    """Return a configuration with many instances, or with many VIPs in each."""
    return "".join(
        INSTANCE.format(
            number=number,
            vrid=number,
            priority=priority,
            vips="\n".join(f"        10.{number}.{it // 250}.{it % 250 + 1}/32" for it in range(vips)),
        )
        for number in range(1, count + 1)
    )


def nodes(name: str) -> list[str]:
    """Return the nodes of an example."""
    return [f"lb1={PAIRS}/{name}/lb1.conf", f"lb2={PAIRS}/{name}/lb2.conf"]


def rehearse(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Return exit code, output and errors."""
    code = main(["--dry", "--keepalived-version", "2.2.7", *words])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("dual-master", True), ("restart-script", True), ("nopreempt", True), ("sync-group", True)),
        *(("unicast", True), ("misc-nmap", False), ("fault", False), ("fast", False)),
    ],
)
def test_the_exit_code_says_whether_a_fault_is_bad(capsys: pytest.CaptureFixture[str], name: str, bad: bool) -> None:
    """And --search has a change for each that is bad, after which none is."""
    faults = [word for text in ("script", "power", "stopped", "interface", "start") for word in ("--faults", text)]
    code, out, err = rehearse(capsys, *nodes(name), *faults)
    assert (code, err) == (int(bad), "")
    code, out, err = rehearse(capsys, *nodes(name), "--search")
    assert (code, err) == (0, "")
    changes = [word for it in out.split("--what-if ")[1:] for word in ("--what-if", it.split()[0])]
    assert bool(changes) is bad
    code, out, err = rehearse(capsys, *nodes(name), *faults, *changes)
    assert (code, err) == (0, "")
    assert "0 bad" in out


def test_a_change_is_tried_without_touching_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    """For all nodes, for one, and for a name."""
    fails = [*nodes("dual-master"), "--faults", "fails on lb1"]
    assert rehearse(capsys, *fails)[0] == 1
    assert rehearse(capsys, *fails, "--what-if", "weight=-60")[0] == 0
    assert rehearse(capsys, *fails, "--what-if", "lb1:chk_haproxy.weight=-60")[0] == 0
    assert rehearse(capsys, *fails, "--what-if", "lb2:weight=-60")[0] == 1
    assert rehearse(capsys, *fails, "--what-if", "lb2:VI_1.priority=99")[0] == 0


@pytest.mark.parametrize(
    ("changes", "same"),
    [(["advert_int=99999"], ["advert_int=40.95"]), (["version=2"], ["advert_int=1", "version=2"])],
)
def test_a_change_is_what_keepalived_makes_of_it(
    capsys: pytest.CaptureFixture[str], changes: list[str], same: list[str]
) -> None:
    """An interval that it does not know becomes the nearest that it knows."""
    one, other = (
        rehearse(capsys, *nodes("fast"), "--faults", "power", *(it for change in given for it in ("--what-if", change)))
        for given in (changes, same)
    )
    assert one == other
    assert one[0] != 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--what-if", "weigth=1"], "did you mean 'weight'"),
        (["--what-if", "weight=300"], "no whole number from -254 to 254"),
        (["--what-if", "weight"], "a change is [NODE:][NAME.]KEY=VALUE"),
        (["--what-if", "lb9:weight=1"], "there is no node lb9: there are lb1, lb2"),
        (["--what-if", "nobody.weight=1"], "nothing has this name and this setting"),
        (["--what-if", "nopreempt=perhaps"], "none of yes, no"),
        (["--faults", "earthquake"], "no fault contains this text"),
        (["--search", "--faults", "power"], "only --what-if goes with it"),
    ],
)
def test_a_wrong_option_is_refused(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    """With what would be right."""
    code, out, err = rehearse(capsys, *nodes("fault"), *words)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    "words", [[], ["lb1=x.conf"], ["lb1=x.conf", "lb1=y.conf"], ["lb1", "lb2"], [f"lb{it}=x" for it in range(9)]]
)
def test_a_rehearsal_has_two_nodes_with_names(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """Else there is nobody to take over."""
    assert rehearse(capsys, *words)[0] == 2


def test_what_is_run_for_real_is_run_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Changes are for --dry."""
    assert main([*nodes("fault"), "--what-if", "weight=0"]) == 2
    assert "--dry" in capsys.readouterr().err


def test_what_was_expected_is_compared(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Owners and verdicts; another configuration is another table, and a broken file is refused."""
    code, out, _ = rehearse(capsys, *nodes("dual-master"), "--json")
    assert code == 1
    assert json.loads(out)["nodes"] == ["lb1", "lb2"]
    expected = tmp_path / "expected.json"
    expected.write_text(out, encoding="utf-8")
    assert rehearse(capsys, *nodes("dual-master"), "--expect", str(expected))[0] == 0
    code, _, err = rehearse(capsys, *nodes("dual-master"), "--expect", str(expected), "--what-if", "weight=-60")
    assert code == 1
    assert "script chk_haproxy fails on lb1: 192.0.2.10: expected lb1, then lb1, bad; it is lb2, then lb1, good" in err
    assert rehearse(capsys, *nodes("misc-nmap"), "--expect", str(expected))[0] == 1
    for text in ("", "{", "[" * 100_000, "[]", '{"faults": [1]}', '{"faults": [{"fault": {}, "vips": 1}]}'):
        expected.write_text(text, encoding="utf-8")
        code, _, err = rehearse(capsys, *nodes("dual-master"), "--expect", str(expected))
        assert code == 3
        assert "rehearse --json" in err
    assert rehearse(capsys, *nodes("dual-master"), "--expect", f"{tmp_path}/none")[0] == 3
    os.mkfifo(tmp_path / "fifo")
    assert rehearse(capsys, *nodes("dual-master"), "--expect", f"{tmp_path}/fifo")[0] == 3


def test_a_node_is_a_file_an_etc_or_a_root(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Absolute includes are those of that root."""
    root = tmp_path / "root"
    (root / "etc/keepalived/conf.d").mkdir(parents=True)
    shutil.copy(PAIRS / "fault/lb1.conf", root / "etc/keepalived/conf.d/one.conf")
    (root / "etc/keepalived/keepalived.conf").write_text("include /etc/keepalived/conf.d/*.conf\n", encoding="ascii")
    expected = rehearse(capsys, *nodes("fault"))[1]
    for place in (root, root / "etc", root / "etc/keepalived", root / "etc/keepalived/keepalived.conf"):
        if place.is_dir():
            assert rehearse(capsys, f"lb1={place}", nodes("fault")[1])[1] == expected
    (tmp_path / "empty").mkdir()
    code, _, err = rehearse(capsys, f"lb1={tmp_path}/empty", nodes("fault")[1])
    assert (code, "has no keepalived.conf" in err) == (3, True)


def test_links_of_a_root_lead_to_files_of_that_root(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the node follows them, whatever lies at that place on this machine; also out of it."""
    root, out = tmp_path / "root", f"{tmp_path}/secret.conf"
    for folder in ("etc/keepalived", "srv/conf.d", f".{tmp_path}"):
        (root / folder).mkdir(parents=True)
    (tmp_path / "secret.conf").write_text("vrrp_instance SECRET {\n", encoding="ascii")
    shutil.copy(PAIRS / "fault/lb1.conf", root / "srv/conf.d/one.conf.off")
    (root / f".{out}").symlink_to("/srv/conf.d/one.conf.off")
    (root / "srv/conf.d/one.conf").symlink_to(out)
    (root / "srv/main.conf").write_text("include /etc/keepalived/conf.d/*.conf\n", encoding="ascii")
    (root / "etc/keepalived/conf.d").symlink_to("../../../../../../../srv/conf.d")
    (root / "etc/keepalived/keepalived.conf").symlink_to("/srv/main.conf")
    expected = rehearse(capsys, *nodes("fault"))[1]
    monkeypatch.chdir(root)
    for place in (str(root), f"{root}/etc", "."):
        assert rehearse(capsys, f"lb1={place}", nodes("fault")[1])[1] == expected
    (root / "srv/conf.d/one.conf").unlink()
    (root / "srv/conf.d/one.conf").symlink_to("one.conf")
    code, _, err = rehearse(capsys, f"lb1={root}", nodes("fault")[1])
    assert (code, "one.conf: too many links" in err) == (3, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("include @SELF@\n", "does"),
        ("vrrp_instance V {\n virtual_router_id 5\n}\n", "has no interface"),
        ("vrrp_instance V {\n interface eth0\n}\n", "no virtual_router_id"),
        ("vrrp_instance V {\n interface eth0\n virtual_router_id 300\n}\n", "no virtual_router_id"),
        ("".join(f"vrrp_instance V{it} {{\n interface e\n virtual_router_id 1\n}}\n" for it in range(1001)), "at most"),
    ],
)
def test_what_cannot_be_understood_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, said: str
) -> None:
    """With its file and line."""
    path = tmp_path / "keepalived.conf"
    path.write_text(text.replace("@SELF@", str(path)), encoding="ascii")
    code, out, err = rehearse(capsys, f"lb1={path}", nodes("fault")[1])
    assert (code, out) == (3, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("count", "vips"), [(255, 1), (1, 10_000), (40, 250)])
def test_huge_configurations_end_in_bounded_time(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, count: int, vips: int
) -> None:
    """255 instances, 10 000 VIPs; and no password is ever shown."""
    for name, priority in (("lb1", 150), ("lb2", 100)):
        (tmp_path / name).write_text(instances(count, priority, vips), encoding="ascii")
    begun = time.process_time()
    words = [f"{name}={tmp_path}/{name}" for name in ("lb1", "lb2")]
    code, out, err = rehearse(capsys, *words, "--faults", "on lb1")
    assert (code, err) == (1, "")
    assert f"and {count * vips - 2} more" in out
    assert "s3cret" not in out + rehearse(capsys, *words, "--json")[1]
    assert time.process_time() - begun < 60  # 3 s where nothing else runs


@pytest.mark.parametrize("text", [b"", b"global_defs {\n}\n", "vrrp_instance V {".encode("utf-16"), b"listen web\n"])
def test_a_node_without_instances_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: bytes) -> None:
    """Another file than was meant must not pass for a pair whose faults are all open to choice."""
    path = tmp_path / "keepalived.conf"
    path.write_bytes(text)
    for words in ([f"lb1={path}", nodes("fault")[1]], [nodes("fault")[0], f"lb2={tmp_path}"]):
        code, out, err = rehearse(capsys, *words)
        assert (code, out) == (3, "")
        assert f"{path} of lb{1 + ('docs' in words[0])} has no vrrp_instance" in err


def test_what_was_expected_is_read_before_anything_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Also where it is of other nodes, and of any JSON."""
    path = tmp_path / "expected.json"
    path.write_text(rehearse(capsys, *nodes("fault"), "--json")[1], encoding="utf-8")
    other = ["x" + it[3:] for it in nodes("fault")[:1]] + nodes("fault")[1:]
    code, out, err = rehearse(capsys, *other, "--expect", str(path))
    assert (code, out) == (3, "")
    assert "it is of the nodes lb1, lb2, not of x, lb2; nothing was run" in err
    line = {"fault": 5, "vips": ["x", None], "during": [1], "after": [None], "verdict": None}
    path.write_text(json.dumps({"faults": [line]}), encoding="utf-8")
    code, _, err = rehearse(capsys, *nodes("fault"), "--expect", str(path))
    assert (code, "5: x: expected, and does not come up" in err) == (1, True)


def test_what_cannot_be_looked_at_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is too long, as any other error of the disk."""
    one, other = nodes("fault")
    name = "a" * 300
    code, out, err = rehearse(capsys, one, f"lb2={name}")
    assert (code, out) == (3, "")
    assert err.startswith(f"vipwarden rehearse: cannot read {name[:200]}")
    code, out, err = rehearse(capsys, one, other, "--html", name)
    assert (code, out) == (3, "")
    assert err.startswith(f"vipwarden rehearse: --html {name[:200]}")


def test_columns_are_even_whatever_the_names_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A Chinese character takes two columns, an accent none."""
    one, other = (it.partition("=")[2] for it in nodes("fault"))
    _, out, _ = rehearse(capsys, f"主机一={one}", f"e\u0301={other}", "--faults", "power")
    head, *rows = out.splitlines()[:3]
    wide = [sum(2 if it > "\u2fff" else it != "\u0301" for it in row.partition("192.0.2.10")[0]) for row in rows]
    assert wide == [head.index("VIP")] * 2


def test_an_answer_without_room_is_no_verdict(tmp_path: Path) -> None:
    """However long it is; and who closes the errors asks for the code alone."""
    faults = [*nodes("fast"), "--faults", "power"]
    for words in (["--json"], ["--json", *faults[2:]]):
        script = 'exec vipwarden rehearse --dry "$@" >/dev/full'
        ran = shell(tmp_path, script, *nodes("fast"), *words)
        assert (ran.code, ran.err) == (3, "vipwarden: cannot write the answer: No space left on device\n")
    script = 'exec vipwarden rehearse --dry "$@" 2>&-'
    assert shell(tmp_path, script, *faults).code == 0
