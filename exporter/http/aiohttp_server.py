"""How is the server of aiohttp loaded without its client, which takes 7 MB of memory?

``import aiohttp`` loads both. So the package is put into place without running its code, which runs when a name of it
is needed (PEP 562); the server's modules need only the version.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from typing import Any


def _without_client() -> None:
    spec = find_spec("aiohttp")
    if spec is None or spec.loader is None or "aiohttp" in sys.modules:
        return
    package, loader = module_from_spec(spec), spec.loader
    names = vars(package)

    def whole(name: str) -> Any:
        if name.startswith("__") or find_spec(f"aiohttp.{name}"):  # a module of it, which import then looks for
            raise AttributeError(name)
        names.pop("__getattr__", None)
        loader.exec_module(package)
        return getattr(package, name)

    names.update(__getattr__=whole, __version__="")
    sys.modules["aiohttp"] = package


_without_client()

from aiohttp.web_protocol import RequestHandler  # noqa: E402 - after the package is there
from aiohttp.web_request import BaseRequest  # noqa: E402
from aiohttp.web_response import Response, StreamResponse  # noqa: E402
from aiohttp.web_server import Server  # noqa: E402

__all__ = ["BaseRequest", "RequestHandler", "Response", "Server", "StreamResponse"]
