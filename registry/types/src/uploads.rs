//! Uploads in chunks.

use crate::{Operation, RequestBody};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Upload {
    /// Id of the upload.
    pub id: String,
    /// Number of bytes received and durably stored.
    pub offset: u64,
}

/// Begins an upload.
#[must_use]
pub fn begin_upload() -> Operation<Upload> {
    Operation::new("POST", &[&"uploads"])
}

/// Returns how many bytes the server has.
#[must_use]
pub fn show_upload(id: &str) -> Operation<Upload> {
    Operation::new("GET", &[&"uploads", &id])
}

/// Appends bytes at an offset, which must be the number of bytes that the server has.
#[must_use]
pub fn append_upload(id: &str, offset: u64, bytes: Vec<u8>) -> Operation<Upload> {
    let body = RequestBody {
        content_type: "application/octet-stream".to_owned(),
        bytes,
    };
    Operation::new("PATCH", &[&"uploads", &id])
        .header("upload-offset", offset)
        .body(body)
}

/// Deletes an upload.
#[must_use]
pub fn delete_upload(id: &str) -> Operation<()> {
    Operation::new("DELETE", &[&"uploads", &id])
}
