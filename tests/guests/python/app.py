"""Responds with values that need a whole interpreter: json, a dataclass, a caught exception."""

import json
from dataclasses import asdict, dataclass

from componentize_py_types import Ok
from wit_world.exports import IncomingHandler as Base
from wit_world.imports.types import Fields, OutgoingBody, OutgoingResponse, ResponseOutparam


@dataclass
class Answer:
    language: str
    path: str


class IncomingHandler(Base):
    def handle(self, request, response_out):
        try:
            path = request.path_with_query() or "/"
        except ValueError:
            path = "?"
        body = json.dumps(asdict(Answer("python", path))).encode()
        response = OutgoingResponse(Fields.from_list([("content-type", b"application/json")]))
        outgoing = response.body()
        ResponseOutparam.set(response_out, Ok(response))
        stream = outgoing.write()
        stream.blocking_write_and_flush(body)
        stream.__exit__(None, None, None)
        OutgoingBody.finish(outgoing, None)
