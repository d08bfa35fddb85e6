"""Service agreements in key/value storage: list, create, read, change, delete. Every input is checked
before it is stored, and a change specifies the revision that it is based on, so that concurrent
editors do not overwrite each other. `examples/agreements` is the same in Rust."""

from alga import BadRequest, Invalid, NotFound, Request, Response, Router, context, kv, log

AGREEMENTS = kv.Namespace("agreements")
PAGE = 20

app = Router()


@app.get("/agreements")
def list_agreements(request: Request) -> dict:
    entries, cursor = AGREEMENTS.list(limit=PAGE, cursor=request.query("cursor"))
    return {"agreements": [shown(entry) for entry in entries], "next_cursor": cursor}


@app.post("/agreements")
def create(request: Request) -> Response:
    agreement = checked(request.json())
    # The request id as the key: a retry with the same `x-request-id` cannot create a second agreement.
    id = context.current().request_id
    revision = AGREEMENTS.put(id, agreement, if_revision=0)
    log.info("agreement created", id=id, client=agreement["client"])
    return Response.json({"id": id, "revision": revision, **agreement}, status=201)


@app.get("/agreements/:id")
def read(request: Request) -> dict:
    return shown(find(request.params["id"]))


@app.put("/agreements/:id")
def change(request: Request) -> dict:
    id, base = request.params["id"], request.query("revision") or ""
    if not base.isdecimal():
        raise BadRequest("missing or invalid `?revision=…`: send the revision that the change is based on")
    agreement = checked(request.json())
    find(id)
    revision = AGREEMENTS.put(id, agreement, if_revision=int(base))
    return {"id": id, "revision": revision, **agreement}


@app.delete("/agreements/:id")
def delete(request: Request) -> None:
    if not AGREEMENTS.delete(request.params["id"]):
        raise missing(request.params["id"])


def find(id: str) -> kv.Entry:
    entry = AGREEMENTS.get(id)
    if entry is None:
        raise missing(id)
    return entry


def missing(id: str) -> NotFound:
    return NotFound(f"agreement {id} does not exist")


def shown(entry: kv.Entry) -> dict:
    return {"id": entry.key, "revision": entry.revision, **entry.json()}


def checked(value: object) -> dict:
    """Returns the input as an agreement; a field that violates a rule is a 422."""
    if not isinstance(value, dict):
        raise BadRequest("the request body is not an agreement")
    unknown = value.keys() - {"title", "client", "monthly_cents"}
    if unknown:
        raise BadRequest(f"the request body has the unknown field `{min(unknown)}`")
    for name in ("title", "client"):
        text = value.get(name)
        if not isinstance(text, str) or not 1 <= len(text) <= 200:
            raise Invalid(f"{name} must have 1 to 200 characters")
    cents = value.get("monthly_cents")
    if not isinstance(cents, int) or isinstance(cents, bool):
        raise BadRequest("monthly_cents is missing or not a number")
    if not 0 <= cents <= 100_000_000:
        raise Invalid("monthly_cents must be at most 100000000")
    return value


Handler = app.handler()
