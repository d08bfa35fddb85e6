"""Requests to other hosts (`cap:http.fetch`), which the manifest declares in `egress`.

    response = http.get("https://api.example.com/rates", headers={"accept": "application/json"})
    response.json()
"""

import json as _json
import sys
from dataclasses import dataclass
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

from componentize_py_types import Err
try:
    from wit_world.imports import client as _client
    from alga._types import http as _types
except ImportError as error:
    raise ImportError('alga.http needs "cap:http.fetch" in the capabilities of manifest.json') from error

from alga.errors import Denied, Invalid, Unavailable

T = TypeVar("T")


@dataclass
class Response:
    """The response of another host."""

    status: int
    headers: List[Tuple[str, str]]
    body: bytes

    def header(self, name: str) -> Optional[str]:
        """The first value of a field."""
        name = name.lower()
        return next((value for other, value in self.headers if other == name), None)

    def json(self) -> Any:
        """The body as JSON."""
        return _json.loads(self.body)

    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()


class Pending:
    """A request that was sent, and whose response has yet to arrive."""

    def __init__(self, exchange: int) -> None:
        self._exchange: Optional[int] = exchange

    def response(self) -> Response:
        """Waits for the response, once."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            raise RuntimeError("this request has ended")
        return _response(_call(lambda: _client.finish(exchange)))

    def abandon(self) -> None:
        """Ends the request, whose response is not needed any more."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            _client.abandon(exchange)

    def __del__(self) -> None:
        self.abandon()


def request(
    method: str,
    url: str,
    *,
    headers: Optional[Mapping[str, str]] = None,
    body: Union[bytes, str] = b"",
    json: Any = None,
    secrets: Sequence[Any] = (),
) -> Response:
    """Sends a request and waits for its response. Redirects are not followed. The host writes
    `secrets` into it: see `alga.secrets`."""
    message = _message(method, url, headers, body, json)
    if secrets:
        # Only an extension that has imported `alga.secrets` has some.
        return Response(*sys.modules["alga.secrets"].send(message, list(secrets)))
    return _response(_call(lambda: _client.send(message)))


def start(
    method: str,
    url: str,
    *,
    headers: Optional[Mapping[str, str]] = None,
    body: Union[bytes, str] = b"",
    json: Any = None,
) -> Pending:
    """Sends a request without waiting, so that several can be on their way."""
    message = _message(method, url, headers, body, json)
    return Pending(_call(lambda: _client.start(message)))


def wait_any(pending: List[Pending], seconds: Optional[float] = None) -> Optional[Pending]:
    """Waits until one of these has a response or has failed; none if the time is over first."""
    numbers = {one._exchange: one for one in pending if one._exchange is not None}
    timeout = None if seconds is None else int(seconds * 1000)
    return numbers.get(_client.wait(list(numbers), timeout))


def get(url: str, **options: Any) -> Response:
    """Sends a GET request."""
    return request("GET", url, **options)


def post(url: str, **options: Any) -> Response:
    """Sends a POST request."""
    return request("POST", url, **options)


def sleep(seconds: float) -> None:
    """Pauses this execution."""
    _client.wait([], int(seconds * 1000))


def _message(
    method: str, url: str, headers: Optional[Mapping[str, str]], body: Union[bytes, str], json: Any
) -> _types.Request:
    fields = [_types.Field(name, value) for name, value in (headers or {}).items()]
    if json is not None:
        body = _json.dumps(json)
        fields.append(_types.Field("content-type", "application/json"))
    if isinstance(body, str):
        body = body.encode()
    return _types.Request(method, url, fields, body)


def _response(received: Any) -> Response:
    headers = [(field.name, field.value) for field in received.fields]
    return Response(received.status, headers, bytes(received.body))


def _call(function: Callable[[], T]) -> T:
    try:
        return function()
    except Err as raised:
        error = raised.value
    if isinstance(error, _client.Error_Denied):
        raise Denied(error.value)
    if isinstance(error, _client.Error_InvalidInput):
        raise Invalid(error.value)
    if isinstance(error, _client.Error_Unavailable):
        raise Unavailable(error.value)
    raise RuntimeError(error.value)
