"""Downloads of data sets: several addresses, tried in turn, and a SHA-256 that the content must have.

The environment variable ELMAN_DATA_MIRROR names servers of one's own, separated by spaces, that are tried first: a
classroom without access to the others, or a faster one. A mirror has a data set's file at MIRROR/NAME/FILE, as the
cache folder has it, so a copy of a cache folder behind any web server is a mirror.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

from elman.errors import DataError

from .catalogue import DataSet
from .readers.encodings import Notify

MIRROR_VARIABLE = "ELMAN_DATA_MIRROR"


def download(data_set: DataSet, manual_target: Path, notify: Notify) -> bytes:
    """Return the content of a data set from the first address that has it; a DataError says why each of them failed.

    manual_target is where a user may save the file instead.
    """
    problems = []
    for url in addresses(data_set):
        notify(f"{data_set.name}: downloading {url}")
        content = _get(url)
        if isinstance(content, str):
            problems.append(f"{url} ({content})")
            continue
        digest = hashlib.sha256(content).hexdigest()
        if digest == data_set.sha256:
            return content
        problems.append(f"{url} (its SHA-256 is {digest})")
    hint = f"Try again later, or save the file with the SHA-256 {data_set.sha256} as {manual_target}"
    raise DataError(f"cannot download {data_set.name} from {', '.join(problems)}", hint=hint)


def addresses(data_set: DataSet) -> Iterator[str]:
    """Yield the addresses of a data set: on the user's mirrors, then its own."""
    for mirror in os.environ.get(MIRROR_VARIABLE, "").split():
        yield f"{mirror.rstrip('/')}/{data_set.name}/{data_set.file_name}"
    yield from data_set.urls


def _get(url: str) -> bytes | str:
    """Return the content at an address, or the reason why there is none."""
    import pooch

    content = io.BytesIO()
    try:
        # Not streamed: for a streamed response that is an error, the downloader does not close the connection.
        pooch.HTTPDownloader(progressbar=False, stream=False)(url, content, None)
    except (OSError, ValueError) as error:  # the base class of all errors of requests; an address that is none
        response = getattr(error, "response", None)
        if response is not None:
            return f"the server answered {response.status_code} {response.reason}"
        return type(error).__name__
    return content.getvalue()
