"""The protocols that checks speak: codecs without input or output, and sessions over a Net."""
