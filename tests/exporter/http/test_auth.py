"""Who is let in by name and password, and what does it cost?"""

from __future__ import annotations

import asyncio
import base64
import time
from statistics import median
from typing import TYPE_CHECKING

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.http import auth
from exporter.http.auth import Passwords
from tests.exporter.http.certificates import HASH, PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Callable


def basic(name: str, password: str) -> str:
    """Return the header that a client sends."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


RIGHT = basic(USER, PASSWORD)


def users(**others: str) -> Passwords:
    """Return a user, and perhaps others."""
    return Passwords({name.encode(): stored.encode() for name, stored in {USER: HASH, **others}.items()})


def admitted(header: str | None) -> bool:
    """Ask once."""
    return asyncio.run(users().admit(header))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Count how often a hash is computed; it is computed all the same."""
    calls: list[bytes] = []
    real = auth.matches

    def count(password: bytes, stored: bytes) -> bool:
        calls.append(stored)
        return real(password, stored)

    monkeypatch.setattr(auth, "matches", count)
    return calls


_LONG = bcrypt.hashpw(b"x" * 72, b"$2b$04$abcdefghijklmnopqrstuu")


@pytest.mark.parametrize(
    ("password", "stored", "answer"),
    [
        (b"U*U", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", True),
        (b"fakepassword", b"$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi", True),
        (b"Fakepassword", b"$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi", False),
        (b"fakepassword\0", b"$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi", False),
        (b"", HASH.encode(), False),
        (b"\0", HASH.encode(), False),
        # bcrypt looks at 72 bytes, as Go's does
        (b"x" * 72, _LONG, True),
        (b"x" * 90, _LONG, True),
        (b"x" * 71, _LONG, False),
    ],
)
def test_hashes_of_others_are_understood(password: bytes, stored: bytes, answer: bool) -> None:
    """The second is the one that exporter-toolkit has for users whom it does not know."""
    assert auth.matches(password, stored) is answer


@pytest.mark.parametrize("header", [RIGHT, RIGHT.replace("Basic", "bAsIc"), RIGHT.replace(" ", "   ")])
def test_the_right_password_is_let_in(header: str) -> None:
    """Whatever the case of the scheme; the password has a colon, a space and an umlaut."""
    assert admitted(header)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic é",
        "Bearer " + RIGHT.partition(" ")[2],
        "Basic " + base64.b64encode(USER.encode()).decode(),
        RIGHT[:-4],
        RIGHT + RIGHT,
        basic(USER, ""),
        basic(USER, PASSWORD + "x"),
        basic(USER, PASSWORD[:-1]),
        basic(USER, PASSWORD + "\0"),
        basic("", PASSWORD),
        basic(USER.upper(), PASSWORD),
        basic("nobody", PASSWORD),
        basic(USER, HASH),
    ],
)
def test_nobody_else_is(header: str | None) -> None:
    """Broken headers are as good as none."""
    assert not admitted(header)


@given(st.text())
def test_no_header_breaks_it(header: str) -> None:
    """None that is guessed opens it either."""
    assert not admitted(header)


def test_everybody_is_let_in_where_there_are_no_users() -> None:
    """With and without a header."""
    assert asyncio.run(Passwords({}).admit(None))
    assert asyncio.run(Passwords({}).admit(RIGHT))


def test_a_password_is_computed_once_and_then_remembered(computed: list[bytes]) -> None:
    """A hundred at once cost one computation, and a thousand later ones none; wrong ones too."""

    async def ask() -> None:
        passwords = users()
        wrong = basic(USER, "wrong")
        assert all(await asyncio.gather(*(passwords.admit(RIGHT) for _ in range(100))))
        assert not any(await asyncio.gather(*(passwords.admit(wrong) for _ in range(100))))
        for _ in range(1000):
            assert await passwords.admit(RIGHT)
            assert not await passwords.admit(wrong)

    asyncio.run(ask())
    assert len(computed) == 2


