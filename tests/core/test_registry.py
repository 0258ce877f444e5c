"""Is every check found by its name, and nothing else?"""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import checks
from vipwarden.core.options import UsageError
from vipwarden.core.registry import load, names

FOLDER = Path(checks.__file__).parent


def test_every_module_in_the_folder_is_a_check() -> None:
    """But the package itself; folders are none."""
    assert names() == sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
    assert "port" in names()


@pytest.mark.parametrize("name", names())
def test_a_check_is_one_coroutine_function_of_the_modules_name(name: str) -> None:
    """It takes the network first and alone by position, and answers the question of its file."""
    function = load(name)
    assert inspect.iscoroutinefunction(function)
    assert (function.__name__, function.__module__) == (name, f"checks.{name}")
    first, *rest = inspect.signature(function).parameters.values()
    assert (first.name, first.kind) == ("net", first.POSITIONAL_OR_KEYWORD)
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in rest)
    module = inspect.getmodule(function)
    assert module is not None
    for text in (module.__doc__, function.__doc__):
        assert (text or "").splitlines()[0].endswith("?")


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "core", "core.net", "node", "protocol", "__init__", "_port", "../port", "core/net",
        "./port", "/port", "port.py", "port ", " port", "Port", "PORT", "port\x00", "port\n", "checks.port", "os",
        "nix", "\udcff", "p\u00f6rt", "\uff50ort", "x" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_check_is_refused_with_the_list_of_those_that_are(name: str) -> None:
    """Whatever else could be imported by that name, or lies beside the checks."""
    with pytest.raises(UsageError) as refused:
        load(name)
    assert str(refused.value) == f"there is no check {name!r}; there are {', '.join(names())}"


@given(st.text(st.characters(codec=None)))
def test_no_name_breaks_the_search(name: str) -> None:
    """It is one of the checks or refused."""
    if name not in names():
        with pytest.raises(UsageError):
            load(name)
