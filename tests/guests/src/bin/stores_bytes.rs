//! Stores a record of a key and a size that the path names: `/key/bytes`.
#![no_main]

use alga::kv::{Namespace, PutOptions};
use alga::prelude::*;

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    let mut parts = request.path().split('/').skip(1);
    let (key, bytes) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let value = vec![1_u8; bytes.parse().unwrap_or(0)];
    let options = PutOptions {
        if_revision: None,
        ttl_seconds: None,
        metadata: Vec::new(),
    };
    let stored = Namespace::new("records").put_bytes(key, &value, &options);
    Ok(Response::text(match stored {
        Ok(_) => "stored".to_owned(),
        Err(error) => error.to_string(),
    }))
}
