"""Model cards without the one line that a clock writes."""


def without_speed(card: bytes) -> bytes:
    """The card without its speed: all else of it depends on the model and its data alone."""
    speed = (b"| speed |", "| 速度 |".encode())
    return b"".join(line for line in card.splitlines(keepends=True) if not line.startswith(speed))
