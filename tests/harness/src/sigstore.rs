//! Private sigstore: a certificate authority for identities and a transparency log, with the least
//! that verification needs.

use crate::pki::{Authority, CertificateRequest};
use alga_bundle::Digest;
use alga_signing::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer;
use p256::pkcs8::EncodePublicKey;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::SystemTime;

const LOG: &str = "log.example.test";

/// Private sigstore deployment.
pub struct Sigstore {
    authority: Authority,
    log: p256::ecdsa::SigningKey,
}

impl Default for Sigstore {
    fn default() -> Self {
        Self::new()
    }
}

impl Sigstore {
    /// Creates a deployment with keys of its own.
    #[must_use]
    pub fn new() -> Self {
        Self {
            authority: Authority::new("identities"),
            log: new_key(),
        }
    }

    /// Returns the `trusted_root.json` of the deployment.
    #[must_use]
    pub fn trusted_root(&self) -> Value {
        let since = json!({ "start": "2020-01-01T00:00:00Z" });
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": format!("https://{LOG}"), "hashAlgorithm": "SHA2_256",
                "publicKey": { "rawBytes": STANDARD.encode(self.log_key()), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": since },
                "logId": { "keyId": STANDARD.encode(self.log_id()) },
            }],
            "certificateAuthorities": [{
                "subject": { "organization": "example", "commonName": "identities" }, "uri": "https://identities.example.test",
                "certChain": { "certificates": [{ "rawBytes": STANDARD.encode(self.authority.der()) }] }, "validFor": since,
            }],
            "ctlogs": [], "timestampAuthorities": [],
        })
    }

    /// Returns what `cosign sign-blob --bundle` would write for `identity`, as authenticated by
    /// `issuer`; `version` is `0.1`, `0.2` or `0.3`.
    #[must_use]
    pub fn sign_blob(&self, issuer: &str, identity: &str, blob: &[u8], version: &str) -> Value {
        let key = new_key();
        let pem = pem_of(&key);
        let request = CertificateRequest {
            names: &[identity],
            oidc_issuer: Some(issuer),
            ..CertificateRequest::default()
        };
        let certificate = self.authority.issue(&SigningKey::from_pem(&pem).unwrap(), &request);
        let signature: p256::ecdsa::Signature = key.sign(blob);
        let signature = STANDARD.encode(signature.to_der().as_bytes());
        let entry = self.entry(blob, &signature, &certificate);
        let certificate = json!({ "rawBytes": STANDARD.encode(certificate) });
        let mut material = json!({ "tlogEntries": [entry] });
        if version == "0.3" {
            material["certificate"] = certificate;
        } else {
            material["x509CertificateChain"] = json!({ "certificates": [certificate] });
        }
        let media_type = match version {
            "0.3" => "application/vnd.dev.sigstore.bundle.v0.3+json".to_owned(),
            older => format!("application/vnd.dev.sigstore.bundle+json;version={older}"),
        };
        let digest = STANDARD.encode(Digest::of(blob).as_bytes());
        json!({
            "mediaType": media_type, "verificationMaterial": material,
            "messageSignature": { "messageDigest": { "algorithm": "SHA2_256", "digest": digest }, "signature": signature },
        })
    }

    /// Signs the message `release.bin` in this directory, and writes `release.sigstore.json`.
    pub fn sign_release(&self, directory: &Path, issuer: &str, identity: &str) {
        let message = fs::read(directory.join("release.bin")).unwrap();
        let signed = self.sign_blob(issuer, identity, &message, "0.3");
        fs::write(directory.join("release.sigstore.json"), signed.to_string()).unwrap();
    }

    /// Returns the log entry: the only leaf of a tree, with an inclusion proof, a signed
    /// checkpoint, and the log's signed entry timestamp.
    fn entry(&self, blob: &[u8], signature: &str, certificate: &[u8]) -> Value {
        let body = json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": { "hash": { "algorithm": "sha256", "value": Digest::of(blob).to_hex() } },
                "signature": { "content": signature, "publicKey": { "content": STANDARD.encode(certificate_pem(certificate)) } },
            },
        })
        .to_string();
        let root = Digest::of(&[&[0], body.as_bytes()].concat());
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let promise = json!({
            "body": STANDARD.encode(&body), "integratedTime": now, "logID": hex_of(&self.log_id()), "logIndex": 0,
        });
        let promise: p256::ecdsa::Signature = self.log.sign(promise.to_string().as_bytes());
        json!({
            "logIndex": "0", "logId": { "keyId": STANDARD.encode(self.log_id()) },
            "kindVersion": { "kind": "hashedrekord", "version": "0.0.1" }, "integratedTime": now.to_string(),
            "inclusionPromise": { "signedEntryTimestamp": STANDARD.encode(promise.to_der().as_bytes()) },
            "inclusionProof": {
                "logIndex": "0", "treeSize": "1", "rootHash": STANDARD.encode(root.as_bytes()), "hashes": [],
                "checkpoint": { "envelope": self.checkpoint(&root) },
            },
            "canonicalizedBody": STANDARD.encode(&body),
        })
    }

    fn checkpoint(&self, root: &Digest) -> String {
        let note = format!("{LOG} - 1\n1\n{}\n", STANDARD.encode(root.as_bytes()));
        let signature: p256::ecdsa::Signature = self.log.sign(note.as_bytes());
        let hint = &self.log_id()[..4];
        let signature = STANDARD.encode([hint, signature.to_der().as_bytes()].concat());
        format!("{note}\n\u{2014} {LOG} {signature}\n")
    }

    fn log_key(&self) -> Vec<u8> {
        self.log.verifying_key().to_public_key_der().unwrap().to_vec()
    }

    fn log_id(&self) -> Vec<u8> {
        Digest::of(&self.log_key()).as_bytes().to_vec()
    }
}

fn new_key() -> p256::ecdsa::SigningKey {
    use p256::pkcs8::DecodePrivateKey;
    let pem = SigningKey::generate_p256().unwrap().to_pem().unwrap();
    p256::ecdsa::SigningKey::from_pkcs8_pem(&pem).unwrap()
}

fn pem_of(key: &p256::ecdsa::SigningKey) -> String {
    use p256::pkcs8::EncodePrivateKey;
    key.to_pkcs8_pem(p256::pkcs8::LineEnding::LF).unwrap().to_string()
}

fn certificate_pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
