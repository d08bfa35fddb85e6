//! One canonical form of a request's path (RFC 3986, 6.2.2).
//!
//! The gateway matches it, logs it, uses it in keys and passes it to the guest. A guest that
//! decodes a path cannot see another one than the gateway has matched.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The reason for which a path has no unambiguous canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The path does not begin with `/` (RFC 9112, 3.2.1).
    #[error("the path does not begin with `/`")]
    NotAbsolute,
    /// A `%` is not followed by two hexadecimal digits (RFC 3986, 2.1).
    #[error("the path has a `%` without two hexadecimal digits")]
    Escape,
    /// A backslash, or an escaped slash, backslash or NUL, at which some parsers end a segment.
    #[error("the path has a segment that could be read in two ways: `%2F`, `%5C`, `%00` or a backslash")]
    Separator,
    /// An empty segment (`//`), or a segment `.` or `..`, escaped or not (RFC 3986, 3.3 and
    /// 6.2.2.3).
    #[error("the path has an empty segment or a segment `.` or `..`")]
    Segment,
    /// The decoded bytes are not UTF-8 (RFC 3986, 2.5).
    #[error("the path is not UTF-8")]
    Encoding,
    /// The path contains a control character or a space.
    #[error("the path has a control character or a space")]
    Control,
}

/// True for bytes that mean the same escaped and unescaped (RFC 3986, 2.3).
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// True for bytes that may appear unescaped in a path (RFC 3986, 3.3: pchar and the separator).
const fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@'
        )
}

/// Returns the canonical form of a path: unreserved characters are decoded, all other escapes are
/// in upper case, and characters that a URI cannot contain are escaped. A path that is already
/// canonical is borrowed.
///
/// # Errors
/// Returns [`PathError`] for a path that two parsers could interpret differently.
pub fn canonical_path(path: &str) -> Result<Cow<'_, str>, PathError> {
    if !path.starts_with('/') {
        return Err(PathError::NotAbsolute);
    }
    let is_canonical = path.bytes().all(is_path_byte);
    let canonical = if is_canonical {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(normalize(path)?)
    };
    check_segments(&canonical)?;
    if !is_canonical {
        percent_decode_str(&canonical)
            .decode_utf8()
            .map_err(|_| PathError::Encoding)?;
    }
    Ok(canonical)
}

fn normalize(path: &str) -> Result<String, PathError> {
    let mut canonical = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if byte == b'\\' {
                return Err(PathError::Separator);
            }
            if byte <= b' ' || byte == 0x7f {
                return Err(PathError::Control);
            }
            push(&mut canonical, byte, is_path_byte(byte));
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit(bytes.next()), digit(bytes.next()));
        let (Some(high), Some(low)) = (high, low) else {
            return Err(PathError::Escape);
        };
        let decoded = u8::try_from(high * 16 + low).map_err(|_| PathError::Escape)?;
        if matches!(decoded, b'/' | b'\\' | 0) {
            return Err(PathError::Separator);
        }
        push(&mut canonical, decoded, is_unreserved(decoded));
    }
    Ok(canonical)
}

fn push(canonical: &mut String, byte: u8, as_it_is: bool) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    if as_it_is {
        canonical.push(char::from(byte));
        return;
    }
    canonical.push('%');
    for half in [byte >> 4, byte & 15] {
        canonical.extend(DIGITS.get(usize::from(half)));
    }
}

fn check_segments(path: &str) -> Result<(), PathError> {
    let is_dotted = path.split('/').any(|segment| matches!(segment, "." | ".."));
    if is_dotted || path.contains("//") {
        return Err(PathError::Segment);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_has_one_canonical_form() {
        for (path, canonical) in [
            ("/", "/"),
            ("/a/b.c", "/a/b.c"),
            ("/admin/d%65lete", "/admin/delete"),
            ("/%61%2Db%2ec%5F%7e", "/a-b.c_~"),
            ("/hello/J%c3%bcrgen", "/hello/J%C3%BCrgen"),
            ("/hello/Jürgen", "/hello/J%C3%BCrgen"),
            ("/a%3ab", "/a%3Ab"),
            ("/a:b", "/a:b"),
            ("/a%252Fb", "/a%252Fb"),
            ("/a\"{}|^`<>", "/a%22%7B%7D%7C%5E%60%3C%3E"),
            ("/a%20b", "/a%20b"),
            ("/x/", "/x/"),
        ] {
            assert_eq!(canonical_path(path).as_deref(), Ok(canonical), "{path}");
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        for (path, error) in [
            ("", PathError::NotAbsolute),
            ("a", PathError::NotAbsolute),
            ("*", PathError::NotAbsolute),
            ("/a%", PathError::Escape),
            ("/a%4", PathError::Escape),
            ("/a%zz", PathError::Escape),
            ("/a%+1", PathError::Escape),
            ("/a%2Fb", PathError::Separator),
            ("/a%2fb", PathError::Separator),
            ("/a%5Cb", PathError::Separator),
            ("/a\\b", PathError::Separator),
            ("/a%00", PathError::Separator),
            ("/a//b", PathError::Segment),
            ("//a", PathError::Segment),
            ("/a/./b", PathError::Segment),
            ("/a/../b", PathError::Segment),
            ("/a/%2e%2E/b", PathError::Segment),
            ("/.%2e", PathError::Segment),
            ("/%c0%ae", PathError::Encoding),
            ("/%ff", PathError::Encoding),
            ("/a b", PathError::Control),
            ("/a\tb", PathError::Control),
        ] {
            assert_eq!(canonical_path(path), Err(error), "{path}");
        }
    }

    /// Encodes a path in one of its equivalent forms: each byte as it is, or escaped in either
    /// case.
    fn spelled(path: &str, choices: &[u8]) -> String {
        let spell = |(byte, choice): (u8, &u8)| match choice % 3 {
            _ if byte == b'/' => "/".to_owned(),
            1 => format!("%{byte:02x}"),
            2 => format!("%{byte:02X}"),
            _ if is_unreserved(byte) => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        path.bytes().zip(choices.iter().cycle()).map(spell).collect()
    }

    proptest! {
        #[test]
        fn all_encodings_of_a_path_have_the_same_canonical_form(
            segments in proptest::collection::vec("[a-zA-Z0-9~_-][a-zA-Z0-9.~_:@!ü -]{0,8}", 1..4),
            one in proptest::collection::vec(any::<u8>(), 1..40),
            other in proptest::collection::vec(any::<u8>(), 1..40),
        ) {
            let path = format!("/{}", segments.join("/"));
            let (one, other) = (spelled(&path, &one), spelled(&path, &other));
            prop_assert_eq!(canonical_path(&one).unwrap(), canonical_path(&other).unwrap());
        }

        #[test]
        fn canonicalization_is_idempotent_and_preserves_the_decoded_path(path in "/[ -~ü%]{0,24}") {
            if let Ok(canonical) = canonical_path(&path) {
                let again = canonical_path(&canonical);
                prop_assert_eq!(again.as_deref(), Ok(&*canonical));
                let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
                prop_assert_eq!(decode(&path), decode(&canonical));
            }
        }
    }
}