def test_wrong_passwords_do_not_drive_out_the_right_one(computed: list[bytes]) -> None:
    """Nor is more remembered than some."""

    async def ask() -> None:
        passwords = users()
        assert await passwords.admit(RIGHT)
        for number in range(150):
            assert not await passwords.admit(basic(USER, str(number)))
        before = len(computed)
        assert await passwords.admit(RIGHT)
        assert len(computed) == before
        assert not await passwords.admit(basic(USER, "0"))
        assert len(computed) == before + 1
        assert [len(known) for known in passwords._remembered.values()] == [1, 100]

    asyncio.run(ask())


def test_the_right_password_gets_in_through_a_flood_of_wrong_ones(computed: list[bytes]) -> None:
    """Who comes from an address that was never wrong waits for one computation at most, the others for their turn."""

    async def ask() -> int:
        passwords = users()
        flood = [asyncio.create_task(passwords.admit(basic(USER, str(number)), "192.0.2.66")) for number in range(100)]
        await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
        assert await passwords.admit(RIGHT, "192.0.2.1")
        needed = len(computed)
        same = users()
        flood += [asyncio.create_task(same.admit(basic(USER, str(number)), "192.0.2.66")) for number in range(100)]
        await asyncio.sleep(0)
        assert await same.admit(RIGHT, "192.0.2.66")
        assert not any(await asyncio.gather(*flood))
        return needed

    assert asyncio.run(ask()) < 20


def test_nothing_is_computed_for_who_has_gone(computed: list[bytes]) -> None:
    """Thousands may come and go while one password is looked at."""

    async def ask() -> None:
        passwords = users()
        gone = [passwords.admit(basic(USER, str(number)), "192.0.2.66", lambda: False) for number in range(1000)]
        assert not any(await asyncio.gather(*gone))
        assert await passwords.admit(RIGHT)
        assert not passwords._askers
        assert not passwords._checks
        assert not passwords._turns._waiting

    asyncio.run(ask())
    assert len(computed) == 1


def test_who_was_right_is_remembered_when_the_users_are_read_again(computed: list[bytes]) -> None:
    """As long as his hash stays the same."""
    other = "$2y$04$abcdefghijklmnopqrstuu.vOlvgxHMxUoH51IAJcjXqTifDlUPhX"

    async def ask() -> None:
        passwords = users()
        assert await passwords.admit(RIGHT)
        again = passwords.of({**passwords.users, b"other": HASH.encode()})
        assert await again.admit(RIGHT)
        assert len(computed) == 1
        assert not await again.of({USER.encode(): other.encode()}).admit(RIGHT)
        assert not await again.of({b"other": HASH.encode()}).admit(RIGHT)

    asyncio.run(ask())


def test_a_user_who_is_not_known_costs_as_much_as_one_who_is() -> None:
    """Else the time would tell the names; with the cost of the dearest hash there is."""
    dear = "$2y$08$" + "." * 53

    async def seconds(passwords: Passwords, name: str, password: str) -> float:
        begun = time.process_time()
        assert not await passwords.admit(basic(name, password))
        return time.process_time() - begun

    async def ask() -> tuple[float, float]:
        passwords = users(other=dear)
        known, unknown = [], []
        for number in range(9):
            known.append(await seconds(passwords, "other", str(number)))
            unknown.append(await seconds(passwords, "nobody", str(number)))
        return median(known), median(unknown)

    known, unknown = asyncio.run(ask())
    assert 0.6 < known / unknown < 1.7


@pytest.mark.parametrize(
    "costly", [lambda hash_: hash_.replace("$04$", "$17$"), lambda hash_: hash_.replace("$04$", "$03$")]
)
def test_a_hash_must_have_a_cost_that_can_be_paid(costly: Callable[[str], str]) -> None:
    """From a millisecond to some seconds."""
    with pytest.raises(ValueError, match="from 4 to 16"):
        auth.cost(costly(HASH).encode())
