"""How is an element of the page made? All texts and attributes are escaped when it is written."""

from __future__ import annotations

from typing import TypeAlias
from xml.etree.ElementTree import Element, SubElement, tostring

from vipwarden.core.result import one_line

Node: TypeAlias = "Element[str]"
_LONGEST = 500


def root(tag: str, /, **attributes: str) -> Node:
    """Return an element that stands in no other; ``class_`` is the attribute ``class``."""
    return Element(tag, _named(attributes))


def add(parent: Node, tag: str, text: str = "", /, **attributes: str) -> Node:
    """Add an element with a text, as one bounded line without control characters."""
    made = SubElement(parent, tag, _named(attributes))
    if text:
        made.text = one_line(text, _LONGEST)
    return made


def after(child: Node, text: str) -> None:
    """Put a text behind an element."""
    child.tail = f" {one_line(text, _LONGEST)} "


def written(page: Node) -> str:
    """Return the text of a page."""
    return "<!doctype html>\n" + tostring(page, encoding="unicode", method="html") + "\n"


def _named(attributes: dict[str, str]) -> dict[str, str]:
    return {key.rstrip("_").replace("_", "-"): one_line(value, _LONGEST) for key, value in attributes.items()}
