//! Engines that many extensions share: a component imports one as a core module, by its digest.

use crate::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Digests of the JavaScript engines that this version ships (`adapters/javascript/dist`). Only
/// these are linked. An engine stays as long as there are extensions that were built for it.
const SHIPPED: [&str; 1] = ["763bde0761d82091d94dfb6a50e7b9fb07c2390e0398e6824f0359e5832b0f0d"];
/// First and last part of the name of an import: a package, and the digest of its bytes in Base64
/// (component model, `integrity`).
const NAME: (&str, &str) = ("locked-dep=<alga:javascript@1.0.0>,integrity=<sha256-", ">");

/// Returns the name under which components import the engine with this digest.
#[must_use]
pub fn engine_import_name(digest: &Digest) -> String {
    format!("{}{}{}", NAME.0, BASE64.encode(digest.as_bytes()), NAME.1)
}

/// Returns the import names of all engines that this version ships.
#[must_use]
pub fn shipped_engines() -> Vec<String> {
    let digest = |hex: &&str| Some(Digest::from_hash(hex::decode(hex).ok()?.try_into().ok()?));
    SHIPPED
        .iter()
        .filter_map(digest)
        .map(|digest| engine_import_name(&digest))
        .collect()
}

/// Returns the digest of the engine with this import name, if this version ships it.
#[must_use]
pub fn shipped_engine(import: &str) -> Option<Digest> {
    let encoded = import.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?;
    let digest = Digest::from_hash(BASE64.decode(encoded).ok()?.try_into().ok()?);
    SHIPPED.contains(&digest.to_hex().as_str()).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_engines_that_are_shipped_have_names() {
        let shipped = Digest::from_hash(hex::decode(SHIPPED[0]).unwrap().try_into().unwrap());
        let name = engine_import_name(&shipped);
        assert_eq!(shipped_engine(&name), Some(shipped));
        for other in [
            engine_import_name(&Digest::of(b"another")),
            name.replace("javascript", "python"),
            format!("{name}x"),
            "alga:javascript@1.0.0".to_owned(),
            String::new(),
        ] {
            assert_eq!(shipped_engine(&other), None, "{other}");
        }
    }
}
