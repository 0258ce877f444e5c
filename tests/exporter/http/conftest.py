"""Who makes certificates for the tests?"""

from __future__ import annotations

import pytest

from tests.exporter.http.certificates import Authority, openssl


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority, with certificates server and other."""
    made = Authority(tmp_path_factory.mktemp("tls"))
    made.sign("server")
    other = made.sign("other")
    openssl(
        "pkey", "-in", str(other.key), "-aes256", "-passout", "pass:secret", "-out", str(made.folder / "locked.key")
    )
    return made
