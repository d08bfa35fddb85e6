"""Write an alga extension in Python.

    from alga import Request, Response, Router, context, log

    app = Router()

    @app.get("/hello/:name")
    def hello(request: Request) -> Response:
        word = context.config("greeting") or "Hello"
        log.info("sent a greeting")
        return Response.json({"message": f"{word}, {request.params['name']}!"})

    Handler = app.handler()

`alga build` makes a component of `app.py`, whose class `Handler` handles every request. Each request
runs in an instance of its own, which starts as `app.py` was after its import at the build: what it
computed then is there, and nothing of other requests. Random numbers are new in each request.
"""

from alga.errors import (
    BadRequest,
    Conflict,
    Denied,
    HttpError,
    Invalid,
    NotFound,
    StorageFull,
    TooLarge,
    Unavailable,
)
from alga.messages import Request, Response
from alga.router import Router

__all__ = [
    "BadRequest",
    "Conflict",
    "Denied",
    "HttpError",
    "Invalid",
    "NotFound",
    "Request",
    "Response",
    "Router",
    "StorageFull",
    "TooLarge",
    "Unavailable",
]
