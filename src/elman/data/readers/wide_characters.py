"""Full-width forms of ASCII, which input methods for Chinese and Japanese write: ２０２４－０１ is 2024-01."""

from __future__ import annotations

WIDE = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_TABLE = str.maketrans({**WIDE, "\u3000": " ", "\u2212": "-"})


def narrow(text: str) -> str:
    """Return a text with ASCII in place of full-width forms."""
    return text if text.isascii() else text.translate(_TABLE)
