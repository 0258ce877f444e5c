"""Are the pages whole: no dead link, no page that nobody finds, and the Chinese ones with the same examples?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.commands import CODE
from tests.docs.pages import ALL, blocks, dead, links
from vipwarden.core.registry import names

if TYPE_CHECKING:
    from pathlib import Path

_ENGLISH = {
    CODE / "README.zh-CN.md": CODE / "README.md",
    **{page: CODE / "docs" / page.name for page in sorted(CODE.glob("docs/zh-CN/*.md"))},
}


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(CODE)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the tree, and to a heading that is there."""
    assert dead(page) == []


def test_the_index_has_every_page() -> None:
    """So that nobody has to look for one."""
    index = CODE / "docs" / "README.md"
    found = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    known = {page for page in ALL if "docs" in page.parts and "zh-CN" not in page.parts}
    assert known - found - {index} == set()


def test_every_chinese_page_has_an_english_one_and_both_know_each_other() -> None:
    """And the other way round."""
    for chinese, english in _ENGLISH.items():
        assert english.exists(), chinese
        assert (chinese.parent / links(chinese)[0]).resolve() == english, (
            f"{chinese}: the first link is the English page"
        )
        assert any((english.parent / link).resolve() == chinese for link in links(english)), english


@pytest.mark.parametrize("chinese", _ENGLISH, ids=lambda page: str(page.relative_to(CODE)))
def test_the_chinese_examples_are_the_english_ones(chinese: Path) -> None:
    """Block by block, but for the comments in them."""
    english = _ENGLISH[chinese]
    mine, theirs = ([_bare(one.text) for one in blocks(pages=[page])] for page in (chinese, english))
    assert mine == theirs


def _bare(text: str) -> list[str]:
    return [re.sub(r"\s+#.*", "", line) for line in text.splitlines()]


def test_the_packages_of_the_page_are_those_that_are_built() -> None:
    """By RPM and by Debian."""
    page = (CODE / "docs" / "install.md").read_text("utf-8")
    first = page.partition("`/etc/")[0]  # the table of the packages; others name units
    named = set(re.findall(r"^\| `([a-z-]+)` \|", first, re.MULTILINE))
    spec = (CODE / "packaging" / "rpm" / "vipwarden.spec").read_text("utf-8")
    control = (CODE / "packaging" / "deb" / "debian" / "control").read_text("utf-8")
    subs = re.findall(r"^%package (-n )?(\S+)", spec, re.MULTILINE)
    assert named == {"vipwarden"} | {name if whole else f"vipwarden-{name}" for whole, name in subs}
    assert named == set(re.findall(r"^Package: (\S+)", control, re.MULTILINE))


def test_every_check_has_its_page() -> None:
    """Which the overview of the checks knows."""
    overview = CODE / "docs" / "checks" / "README.md"
    assert {f"{name}.md" for name in names()} <= set(links(overview))
    assert all((overview.parent / f"{name}.md").exists() for name in names())


@pytest.mark.parametrize("chinese", _ENGLISH, ids=lambda page: str(page.relative_to(CODE)))
def test_the_chinese_pages_name_the_same_commands(chinese: Path) -> None:
    """What stands between backticks in the tables, which are alike line by line."""
    mine, theirs = (_cells(page) for page in (chinese, _ENGLISH[chinese]))
    assert len(mine) == len(theirs)
    assert len(links(chinese)) == len(links(_ENGLISH[chinese]))
    for one, other in zip(mine, theirs, strict=True):
        assert one == other


def _cells(page: Path) -> list[list[str]]:
    lines = [line for line in page.read_text("utf-8").splitlines() if line.startswith("|")]
    return [sorted(re.findall(r"`[^`]+`", line)) for line in lines]
