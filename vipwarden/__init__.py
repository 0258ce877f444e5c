"""The ground that every part stands on: it imports none of them."""

VERSION = "0.1.0"
