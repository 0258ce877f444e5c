"""Do the examples of the documentation run, and say what is printed below them?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.commands import CODE
from tests.docs.node import Node, node
from tests.docs.pages import RUN, Block, blocks, normal, pattern, prose

if TYPE_CHECKING:
    from collections.abc import Iterator

_CUT = "@@ next @@"
_OURS = ("dnf", "apt", "pipx", "systemctl", "make", "install")  # checked elsewhere: they change a node
# what a block leaves out that stands around it in keepalived.conf
_SERVICE = "virtual_server 192.0.2.10 80 {{\nlvs_sched wrr\nlvs_method DR\nprotocol TCP\n{}\n}}"
_SERVER = _SERVICE.replace("{}", "real_server 192.0.2.11 80 {{\n{}\n}}")
_AROUND = {"MISC_CHECK": _SERVER, "HTTP_GET": _SERVER, "real_server": _SERVICE}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Give the node that the documentation speaks of."""
    with node(tmp_path_factory.mktemp("docs")) as made:
        yield made


def cases(*kinds: str) -> pytest.MarkDecorator:
    """Run a test for each block of some kinds."""
    return pytest.mark.parametrize("block", [pytest.param(one, id=str(one)) for one in blocks(*kinds)])


@cases("console")
def test_a_session_is_as_it_is_printed(example: Node, block: Block) -> None:
    """Each command with its output; "..." stands for the rest of a line, and alone for any lines."""
    typed = [("", "")]
    for line in block.text.splitlines():
        if line.startswith(("$ ", "> ")):
            command, said = typed.pop() if line[0] == ">" else ("", "")
            typed.append((f"{command}\n{line[2:]}".strip(), said))
        else:
            typed[-1] = (typed[-1][0], f"{typed[-1][1]}{line}\n")
    configure(example, block)
    script = "".join(f"{command}\necho '{_CUT}'\n" for command, _ in typed[1:])
    came = example.run(f"rm -rf /run/vipwarden/verdict\n{script}").out.split(f"{_CUT}\n")
    assert len(came) == len(typed), came[-1]
    for (command, wanted), got in zip(typed[1:], came, strict=False):
        assert re.fullmatch(pattern(wanted), normal(got)), f"{block}: {command}\n{got}\nnot\n{wanted}"


def configure(example: Node, block: Block) -> None:
    """Give the node the configuration that stands above an example on its page."""
    example.serve(block.page.stem)
    above = [one.text for one in blocks("yaml", pages=[block.page]) if one.line < block.line]
    example.write("/etc/vipwarden/vipwarden.yaml", "".join(text for text in above[-1:] if "scrape_configs" not in text))


@cases("sh")
def test_a_script_succeeds(example: Node, block: Block) -> None:
    """Each of its commands, but for those that change a node."""
    configure(example, block)
    lines = [line for line in block.text.splitlines() if not line.startswith(_OURS)]
    ran = example.run("set -e\n" + "\n".join(lines))
    assert ran.code == 0, f"{block}\n{ran.out}"


@cases("keepalived")
def test_keepalived_takes_the_block(example: Node, block: Block) -> None:
    """With its scripts where they are installed, and nothing to remark."""
    first = block.text.split()[0]
    text = _AROUND.get(first, "{}").format(block.text)
    if "global_defs" not in text:
        text = f"global_defs {{\nenable_script_security\nscript_user root\n}}\n{text}"
    example.write("/etc/keepalived/example.conf", text)
    ran = example.run("keepalived -t -f /etc/keepalived/example.conf")
    assert (ran.code, ran.out) == (0, ""), f"{block}\n{ran.out}"


@cases("yaml")
def test_the_configuration_is_one(example: Node, block: Block) -> None:
    """For the agent, the exporter and both together, or for Prometheus."""
    if "scrape_configs:" in block.text:
        example.write("/run/prometheus.yml", block.text)
        ran = example.run("promtool check config --syntax-only /run/prometheus.yml")
        assert ran.code == 0, f"{block}\n{ran.out}"
        return
    example.write("/etc/vipwarden/vipwarden.yaml", block.text)
    for part in ("agent", "exporter", "run"):
        ran = example.run(f"vipwarden {part} --check-config")
        assert ran.code == 0, f"{block}\n{ran.out}"
        assert ran.out.endswith((" nothing wrong\n", " no mistakes\n"))  # files of another node are missing


def test_every_block_has_a_kind_that_is_checked() -> None:
    """What is only to be read says so."""
    known = {"console", "sh", "keepalived", "yaml", "text", "sql", "ini"}
    assert [str(block) for block in blocks() if block.kind not in known] == []


@cases("sh")
def test_what_is_installed_and_started_is_there(block: Block) -> None:
    """Units are in packaging/systemd, and targets in the Makefile."""
    for line in block.text.splitlines():
        words = line.split()
        if line.startswith("systemctl"):
            for unit in (word for word in words if word.startswith("vipwarden")):
                name = re.sub(r"@.*", "@", unit).removesuffix(".service")
                assert list((CODE / "packaging" / "systemd").glob(f"{name}.*")), f"{block}: {unit}"
        if line.startswith("make"):
            assert re.search(rf"^{words[1]}:", (CODE / "Makefile").read_text("utf-8"), re.MULTILINE), f"{block}: {line}"


def test_the_track_file_of_the_readme_is_written(example: Node) -> None:
    """1 while the port is open, and 0 when the agent has gone without another one to come."""
    (checks,) = (block for block in blocks("yaml", pages=[CODE / "README.md"]) if "checks:" in block.text)
    example.write("/etc/vipwarden/vipwarden.yaml", f"{checks.text}agent:\n  restart_grace: 0.1\n")
    with example.running("vipwarden", "agent"):
        example.must_come("grep -qx '1 *' /run/vipwarden/track/web")
    example.must_come("grep -qx '0 *' /run/vipwarden/track/web || [ ! -e /run/vipwarden/track/web ]")


def test_make_run_serves_the_page_and_the_metrics(example: Node) -> None:
    """With what is set up already, and without a configuration."""
    example.run("rm -f /etc/vipwarden/vipwarden.yaml")
    with example.running("make", "-C", str(CODE), "-o", "setup", "run"):
        example.must_come("curl -sf http://127.0.0.1:9877/ && curl -sf http://127.0.0.1:9877/metrics")
        said = example.run("curl -s http://127.0.0.1:9877/metrics").out
        example.run("kill $(cat /run/vipwarden/run.pid)")
    assert "keepalived_vip_held{" in said
    assert "haproxy_up 1" in said


_OWN = re.compile(
    r"`((?:chk|check)_\w+ -[^`]*"
    r"|vipwarden (?:check|genhash) [^`]*-[^`]*)`"
)


def commands() -> list[str]:
    """Return the commands that stand in between, and are whole."""
    spans = {span for page in RUN for span in _OWN.findall(prose(page))}
    return sorted(span for span in spans if not re.search(r"[A-Z]{3}|\.\.\.", span))


@pytest.mark.parametrize("command", commands())
def test_a_command_in_between_succeeds(example: Node, command: str) -> None:
    """As it stands there."""
    ran = example.run(command)
    assert ran.code == 0, ran.out
