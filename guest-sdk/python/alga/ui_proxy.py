"""Routes of the host application (`cap:ui.proxy`), which the manifest declares in `uiProxy`.

    ticket = ui_proxy.call("ticket", id="17").json()
"""

import json as _json
from dataclasses import dataclass
from typing import Any, Optional

try:
    from wit_world.imports import routes as _routes
except ImportError as error:
    raise ImportError('alga.ui_proxy needs "cap:ui.proxy" in the capabilities of manifest.json') from error

from alga._host import call as _call


@dataclass
class Response:
    """Successful response of the host application."""

    status: int
    content_type: Optional[str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return _json.loads(self.body)


def call(route: str, *, body: Any = None, **parameters: str) -> Response:
    """Calls a route by its name, with a value as JSON if there is one. Names that are not in the
    path of the route are added to the query."""
    content = None if body is None else _json.dumps(body).encode()
    pairs = list(parameters.items())
    found = _call(lambda: _routes.call(route, pairs, content), "the host application did not respond")
    return Response(found.status, found.content_type, bytes(found.body))
