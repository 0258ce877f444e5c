"""Which scripts of the tutorials are understood, and is every other one left alone?"""

from __future__ import annotations

from pathlib import Path

import pytest

from convert.shell import meaning, understood
from convert.wanted import Asked, LeftError

LAB = Path(__file__).parent.parent / "lab" / "tutorial"
FIXTURES = Path(__file__).parent.parent / "doctor" / "fixtures"
HAPROXY = Asked("process", {"command": "haproxy"})
NGINX = Asked("process", {"command": "nginx"})
OPEN = Asked("port", {"host": "198.51.100.1", "port": "80"})
RESTARTS = """\
A=`ps -C nginx --no-header |wc -l`
if [ $A -eq 0 ];then
      {start}                # start it
      sleep 2
      if [ `ps -C nginx --no-header |wc -l` -eq 0 ];then
            killall keepalived
      fi
fi
"""


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("killall -0 haproxy", HAPROXY),
        ("/usr/bin/killall -0 haproxy >/dev/null 2>&1 || exit 1", HAPROXY),
        ("pidof haproxy > /dev/null", HAPROXY),
        ("pgrep -x haproxy", HAPROXY),
        ("if ! pgrep haproxy &>/dev/null; then exit 1; fi", HAPROXY),
        ("if [ $(pidof haproxy | wc -w) -gt 0 ]; then\n exit 0\nelse\n exit 1\nfi", HAPROXY),
        ('counter=$(ps -C nginx --no-heading|wc -l)\nif [ "${counter}" = "0" ]; then\n exit 2\nfi\nexit 0', NGINX),
        ("if [ `ps -ef | grep nginx | grep -v grep | wc -l` -eq 0 ]; then exit 1; fi", NGINX),
        ("killall -0 haproxy >/dev/null 2>&1\nif [ $? -ne 0 ]; then\n exit 1\nfi\nexit 0", HAPROXY),
        ("killall -0 haproxy\nexit $?", HAPROXY),
        ("if killall -0 haproxy; then exit 0; fi\nexit 1", HAPROXY),
        ("kill -0 $(cat /run/haproxy.pid)", Asked("process", {"pidfile": "/run/haproxy.pid"})),
        ("nc -z -w 2 $1 $2", OPEN),
        ("</dev/tcp/198.51.100.1/80", OPEN),
        ("timeout 2 bash -c '</dev/tcp/198.51.100.1/80'", OPEN),
        ('nmap -n -p "$2" "$1" | grep -q "^$2/tcp *open"', OPEN),
        ("nmap $1 -p $2 | grep open", OPEN),
        (
            "curl -sf -m 2 http://127.0.0.1:8080/health",
            Asked("http_digest", {"host": "127.0.0.1", "path": "/health", "port": "8080", "status": "200-399"}),
        ),
        (
            "curl -s http://127.0.0.1/ | grep -q OK",
            Asked("http_digest", {"host": "127.0.0.1", "path": "/", "regex": "OK", "status": "100-599"}),
        ),
        (
            'code=$(curl -s -o /dev/null -w "%{http_code}" http://127.0.0.1/)\nif [ $code -ne 200 ]; then exit 1; fi',
            Asked("http_digest", {"host": "127.0.0.1", "path": "/", "status": "200"}),
        ),
        (
            "mysqladmin -uroot -psecret -h 127.0.0.1 -P 3307 ping",
            Asked("mysql_ping", {"ignore_auth": True, "host": "127.0.0.1", "port": "3307"}),
        ),
        ("ping -c 2 -W 1 192.0.2.1 >/dev/null", Asked("icmp_echo", {"host": "192.0.2.1"})),
    ],
)
def test_a_script_asks_what_a_check_asks(text: str, asked: Asked) -> None:
    """Which takes the same options."""
    assert understood(text, ["198.51.100.1", "80"]).asked == asked
    assert asked.proved() == asked


