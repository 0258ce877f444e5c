"""Which check asks what a command of the tutorials asks?

A command is known as a whole or not at all: an option that is not listed here may change what it means.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from convert.wanted import Asked, LeftError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convert.wanted import Value

_LONGEST = 1000
UNKNOWN = "convert does not know what it does"
_QUIET = re.compile(r"\s*(?:&>|[12]?>>?|>&)\s*(?:/dev/null|&[12])")
_NAME = r"(?P<name>[A-Za-z0-9_.@+-]+)"
_HOST = r"(?P<host>[A-Za-z0-9_.:-]+)"
_PORT = r"(?P<port>[0-9]{1,5})"
_FOLDER = r"(?:/[\w./-]*/)?"
_PS = rf"ps\s+-C\s*{_NAME}(?:\s+(?:--no-head(?:ers?|ing)|-?h|-o\s*\S+))*"
_LIST = r"ps\s+-?(?:ef|aux|A|e|ax)"
_COUNTS = (  # what they print is 0 where there is no such process
    rf"{_PS}\s*\|\s*wc\s+-l",
    rf"{_LIST}\s*\|\s*grep\s+(?:-\w+\s+)?{_NAME}\s*\|\s*grep\s+-v\s+(?:\")?grep(?:\")?\s*\|\s*wc\s+-l",
    rf"{_LIST}\s*\|\s*grep\s+-v\s+grep\s*\|\s*grep\s+(?:-c\s+{_NAME}|(?:-\w+\s+)?(?P<name2>[\w.@+-]+)\s*\|\s*wc\s+-l)",
    rf"pidof\s+{_NAME}\s*\|\s*wc\s+-[wl]",
    rf"pgrep\s+(?:-[xc]\s+)*{_NAME}(?:\s*\|\s*wc\s+-l)?",
)
_PROCESS = (  # they exit with 0 where there is one
    rf"{_FOLDER}(?:killall|pkill)\s+-(?:0|s\s+0)\s+(?:-q\s+)?{_NAME}",
    rf"{_FOLDER}pidof\s+(?:-[sqx]\s+)*{_NAME}",
    rf"{_FOLDER}pgrep\s+(?:-[xq]\s+)*{_NAME}",
    rf"{_PS}",
)
_PIDFILE = r"kill\s+-0\s+(?:\$\(\s*(?:cat|<)\s*(?P<a>/[\w./-]+)\s*\)|`\s*cat\s+(?P<b>/[\w./-]+)\s*`)"
_OPEN = (
    rf"</dev/tcp/{_HOST}/{_PORT}",
    rf"(?:echo\s*)?>\s*/dev/tcp/{_HOST}/{_PORT}",
    rf"{_FOLDER}(?:nc|ncat|netcat)\s+(?:-(?:z|v|vz|zv|n|nz|zn|w\s*[0-9]+)\s+)+{_HOST}\s+{_PORT}",
    (
        rf"{_FOLDER}nmap\s+(?:-(?:n|Pn|sT|sS|P0)\s+)*(?:-p\s*{_PORT}\s+(?:-(?:n|Pn|sT|sS|P0)\s+)*{_HOST}"
        r"|(?P<host2>[\w.:-]+)\s+-p\s*(?P<port2>[0-9]{1,5}))"
        r"\s*\|\s*grep\s+(?:-\w+\s+)?(?:\"[^\"|]*open[^\"|]*\"|'[^'|]*open[^'|]*'|open|\S*(?P=port)/tcp\S*)"
        r"(?:\s*\|\s*(?:awk\s+'\{ *print +\$2 *\}'\s*\|\s*)?grep\s+(?:-\w+\s+)?\"?open\"?)?"
    ),
)
_URL = r"[\"']?(?P<url>https?://[^\s\"'|;&]+)[\"']?"
_PAGE = re.compile(
    rf"{_FOLDER}curl\s+(?P<words>(?:(?:-[a-zA-Z]+|--[a-z-]+)(?:\s+(?:[0-9.]+|/dev/null|[\"']?%\{{http_code\}}"
    rf"(?:\\n)?[\"']?))?\s+)*){_URL}(?P<more>(?:\s+(?:-[a-zA-Z]+|--[a-z-]+)(?:\s+(?:[0-9.]+|/dev/null))?)*)"
    r"(?:\s*\|\s*grep\s+(?:-[qw]+\s+)?(?P<quote>[\"']?)(?P<text>[\w .:/-]+)(?P=quote))?"
)
_CURL = frozenset(("-s", "-S", "-sS", "-f", "-sf", "-fs", "-sSf", "-fsS", "-o", "-k", "-sk", "-m", "--max-time"))
_LONG = frozenset(("--silent", "--fail", "--output", "--insecure", "--connect-timeout", "-w", "--write-out", "-fsSk"))
_MYSQL = re.compile(rf"{_FOLDER}(?:mysqladmin|mariadb-admin)\s+(?P<words>(?:-\S+\s+(?:(?!ping$)[^-\s]\S*\s+)?)*)ping")
_SOCKETS = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")  # noqa: S108 - of MySQL
_PING = re.compile(rf"{_FOLDER}ping\s+(?:-(?:q|n|c\s*[0-9]+|w\s*[0-9]+|W\s*[0-9.]+|i\s*[0-9.]+)\s+)+{_HOST}")


def quiet(text: str) -> str:
    """Return a command without what it does with its output; raises LeftError where it is too long to be one."""
    if len(text) > _LONGEST:
        raise LeftError(f"{UNKNOWN}: a command of {len(text)} characters")
    return _QUIET.sub("", text).strip()


def counted(text: str) -> Asked:
    """Return the check for a command that prints how many processes there are; raises LeftError."""
    for pattern in _COUNTS:
        if (match := re.fullmatch(pattern, quiet(text))) is not None:
            known = match.groupdict()
            return Asked("process", {"command": known.get("name") or known["name2"]})
    raise LeftError(UNKNOWN)


def probe(text: str) -> Asked:
    """Return the check for a command that exits with 0 where all is well; raises LeftError."""
    text = re.sub(r"^(?:timeout\s+[0-9.]+s?\s+)", "", quiet(text))
    inner = re.fullmatch(r"(?:/bin/|/usr/bin/)?(?:ba)?sh\s+-c\s+([\"'])(?P<text>.*)\1", text)
    text = quiet(inner["text"]) if inner is not None else text
    for pattern in _PROCESS:
        if (match := re.fullmatch(pattern, text)) is not None:
            return Asked("process", {"command": match["name"]})
    if (match := re.fullmatch(_PIDFILE, text)) is not None:
        return Asked("process", {"pidfile": match["a"] or match["b"]})
    for pattern in _OPEN:
        if (match := re.fullmatch(pattern, text)) is not None:
            known = match.groupdict()
            return Asked("port", {"host": known["host"] or known["host2"], "port": known["port"] or known["port2"]})
    if (match := _PAGE.fullmatch(text)) is not None:
        return page(match)
    if (match := _MYSQL.fullmatch(text)) is not None:
        return _mysql(match["words"].split())
    if (match := _PING.fullmatch(text)) is not None:
        return Asked("icmp_echo", {"host": match["host"]})
    raise LeftError(UNKNOWN)


def status_of(text: str) -> re.Match[str]:
    """Return the request of a curl that prints the status of a page; raises LeftError."""
    match = _PAGE.fullmatch(quiet(text))
    if match is None or "%{http_code}" not in match["words"] or match["text"]:
        raise LeftError(UNKNOWN)
    return match


def page(match: re.Match[str], status: str = "") -> Asked:
    """Return the check for a request of curl; raises LeftError."""
    words = [*match["words"].split(), *match["more"].split()]
    if any(word not in _CURL | _LONG for word in words if word.startswith("-")):
        raise LeftError(f"{UNKNOWN}: curl {' '.join(words)}")
    scheme, _, rest = match["url"].partition("://")
    place, slash, path = rest.partition("/")
    host, _, port = place.partition(":")
    known: dict[str, Value] = {"host": host, "path": slash + path or "/"}
    if port:
        known["port"] = port
    if scheme == "https":
        known["tls"] = True
        if any("k" in word or word == "--insecure" for word in words if not word.startswith("--") or word[2:3] == "i"):
            known["insecure"] = True
    if match["text"]:
        known["regex"] = re.escape(match["text"])
        known["status"] = "100-599" if not any(_fails(word) for word in words) else "200-399"
    elif status:
        known["status"] = status
    elif not any(_fails(word) for word in words):
        known["status"] = "100-599"  # curl without -f takes any page
    else:
        known["status"] = "200-399"
    return Asked("http_digest", known)


def _fails(word: str) -> bool:
    return word == "--fail" or (word.startswith("-") and not word.startswith("--") and "f" in word)


def _mysql(words: Sequence[str]) -> Asked:
    """Return the check for mysqladmin ping, which takes a refused login for life."""
    known: dict[str, Value] = {"ignore_auth": True}
    names = {"-h": "host", "--host": "host", "-P": "port", "--port": "port", "-S": "socket", "--socket": "socket"}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        if word[:2] in ("-h", "-P", "-S") and len(word) > 2 and not word.startswith("--"):
            option, value = word[:2], word[2:]
        elif option in names and not equals and rest:
            value = rest.pop(0)
        if option in names and value:
            known[names[option]] = value
        elif option[:2] == "-u" or option.startswith("--user"):
            if option in ("-u", "--user") and not equals and rest and not rest[0].startswith("-"):
                rest.pop(0)
        elif not (option[:2] == "-p" or option in ("--password", "-s", "--silent", "--connect-timeout")):
            raise LeftError(f"{UNKNOWN}: mysqladmin {option}")
    if known.get("host") == "localhost" and "port" not in known:
        known["host"] = "127.0.0.1"
    if "host" not in known and "socket" not in known:  # mysqladmin takes the socket then
        path = next((path for path in _SOCKETS if Path(path).exists()), "")
        known |= {"socket": path} if path else {}
    if "socket" in known:
        known.pop("host", None)
        known.pop("port", None)
    return Asked("mysql_ping", known)
