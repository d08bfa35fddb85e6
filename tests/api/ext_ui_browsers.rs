//! What browsers and caches make of a file of a page.

use crate::ext_ui::{field, get, world};

/// Covers U3: a browser saves what it does not know, and guesses no type.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_unknown_type_is_saved_and_not_shown() {
    let (world, release) = world(&[]).await;
    let unknown = get(&world, &release, "table.unknown", &[]).await;
    assert_eq!(field(&unknown, "content-type"), "application/octet-stream");
    assert_eq!(field(&unknown, "content-disposition"), "attachment");
    let known = get(&world, &release, "index.html", &[]).await;
    assert!(!known.headers.contains_key("content-disposition"));
}

/// Covers U8: a cache in between stores one response for all of these requests.
#[tokio::test(flavor = "multi_thread")]
async fn no_field_that_caches_ignore_changes_a_response() {
    let (world, release) = world(&[]).await;
    let plain = get(&world, &release, "index.html", &[]).await;
    for name in [
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-for",
        "x-forwarded-prefix",
        "x-host",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "forwarded",
        "origin",
        "referer",
        "cookie",
        "authorization",
        "user-agent",
        "accept-language",
    ] {
        let changed = get(&world, &release, "index.html", &[(name, "evil.example.com")]).await;
        let mut headers = changed.headers.clone();
        for own in ["x-request-id", "date"] {
            headers.remove(own);
        }
        assert_eq!(changed.body, plain.body, "{name}");
        for (field, value) in &headers {
            assert_eq!(plain.headers.get(field), Some(value), "{name}: {field}");
        }
        assert!(!format!("{headers:?}").contains("evil"), "{name}: {headers:?}");
    }
}
