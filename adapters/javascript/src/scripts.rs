//! The scripts of the web's interfaces, which are evaluated before an extension's module.

/// Name and text of each script.
const SCRIPTS: [(&str, &str); 14] = [
    (
        "alga:http/client",
        include_str!("../../../guest-sdk/js/engine/script/client.js"),
    ),
    (
        "alga:web/abort",
        include_str!("../../../guest-sdk/js/engine/script/abort.js"),
    ),
    (
        "alga:web/body",
        include_str!("../../../guest-sdk/js/engine/script/body.js"),
    ),
    (
        "alga:web/clone",
        include_str!("../../../guest-sdk/js/engine/script/clone.js"),
    ),
    (
        "alga:web/console",
        include_str!("../../../guest-sdk/js/engine/script/console.js"),
    ),
    (
        "alga:web/crypto",
        include_str!("../../../guest-sdk/js/engine/script/crypto.js"),
    ),
    (
        "alga:web/dispatch",
        include_str!("../../../guest-sdk/js/engine/script/dispatch.js"),
    ),
    (
        "alga:web/encoding",
        include_str!("../../../guest-sdk/js/engine/script/encoding.js"),
    ),
    (
        "alga:web/events",
        include_str!("../../../guest-sdk/js/engine/script/events.js"),
    ),
    (
        "alga:web/headers",
        include_str!("../../../guest-sdk/js/engine/script/headers.js"),
    ),
    (
        "alga:web/messages",
        include_str!("../../../guest-sdk/js/engine/script/messages.js"),
    ),
    (
        "alga:web/streams",
        include_str!("../../../guest-sdk/js/engine/script/streams.js"),
    ),
    (
        "alga:web/timers",
        include_str!("../../../guest-sdk/js/engine/script/timers.js"),
    ),
    (
        "alga:web/url",
        include_str!("../../../guest-sdk/js/engine/script/url.js"),
    ),
];

/// Returns all scripts, each after a line with its name and its length in bytes.
pub(crate) fn scripts() -> String {
    let script = |(name, text): &(&str, &str)| format!("{name} {}\n{text}", text.len());
    SCRIPTS.iter().map(script).collect()
}
