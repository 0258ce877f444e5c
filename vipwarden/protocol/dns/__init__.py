"""The DNS protocol, as far as one question and its answer."""
