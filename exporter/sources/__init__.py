"""One folder a source: how it is read, its series, its view and its template. See exporter/source.py."""
