"""Is the web configuration of exporter-toolkit read as it reads it, and is what is wrong with it told?"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.http.web_config import Web, WebConfig
from exporter.http.words import Duration
from tests.exporter.http.certificates import HASH, Authority
from vipwarden.config.document import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def read(authority: Authority) -> Callable[[str], Web]:
    """Return what reads a text as a web configuration beside the certificates."""

    def work(text: str) -> Web:
        path = authority.folder / "web.yaml"
        path.write_text(text)
        return WebConfig(str(path), {}).web()

    return work


SERVER = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"


def test_nothing_is_asked_for_by_empty_sections(read: Callable[[str], Web]) -> None:
    """Neither by an empty mapping, which says so."""
    for text in (
        "{}\n",
        "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nrate_limit:\n",
        "tls_server_config: {}\n",
    ):
        assert read(text) == Web()


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "null\n"])
def test_a_file_without_a_word_is_refused(read: Callable[[str], Web], text: str) -> None:
    """It is what a full disk leaves of one that asked for TLS and passwords."""
    with pytest.raises(ConfigError, match=r"web\.yaml: is empty; for neither TLS nor passwords write {}"):
        read(text)


def test_every_key_of_the_toolkit_is_known(read: Callable[[str], Web]) -> None:
    """This is its own example, filled in, but for curve_preferences, which is refused."""
    web = read(
        SERVER + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n  client_allowed_sans:\n"
        "    - prometheus.test\n    - ::1\n  min_version: TLS12\n  max_version: TLS13\n  cipher_suites:\n"
        "    - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\n    - TLS_AES_128_GCM_SHA256\n"
        "  prefer_server_cipher_suites: false\n"
        "http_server_config:\n  http2: false\n  headers:\n    Content-Security-Policy: default-src 'self'\n"
        "    X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n    X-XSS-Protection: '1'\n"
        "    Strict-Transport-Security: max-age=31536000\n"
        f"basic_auth_users:\n  alice: {HASH}\n  bob: {HASH}\nrate_limit:\n  interval: 1s\n  burst: 20\n"
    )
    assert web.context is not None
    assert web.context.verify_mode == ssl.CERT_REQUIRED
    assert web.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert [one["name"] for one in web.context.get_ciphers() if one["protocol"] == "TLSv1.2"] == [
        "ECDHE-ECDSA-AES128-GCM-SHA256"
    ]
    assert not web.context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert web.sans == {"prometheus.test", "::1"}
    assert web.users == {b"alice": HASH.encode(), b"bob": HASH.encode()}
    assert web.headers["X-Frame-Options"] == "deny"
    assert len(web.headers) == 5
    assert (web.interval, web.burst) == (1, 20)


def test_certificates_may_stand_in_the_file_itself(read: Callable[[str], Web], authority: Authority) -> None:
    """In PEM, which no disk sees a second time."""
    lines = ["tls_server_config:", "  client_auth_type: RequireAndVerifyClientCert"]
    for key, path in (("cert", "server.crt"), ("key", "server.key"), ("client_ca", "ca.crt")):
        lines += [f"  {key}: |", *(f"    {line}" for line in (authority.folder / path).read_text().splitlines())]
    web = read("\n".join(lines) + "\n")
    assert web.context is not None
    assert len(web.context.get_ca_certs()) == 1


BAD = [
    (
        "surprise: 1\n",
        1,
        "surprise is not known; known are tls_server_config, http_server_config, basic_auth_users, rate_limit",
    ),
    ("checks: {}\n", 1, "checks is not known"),
    ("tls_server_config: 1\n", 1, "must be a mapping"),
    ("- tls_server_config\n", 1, "must be a mapping"),
    ("tls_server_config: {\n", 2, "is not YAML"),
    (f"{SERVER}  certfile: a\n", 4, "tls_server_config.certfile is not known"),
    (f"{SERVER}  cert: PEM\n", 2, "tls_server_config.cert_file stands beside cert"),
    ("tls_server_config:\n  min_version: TLS13\n", 1, "tls_server_config wants cert_file as well"),
    ("tls_server_config:\n  cert_file: server.crt\n", 1, "tls_server_config wants key_file as well"),
    (
        "tls_server_config:\n  cert_file: no.crt\n  key_file: server.key\n",
        2,
        "no.crt, which cannot be read: No such file",
    ),
    (
        "tls_server_config:\n  cert_file: server.crt\n  key_file: no.key\n",
        3,
        "no.key, which cannot be read: No such file",
    ),
    (
        "tls_server_config:\n  cert_file: server.crt\n  key_file: other.key\n",
        3,
        "key_file does not belong to cert_file",
    ),
    (
        "tls_server_config:\n  cert_file: server.key\n  key_file: server.key\n",
        2,
        "cert_file or key_file cannot be used: PEM is wanted",
    ),
    (
        "tls_server_config:\n  cert: nonsense\n  key_file: server.key\n",
        2,
        "cert or key_file cannot be used: PEM is wanted",
    ),
    ("tls_server_config:\n  cert_file: server.crt\n  key_file: locked.key\n", 3, "key_file is encrypted"),
    (f"{SERVER}  client_auth_type: Perhaps\n", 4, "client_auth_type is 'Perhaps', but NoClientCert, Verify"),
    (f"{SERVER}  client_auth_type: RequireAndVerifyClientCert\n", 4, "client_auth_type wants client_ca_file as well"),
    (f"{SERVER}  client_auth_type: VerifyClientCertIfGiven\n", 4, "client_auth_type wants client_ca_file as well"),
    (f"{SERVER}  client_ca_file: ca.crt\n", 4, "client_ca_file is not looked at by NoClientCert"),
    (f"{SERVER}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server.key\n", 5, "cannot be used"),
    (f"{SERVER}  client_allowed_sans: [a]\n", 4, "client_allowed_sans lets everybody in"),
    (
        f"{SERVER}  client_allowed_sans: [a]\n  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.crt\n",
        4,
        "client_allowed_sans lets everybody in who shows no certificate",
    ),
    (f"{SERVER}  min_version: TLS14\n", 4, "min_version is 'TLS14', but TLS10, TLS11, TLS12 or TLS13 is wanted"),
    (f"{SERVER}  min_version: TLS13\n  max_version: TLS12\n", 5, "max_version is TLS12, below min_version"),
    (
        f"{SERVER}  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n",
        4,
        "cipher_suites is 'TLS_RSA_WITH_RC4_128_SHA', but TLS_AES",
    ),
    (f"{SERVER}  cipher_suites: [TLS_AES_128_GCM_SHA256]\n  max_version: TLS12\n", 4, "suites of TLS 1.3 alone"),
    (f"{SERVER}  curve_preferences: [CurveP256]\n", 4, "Set 'Groups = X25519:P-256' in an openssl.cnf"),
    (f"{SERVER}  client_auth_type: RequestClientCert\n", 4, "is 'RequestClientCert', but any certificate would do"),
    (f"{SERVER}  client_auth_type: RequireAnyClientCert\n", 4, "use RequireAndVerifyClientCert with a client_ca_file"),
    (f"{SERVER}  client_auth_type: RequireClientCert\n", 4, "the clients' self-signed certificates themselves"),
    (f"{SERVER}  prefer_server_cipher_suites: maybe\n", 4, "wants true or false"),
    ("http_server_config:\n  http3: true\n", 2, "http_server_config.http3 is not known; known are http2, headers"),
    ("http_server_config:\n  http2: perhaps\n", 2, "http_server_config.http2 is 'perhaps', but wants true or false"),
    (
        "http_server_config:\n  headers:\n    Server: me\n",
        3,
        "headers.Server cannot be set; known are Strict-Transport",
    ),
    ("http_server_config:\n  headers:\n    X-Frame-Options: allow\n", 3, "'allow', but deny or sameorigin is wanted"),
    ('http_server_config:\n  headers:\n    X-XSS-Protection: "1\\r\\nX: y"\n', 3, "characters that are not allowed"),
    ("http_server_config:\n  headers: [a]\n", 2, "http_server_config.headers must be a mapping"),
    ("basic_auth_users:\n  alice: secret\n", 2, "basic_auth_users.alice is no bcrypt hash"),
    ("basic_auth_users:\n  alice: [a]\n", 2, "basic_auth_users.alice wants one value"),
    (f"basic_auth_users:\n  'a:b': {HASH}\n", 2, "basic_auth_users.a:b has a colon"),
    (f"basic_auth_users:\n  alice: {HASH}\n  alice: {HASH}\n", 3, "basic_auth_users.alice is given twice"),
    (f"basic_auth_users:\n  alice: {HASH.replace('$04$', '$31$')}\n", 2, "has the cost 31: from 4 to 16"),
    ("rate_limit:\n  interval: soon\n  burst: 1\n", 2, "rate_limit.interval is 'soon', but a time is written"),
    ("rate_limit:\n  interval: 1s\n  burst: 0\n", 1, "rate_limit.burst must be at least 1"),
]


@pytest.mark.parametrize(("text", "line", "said"), BAD)
def test_what_is_wrong_is_told_with_file_line_and_key(
    read: Callable[[str], Web], authority: Authority, text: str, line: int, said: str
) -> None:
    """And never with a secret in it."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value).startswith(f"{authority.folder}/web.yaml:{line}: ")
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_key_that_everybody_can_read_is_warned_of(read: Callable[[str], Web], authority: Authority) -> None:
    """With what to do."""
    key = authority.folder / "server.key"
    key.chmod(0o640)
    assert read(SERVER).warnings == ()
    key.chmod(0o644)
    assert read(SERVER).warnings == (f"{key} can be read by everybody: chmod o= it",)


