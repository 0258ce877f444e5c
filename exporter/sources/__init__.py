"""One folder for each source: what is read, its series and its view."""
