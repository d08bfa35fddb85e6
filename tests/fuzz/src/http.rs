//! Parsers at the HTTP edge, and archives of other programs.

use alga_bundle::{pack, unpack, unpack_foreign};
use alga_http::canonical_path;
use alga_http::policy::{ClientContext, HOP_BY_HOP, request_to_guest, response_to_client};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::collections::BTreeMap;
use std::io::Read;

pub(crate) fn paths() -> Vec<Vec<u8>> {
    let paths = [
        "/",
        "/admin/d%65lete",
        "/hello/J%C3%BCrgen",
        "/a%2Fb",
        "/a/../b",
        "/%252e",
        "/a;b=c,d:@!$&'()*+",
        "//",
    ];
    paths.map(|path| path.as_bytes().to_vec()).into()
}

/// Asserts that an accepted path has one canonical form and decodes to the same segments before and
/// after canonicalization.
pub(crate) fn path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(canonical) = canonical_path(text) else { return };
    assert_eq!(canonical_path(&canonical).as_deref(), Ok(&*canonical));
    let decoded = |path: &str| path.split('/').map(decode).collect::<Vec<_>>();
    let segments = decoded(&canonical);
    assert_eq!(segments, decoded(text));
    for segment in segments {
        assert!(!matches!(segment.as_slice(), b"." | b"..") && !segment.contains(&b'/') && !segment.contains(&0));
    }
}

/// Decodes in the simplest possible way, for comparison.
fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            decoded.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    decoded
}

pub(crate) fn header_lists() -> Vec<Vec<u8>> {
    let lists = [
        "accept: a\nconnection: accept, x-ext-a\nx-ext-a: 1",
        "cookie: a\nauthorization: b\nx-alga-tenant: c\nx_ext_a: d",
        "location: //evil\nwww-authenticate: Basic\nset-cookie: a\ncontent-range: b",
    ];
    lists.map(|list| list.as_bytes().to_vec()).into()
}

/// Asserts that forbidden headers never pass, whatever other headers are present.
pub(crate) fn headers(bytes: &[u8]) {
    let mut map = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(100) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = HeaderName::from_bytes(parts.next().unwrap_or_default());
        let value = HeaderValue::from_bytes(parts.next().unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    let is_private = |name: &HeaderName| {
        let reserved = [
            "authorization",
            "cookie",
            "set-cookie",
            "host",
            "content-length",
            "forwarded",
            "strict-transport-security",
        ];
        let text = name.as_str();
        HOP_BY_HOP.contains(name)
            || reserved.contains(&text)
            || text.starts_with("x-alga-")
            || text.starts_with("x-forwarded")
            || text.contains('_')
    };
    for (name, _) in request_to_guest(&map) {
        assert!(!is_private(name), "{name}");
    }
    for status in [200, 204, 302, 401, 416] {
        let context = ClientContext {
            host: None,
            is_cacheable: bytes.first() == Some(&b'a'),
        };
        for name in response_to_client(&map, StatusCode::from_u16(status).unwrap(), context).keys() {
            assert!(!is_private(name), "{name}");
        }
    }
}

pub(crate) fn archives() -> Vec<Vec<u8>> {
    let file = |builder: &mut tar::Builder<Vec<u8>>| {
        let mut header = tar::Header::new_ustar();
        header.set_size(4);
        header.set_mode(0o600);
        builder
            .append_data(&mut header, "dist/main.wasm", &b"code"[..])
            .unwrap();
    };
    let built = |extend: &dyn Fn(&mut tar::Builder<Vec<u8>>)| {
        let mut builder = tar::Builder::new(Vec::new());
        extend(&mut builder);
        file(&mut builder);
        builder.into_inner().unwrap()
    };
    vec![
        built(&|_| ()),
        built(&|builder| {
            builder
                .append_pax_extensions([("mtime", &b"1.5"[..]), ("path", b"ui/a")])
                .unwrap()
        }),
        built(&|builder| {
            builder
                .append_pax_extensions([("GNU.sparse.name", &b"ui/a"[..]), ("size", b"4")])
                .unwrap()
        }),
        built(&|builder| file(builder)),
    ]
}

/// Asserts that an accepted archive contains the same files that the `tar` library, which applies
/// every extension itself, finds in it, and that these make a bundle.
pub(crate) fn archive(bytes: &[u8]) {
    let compressed = zstd::encode_all(bytes, 1).unwrap();
    let Ok(files) = unpack_foreign(&compressed) else { return };
    let mut seen = BTreeMap::new();
    for entry in tar::Archive::new(bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_dir() || entry.header().entry_type().is_pax_global_extensions() {
            continue;
        }
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        seen.insert(path.trim_start_matches("./").to_owned(), content);
    }
    let accepted: BTreeMap<_, _> = files
        .iter()
        .map(|(path, bytes)| (path.to_string(), bytes.clone()))
        .collect();
    assert_eq!(accepted, seen);
    if let Ok(packed) = pack(&files) {
        assert_eq!(unpack(&packed).unwrap(), files);
    }
}
