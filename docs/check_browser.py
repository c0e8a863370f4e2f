"""Open every page of a built site in Chromium: no request to the outside, and no message on the console.

    python docs/check_browser.py [FOLDER]

Pages are opened as files, at the width of a desktop and of a phone. A page must not be wider than the window. A search
for words and for Chinese phrases has to find the page that has them in its title. Chromium (`chromium`,
`chromium-browser` or `google-chrome`) is controlled through a pipe, by the DevTools protocol.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = {"desktop": 1280, "phone": 390}
SEARCHES = {  # language: a query, and the page that has to be among the first three results
    "zh": {
        "梯度裁剪": "theory/gradient-clipping.html",
        "困惑度": "theory/perplexity.html",
        "序列标注": "tagger.html",
        "随时间反向传播": "theory/bptt.html",
        "作业8": "assignments.html",
        "lstm": "theory/lstm.html",
    },
    "en": {"gradient clipping": "theory/gradient-clipping.html", "perplexity": "theory/perplexity.html"},
}
TIMEOUT = 30.0  # seconds for one page
SETTLING = 50  # milliseconds after a page has loaded, for what its scripts do then
WAIT_FOR_RESULTS = """new Promise((resolve) => {
  const started = Date.now();
  const look = () => {
    const links = [...document.querySelectorAll("#search-results li a")].map((link) => link.href);
    if (links.length >= 1 && Date.now() - started > 2000 || Date.now() - started > 8000) resolve(links);
    else setTimeout(look, 100);
  };
  look();
})"""


class Browser:
    """Chromium without a window, with one tab."""

    def __init__(self) -> None:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            raise FileNotFoundError(f"none of {', '.join(NAMES)} is installed; expected one")
        # The browser reads the protocol from file 3 and writes to file 4; its own files get other numbers first.
        script = 'exec 5<&"$1" 6>&"$2"; exec 3<&5 4>&6; shift 2; exec "$@"'
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run"]
        command = [program, *options, "--disable-background-networking", f"--user-data-dir={self._profile.name}"]
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", str(to_browser), str(from_browser), *command],
            pass_fds=(to_browser, from_browser),
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(timeout=TIMEOUT)
        self._profile.cleanup()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result; what happens meanwhile is added to events."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def open(self, address: str, width: int) -> None:
        """Open a page and wait until it has loaded."""
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=phone)
        self._navigate("about:blank")  # so that no event of the page before belongs to this one
        self._navigate(address)
        self.evaluate(f"new Promise((resolve) => setTimeout(resolve, {SETTLING}))")

    def _navigate(self, address: str) -> None:
        self.events.clear()
        self.call("Page.navigate", url=address)
        deadline = time.monotonic() + TIMEOUT
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{address}: not loaded after {TIMEOUT:.0f} s")
            self.events.append(self._receive())

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression on the page."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return result["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as a PNG file."""
        import base64

        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            data = os.read(self._read, 1 << 16)
            if not data:
                raise EOFError("Chromium has ended")
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        event: dict[str, Any] = json.loads(message)
        return event


def problems_of_events(events: list[dict[str, Any]]) -> list[str]:
    """Return what a page requested from outside, what failed to load, and what it reported on the console."""
    problems = []
    for event in events:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            address = parameters["request"]["url"]
            if not address.startswith(("file:", "data:", "blob:", "about:")):
                problems.append(f"requests {address}")
        elif method == "Network.loadingFailed":
            problems.append(f"loading failed: {parameters.get('errorText')}")
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            problems.append(f"exception: {details.get('exception', {}).get('description', details['text'])}")
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            problems.append(f"console: {[item.get('value') for item in parameters['args']]}")
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            problems.append(f"console: {parameters['entry']['text']}")
    return problems


def check_pages(browser: Browser, site: Path) -> list[str]:
    """Return what is wrong with the pages, one line each."""
    problems = []
    for path in sorted(site.rglob("*.html")):
        for kind, width in WIDTHS.items():
            browser.open(path.as_uri(), width)
            wide = browser.evaluate("document.documentElement.scrollWidth")
            events = problems_of_events(browser.events)
            if wide > width + 1:
                events.append(f"{wide} pixels wide; expected at most {width}")
            problems += [f"{path.relative_to(site)} ({kind}): {text}" for text in events]
    return problems


def check_searches(browser: Browser, site: Path) -> list[str]:
    """Return the searches that do not find their page."""
    problems = []
    for language, searches in SEARCHES.items():
        for query, page in searches.items():
            browser.open((site / language / "search.html").as_uri() + f"?q={quote(query)}", WIDTHS["desktop"])
            links = browser.evaluate(WAIT_FOR_RESULTS)
            pages = [link.split("?")[0].split("#")[0].removeprefix((site / language).as_uri() + "/") for link in links]
            first = list(dict.fromkeys(pages))[:3]
            if page not in first:
                problems.append(f"{language}: a search for {query!r} finds {first}; expected {page}")
            problems += [f"{language}: search for {query!r}: {text}" for text in problems_of_events(browser.events)]
    return problems


def problems_in_browser(site: Path) -> list[str]:
    """Return what is wrong with a site in Chromium."""
    with Browser() as browser:
        return check_pages(browser, site.resolve()) + check_searches(browser, site.resolve())


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "_build" / "site")
    result = problems_in_browser(folder)
    print("\n".join(result) or f"{folder}: no outside request, no message on the console, every search finds its page")
    sys.exit(bool(result))
