"""Which sizes are accepted?"""

from __future__ import annotations

from vipwarden.core.size import Size


def test_sizes_know_kilo_mega_and_giga() -> None:
    """Of 1024 each, at both ends of a range."""
    assert [str(Size(text)) for text in ("4K", "1.5M:2G", "@1K:", "~:7", "@~:1K")] == [
        "4096", "1572864:2147483648", "@1024:", "~:7", "@~:1024",
    ]  # fmt: skip
