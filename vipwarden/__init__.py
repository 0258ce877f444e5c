"""The library of all parts, which imports none of them."""

VERSION = "0.1.0"
