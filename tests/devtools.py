"""A headless Chromium driven over its DevTools protocol: opens pages, and keeps their requests and errors."""

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SETTLED = "Promise.all([document.fonts.ready, window.MathJax?.startup?.promise]).then(() => true)"


def executable() -> str | None:
    """The path of Chromium, None where there is none; the environment variable CHROMIUM names another one."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class Visit:
    """What happened while a page was open."""

    url: str
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


class Browser:
    """A context manager around one tab."""

    def __enter__(self):
        self._folder = tempfile.mkdtemp()
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += ["--disable-background-networking", "--remote-allow-origins=*", "--remote-debugging-port=0"]
        command = [executable(), *options, f"--user-data-dir={self._folder}", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._socket = websocket.create_connection(self._address(), timeout=30)
        self._numbers = itertools.count(1)
        self._visit = Visit("about:blank")
        self._loaded = False
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._socket.close()
        self._process.terminate()
        self._process.wait(timeout=20)
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, url: str) -> Visit:
        """Opens a page and waits until it is loaded, its fonts are there and its maths is set."""
        self._visit, self._loaded = Visit(url), False
        self._call("Page.navigate", url=url)
        while not self._loaded:
            self._receive()
        self.evaluate(SETTLED)
        return self._visit

    def evaluate(self, script: str):
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, script: str, *, seconds: float = 20):
        """The value of an expression once it is true."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(script)):
            if time.monotonic() > end:
                raise TimeoutError(f"{script} was not true within {seconds} s on {self._visit.url}")
            time.sleep(0.1)
        return value

    def _address(self) -> str:
        port_file = Path(self._folder) / "DevToolsActivePort"
        end = time.monotonic() + 60
        while not (port_file.is_file() and port_file.read_text().strip()):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{executable()} did not start: try it by hand with --headless=new --no-sandbox")
            time.sleep(0.05)
        port = port_file.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30) as answer:
            tabs = json.load(answer)
        return next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")

    def _call(self, method: str, **parameters) -> dict:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := self._receive()).get("id") != number:
            pass
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        return message["result"]

    def _receive(self) -> dict:
        message = json.loads(self._socket.recv())
        event, values = message.get("method"), message.get("params", {})
        if event == "Page.loadEventFired":
            self._loaded = True
        elif event == "Network.requestWillBeSent":
            self._visit.requests.append(values["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self._visit.errors.append(json.dumps(values["exceptionDetails"]))
        elif event == "Log.entryAdded" and values["entry"]["level"] == "error":
            self._visit.errors.append(values["entry"]["text"])
        elif event == "Runtime.consoleAPICalled" and values["type"] in ("error", "assert"):
            self._visit.errors.append(json.dumps(values["args"]))
        return message


class Sided:
    """A verdict, and to which side it is decided, if to any: leans, open and in-between ones are `undecided`."""

    def __init__(self, verdict):
        self.verdict = verdict

    def __getattr__(self, name):
        return getattr(self.verdict, name)

    @property
    def side(self) -> str:
        grade = self.verdict.grade
        return grade if grade in ("supported", "contradicted", "not run") else "undecided"
