//! Conditions, ranges and encodings of a request (RFC 9110, 12.5.3, 13 and 14).

use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::ops::RangeInclusive;

/// Encoding of a stored copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Zstd,
    Gzip,
}

impl Encoding {
    /// All encodings, the one with the smallest copies first.
    pub(crate) const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// Returns the name of the content coding.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let only = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(only)
}

/// Returns the encodings that the client accepts, preferred ones first.
pub(crate) fn accepted(headers: &HeaderMap) -> impl Iterator<Item = Encoding> {
    let fields = text(headers, ACCEPT_ENCODING).unwrap_or_default();
    Encoding::ALL
        .into_iter()
        .filter(|encoding| accepts(fields, encoding.name()))
}

/// True if a coding is listed with a weight over zero. `*` is not used: a client that can decode
/// one of these names it.
fn accepts(fields: &str, name: &str) -> bool {
    fields.split(',').any(|item| {
        let (coding, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight = weight
            .trim()
            .strip_prefix("q=")
            .and_then(|weight| weight.trim().parse::<f32>().ok());
        coding.trim().eq_ignore_ascii_case(name) && weight.is_some_and(|weight| weight > 0.0)
    })
}

/// True if the client has the representation with this tag: the weak comparison of RFC 9110,
/// 13.1.2.
pub(crate) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.as_bytes();
    headers.get_all(IF_NONE_MATCH).iter().any(|field| {
        let mut tags = field.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        tags.any(|known| known == b"*" || known.strip_prefix(b"W/").unwrap_or(known) == tag)
    })
}

/// Part of a file that a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    Bytes(RangeInclusive<usize>),
    Unsatisfiable,
}

/// Returns the part of a file of this length and tag. Several ranges, and text that is no range,
/// are ignored, as RFC 9110, 14.2 allows.
pub(crate) fn part(headers: &HeaderMap, length: usize, tag: &HeaderValue) -> Part {
    let Some(range) = text(headers, RANGE) else {
        return Part::Whole;
    };
    // The strong comparison: a weak tag or a date does not match (RFC 9110, 13.1.5).
    let is_same = headers.get(IF_RANGE).is_none_or(|condition| condition == tag);
    match range
        .strip_prefix("bytes=")
        .filter(|_| is_same)
        .map(|range| bounds(range.trim()))
    {
        Some(Some(range)) => satisfied(range, length),
        _ => Part::Whole,
    }
}

/// First and last position of a range; without a first one, the last is a count from the end.
fn bounds(range: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| match text {
        "" => Some(None),
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(text.parse().unwrap_or(u64::MAX))),
        _ => None,
    };
    let (first, last) = (number(first)?, number(last)?);
    let is_reversed = matches!((first, last), (Some(first), Some(last)) if last < first);
    (!is_reversed && (first.is_some() || last.is_some())).then_some((first, last))
}

fn satisfied((first, last): (Option<u64>, Option<u64>), length: usize) -> Part {
    let size = length as u64;
    let (first, last) = match (first, last) {
        (Some(first), last) => (first, last.unwrap_or(u64::MAX).min(size.saturating_sub(1))),
        (None, Some(count)) => (size.saturating_sub(count), size.saturating_sub(1)),
        (None, None) => return Part::Whole,
    };
    // A suffix of no bytes cannot be satisfied either (RFC 9110, 14.1.2).
    match (usize::try_from(first), usize::try_from(last)) {
        (Ok(first), Ok(last)) if first < length && first <= last => Part::Bytes(first..=last),
        _ => Part::Unsatisfiable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAG: HeaderValue = HeaderValue::from_static("\"a\"");

    fn headers(fields: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn encodings_are_chosen_by_name_and_weight() {
        let chosen = |value: &str| {
            let headers = headers(&[(ACCEPT_ENCODING, value)]);
            accepted(&headers).map(Encoding::name).collect::<Vec<_>>()
        };
        assert_eq!(chosen("gzip, deflate, br, zstd"), ["br", "zstd", "gzip"]);
        assert_eq!(chosen("GZIP;q=0.5, br;q=0"), ["gzip"]);
        assert_eq!(chosen("gzip;q=x, *;q=1, identity, br ; q=0.000"), [""; 0]);
    }

    #[test]
    fn tags_are_compared_weakly_in_lists() {
        for (value, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(is_known(&headers(&[(IF_NONE_MATCH, value)]), &TAG), expected, "{value}");
        }
        assert!(is_known(
            &headers(&[(IF_NONE_MATCH, "\"b\""), (IF_NONE_MATCH, "\"a\"")]),
            &TAG
        ));
    }

    #[test]
    fn one_range_is_satisfied_and_others_are_ignored_or_refused() {
        for (value, expected) in [
            ("bytes=0-0", Part::Bytes(0..=0)),
            ("bytes=0-", Part::Bytes(0..=9)),
            ("bytes=9-", Part::Bytes(9..=9)),
            ("bytes=2-100", Part::Bytes(2..=9)),
            ("bytes=-3", Part::Bytes(7..=9)),
            ("bytes=-100", Part::Bytes(0..=9)),
            ("bytes=10-", Part::Unsatisfiable),
            ("bytes=99999999999999999999-", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=5-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("items=0-1", Part::Whole),
        ] {
            assert_eq!(part(&headers(&[(RANGE, value)]), 10, &TAG), expected, "{value}");
        }
        let twice = headers(&[(RANGE, "bytes=0-1"), (RANGE, "bytes=2-3")]);
        assert_eq!(part(&twice, 10, &TAG), Part::Whole);
        for (condition, expected) in [
            ("\"a\"", Part::Bytes(0..=0)),
            ("\"b\"", Part::Whole),
            ("W/\"a\"", Part::Whole),
        ] {
            let headers = headers(&[(RANGE, "bytes=0-0"), (IF_RANGE, condition)]);
            assert_eq!(part(&headers, 10, &TAG), expected, "{condition}");
        }
        assert_eq!(part(&headers(&[(RANGE, "bytes=0-")]), 0, &TAG), Part::Unsatisfiable);
    }

    proptest! {
        #[test]
        fn a_range_is_within_the_file(range in "bytes=[0-9]{0,20}-[0-9]{0,20}", length in 0_usize..100) {
            if let Part::Bytes(range) = part(&headers(&[(RANGE, &range)]), length, &TAG) {
                prop_assert!(range.start() <= range.end() && *range.end() < length);
            }
        }
    }
}
