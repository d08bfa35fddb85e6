"""Tests an alga extension from pytest, under a host with scripted storage, HTTP and time.

    def test_greets(alga_host):
        host = alga_host(config={"greeting": "Moin"})
        response = host.get("/hello/you")
        assert response.status == 200
        assert response.json() == {"message": "Moin, you!"}

`alga test` runs the tests; `pytest` does, too, if `alga` is in `PATH`: the first test builds the extension.
`guest-sdk/TESTING.md` describes the keys of a script.
"""

import json as _json
import os
import subprocess
import urllib.error
import urllib.request
from base64 import b64decode
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest

# Requests to this machine use no proxy.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_STARTED: List["Tuple[subprocess.Popen[str], str]"] = []
_FAILED: List[Exception] = []


class TestHostError(Exception):
    """The test host refused a script or a request, or could not be started."""

    __test__ = False


def _service() -> str:
    """The URL below which hosts are created: that of `alga test`, or of a process that this one starts."""
    url = os.environ.get("ALGA_TEST_HOST")
    if url:
        return url
    if not _FAILED and not _STARTED:
        try:
            _STARTED.append(_start())
        except TestHostError as error:
            # Building again for each test would fail again.
            _FAILED.append(error)
    if _FAILED:
        raise _FAILED[0]
    return _STARTED[0][1]


def _start() -> "Tuple[subprocess.Popen[str], str]":
    program = os.environ.get("ALGA", "alga")
    try:
        # It ends with its standard input, that is with this process.
        command = [program, "test", "--serve", _directory()]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        hint = "put `alga` into PATH, or run the tests with `alga test`"
        raise TestHostError(f"could not start {program}: {error}\n{hint}") from error
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    if not url:
        raise TestHostError("the extension could not be built; see its output (pytest: captured stderr)")
    return process, url


def _directory() -> str:
    """The directory of the extension: that of the test, or one above it, with a manifest."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition("::")[0]
    directory = os.path.dirname(os.path.abspath(test)) if test else os.getcwd()
    while not os.path.exists(os.path.join(directory, "manifest.json")):
        above = os.path.dirname(directory)
        if above == directory:
            return os.getcwd()
        directory = above
    return directory


def _call(method: str, url: str, body: Optional[Dict[str, Any]] = None) -> Any:
    data = None if body is None else _json.dumps(body).encode()
    try:
        with _OPENER.open(urllib.request.Request(url, data, method=method)) as response:
            text = response.read()
    except urllib.error.HTTPError as error:
        text = error.read()
        refusal = _json.loads(text)
        hint = f"\nhint: {refusal['hint']}" if "hint" in refusal else ""
        raise TestHostError(refusal.get("message", text) + hint) from None
    return _json.loads(text) if text else None


class Response:
    """What came of a request."""

    def __init__(self, all: Dict[str, Any]) -> None:
        #: Everything as JSON.
        self.all = all
        #: The status that a client receives.
        self.status: int = all["status"]
        #: The header fields, by their names in lower case; a field with several values has a list.
        self.headers: Dict[str, Any] = all["headers"]
        self.body: bytes = b64decode(all["base64"])
        #: The code of the platform's error, if the extension did not respond.
        self.error: Optional[str] = all.get("error", {}).get("code")
        #: The records that the extension has logged.
        self.log: List[Dict[str, Any]] = all["log"]
        #: The requests that the extension has sent.
        self.sent: List[Dict[str, Any]] = all["sent"]
        #: The span of the execution, if the extension was executed: `name`, `attributes`, `failure`
        #: if there was one, and `spans`, which are inside it.
        self.trace: Optional[Dict[str, Any]] = all.get("trace")

    def json(self) -> Any:
        """The body as JSON."""
        return _json.loads(self.body)

    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def __repr__(self) -> str:
        return f"Response({_json.dumps(self.all, indent=2)})"


class Host:
    """A host of one test. `script` has the keys that `guest-sdk/TESTING.md` describes."""

    def __init__(self, **script: Any) -> None:
        hosts = f"{_service()}/hosts"
        self._url = f"{hosts}/{_call('POST', hosts, script)['id']}"

    def get(self, path: str, **request: Any) -> Response:
        """Sends a GET request to a path of the extension."""
        return self.send(path=path, **request)

    def post(self, path: str, json: Any, **request: Any) -> Response:
        """Sends a POST request with a body of JSON."""
        return self.send(method="POST", path=path, json=json, **request)

    def send(self, **request: Any) -> Response:
        """Sends a request: `method`, `path`, `headers`, and one of `json`, `text` and `base64`."""
        return Response(_call("POST", f"{self._url}/requests", request))

    def advance(self, seconds: float) -> None:
        """Lets time pass between two requests."""
        self.change(advanceMs=round(seconds * 1000))

    def change(self, **change: Any) -> None:
        """Changes what surrounds the extension: `advanceMs`, `http`, `hostApplication`, `kvFails`."""
        _call("PATCH", self._url, change)

    def state(self) -> Dict[str, Any]:
        """What the extension has left: `kv`, `sent`, `metrics`, `now`."""
        state: Dict[str, Any] = _call("GET", self._url)
        return state

    def end(self) -> None:
        """Ends the host."""
        _call("DELETE", self._url)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


@pytest.fixture
def alga_host() -> Iterator[Callable[..., Host]]:
    """Creates hosts, which end with the test."""
    hosts: List[Host] = []

    def create(**script: Any) -> Host:
        hosts.append(Host(**script))
        return hosts[-1]

    yield create
    for host in hosts:
        host.end()
