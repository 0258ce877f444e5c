"""How samples and views are written: the exposition formats and the page."""
