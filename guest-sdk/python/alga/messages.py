"""HTTP messages as whole values."""

import json as _json
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple, Union
from urllib.parse import parse_qs, urlsplit

from alga.errors import BadRequest


@dataclass
class Request:
    """A request to this extension."""

    #: Method, such as `GET`.
    method: str
    #: Path and query, as they were sent.
    url: str
    #: Fields with names in lower case; a repeated field is repeated.
    headers: List[Tuple[str, str]]
    body: bytes
    #: Values of the `:name` segments of the route, decoded.
    params: Dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path, percent-encoded as it was sent."""
        return urlsplit(self.url).path

    def header(self, name: str) -> Optional[str]:
        """The first value of a field."""
        name = name.lower()
        return next((value for other, value in self.headers if other == name), None)

    def query(self, name: str) -> Optional[str]:
        """The first value of a parameter of the query, decoded."""
        values = parse_qs(urlsplit(self.url).query, keep_blank_values=True)
        return values.get(name, [None])[0]

    def json(self) -> Any:
        """The body as JSON; `BadRequest` if it is not."""
        try:
            return _json.loads(self.body)
        except ValueError as error:
            raise BadRequest(f"the body is not valid JSON: {error}") from error


@dataclass
class Response:
    """A response to the client."""

    status: int = 200
    headers: List[Tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @staticmethod
    def text(text: str, status: int = 200) -> "Response":
        """A response with plain text."""
        return Response(status, [("content-type", "text/plain; charset=utf-8")], text.encode())

    @staticmethod
    def json(value: Any, status: int = 200) -> "Response":
        """A response with a value as JSON."""
        return Response(status, [("content-type", "application/json")], _json.dumps(value).encode())

    def with_header(self, name: str, value: str) -> "Response":
        """Adds a field."""
        self.headers.append((name, value))
        return self


#: Values that a handler may return: a string becomes text, a dictionary or list JSON.
Returned = Union[Response, str, dict, list, None]


def response_of(value: Returned) -> Response:
    """Makes a response of what a handler has returned; nothing is status 204."""
    if isinstance(value, Response):
        return value
    if value is None:
        return Response(204)
    if isinstance(value, str):
        return Response.text(value)
    return Response.json(value)
