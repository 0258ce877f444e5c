"""What is vendored, from where, under which licence? A list in SPDX 2.3 (JSON) of the wheels that a package carries."""

from __future__ import annotations

import ast
import json
import os
import zipfile
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wheels import Wheel

_SOURCE = Path(__file__).resolve().parent.parent
_HOME = "https://pypi.org/project"
# by the words of those that do not use the identifiers of SPDX, or of two that a classifier alone tells
_WORDS = {"Apache 2.0": "Apache-2.0", "License :: OSI Approved :: BSD License": "BSD-3-Clause"}


def version() -> str:
    """Return the version of the code."""
    for statement in ast.parse((_SOURCE / "vipwarden" / "__init__.py").read_text()).body:
        if isinstance(statement, ast.Assign):
            return str(ast.literal_eval(statement.value))
    raise SystemExit("vipwarden/__init__.py names no version")


def licence(wheel: Wheel) -> str:
    """Return the licence of a wheel as an expression of SPDX."""
    with zipfile.ZipFile(wheel.path) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        data = HeaderParser().parsestr(archive.read(name).decode())
    text = data["License-Expression"] or data["License"]
    if text is None:
        text = next(line for line in data.get_all("Classifier", ()) if line.startswith("License ::"))
    return _WORDS.get(text, text)


def sbom(wheels: list[Wheel]) -> str:
    """Return the document; its time is that of $SOURCE_DATE_EPOCH, so that it is the same in every build."""
    time = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    own = {
        "SPDXID": "SPDXRef-vipwarden",
        "name": "vipwarden",
        "versionInfo": version(),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseDeclared": "Apache-2.0",
    }
    carried = [
        {
            "SPDXID": f"SPDXRef-{wheel.name}",
            "name": wheel.name,
            "versionInfo": wheel.version,
            "packageFileName": wheel.path.name,
            "downloadLocation": f"{_HOME}/{wheel.name}/{wheel.version}/",
            "filesAnalyzed": False,
            "checksums": [{"algorithm": "SHA256", "checksumValue": wheel.digest}],
            "licenseDeclared": licence(wheel),
            "externalRefs": [
                {
                    "referenceCategory": "PACKAGE-MANAGER",
                    "referenceType": "purl",
                    "referenceLocator": f"pkg:pypi/{wheel.name}@{wheel.version}",
                }
            ],
        }
        for wheel in wheels
    ]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"vipwarden-{version()}",
        "documentNamespace": f"urn:vipwarden:sbom:{version()}",
        "creationInfo": {"created": f"{time:%Y-%m-%dT%H:%M:%SZ}", "creators": ["Tool: vipwarden-packaging"]},
        "packages": [own, *carried],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": own["SPDXID"]},
            *(
                {"spdxElementId": own["SPDXID"], "relationshipType": "CONTAINS", "relatedSpdxElement": one["SPDXID"]}
                for one in carried
            ),
        ],
    }
    return json.dumps(document, indent=1) + "\n"
