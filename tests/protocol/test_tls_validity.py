"""Is the end of a certificate the same as for the ssl module?"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.net.stream import NetError
from vipwarden.protocol.tls.validity import Certificate, certificates, seconds

if TYPE_CHECKING:
    import datetime as dt


@given(st.dates(), st.times())
def test_a_time_is_that_of_the_ssl_module(day: dt.date, time: dt.time) -> None:
    """For each day that a certificate can have (RFC 5280, section 4.1.2.5)."""
    text = f"{day:%b} {day.day:2} {time:%H:%M:%S} {day.year:04} GMT"
    assert seconds(text) == ssl.cert_time_to_seconds(text)


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["Jan", "anF", "1", "x", "1:2:3", ":", "2020", "GMT"])).map(" ".join)
)
def test_what_is_no_time_is_an_error_of_the_peer(text: str) -> None:
    """Never of ours."""
    try:
        Certificate({"notAfter": text})
    except ValueError:
        with pytest.raises(NetError, match="no readable end"):
            certificates([{"notAfter": text}], "it")


def test_the_names_of_a_certificate() -> None:
    """Its common name, else an alternative one, without control characters."""
    until = {"notAfter": "Jan  5 09:34:43 2018 GMT"}
    subject = ((("organizationName", "Example"),), (("commonName", "a\x1b[2J"),))
    made = Certificate(
        {**until, "subject": subject, "issuer": subject[:1], "subjectAltName": (("DNS", "b"), ("URI", "c"))}
    )
    assert (made.name, made.issuer, made.names, made.end) == ("a [2J", "Example", ["b"], "2018-01-05 09:34 UTC")
    assert Certificate({**until, "subjectAltName": (("IP Address", "192.0.2.1"),)}).name == "192.0.2.1"
    assert Certificate(until).name == "no name"
    with pytest.raises(NetError, match="it sent no certificate"):
        certificates([], "it")
