"""Text as a terminal may show it: without the characters that a terminal obeys.

Control characters move the cursor or begin a command. Embeddings, overrides and isolates change the direction of what
follows them, which can show a text other than the one that is there. All other characters are text, white space and
joiners included: the ideographic space, no-break spaces, the zero-width joiners of Persian and of emoji.
"""

from __future__ import annotations

import re

REPLACEMENT = "\ufffd"
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def replace_control_characters(text: str) -> str:
    """Return the text with U+FFFD for each character that a terminal would obey; line ends and tabs stay."""
    return _OBEYED.sub(REPLACEMENT, text)
