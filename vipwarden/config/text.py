"""What are the nodes of a YAML file, or where is it no YAML?"""

from __future__ import annotations

import yaml

TAG = "tag:yaml.org,2002:"
_MOST_BYTES = 4 << 20


class TextError(ValueError):
    """This is no YAML; the text begins with the path and the line."""


def read(path: str) -> str:
    """Return the text of a file; raises TextError."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path from the operator
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise TextError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > _MOST_BYTES:
        raise TextError(f"{path}: is longer than {_MOST_BYTES >> 20} MiB")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TextError(f"{path}:{line}: is not UTF-8 text: {error.reason}") from None


def compose(path: str, text: str) -> yaml.Node | None:
    """Return the top node of a text, None for an empty text; raises TextError."""
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise TextError(f"{path}:{line}: is not YAML: a character that it does not allow") from None
    try:
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line, problem = (error.problem_mark or loader).line, str(error.problem)
        if "'\\t'" in problem:
            problem = "a tab, where YAML takes only blanks"
    except RecursionError:
        line, problem = loader.line, "nested too deeply"
    except (ValueError, OverflowError) as error:  # by PyYAML, for an escape or version out of range
        line, problem = loader.line, str(error)
    raise TextError(f"{path}:{line + 1}: is not YAML: {problem}")


def is_null(node: yaml.Node) -> bool:
    """Return whether a node is empty."""
    return isinstance(node, yaml.ScalarNode) and node.tag == TAG + "null"
