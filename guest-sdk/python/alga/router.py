"""Routes of an extension, and the class that the component exports."""

import os
import sys
import traceback
from typing import Callable, Dict, List, Optional, Tuple
from urllib.parse import unquote

from componentize_py_types import Err
from alga._types import http as types

from alga.errors import BadRequest, HttpError, NotFound
from alga.messages import Request, Response, Returned, response_of

Function = Callable[[Request], Returned]


class Router:
    """Calls the function whose route matches a request. The most specific route wins, regardless of
    order: from left to right, a literal segment wins over `:name`, as at the gateway."""

    def __init__(self) -> None:
        self._routes: List[Tuple[str, List[str], Function]] = []

    def route(self, method: str, path: str) -> Callable[[Function], Function]:
        """Decorates the function for a method and a path."""

        def add(function: Function) -> Function:
            self._routes.append((method, path.strip("/").split("/"), function))
            return function

        return add

    def get(self, path: str) -> Callable[[Function], Function]:
        """Decorates the function for GET and a path."""
        return self.route("GET", path)

    def post(self, path: str) -> Callable[[Function], Function]:
        """Decorates the function for POST and a path."""
        return self.route("POST", path)

    def put(self, path: str) -> Callable[[Function], Function]:
        """Decorates the function for PUT and a path."""
        return self.route("PUT", path)

    def patch(self, path: str) -> Callable[[Function], Function]:
        """Decorates the function for PATCH and a path."""
        return self.route("PATCH", path)

    def delete(self, path: str) -> Callable[[Function], Function]:
        """Decorates the function for DELETE and a path."""
        return self.route("DELETE", path)

    def handle(self, request: Request) -> Response:
        """Responds to a request, also if its function raises an `HttpError`."""
        try:
            return response_of(self._find(request)(request))
        except HttpError as error:
            if error.is_secret:
                _log(str(error))
            message = "not permitted; see the extension's log" if error.is_secret else str(error)
            return Response.json({"error": error.code, "message": message}, error.status)

    def _find(self, request: Request) -> Function:
        segments = request.path.strip("/").split("/")
        found: Optional[Tuple[List[bool], Function, Dict[str, str]]] = None
        for method, pattern, function in self._routes:
            # A HEAD request has the fields of GET.
            if method != ("GET" if request.method == "HEAD" else request.method):
                continue
            params = _match(pattern, segments)
            is_variable = [part.startswith(":") for part in pattern]
            if params is not None and (found is None or is_variable < found[0]):
                found = (is_variable, function, params)
        if found is None:
            raise NotFound("there is no such endpoint")
        request.params = found[2]
        return found[1]

    def handler(self) -> type:
        """Returns the class `Handler` that the component exports."""
        router = self

        class Handler:
            def handle(self, request: types.Request) -> types.Response:
                _fresh_randomness()
                headers = [(field.name, field.value) for field in request.fields]
                try:
                    response = router.handle(Request(request.method, request.url, headers, bytes(request.body)))
                    return _message(response)
                except Exception:
                    raise Err(traceback.format_exc())

        return Handler


def _match(pattern: List[str], segments: List[str]) -> Optional[Dict[str, str]]:
    if len(pattern) != len(segments):
        return None
    params = {}
    for part, segment in zip(pattern, segments):
        if part.startswith(":") and segment:
            try:
                params[part[1:]] = unquote(segment, errors="strict")
            except UnicodeDecodeError as error:
                raise BadRequest(f"`{part}` is not UTF-8") from error
        elif part != unquote(segment, errors="replace"):
            return None
    return params


def _message(response: Response) -> types.Response:
    """Makes the message of the component of a response; text is sent as UTF-8."""
    body = response.body.encode() if isinstance(response.body, str) else bytes(response.body)
    fields = [types.Field(str(name), str(value)) for name, value in response.headers]
    return types.Response(int(response.status), fields, body)


def _fresh_randomness() -> None:
    """Seeds the generator of the module `random`, whose state is that of the build otherwise."""
    random = sys.modules.get("random")
    if random is not None:
        random.seed(os.urandom(32))


def _log(text: str) -> None:
    try:
        from alga import log
    except ImportError:
        # The manifest does not list the capability: the text is in standard error's log instead.
        print(text, file=sys.stderr)
    else:
        log.error(text)