@pytest.mark.parametrize(
    ("start", "unit", "restart"),
    [
        ("systemctl restart nginx", "nginx", ""),
        ("service nginx start", "nginx", ""),
        ("/etc/init.d/nginx start", "nginx", ""),
        ("/usr/local/nginx/sbin/nginx", "", "/usr/local/nginx/sbin/nginx"),
    ],
)
def test_a_script_that_restarts(start: str, unit: str, restart: str) -> None:
    """And gives up the VIP by stopping keepalived where that does not help."""
    known = understood(RESTARTS.format(start=start))
    assert (known.asked, known.stops, known.unit, known.restart) == (NGINX, True, unit, restart)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "exit 0",
        "rm -rf /tmp/x; killall -0 haproxy",
        "killall -0 haproxy; touch /tmp/x",
        "killall -0 haproxy && killall -0 nginx",
        "if killall -0 haproxy; then systemctl restart nginx; fi",
        "if killall -0 haproxy; then exit 1; fi",
        "if [ $(ps -C haproxy | wc -l) -lt 2 ]; then exit 1; fi",
        "if ! killall -0 haproxy; then curl http://192.0.2.9/; exit 1; fi",
        "if ! killall -0 haproxy; then echo down; fi",
        "ps aux | grep nginx | wc -l",
        "systemctl is-active haproxy",
        "curl -H 'Host: x' http://127.0.0.1/",
        "curl -X POST http://127.0.0.1/",
        "mysqladmin --defaults-file=/x ping",
        "mysql -e 'show status'",
        "nc -z 127.0.0.1 $PORT",
        "for x in a b; do killall -0 $x; done",
        "case $1 in a) killall -0 haproxy;; esac",
        "while true; do killall -0 haproxy; done",
        "killall -0 haproxy &",
        "f() { killall -0 haproxy; }; f",
        "if killall -0 haproxy; then",
        "killall -0 haproxy | true",
        "! killall -0 haproxy",
        "killall -0 haproxy || true",
        "$(killall -0 haproxy)",
        "if [ -f /run/maintenance ]; then exit 0; fi\nkillall -0 haproxy",
        "exit 1\nkillall -0 haproxy",
        "exit 0\nkillall -0 haproxy",
        "killall -0 haproxy\nexit 0",
        "exit\nkillall -0 haproxy",
        "exit $?\nkillall -0 haproxy",
        "killall -0 haproxy; echo done",
        "killall -0 haproxy\nsleep 1\nif [ $? -ne 0 ]; then exit 1; fi",
        "if ! killall -0 haproxy; then exit 0; exit 1; fi",
        "killall -0 haproxy\nif [ $? -ne 1 ]; then exit 1; fi",
    ],
)
def test_what_is_not_understood_is_left_alone(text: str) -> None:
    """A word that is not known may change everything."""
    with pytest.raises(LeftError):
        understood(text)


def test_the_tutorials_scripts_are_understood() -> None:
    """Those of the lab, and those that the doctor examines."""
    assert meaning([str(LAB / "check_port.sh"), "198.51.100.1", "80"]).asked == OPEN
    assert meaning([str(LAB / "check_connect.sh"), "198.51.100.1", "80"]).asked == OPEN
    assert meaning([str(LAB / "check_process.sh")]).asked == HAPROXY
    nmap = FIXTURES / "misc_nmap/etc/keepalived/check_port.sh"
    assert meaning(["/bin/bash", str(nmap), "198.51.100.1", "80"]).asked == OPEN
    for path in (LAB / "check_haproxy.sh", FIXTURES / "single_vip/etc/keepalived/check_haproxy.sh"):
        known = meaning([str(path)])
        assert (known.asked, known.stops, known.unit) == (HAPROXY, True, "haproxy")
    for path in (LAB / "check_page", LAB / "notify.sh", LAB / "missing.sh"):
        with pytest.raises(LeftError):
            meaning([str(path)])