def test_http2_is_told_not_to_be_there(read: Callable[[str], Web]) -> None:
    """A file that is shared with other exporters is no error."""
    assert "http2 is not spoken here" in read("http_server_config:\n  http2: true\n").warnings[0]


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("1s", 1), ("500ms", 0.5), ("1m30s", 90), ("1.5s", 1.5), ("250us", 0.00025)]
)
def test_times_are_written_as_go_does(text: str, seconds: float) -> None:
    """With units."""
    assert Duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["1", "s", "1 s", "-1s", "1s1", "25h", "1e3s", ""])
def test_other_times_are_refused(text: str) -> None:
    """Also the bare numbers that might be seconds or nanoseconds."""
    with pytest.raises(ValueError, match="a time is written as"):
        Duration(text)


_KEYS = ["tls_server_config", "cert_file", "key_file", "client_auth_type", "client_allowed_sans", "min_version"]
_KEYS += [
    "http_server_config",
    "headers",
    "http2",
    "basic_auth_users",
    "rate_limit",
    "interval",
    "burst",
    "X-Frame-Options",
]
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["server.crt", "server.key", "TLS12", "NoClientCert", HASH, "1s", "deny", "/dev/zero", "/", "."])
)
_TREES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_TREES | st.text())
def test_any_file_at_all_is_read_or_refused(read: Callable[[str], Web], tree: object) -> None:
    """By nothing but a ConfigError."""
    import yaml

    text = tree if isinstance(tree, str) else yaml.safe_dump(tree, allow_unicode=True)
    with suppress(ConfigError):
        read(text.encode("utf-8", "replace").decode())
