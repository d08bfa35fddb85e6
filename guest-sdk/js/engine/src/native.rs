//! Functions for the scripts in `script/`, as a module that extensions cannot import.

use crate::convert::{FromScript, IntoScript, bytes, mismatch};
use crate::{events, failure, fetch, handler, source_map, stage};
use alga::__private::bindings::alga::log::logger::{Level, emit};
use alga::__private::bindings::wasi::random::random;
use rquickjs::function::Rest;
use rquickjs::module::{Declarations, Exports, ModuleDef};
use rquickjs::{Ctx, Exception, Function, Result, Value};
use url::Url;

/// Bytes of randomness that one call returns (Web Cryptography, 10.1.1).
const RANDOM_BYTES: u32 = 65_536;

/// Module with the functions for the scripts.
pub(crate) struct Native;

macro_rules! exports {
    ($($name:literal => $function:expr,)*) => {
        impl ModuleDef for Native {
            fn declare(declarations: &Declarations<'_>) -> Result<()> {
                $(declarations.declare($name)?;)*
                Ok(())
            }

            fn evaluate<'js>(ctx: &Ctx<'js>, exports: &Exports<'js>) -> Result<()> {
                $(exports.export($name, Function::new(ctx.clone(), $function)?)?;)*
                Ok(())
            }
        }
    };
}

exports! {
    "closeResponse" => fetch::close,
    "decodeUtf8" => decode_utf8,
    "describeError" => describe_error,
    "encodeUtf8" => encode_utf8,
    "isExecuting" => stage::is_executing,
    "log" => log,
    "monotonic" => monotonic,
    "parseUrl" => parse_url,
    "randomBytes" => random_bytes,
    "readResponse" => fetch::read,
    "requestBody" => handler::request_body,
    "requestHead" => handler::request_head,
    "respond" => handler::respond,
    "setUrl" => set_url,
    "startFetch" => fetch::start,
    "startTimer" => events::start_timer,
    "stopTimer" => events::stop_timer,
    "translateStack" => translate_stack,
    "write" => handler::write,
}

fn encode_utf8<'js>(ctx: Ctx<'js>, text: Value<'js>) -> Result<Value<'js>> {
    let text = text
        .as_string()
        .ok_or_else(|| mismatch(&text, "the text", "a string"))?;
    // A lone surrogate is replaced (Encoding Standard, `TextEncoder`).
    let bytes = match text.to_string() {
        Ok(text) => text.into_bytes(),
        Err(_) => {
            return Err(Exception::throw_type(
                &ctx,
                "the text is not well formed; call toWellFormed()",
            ));
        }
    };
    bytes.into_script(&ctx)
}

fn decode_utf8<'js>(ctx: Ctx<'js>, of: Value<'js>, fatal: bool) -> Result<Value<'js>> {
    let bytes = bytes(&of).ok_or_else(|| mismatch(&of, "the bytes", "a Uint8Array"))?;
    let text = match (String::from_utf8(bytes), fatal) {
        (Ok(text), _) => text,
        (Err(_), true) => return Err(Exception::throw_type(&ctx, "the bytes are not UTF-8")),
        (Err(error), false) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    text.into_script(&ctx)
}

fn describe_error(error: Value<'_>) -> String {
    failure::describe(&error)
}

fn translate_stack(stack: String) -> String {
    source_map::translated(&stack)
}

/// Writes into the log. While the extension is built, nothing is written.
fn log(level: String, text: String) {
    if !stage::is_executing() {
        return;
    }
    let level = match level.as_str() {
        "debug" => Level::Debug,
        "warn" => Level::Warn,
        "error" => Level::Error,
        _ => Level::Info,
    };
    // A full log must not fail the work that it describes; the host counts what it drops.
    emit(level, &text, &[]).ok();
}

/// Returns milliseconds since an arbitrary start; 0 while the extension is built.
fn monotonic() -> f64 {
    match stage::is_executing() {
        true => alga::time::monotonic().as_secs_f64() * 1000.0,
        false => 0.0,
    }
}

fn random_bytes(ctx: Ctx<'_>, count: u32) -> Result<Value<'_>> {
    crate::convert::require_execution(&ctx, "randomness")?;
    random::get_random_bytes(count.min(RANDOM_BYTES).into()).into_script(&ctx)
}

/// Returns the parts of a URL as an array (URL Standard, 6.1); `undefined` if it is not valid.
fn parse_url<'js>(ctx: Ctx<'js>, arguments: Rest<Value<'js>>) -> Result<Value<'js>> {
    let mut values = arguments.0.iter();
    let mut next = |what: &str| match values.next() {
        Some(value) => Option::<String>::from_script(value, what),
        None => Ok(None),
    };
    let (text, base) = (next("the URL")?.unwrap_or_default(), next("the base")?);
    let parsed = match base {
        Some(base) => Url::parse(&base).and_then(|base| base.join(&text)),
        None => Url::parse(&text),
    };
    match parsed {
        Ok(url) => parts(&url).into_script(&ctx),
        Err(_) => Ok(Value::new_undefined(ctx)),
    }
}

/// Changes one part of a URL; returns the parts of the result. A value that is not valid changes
/// nothing, as the standard requires.
fn set_url<'js>(ctx: Ctx<'js>, href: String, part: String, value: String) -> Result<Value<'js>> {
    let Ok(mut url) = Url::parse(&href) else {
        return Ok(Value::new_undefined(ctx));
    };
    match part.as_str() {
        "protocol" => url::quirks::set_protocol(&mut url, &value).ok(),
        "username" => url::quirks::set_username(&mut url, &value).ok(),
        "password" => url::quirks::set_password(&mut url, &value).ok(),
        "host" => url::quirks::set_host(&mut url, &value).ok(),
        "hostname" => url::quirks::set_hostname(&mut url, &value).ok(),
        "port" => url::quirks::set_port(&mut url, &value).ok(),
        "pathname" => Some(url::quirks::set_pathname(&mut url, &value)),
        "search" => Some(url::quirks::set_search(&mut url, &value)),
        _ => Some(url::quirks::set_hash(&mut url, &value)),
    };
    parts(&url).into_script(&ctx)
}

fn parts(url: &Url) -> Vec<String> {
    use url::quirks;
    let parts = [
        quirks::href(url),
        quirks::protocol(url),
        quirks::username(url),
        quirks::password(url),
        quirks::host(url),
        quirks::hostname(url),
        quirks::port(url),
        quirks::pathname(url),
        quirks::search(url),
        quirks::hash(url),
    ];
    let origin = quirks::origin(url);
    parts.into_iter().map(ToOwned::to_owned).chain([origin]).collect()
}

/// Clock of `Date` and of the engine, in microseconds since the Unix epoch; 0 while the extension
/// is built.
#[expect(unsafe_code, reason = "the name that rquickjs-sys imports on this target")]
#[unsafe(no_mangle)]
pub extern "C" fn __rquickjs_host_now_us() -> f64 {
    match stage::is_executing() {
        true => alga::time::unix().as_secs_f64() * 1_000_000.0,
        false => 0.0,
    }
}
