"""The configuration file: its document, its entries, and the mistakes in them."""
