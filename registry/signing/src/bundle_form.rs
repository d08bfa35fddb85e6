//! The schema of a sigstore bundle (`sigstore_bundle.proto`, v0.1 to v0.3): its fields by JSON
//! name, their types, and its `oneof` groups. The check is needed because a library that ignores
//! unknown fields would let two readers see two different bundles.

use serde_json::Value;

/// The type of a field.
enum Form {
    Text,
    StrictObject(&'static [(&'static str, Form)]),
    List(&'static Form),
}

use Form::{List, StrictObject, Text};

const CERTIFICATE: Form = StrictObject(&[("rawBytes", Text)]);
const LOG_ENTRY: Form = StrictObject(&[
    ("logIndex", Text),
    ("logId", StrictObject(&[("keyId", Text)])),
    ("kindVersion", StrictObject(&[("kind", Text), ("version", Text)])),
    ("integratedTime", Text),
    ("inclusionPromise", StrictObject(&[("signedEntryTimestamp", Text)])),
    (
        "inclusionProof",
        StrictObject(&[
            ("logIndex", Text),
            ("rootHash", Text),
            ("treeSize", Text),
            ("hashes", List(&Text)),
            ("checkpoint", StrictObject(&[("envelope", Text)])),
        ]),
    ),
    ("canonicalizedBody", Text),
]);
const MATERIAL: Form = StrictObject(&[
    ("certificate", CERTIFICATE),
    (
        "x509CertificateChain",
        StrictObject(&[("certificates", List(&CERTIFICATE))]),
    ),
    ("publicKey", StrictObject(&[("hint", Text)])),
    ("tlogEntries", List(&LOG_ENTRY)),
    (
        "timestampVerificationData",
        StrictObject(&[("rfc3161Timestamps", List(&StrictObject(&[("signedTimestamp", Text)])))]),
    ),
]);
const BUNDLE: Form = StrictObject(&[
    ("mediaType", Text),
    ("verificationMaterial", MATERIAL),
    (
        "messageSignature",
        StrictObject(&[
            ("messageDigest", StrictObject(&[("algorithm", Text), ("digest", Text)])),
            ("signature", Text),
        ]),
    ),
    (
        "dsseEnvelope",
        StrictObject(&[
            ("payload", Text),
            ("payloadType", Text),
            ("signatures", List(&StrictObject(&[("sig", Text), ("keyid", Text)]))),
        ]),
    ),
]);
/// Groups of fields of which exactly one must be set, each with the JSON pointer of the object.
const CHOICES: [(&str, &[&str]); 2] = [
    ("", &["messageSignature", "dsseEnvelope"]),
    (
        "/verificationMaterial",
        &["certificate", "x509CertificateChain", "publicKey"],
    ),
];

/// Checks a bundle's form. The caller has checked before that it is plain JSON.
pub(crate) fn check(json: &str) -> Result<(), String> {
    let bundle: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    walk(&bundle, &BUNDLE, "$")?;
    for (pointer, choice) in CHOICES {
        let holder = bundle.pointer(pointer).ok_or("it has no verificationMaterial")?;
        let count = choice
            .iter()
            .filter(|name| holder.get(**name).is_some_and(|value| !value.is_null()))
            .count();
        if count != 1 {
            return Err(format!(
                "it has {count} of {}; exactly one is required",
                choice.join(", ")
            ));
        }
    }
    Ok(())
}

fn walk(value: &Value, form: &Form, path: &str) -> Result<(), String> {
    match (form, value) {
        // ProtoJSON: null is an unset field; 64-bit numbers are strings, and some programs write
        // them as numbers.
        (_, Value::Null) | (Text, Value::String(_) | Value::Number(_)) => Ok(()),
        (StrictObject(fields), Value::Object(values)) => values.iter().try_for_each(|(name, value)| {
            let field = fields.iter().find(|(known, _)| known == name);
            let (_, form) = field.ok_or_else(|| format!("{path} has no field `{}`", name.escape_default()))?;
            walk(value, form, &format!("{path}.{name}"))
        }),
        (List(form), Value::Array(values)) => values.iter().try_for_each(|value| walk(value, form, path)),
        _ => Err(format!("{path} has the wrong type")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Returns a bundle in the form that cosign and `sigstore-python` write.
    fn good() -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": { "rawBytes": "AA==" },
                "tlogEntries": [{
                    "logIndex": "1", "logId": { "keyId": "AA==" }, "kindVersion": { "kind": "hashedrekord", "version": "0.0.1" },
                    "integratedTime": "1", "inclusionPromise": { "signedEntryTimestamp": "AA==" },
                    "inclusionProof": {
                        "logIndex": "1", "rootHash": "AA==", "treeSize": "1", "hashes": ["AA=="], "checkpoint": { "envelope": "e" }
                    },
                    "canonicalizedBody": "AA=="
                }],
                "timestampVerificationData": { "rfc3161Timestamps": [] }
            },
            "messageSignature": { "messageDigest": { "algorithm": "SHA2_256", "digest": "AA==" }, "signature": "AA==" }
        })
    }

    #[test]
    fn sigstore_bundles_with_unknown_mistyped_or_conflicting_fields_fail() {
        assert_eq!(check(&good().to_string()), Ok(()));
        for (pointer, value, words) in [
            ("/messageSignature", json!(["AA=="]), "wrong type"),
            ("/messageSignature", Value::Null, "0 of messageSignature"),
            (
                "/verificationMaterial/certificate",
                json!({ "rawBytes": "AA==", "raw_bytes": "AB==" }),
                "no field `raw_bytes`",
            ),
            ("/verificationMaterial/certificate", Value::Null, "0 of certificate"),
            ("/verificationMaterial/tlogEntries", json!({ "0": {} }), "wrong type"),
            ("/verificationMaterial", json!([]), "wrong type"),
        ] {
            let mut bundle = good();
            *bundle.pointer_mut(pointer).unwrap() = value;
            let refused = check(&bundle.to_string()).unwrap_err();
            assert!(refused.contains(words), "{pointer}: {refused}");
        }
        let mut both = good();
        both["dsseEnvelope"] = json!({ "payload": "AA==", "payloadType": "t", "signatures": [{ "sig": "AA==" }] });
        assert!(check(&both.to_string()).unwrap_err().contains("2 of messageSignature"));
        let mut unknown = good();
        unknown["later"] = json!(1);
        assert!(check(&unknown.to_string()).unwrap_err().contains("no field `later`"));
    }
}
