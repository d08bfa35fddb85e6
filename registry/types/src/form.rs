//! Encoding of `multipart/form-data` (RFC 7578).

use crate::RequestBody;
use alga_bundle::Digest;

/// A part of a form.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Name of the form field.
    pub name: &'a str,
    /// File name that the server may show; it has no other meaning.
    pub file_name: &'a str,
    /// Content of the part.
    pub bytes: &'a [u8],
}

impl<'a> Part<'a> {
    /// Creates a part without a file name.
    #[must_use]
    pub fn field(name: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            name,
            file_name: "",
            bytes,
        }
    }
}

/// Encodes parts as a form, in their order.
#[must_use]
pub fn form(parts: &[Part<'_>]) -> RequestBody {
    let boundary = boundary(parts);
    let mut bytes = Vec::new();
    for part in parts {
        let mut head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"", part.name);
        if !part.file_name.is_empty() {
            let file_name = part.file_name.replace(['"', '\r', '\n'], "_");
            head.push_str(&format!("; filename=\"{file_name}\""));
        }
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(part.bytes);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    RequestBody {
        content_type: format!("multipart/form-data; boundary={boundary}"),
        bytes,
    }
}

/// Returns 128 bits of a hash over the hashes of all parts, which no part contains by chance. The
/// boundary may depend on the parts, because they are not secret from each other.
fn boundary(parts: &[Part<'_>]) -> String {
    let hashes: Vec<u8> = parts
        .iter()
        .flat_map(|part| *Digest::of(part.bytes).as_bytes())
        .collect();
    let hash: String = Digest::of(&hashes).to_hex().chars().take(32).collect();
    format!("alga-{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_frames_each_part_with_the_boundary_of_its_media_type() {
        let signatures = Part::field("signatures", b"{}");
        let bundle = Part {
            file_name: "a\"b",
            ..Part::field("bundle", b"\r\nx")
        };
        let body = form(&[bundle, signatures]);
        let boundary = body
            .content_type
            .strip_prefix("multipart/form-data; boundary=")
            .unwrap();
        let expected = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"bundle\"; filename=\"a_b\"\r\n\r\n\r\nx\r\n\
             --{boundary}\r\ncontent-disposition: form-data; name=\"signatures\"\r\n\r\n{{}}\r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(body.bytes).unwrap(), expected);
    }
}
