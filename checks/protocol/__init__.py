"""The wire formats that checks speak, as parsers and builders without any input or output."""
