"""A fake of the hub on this machine: repositories in memory, and the requests of huggingface_hub that elman causes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Files = dict[str, bytes]


class FakeHub:
    """Files by repository; every commit of a repository has the SHA-1 of its files as its name."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, Files]] = {}  # {repository: {revision: files}}
        self.requests: list[str] = []
        self.declared_sizes: dict[str, int] = {}  # other sizes than those of the files
        self.status: int | None = None  # of every answer

    def commit(self, repository: str, files: Files, revision: str = "main") -> str:
        digest = hashlib.sha1(b"".join(name.encode() + content for name, content in sorted(files.items()))).hexdigest()
        revisions = self.repositories.setdefault(repository, {})
        revisions[revision] = revisions[digest] = files
        return digest

    def sha(self, repository: str, revision: str) -> str:
        revisions = self.repositories[repository]
        return next(name for name, files in revisions.items() if files is revisions[revision] and len(name) == 40)


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            hub.requests.append(format % args)

        def answer(self, value: Any = None, status: int = 200, headers: dict[str, str] | None = None) -> None:
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, text in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, text)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def refuse(self, code: str, status: int = 404) -> None:
            self.answer({"error": code}, status, {"X-Error-Code": code, "X-Error-Message": code})

        def do_GET(self) -> None:
            if hub.status is not None:
                return self.answer({"error": "no"}, hub.status)
            info = re.fullmatch(r"/api/models/([^/?]+/[^/?]+)(?:/revision/([^?]+))?(\?.*)?", self.path)
            tree = re.fullmatch(r"/api/models/([^/?]+/[^/?]+)/tree/([^?]+)(\?.*)?", self.path)
            file = re.fullmatch(r"/([^/?]+/[^/?]+)/resolve/([^/]+)/([^?]+)", self.path)
            match = info or tree or file
            if match is None:
                return self.refuse("EntryNotFound")
            repository, revision = match[1], match[2] or "main"
            if repository not in hub.repositories:
                return self.refuse("RepoNotFound")
            if revision not in hub.repositories[repository]:
                return self.refuse("RevisionNotFound")
            files, sha = hub.repositories[repository][revision], hub.sha(repository, revision)
            sizes = {name: hub.declared_sizes.get(name, len(content)) for name, content in files.items()}
            if file:
                if file[3] not in files:
                    return self.refuse("EntryNotFound")
                etag = hashlib.sha1(files[file[3]]).hexdigest()
                return self.answer(files[file[3]], headers={"X-Repo-Commit": sha, "ETag": f'"{etag}"'})
            if tree:
                return self.answer(
                    [
                        {"type": "file", "path": name, "size": size, "oid": hashlib.sha1(files[name]).hexdigest()}
                        for name, size in sizes.items()
                    ]
                )
            siblings = [{"rfilename": name, "size": size, "blobId": "0"} for name, size in sizes.items()]
            return self.answer(
                {"_id": "0", "id": repository, "modelId": repository, "sha": sha, "private": False, "tags": [],
                 "downloads": 0, "likes": 0, "siblings": siblings}
            )  # fmt: skip

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if hub.status is not None:
                return self.answer({"error": "no"}, hub.status)
            base = f"http://{self.headers['Host']}"
            if self.path == "/api/repos/create":
                values = json.loads(body)
                owner = values.get("organization") or "user"
                hub.repositories.setdefault(f"{owner}/{values['name']}", {})
                return self.answer({"url": f"{base}/{owner}/{values['name']}"})
            if self.path == "/api/validate-yaml":
                return self.answer({"errors": [], "warnings": []})
            upload = re.fullmatch(r"/api/models/([^/?]+/[^/?]+)/(preupload|commit)/([^?]+)(\?.*)?", self.path)
            if upload is None:
                return self.refuse("EntryNotFound")
            repository, revision = upload[1], upload[3]
            if upload[2] == "preupload":
                files = [
                    {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for f in json.loads(body)["files"]
                ]
                return self.answer({"files": files})
            entries = [json.loads(line) for line in body.splitlines() if line]
            changed = {
                e["value"]["path"]: base64.b64decode(e["value"]["content"]) for e in entries if e["key"] == "file"
            }
            sha = hub.commit(repository, {**hub.repositories[repository].get(revision, {}), **changed}, revision)
            url = f"{base}/{repository}/commit/{sha}"
            return self.answer({"success": True, "commitOid": sha, "commitUrl": url, "hookOutput": ""})

    return Handler


@contextmanager
def running_hub(hub: FakeHub) -> Iterator[str]:
    """Serve a fake hub, and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
