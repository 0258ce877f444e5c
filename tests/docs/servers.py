"""The servers that the examples of single pages speak to, started where such an example runs."""

from __future__ import annotations

from typing import NamedTuple


class Servers(NamedTuple):
    """How they are made and started: scripts and commands of sh, with files of the node."""

    programs: tuple[str, ...]
    files: dict[str, str]
    prepare: str
    commands: tuple[str, ...]
    ready: str


_KNOT = """
server:
    rundir: /run/knot
    listen: [ 192.0.2.53@53, 127.0.0.1@53 ]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: /run/knot
zone:
  - domain: example.org
    file: /run/knot/example.org.zone
"""
_ZONE = """
$ORIGIN example.org.
$TTL 300
@ SOA ns hostmaster 2026010101 7200 3600 86400 60
@ NS ns
@ MX 10 mail
ns A 192.0.2.53
www A 192.0.2.11
mail A 192.0.2.25
"""
_PG = "setpriv --reuid=postgres --regid=postgres --clear-groups --"
_PG_RUN = "-c unix_socket_directories=$3 -c fsync=off -c shared_buffers=16MB"
_DATABASE = f"""
bin=$(echo /usr/lib/postgresql/*/bin)
install -d -m 755 -o postgres /run/postgresql
install -d -m 700 -o postgres /run/pg1 /run/pg2
cat > /run/pg.sh <<'END'
#!/bin/sh
exec {_PG} $(echo /usr/lib/postgresql/*/bin)/postgres -D /run/$1 -h $2 {_PG_RUN}
END
{_PG} $bin/initdb -D /run/pg1 -A trust --no-sync --locale=C > /dev/null
echo "host all,replication all 192.0.2.0/24 scram-sha-256" >> /run/pg1/pg_hba.conf
sh /run/pg.sh pg1 192.0.2.51 /run/postgresql > /run/pg1.log 2>&1 &
until {_PG} $bin/pg_isready -qh /run/postgresql; do sleep 0.02; done
{_PG} $bin/psql -qh /run/postgresql -c "CREATE ROLE monitor LOGIN PASSWORD 'of-the-docs'"
{_PG} $bin/psql -qh /run/postgresql -c "CREATE ROLE root LOGIN"
{_PG} $bin/pg_basebackup -h /run/postgresql -R -c fast -D /run/pg2
chmod 600 /etc/vipwarden/pgpass
"""
_REDIS = """dir /run/redis
save ""
repl-diskless-sync-delay 0
requirepass of-the-docs
masterauth of-the-docs
"""
_SENTINEL = """bind 192.0.2.54
dir /run/redis
sentinel monitor mymaster 192.0.2.54 6379 1
sentinel auth-pass mymaster of-the-docs
"""
_CHRONY = """
bindaddress 192.0.2.53
allow 192.0.2.0/24
local stratum 5
cmdport 0
bindcmdaddress /
pidfile /run/chronyd.pid
"""
_SLAPD = """include /etc/ldap/schema/core.schema
pidfile /run/ldap/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile /etc/vipwarden/web.crt
TLSCertificateKeyFile /etc/vipwarden/web.key
database mdb
maxsize 10485760
suffix dc=example,dc=org
rootdn cn=monitor,dc=example,dc=org
rootpw of-the-docs
directory /run/ldap
access to dn.base="ou=staff,dc=example,dc=org" by users read by * none
access to * by * read
"""
_DIRECTORY = """dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=staff,dc=example,dc=org
objectClass: organizationalUnit
ou: staff
"""
_RSYNCD = """address = 192.0.2.12
use chroot = no
log file = /run/rsync/log
[mirror]
path = /run/rsync/data
[backup]
path = /run/rsync/data
auth users = monitor
secrets file = /run/rsync/secrets
strict modes = no
"""
SERVERS = {
    "clock_offset": Servers(
        ("chronyd",),
        {"/run/chrony.conf": _CHRONY},
        "true",
        ("chronyd -dxU -u root -f /run/chrony.conf",),
        "chk_clock_offset -H 192.0.2.53",
    ),
    "dns_answer": Servers(
        ("knotd",),
        {"/run/knot/knot.conf": _KNOT, "/run/knot/example.org.zone": _ZONE},
        "true",
        ("knotd -c /run/knot/knot.conf",),
        "chk_dns_answer -H 192.0.2.53 -q example.org -T SOA",
    ),
    "icmp_echo": Servers(
        (), {}, 'echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range', (), "chk_icmp_echo -H 192.0.2.12 --count 1"
    ),
    "postgres_role": Servers(
        ("/usr/lib/postgresql/*/bin/initdb", "setpriv"),
        {"/etc/vipwarden/pgpass": "*:*:*:monitor:of-the-docs\n"},
        _DATABASE,
        ("sh /run/pg.sh pg2 192.0.2.52 /run/pg2",),
        "chk_postgres_role -H 192.0.2.52 -u monitor -f /etc/vipwarden/pgpass --standby --lag-critical 5",
    ),
    "redis_role": Servers(
        ("redis-server",),
        {
            "/run/redis/1.conf": f"bind 192.0.2.54\n{_REDIS}",
            "/run/redis/2.conf": f"bind 192.0.2.55\n{_REDIS}replicaof 192.0.2.54 6379\n",
            "/run/redis/3.conf": _SENTINEL,
            "/etc/vipwarden/redis.password": "of-the-docs\n",
        },
        "chmod 600 /etc/vipwarden/redis.password",
        (
            "redis-server /run/redis/1.conf",
            "redis-server /run/redis/2.conf",
            "redis-server /run/redis/3.conf --sentinel",
        ),
        "chk_redis_role -H 192.0.2.55 -f /etc/vipwarden/redis.password --replica\n"
        "chk_redis_role -H 192.0.2.54 -f /etc/vipwarden/redis.password --sentinel 192.0.2.54",
    ),
    "udp_reply": Servers(
        ("socat",),
        {},
        "true",
        (
            "socat UDP4-RECVFROM:7000,bind=192.0.2.11,fork PIPE",
            "socat -u UDP4-RECV:514,bind=192.0.2.11 OPEN:/dev/null",
        ),
        "chk_udp_reply -H 192.0.2.11 -p 7000 -s x\n! chk_udp_reply -H 192.0.2.11 -p 514 | grep closed",
    ),
    "ldap_search": Servers(
        ("slapadd", "slapd"),
        {
            "/run/ldap/slapd.conf": _SLAPD,
            "/run/ldap/entries.ldif": _DIRECTORY,
            "/etc/vipwarden/ldap.password": "of-the-docs\n",
        },
        "chmod 600 /etc/vipwarden/ldap.password\nslapadd -q -f /run/ldap/slapd.conf -l /run/ldap/entries.ldif",
        ("slapd -h ldap://192.0.2.53 -f /run/ldap/slapd.conf -d 0",),
        "chk_ldap_search -H 192.0.2.53",
    ),
    "rsync_module": Servers(
        ("rsync",),
        {
            "/run/rsync/rsyncd.conf": _RSYNCD,
            "/run/rsync/data/daily/stamp": "done\n",
            "/run/rsync/secrets": "monitor:of-the-docs\n",
            "/etc/vipwarden/rsync.password": "of-the-docs\n",
        },
        "chmod 600 /etc/vipwarden/rsync.password",
        ("rsync --daemon --no-detach --config=/run/rsync/rsyncd.conf",),
        "chk_rsync_module -H 192.0.2.12",
    ),
}
