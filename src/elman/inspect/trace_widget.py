"""The class of the notebook widget. It needs anywidget, so it is made when the first widget is asked for.

The traits are what Python and the browser share. web/widget/widget.ts is the other half: it shows `page` in a frame,
and sends it `trace`. The text that a reader enters arrives in `text`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import elman
from elman.errors import ElmanError

SCRIPT = Path(elman.__file__).parent / "web" / "widget.js"


@functools.cache
def trace_widget_class() -> Any:
    """Return the class TraceWidget. Without anywidget, that is a ModuleNotFoundError."""
    import anywidget
    import traitlets

    class TraceWidget(anywidget.AnyWidget):
        """A trace in a notebook, and a field for another text if there is a model.

        trace: the JSON form of the trace that is shown. problem: the error message for the text, or empty.
        """

        _esm = SCRIPT
        page = traitlets.Unicode(read_only=True).tag(sync=True)
        trace = traitlets.Unicode().tag(sync=True)
        text = traitlets.Unicode().tag(sync=True)
        problem = traitlets.Unicode().tag(sync=True)
        takes_text = traitlets.Bool().tag(sync=True)
        language = traitlets.Unicode().tag(sync=True)
        height = traitlets.Int().tag(sync=True)

        def __init__(self, page: str, trace_of: Callable[[str], str], **state: Any) -> None:
            """trace_of returns the JSON form of the trace of a text. language: en, zh, or empty: the browser's."""
            super().__init__(**state)
            self.set_trait("page", page)
            self._trace_of = trace_of
            self._update()
            self.observe(lambda _: self._update(), "text")

        def _update(self) -> None:
            if self.takes_text and not self.text:
                return
            try:
                self.trace, self.problem = self._trace_of(self.text), ""
            except ElmanError as error:
                if not self.takes_text:
                    raise
                self.problem = f"{error.message}. {error.hint}" if error.hint else error.message

    return TraceWidget
