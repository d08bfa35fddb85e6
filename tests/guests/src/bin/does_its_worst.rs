//! Attacks the host through its own interfaces; the path selects the attack. The result is an error
//! for the guest, or its end; never more of the host's memory or time.
#![no_main]

use alga::prelude::*;
use alga_test_guests::error_text;
use alga_test_guests::wasi::http::types::{Fields, OutgoingRequest};

// The imported function below the bindings: pointers and lengths.
#[link(wasm_import_module = "alga:log/logger@1.0.0")]
unsafe extern "C" {
    #[link_name = "emit"]
    fn emit(
        level: i32,
        message: *const u8,
        message_bytes: usize,
        fields: *const [usize; 4],
        count: usize,
        response: *mut u8,
    );
}

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    match request.path() {
        "/aliased" => aliased(1024 * 1024, 100_000),
        "/aliased-small" => aliased(64, 400_000),
        "/beyond-memory" => raw(core::ptr::without_provenance(0), usize::MAX, &[]),
        "/not-text" => raw([0xff_u8; 4].as_ptr(), 4, &[]),
        "/misaligned" => misaligned(),
        "/log" => (0..1_000_000).for_each(|_| log::info("again")),
        "/headers" => headers(),
        "/requests" => return requests(),
        "/endless" => return endless(),
        "/unread" => return unread(),
        "/spellings" => return spellings(),
        _ => {}
    }
    Ok(Response::text("still here"))
}

/// Passes one text of `bytes` as name and value of each of `count` fields.
fn aliased(bytes: usize, count: usize) {
    let text = vec![b'a'; bytes];
    let field = [text.as_ptr() as usize, bytes, text.as_ptr() as usize, bytes];
    raw(text.as_ptr(), bytes, &vec![field; count]);
}

fn raw(message: *const u8, bytes: usize, fields: &[[usize; 4]]) {
    let mut response = [0_u8; 16];
    // SAFETY: the host must check every argument; that is what this guest tests.
    unsafe { emit(1, message, bytes, fields.as_ptr(), fields.len(), response.as_mut_ptr()) }
}

fn misaligned() {
    let words = [0_u32; 16];
    let bytes = words.as_ptr().cast::<u8>();
    let mut response = [0_u8; 16];
    // SAFETY: the host must check every argument, as above.
    unsafe { emit(1, bytes, 1, bytes.wrapping_add(1).cast(), 1, response.as_mut_ptr()) }
}

/// Appends headers until the host refuses.
fn headers() {
    let fields = Fields::new();
    for number in 0..1_000_000 {
        fields.append(&format!("x-{number}"), b"1").unwrap();
    }
}

/// Sends more than the buffers of a connection hold to a host that never reads it.
fn unread() -> Result<Response> {
    let origin = context::config("greeting").unwrap_or_default();
    let large = http::Client::new()
        .post(&format!("{origin}/unread"))
        .body(vec![b'a'; 8 * 1024 * 1024]);
    Ok(Response::text(error_text(large.send(), "sent")))
}

/// Sends a request with 101 headers, and one with a body above the limit.
fn requests() -> Result<Response> {
    let origin = context::config("greeting").unwrap_or_default();
    let many = (0..101).fold(http::Client::new().get(&origin), |request, number| {
        request.header(&format!("x-{number}"), "1")
    });
    let large = http::Client::new()
        .post(&format!("{origin}/echo"))
        .body(vec![b'a'; 11 * 1024 * 1024]);
    let mut output: Vec<String> = [many.send(), large.send()]
        .into_iter()
        .map(|sent| error_text(sent, "sent"))
        .collect();
    let held: Vec<_> = (0..10).map(|_| http::Client::new().get(&origin).send()).collect();
    output.push(held.iter().filter(|sent| sent.is_ok()).count().to_string());
    Response::json(&output)
}

/// Returns a response whose body never ends.
fn endless() -> Result<Response> {
    let origin = context::config("greeting").unwrap_or_default();
    let mut response = http::Client::new().get(&format!("{origin}/endless")).send()?;
    let mut bytes = 0;
    let error = loop {
        match response.chunk() {
            Ok(Some(chunk)) => bytes += chunk.len(),
            Ok(None) => break "it ended".to_owned(),
            Err(error) => break error.to_string(),
        }
    };
    drop(OutgoingRequest::new(Fields::new()));
    Response::json(&serde_json::json!({ "bytes": bytes, "error": error }))
}

/// Requests internal hosts, with the origin's port, in every encoding that has bypassed a filter
/// before.
fn spellings() -> Result<Response> {
    let origin = context::config("greeting").unwrap_or_default();
    let port = origin.rsplit(':').next().unwrap_or_default();
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1%25eth0]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "api.example.com.",
        "API.EXAMPLE.COM.",
        "api.example.com.evil.com",
        "evilapi.example.com",
        "api.example.com@127.0.0.1",
        "127.0.0.1#api.example.com",
        "api.example.com%00.evil.com",
        "api.example.com\\@127.0.0.1",
        "\u{2460}\u{2461}\u{2466}.0.0.1",
        "\u{ff11}27.0.0.1",
        "127\u{3002}0\u{3002}0\u{3002}1",
        "api.example.c\u{043e}m",
        "",
        " ",
        "api.example.com ",
        "169.254.169.254",
        "metadata.google.internal",
        "kubernetes.default.svc",
    ];
    let output = |url: String| {
        let error = http::Client::new().get(&url).send().err();
        serde_json::json!([url, error.map(|error| error.to_string())])
    };
    let output: Vec<_> = hosts
        .iter()
        .flat_map(|host| [format!("http://{host}:{port}/"), format!("https://{host}:{port}/")])
        .map(output)
        .collect();
    Response::json(&output)
}
