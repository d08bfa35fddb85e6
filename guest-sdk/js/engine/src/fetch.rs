//! Requests to other services.

use crate::convert::{Arguments, FromScript, IntoScript, Object, host_error};
use crate::events::{self, InFlight};
use crate::names::{self, NATIVE};
use alga::http::{Client, Pending, Response};
use alga::{Error, Method, secrets};
use rquickjs::function::Rest;
use rquickjs::{Ctx, Exception, Function, Persistent, Result, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Default)]
struct Responses {
    last_id: u32,
    open: BTreeMap<u32, Response>,
}

thread_local! {
    static RESPONSES: RefCell<Responses> = const { RefCell::new(Responses { last_id: 0, open: BTreeMap::new() }) };
}

/// Secret that the host writes into a request.
struct Attachment {
    secret: String,
    placement: String,
    /// Name of the user or of the header field.
    name: String,
}

impl FromScript for Attachment {
    fn from_script(value: &Value<'_>, what: &str) -> Result<Self> {
        let object = Object::of(value, what)?;
        Ok(Self {
            secret: object.get("secret")?,
            placement: object.get("placement")?,
            name: object.get::<Option<String>>("name")?.unwrap_or_default(),
        })
    }
}

/// Sends a request and returns its id, for `startFetch(request, resolve, reject)`. One of the
/// functions is called when its response has arrived or when it has failed.
pub(crate) fn start<'js>(
    ctx: Ctx<'js>,
    request: Value<'js>,
    resolve: Function<'js>,
    reject: Function<'js>,
) -> Result<u32> {
    crate::convert::require_execution(&ctx, "fetch")?;
    let pending = send(&ctx, &Object::of(&request, "the request")?)?;
    let id = RESPONSES.with_borrow_mut(|responses| {
        responses.last_id += 1;
        responses.last_id
    });
    events::add(InFlight {
        id,
        pending,
        resolve: Persistent::save(&ctx, resolve),
        reject: Persistent::save(&ctx, reject),
        arrive,
    });
    Ok(id)
}

fn send(ctx: &Ctx<'_>, request: &Object<'_>) -> Result<Pending> {
    let (method, url): (String, String) = (request.get("method")?, request.get("url")?);
    let mut builder = Client::new().request(self::method(&method), &url);
    for (name, value) in request.get::<Vec<(String, String)>>("headers")? {
        builder = builder.header_bytes(&name, bytes_of(&value));
    }
    if let Some(milliseconds) = request.get::<Option<u32>>("timeout")? {
        builder = builder.timeout(Duration::from_millis(milliseconds.into()));
    }
    for attachment in request.get::<Vec<Attachment>>("secrets")? {
        if !names::is_imported("alga:secrets/store") {
            return Err(host_error(
                ctx,
                "denied",
                "this extension does not import `alga:secrets/store`",
            ));
        }
        let secret = secrets::open(&attachment.secret).map_err(|error| failed(ctx, error))?;
        builder = match attachment.placement.as_str() {
            "basic" => builder.basic_secret(&attachment.name, secret),
            "header" => builder.header_secret(&attachment.name, secret),
            "bearer" => builder.bearer_secret(secret),
            other => {
                let message = format!("the placement of a secret is bearer, basic or header, not `{other}`");
                return Err(Exception::throw_type(ctx, &message));
            }
        };
    }
    let body: Vec<u8> = request.get("body")?;
    builder.body(body).start().map_err(|error| failed(ctx, error))
}

/// Returns the bytes of a value of a header field, which has one in each character.
fn bytes_of(value: &str) -> Vec<u8> {
    value.chars().map(|each| each as u8).collect()
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

/// Throws the error of a request, with the codes of the other interfaces.
fn failed(ctx: &Ctx<'_>, error: Error) -> rquickjs::Error {
    let (code, text) = match error {
        Error::Denied(text) => ("denied", text),
        Error::NotFound(text) => ("missing", text),
        Error::BadRequest(text) | Error::Invalid(text) => ("invalid-input", text),
        Error::TooLarge(text) => ("too-large", text),
        Error::Unavailable(text) => ("unavailable", text),
        other => ("other", other.to_string()),
    };
    host_error(ctx, code, &text)
}

/// Settles the promise of a request.
///
/// # Errors
/// Returns errors of the engine itself.
fn arrive(ctx: &Ctx<'_>, request: InFlight) -> Result<()> {
    let (resolve, reject) = (request.resolve.restore(ctx)?, request.reject.restore(ctx)?);
    match request.pending.response() {
        Ok(response) => {
            let head = Object::new(ctx)?;
            head.set("id", request.id)?;
            head.set("status", response.status())?;
            let text = |(name, value): (String, Vec<u8>)| (name, value.iter().map(|byte| char::from(*byte)).collect());
            let headers: Vec<(String, String)> = response.headers().into_iter().map(text).collect();
            head.set("headers", headers)?;
            RESPONSES.with_borrow_mut(|responses| responses.open.insert(request.id, response));
            resolve.call((head.into_value(),))
        }
        Err(error) => {
            // Thrown, and caught at once, to have the error as a value.
            failed(ctx, error);
            reject.call((ctx.catch(),))
        }
    }
}

/// Returns the next bytes of a response, for `readResponse(id)`; `undefined` at its end.
pub(crate) fn read<'js>(ctx: Ctx<'js>, arguments: Rest<Value<'js>>) -> Result<Value<'js>> {
    let id: u32 = Arguments::new(&ctx, NATIVE, "readResponse", &arguments.0)?.get(0, "id")?;
    let chunk = RESPONSES.with_borrow_mut(|responses| match responses.open.get_mut(&id) {
        Some(response) => response.chunk(),
        None => Ok(None),
    });
    chunk.map_err(|error| failed(&ctx, error))?.into_script(&ctx)
}

/// Gives up a response, or the wait for it, for `closeResponse(id)`.
pub(crate) fn close(id: u32) {
    events::cancel(id);
    RESPONSES.with_borrow_mut(|responses| responses.open.remove(&id));
}
