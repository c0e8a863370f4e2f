"""Model folders on the Hugging Face hub: hf://USER/MODEL, or hf://USER/MODEL@REVISION.

Only the files of a model folder are fetched, whose sizes are checked before, into the cache of huggingface_hub. Nothing
is executed, and what is read is verified by the manifest, as from any model folder. HF_ENDPOINT, HF_HOME, HF_TOKEN and
HF_HUB_OFFLINE=1 mean what they mean for huggingface_hub. Without a network, a model in the cache is used.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from elman.errors import ConfigError, ElmanError, ModelError

from .checksummed_folder import MANIFEST
from .model_folder import is_model_folder

SCHEME = "hf://"
_ADDRESS = re.compile(r"hf:/{1,2}([^/@\s]+/[^/@\s]+)(?:@(\S+))?")  # as a path, hf://a/b becomes hf:/a/b
MAX_BYTES = {  # of each file
    "config.json": 1 << 20,
    MANIFEST: 1 << 20,
    "README.md": 1 << 20,
    "vocabulary.json": 1 << 28,
    "model.safetensors": 1 << 32,
}
REQUIRED = ("config.json", MANIFEST, "model.safetensors")


class HubAddress(NamedTuple):
    """A model on the hub, and a branch, tag or commit of it; None is the main branch."""

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{SCHEME}{self.repository}" + (f"@{self.revision}" if self.revision else "")


def is_hub_address(path: str | Path) -> bool:
    """Return whether a path begins with hf://."""
    return re.match(r"hf:/{1,2}", str(path)) is not None


def parse_address(address: str | Path) -> HubAddress:
    """Return the parts of an address; a malformed one is a ConfigError."""
    match = _ADDRESS.fullmatch(str(address))
    if match is None:
        hint = "For example: hf://user/model or hf://user/model@v1"
        raise ConfigError(f"{str(address)!r}; expected hf://USER/MODEL or hf://USER/MODEL@REVISION", hint=hint)
    return HubAddress(match[1], match[2])


def download_model(address: str | Path, *, cache: str | Path | None = None) -> Path:
    """Return the folder in the cache with the files of a model on the hub, which are fetched if they are not there."""
    place = parse_address(address)
    with _translate_errors(place):
        from huggingface_hub import HfApi, snapshot_download

        options: dict[str, Any] = {"cache_dir": cache, "allow_patterns": list(MAX_BYTES), "endpoint": _endpoint()}
        try:
            info = HfApi(endpoint=_endpoint()).model_info(
                place.repository, revision=place.revision, files_metadata=True, timeout=30.0
            )
        except _connection_errors():
            folder = snapshot_download(place.repository, revision=place.revision, local_files_only=True, **options)
        else:
            _check_files(place, {file.rfilename: file.size for file in info.siblings or ()})
            with _without_progress():
                folder = snapshot_download(place.repository, revision=place.revision, **options)
            if Path(folder).name != info.sha:  # other files than those whose sizes were checked
                raise ElmanError("the repository changed meanwhile", hint="Try again", where=str(place))
    return _with_files(Path(folder))


def _with_files(snapshot: Path) -> Path:
    """Return a folder with the files of a folder in the cache, where they are links: a model folder has no links."""
    folder = snapshot.parent.parent / "files" / snapshot.name
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            new = Path(temporary) / snapshot.name
            shutil.copytree(snapshot, new)
            with contextlib.suppress(OSError):  # another process was faster
                new.rename(folder)
    return folder


def push_model(
    folder: Path, repository: str, *, private: bool = False, revision: str | None = None, token: str | None = None
) -> str:
    """Upload a model folder to USER/MODEL on the hub, which is created if it does not exist; return the commit's URL.

    token is by default that of huggingface_hub: HF_TOKEN, or the one of `hf auth login`.
    """
    if not is_model_folder(folder):
        raise ModelError("not a model folder", hint="Give a run folder or a model folder", where=str(folder))
    place = parse_address(repository if is_hub_address(repository) else f"{SCHEME}{repository}")
    with _translate_errors(place), _without_progress():
        from huggingface_hub import HfApi

        hub = HfApi(endpoint=_endpoint(), token=token)
        hub.create_repo(place.repository, private=private, exist_ok=True)
        commit = hub.upload_folder(
            repo_id=place.repository,
            folder_path=folder,
            allow_patterns=list(MAX_BYTES),
            revision=revision or place.revision,
            commit_message="Upload a model of elman",
        )
    return str(commit.commit_url)


def _check_files(place: HubAddress, sizes: dict[str, int | None]) -> None:
    """Raise a ModelError unless the files are those of a model folder, of sizes that it may have."""
    missing = [name for name in REQUIRED if name not in sizes]
    if missing:
        problem = f"the repository lacks {', '.join(missing)}; expected a model folder of elman"
        raise ModelError(problem, hint="Upload one: elman push RUN USER/MODEL", where=str(place))
    for name, limit in MAX_BYTES.items():
        size = sizes.get(name, 0)
        if size is None or size > limit:
            size_shown = "an unknown size" if size is None else f"{size:,} bytes"
            raise ModelError(f"{name} has {size_shown}; expected at most {limit:,} bytes", where=str(place))


@contextlib.contextmanager
def _translate_errors(place: HubAddress) -> Iterator[None]:
    """Raise the errors of huggingface_hub as errors with a hint."""
    from huggingface_hub import errors

    where = str(place)
    try:
        yield
    except errors.GatedRepoError:
        hint = "Ask its owner for access, and log in: hf auth login"
        raise ModelError("access to the repository is restricted", hint=hint, where=where) from None
    except errors.RepositoryNotFoundError:
        hint = "Check the name; for a private model, log in: hf auth login"
        raise ModelError("no such repository on the hub", hint=hint, where=where) from None
    except errors.RevisionNotFoundError:
        hint = "Leave out @REVISION for the newest one"
        raise ModelError(f"the repository has no revision {place.revision!r}", hint=hint, where=where) from None
    except errors.HFValidationError:
        hint = "Names have letters, digits, '-', '_' and '.'"
        raise ConfigError("the name of the repository is not valid", hint=hint, where=where) from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, errors.LocalTokenNotFoundError) as error:
        if isinstance(error, errors.LocalTokenNotFoundError):
            raise ElmanError("the hub needs a token", hint="Log in: hf auth login", where=where) from None
        hint = "Connect to the network once, or set HF_ENDPOINT to a mirror"
        problem = "the hub cannot be reached, and the model is not in the cache"
        raise ElmanError(problem, hint=hint, where=where) from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in (401, 403):
            problem = f"the hub refused the request (HTTP {status})"
            raise ElmanError(problem, hint="Log in with a token that may write: hf auth login", where=where) from None
        raise ElmanError(f"the hub answered with HTTP {status}", hint="Try again later", where=where) from None
    except _connection_errors():
        hint = "Check the network, or set HF_ENDPOINT to a mirror"
        raise ElmanError("the hub cannot be reached", hint=hint, where=where) from None


def _connection_errors() -> tuple[type[Exception], ...]:
    """Return what is raised without a network.

    The HTTP client of huggingface_hub is httpx2, and httpx before its version 2. Offline mode is a ConnectionError.
    """
    kinds: list[type[Exception]] = [ConnectionError]
    for name in ("httpx2", "httpx"):
        with contextlib.suppress(ImportError):
            client: Any = __import__(name)
            kinds.append(client.TransportError)
    return tuple(kinds)


@contextlib.contextmanager
def _without_progress() -> Iterator[None]:
    """Draw no progress bars, which would be in the way of messages."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    were_disabled = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not were_disabled:
            enable_progress_bars()


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None
