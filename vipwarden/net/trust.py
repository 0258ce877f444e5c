"""Which certificates does a client trust? Settings of TLS by CA file, shared by all runs."""

from __future__ import annotations

import ssl
from posix import stat
from time import monotonic

from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net

_CONTEXT_LIFE = 60.0  # seconds
_MOST_CONTEXTS = 1000
_LOOK = 5.0  # seconds between two looks of an agent whether a CA file has changed
_contexts: dict[tuple[str | None, bool, bool, bool], tuple[float, int, float, ssl.SSLContext]] = {}
# The same on every Python, so that an upgrade takes no server out of service: 3.13 demands more of certificates than
# RFC 5280 does of their readers (VERIFY_X509_STRICT), and trusts an intermediate in a CA file without its root.
_FLAGS = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN


def by_policy(context: ssl.SSLContext) -> ssl.SSLContext:
    """Set TLS 1.2 as the least version of a client, and the policy of docs/security.md for certificates."""
    context.verify_flags = _FLAGS
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    return context


async def context(
    net: Net, ca_file: str | None = None, insecure: bool = False, *, check_name: bool = True, judges: bool = False
) -> ssl.SSLContext:
    """Return client_context(), but give up at the deadline where a file does not answer; raises NetError."""
    if ca_file is not None:
        made = _contexts.get((ca_file, insecure, check_name, judges))
        if made is not None and monotonic() < made[2]:
            return made[3]
        await readable(net, ca_file)
        return await net.beside(ca_file, lambda: client_context(ca_file, insecure, check_name, judges))
    return client_context(ca_file, insecure, check_name, judges)


async def readable(net: Net, *paths: str | None) -> None:
    """Check that files answer before OpenSSL reads them; raises NetError (stuck) for a file that does not."""
    for path in paths:
        try:
            if path:
                await net.file(path, 0)
        except NetError:
            raise
        except OSError:
            pass  # OpenSSL will say so


def client_context(
    ca_file: str | None = None, insecure: bool = False, check_name: bool = True, judges: bool = False
) -> ssl.SSLContext:
    """Return the settings of a client; callers share them and must not change them.

    It trusts the system's CAs or those of ``ca_file``; ``insecure`` verifies nothing; ``judges`` is for
    certificate.verify(). Raises NetError (local) where the CA file cannot be read. Reading CAs takes ten milliseconds,
    so it is done once a minute, or when the file changes.
    """
    try:
        now = monotonic()
        key = (ca_file, insecure, check_name, judges)
        changed = stat(ca_file).st_mtime_ns if ca_file else 0
        made = _contexts.get(key)
        if made is None or made[0] < now or made[1] != changed:
            context = by_policy(ssl.create_default_context(cafile=ca_file))
            if judges:  # up to TLS 1.2 certificates come in clear
                context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
            if insecure or not check_name:
                context.check_hostname = False
            if insecure:
                context.verify_mode = ssl.CERT_NONE
            if len(_contexts) >= _MOST_CONTEXTS:
                _contexts.clear()
            made = (now + _CONTEXT_LIFE, changed, 0.0, context)
        made = _contexts[key] = (*made[:2], now + _LOOK, made[3])
    except OSError as error:  # ssl.SSLError is one
        raise NetError("local", f"cannot read CA certificates from {ca_file}: {error.strerror or error}") from None
    return made[3]
