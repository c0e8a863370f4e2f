"""The pages of theory: their Python snippets are run, and their tables are computed, each time that the site is built.

A block of text after a block of Python is what the snippets print:

    ```python
    print(1 + 1)
    ```

    ```text
    2
    ```

and what stands between these two lines is a table of derivations.py:

    <!-- derivation: LSTM backward -->
    <!-- end of the derivation -->

update_page computes both again. `make docs-pages` writes the result into docs/, so that the numbers are there for those
who read the pages without building the site.
"""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

from elman.labs.lab import Language
from website.derivations import derivation

FOLDER = "theory/"  # of the pages that are executed
BLOCKS = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?P<between>\n*)(?P<output>^```text\n.*?^```\n)?"
    r"|^<!-- derivation: (?P<cell>\w+) (?P<part>[\w ]+) -->\n.*?^<!-- end of the derivation -->\n",
    re.MULTILINE | re.DOTALL,
)


def update_page(text: str, name: str, language: Language) -> str:
    """Return a page with the outputs of its snippets and with its tables; the name is for messages of errors."""
    names: dict[str, Any] = {"__name__": name}

    def update(match: re.Match[str]) -> str:
        if match["cell"]:
            table = derivation(match["cell"], match["part"], language)
            marker = f"<!-- derivation: {match['cell']} {match['part']} -->"
            return f"{marker}\n\n{table}\n<!-- end of the derivation -->\n"
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(match["code"], name, "exec"), names)
        before = f"```python\n{match['code']}```\n"
        if printed.getvalue():
            after = "" if match["output"] else match["between"]
            return f"{before}\n```text\n{printed.getvalue()}```\n{after}"
        if match["output"]:
            raise ValueError(
                f"{name}: this snippet prints nothing; expected no block of text after it\n{match['code']}"
            )
        return before + match["between"]

    return BLOCKS.sub(update, text)
