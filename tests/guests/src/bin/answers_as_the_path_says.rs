//! Responds in the way that the path names: responses just inside and just outside of what HTTP
//! allows.
#![no_main]

use alga_test_guests::{Fields, IncomingRequest, OutgoingBody, ResponseOutparam, raw_handler, respond};

fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let path = request.path_with_query().unwrap_or_default();
    match path.as_str() {
        path if path.starts_with("/cached/") => cached(&request, path, out),
        "/status-101" => finish(respond(out, 101, &[])),
        "/status-500" => finish(respond(out, 500, &[])),
        "/status-999" => finish(respond(out, 999, &[])),
        "/headers-101" => finish(respond(out, 200, &headers(101, 4))),
        "/headers-large" => finish(respond(out, 200, &headers(20, 3_000))),
        "/header-bytes" => finish(respond(
            out,
            200,
            &[("x-ext-a".into(), vec![0xff]), ("x-ext-a".into(), b"2".to_vec())],
        )),
        "/name" => {
            let name = "attachment; filename=\"Größe.pdf\"";
            finish(respond(out, 200, &[("content-disposition".into(), name.into())]));
        }
        "/gzip" => {
            let body = respond(out, 200, &[("content-encoding".into(), b"gzip".to_vec())]);
            body.write().unwrap().blocking_write_and_flush(GZIP).unwrap();
            finish(body);
        }
        "/not-modified" => finish(respond(
            out,
            304,
            &[
                ("etag".into(), b"\"1\"".to_vec()),
                ("content-length".into(), b"10".to_vec()),
            ],
        )),
        "/no-content-with-a-body" => {
            let body = respond(out, 204, &[]);
            body.write().unwrap().blocking_write_and_flush(b"ignored").ok();
            finish(body);
        }
        "/no-trailers" => OutgoingBody::finish(respond(out, 200, &[]), Some(Fields::new())).unwrap(),
        "/trap-after" => {
            let body = respond(out, 200, &[]);
            body.write().unwrap().blocking_write_and_flush(b"whole").unwrap();
            finish(body);
            panic!("after its response");
        }
        "/loop-after" => {
            finish(respond(out, 200, &[]));
            loop {
                std::hint::black_box(0);
            }
        }
        "/trap-within" => {
            let body = respond(out, 200, &[]);
            body.write().unwrap().blocking_write_and_flush(b"half").unwrap();
            panic!("within its response");
        }
        "/one-write" => write_at_once(respond(out, 200, &[]), 0),
        "/one-write-and-a-byte" => write_at_once(respond(out, 200, &[]), 1),
        "/body-without-end" => unbounded(&respond(out, 200, &[])),
        "/body-not-finished" => std::mem::forget(respond(out, 200, &[])),
        "/body-shorter-than-said" => shorter(respond(out, 200, &[("content-length".into(), b"10".to_vec())])),
        "/trailers" => trailers(respond(out, 200, &[])),
        "/cookie" => finish(respond(out, 200, &[("set-cookie".into(), b"session=stolen".to_vec())])),
        _ => finish(respond(out, 200, &[])),
    }
}

/// Bytes of `{}` as `gzip -n` writes it.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0xab, 0xae, 0x05, 0, 0x43, 0xbf, 0xa6, 0xa3, 0x02, 0, 0, 0,
];

/// Responds with a random number, and with the caching that the path names.
fn cached(request: &IncomingRequest, path: &str, out: ResponseOutparam) {
    let known = request.headers().get("if-none-match");
    let is_known = known.iter().any(|tag| tag.ends_with(b"\"1\""));
    let (control, age, etag) = match path.trim_start_matches("/cached/") {
        "public" => ("public, max-age=60", "0", ""),
        "forever" => ("public, max-age=18446744073709551615", "0", ""),
        "private" => ("private, max-age=60", "0", ""),
        "unmarked" => ("max-age=60", "0", ""),
        "not-stored" => ("public, no-store", "0", ""),
        "validated" => ("public, max-age=60", "61", "\"1\""),
        "upper-case" => ("public, max-age=60, No-Store", "0", ""),
        "old" => ("public, max-age=60", "18446744073709551615", "\"1\""),
        "must-revalidate" => (
            "public, max-age=60, must-revalidate, stale-while-revalidate=600",
            "61",
            "",
        ),
        "stale" => ("public, max-age=60, stale-while-revalidate=600", "61", ""),
        _ => ("public, max-age=60", "0", "\"1\""),
    };
    let fields = [
        ("cache-control", control),
        ("age", age),
        ("etag", etag),
        (
            "vary",
            if path.ends_with("by-user") {
                "Authorization"
            } else {
                "x-ext-language"
            },
        ),
    ];
    let fields = fields.iter().filter(|(_, value)| !value.is_empty());
    let fields: Vec<_> = fields
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect();
    if is_known {
        return finish(respond(out, 304, &fields));
    }
    let body = respond(out, 200, &fields);
    if let Some((_, length)) = path.split_once("?bytes=") {
        write_zeros(&body, length.split('&').next().unwrap().parse().unwrap());
        return finish(body);
    }
    let number = alga_test_guests::wasi::random::random::get_random_u64().to_string();
    body.write()
        .unwrap()
        .blocking_write_and_flush(number.as_bytes())
        .unwrap();
    finish(body);
}

/// Writes as many bytes as the host accepts at once, and some more.
fn write_at_once(body: OutgoingBody, more: usize) {
    let stream = body.write().unwrap();
    let permitted = usize::try_from(stream.check_write().unwrap()).unwrap();
    stream.write(&vec![b'x'; permitted + more]).unwrap();
    drop(stream);
    finish(body);
}

fn write_zeros(body: &OutgoingBody, length: usize) {
    let (stream, zeros) = (body.write().unwrap(), vec![0; 4096]);
    let mut left = length;
    while left > 0 {
        let part = left.min(zeros.len());
        stream.blocking_write_and_flush(&zeros[..part]).unwrap();
        left -= part;
    }
}

fn headers(count: usize, bytes: usize) -> Vec<(String, Vec<u8>)> {
    (0..count)
        .map(|number| (format!("x-{number}"), vec![b'a'; bytes]))
        .collect()
}

fn finish(body: OutgoingBody) {
    OutgoingBody::finish(body, None).ok();
}

fn unbounded(body: &OutgoingBody) {
    let stream = body.write().unwrap();
    let chunk = vec![b'x'; 4096];
    while stream.blocking_write_and_flush(&chunk).is_ok() {}
}

fn shorter(body: OutgoingBody) {
    body.write().unwrap().blocking_write_and_flush(b"short").unwrap();
    OutgoingBody::finish(body, None).ok();
}

fn trailers(body: OutgoingBody) {
    let fields = Fields::from_list(&[("x-late".to_owned(), b"1".to_vec())]).unwrap();
    OutgoingBody::finish(body, Some(fields)).ok();
}

raw_handler!(handle);
