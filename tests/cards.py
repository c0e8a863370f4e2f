"""Model cards without the one line that a clock writes."""


def without_speed(card: bytes) -> bytes:
    """The card without its speed: all else of it depends on the model and its data alone."""
    return b"".join(line for line in card.splitlines(keepends=True) if not line.startswith(b"| speed |"))
