"""The exporter, over real HTTP."""
