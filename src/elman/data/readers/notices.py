"""Messages of readers that matter even where nothing is printed."""

from __future__ import annotations


class Caution(str):
    """A message about a choice that may be wrong, and changes what is read: dates that are not used, for example.

    Python callers receive it as a warning where other messages are not printed.
    """

    __slots__ = ()
