"""Secrets of the tenant (`cap:secrets.get`), which the host writes into a request: the extension never sees them.

    http.get("https://api.example.com/", secrets=[secrets.bearer("api-key")])
"""

from dataclasses import dataclass
from typing import Any, List
from urllib.parse import SplitResult, urlsplit

from componentize_py_types import Err

try:
    from wit_world.imports import store as _store
    from wit_world.imports import outgoing_handler as _handler
    from wit_world.imports import wasi_http_types as _types
except ImportError as error:
    text = 'alga.secrets needs "cap:secrets.get" and "cap:http.fetch" in the capabilities of manifest.json'
    raise ImportError(text) from error

from alga._host import call
from alga.errors import Denied, Invalid, Unavailable

_UNAVAILABLE = "the secret store did not respond"
#: Bytes that one write to a body may have (`wasi:io/streams`).
_CHUNK = 4096


@dataclass(frozen=True)
class Placement:
    """A secret, and the header field that the host writes it into."""

    secret: str
    where: Any

    def attach(self, request: Any) -> None:
        """Attaches the secret: `Denied` if it may not be sent to the request's host."""
        with call(lambda: _store.open(self.secret), _UNAVAILABLE) as secret:
            call(lambda: secret.attach(request, self.where), _UNAVAILABLE)


def bearer(name: str) -> Placement:
    """A secret as a bearer token."""
    return Placement(name, _store.Placement_Bearer())


def basic(name: str, user: str) -> Placement:
    """A secret as the password of basic authentication."""
    return Placement(name, _store.Placement_Basic(user))


def header(name: str, field: str) -> Placement:
    """A secret as the value of a header field."""
    return Placement(name, _store.Placement_Header(field))


def declared() -> List[Any]:
    """The secrets that the manifest declares, each with `name` and `hosts`."""
    return list(call(_store.names, _UNAVAILABLE))


def send(message: Any, placements: List[Placement]) -> Any:
    """Sends a message with secrets, and returns `(status, fields, body)`; `alga.http` calls it."""
    url = _target(message.url)
    fields = [(field.name, field.value.encode()) for field in message.fields]
    try:
        request = _types.OutgoingRequest(_types.Fields.from_list(fields))
        request.set_method(_method(message.method))
        request.set_scheme(_types.Scheme_Http() if url.scheme == "http" else _types.Scheme_Https())
        request.set_authority(url.netloc)
        request.set_path_with_query((url.path or "/") + (f"?{url.query}" if url.query else ""))
    except Err as raised:
        raise Invalid(f"{message.url} or one of the header fields is not valid") from raised
    for placement in placements:
        placement.attach(request)
    body = request.body()
    try:
        pending = _handler.handle(request, None)
        _write(body, message.body)
        pending.subscribe().block()
        received = pending.get().value
        if isinstance(received, Err):
            raise received
        return _read(received.value)
    except Err as raised:
        raise _error(raised.value, message.url) from raised


def _target(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
    except ValueError as error:
        raise Invalid(f"`{text}` is not an http or https URL") from error
    if url.scheme not in ("http", "https") or not url.netloc:
        raise Invalid(f"`{text}` is not an http or https URL")
    return url


def _method(name: str) -> Any:
    case = getattr(_types, f"Method_{name.capitalize()}", None)
    return case() if case else _types.Method_Other(name)


def _write(body: Any, content: bytes) -> None:
    try:
        with body.write() as stream:
            for start in range(0, len(content), _CHUNK):
                stream.blocking_write_and_flush(content[start : start + _CHUNK])
        _types.OutgoingBody.finish(body, None)
    except Err:
        # The request has failed; the response says why.
        pass


def _read(response: Any) -> Any:
    fields = [(name, value.decode(errors="replace")) for name, value in response.headers().entries()]
    content = bytearray()
    with response.consume() as body, body.stream() as stream:
        while True:
            try:
                content += stream.blocking_read(65536)
            except Err as raised:
                if type(raised.value).__name__ == "StreamError_Closed":
                    return response.status(), fields, bytes(content)
                raise


def _error(error: Any, url: str) -> Exception:
    case = type(error).__name__.rpartition("_")[2]
    if case == "HttpRequestDenied":
        return Denied(f"the request to {url} is not permitted: its host is not in the manifest's `egress`, or not allowed")
    if case == "DestinationIpProhibited":
        return Denied(f"{url} has an address that is not in the public internet")
    if case == "HttpRequestUriInvalid":
        return Invalid(f"{url} is not a valid target")
    if case == "HttpRequestBodySize":
        return Invalid("the request body exceeds the host's limit")
    return Unavailable(f"{url} did not respond: {case}")
