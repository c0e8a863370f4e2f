"""The version, from the installed package."""

from __future__ import annotations


def version() -> str:
    """Return elman's version."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("elman")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"
