"""How an estimator is shown: as the call of its constructor, and as a small table in a notebook."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from html import escape
from typing import Any


def changed_parameters(kind: type, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters whose values are not the defaults of the constructor."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(kind).parameters.items()}
    return {name: value for name, value in parameters.items() if repr(value) != repr(defaults[name])}


def describe_call(kind: type, parameters: Mapping[str, Any]) -> str:
    """Return the call of the constructor, with the parameters that differ from the defaults."""
    changed = changed_parameters(kind, parameters)
    return f"{kind.__name__}({', '.join(f'{name}={value!r}' for name, value in changed.items())})"


def describe_as_html(kind: type, parameters: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """Return a table of the parameters that differ from the defaults, and of what the training reported."""
    rows = [(name, repr(value)) for name, value in changed_parameters(kind, parameters).items()]
    state = "not fitted"
    if result:
        state = "fitted"
        metrics = result["valid"] if result["valid"] is not None else result["train"]
        scored = "validation" if result["valid"] is not None else "training set"
        rows += [("steps", f"{result['steps']:,}"), ("best step", f"{result['best_step']:,}")]
        rows += [(f"{scored}: {name}", f"{value:.4g}") for name, value in metrics.items() if isinstance(value, float)]
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    heading = f"<b>{escape(kind.__name__)}</b> ({state})"
    return f'<div class="elman-estimator">{heading}<table>{cells}</table></div>'
