//! Responds with the parts of the request that it can see.
#![no_main]

use alga_test_guests::{IncomingRequest, OutgoingBody, ResponseOutparam, raw_handler, respond};

fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let mut headers: Vec<(String, String)> = request
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    headers.sort();
    let body = read(&request);
    let seen = serde_json::json!({
        "method": format!("{:?}", request.method()),
        "target": request.path_with_query(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
        "body_bytes": body.len(),
    });
    let response = respond(out, 200, &[("content-type".into(), b"application/json".to_vec())]);
    let stream = response.write().unwrap();
    for chunk in seen.to_string().as_bytes().chunks(4096) {
        stream.blocking_write_and_flush(chunk).unwrap();
    }
    drop(stream);
    OutgoingBody::finish(response, None).unwrap();
}

fn read(request: &IncomingRequest) -> Vec<u8> {
    let body = request.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut bytes = Vec::new();
    while let Ok(chunk) = stream.blocking_read(64 * 1024) {
        bytes.extend(chunk);
    }
    bytes
}

raw_handler!(handle);
