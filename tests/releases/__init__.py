"""The tests on other releases of Debian: their Python, HAProxy, keepalived, OpenSSL and MariaDB."""
