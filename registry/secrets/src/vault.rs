//! Sealing by the transit engine of Vault and compatible services.

use crate::{Algorithm, SealError, SecretBinding, SecretEnvelope, SecretValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, redirect};
use serde_json::{Value, json};
use std::time::Duration;
use zeroize::Zeroizing;

/// Timeout of one call: a user waits while a secret is set.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum bytes of a response: more than twice the largest secret in base64.
const RESPONSE_BYTES: usize = 256 * 1024;

/// The transit engine of Vault or OpenBao. Address, mount and key are this host's configuration; an
/// envelope cannot choose them.
pub struct VaultTransit {
    client: Client,
    address: String,
    mount: String,
    key: String,
    token: Zeroizing<String>,
}

impl VaultTransit {
    /// Creates a client. `address` is like `https://vault.example.com:8200`; `mount` is usually
    /// `transit`.
    ///
    /// # Errors
    /// Returns [`SealError::Service`] if mount or key is not a plain name, or the HTTP client
    /// cannot be created.
    pub fn new(address: &str, mount: &str, key: &str, token: Zeroizing<String>) -> Result<Self, SealError> {
        let is_plain = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if !is_plain(mount) || !is_plain(key) {
            return Err(SealError::Service(
                "mount and key may contain only letters, digits, `-` and `_`".to_owned(),
            ));
        }
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build();
        Ok(Self {
            client: client.map_err(|error| SealError::Service(error.to_string()))?,
            address: address.trim_end_matches('/').to_owned(),
            mount: mount.to_owned(),
            key: key.to_owned(),
            token,
        })
    }

    pub(crate) async fn seal(
        &self,
        secret: &SecretValue,
        binding: &SecretBinding<'_>,
    ) -> Result<SecretEnvelope, SealError> {
        let plaintext = Zeroizing::new(STANDARD.encode(secret.expose()));
        let data = STANDARD.encode(binding.associated_data(&self.key));
        let body = json!({ "plaintext": *plaintext, "associated_data": data });
        let response = self.call("encrypt", &body).await?;
        let ciphertext = response.pointer("/data/ciphertext").and_then(Value::as_str);
        let missing = || SealError::Service("the response has no ciphertext".to_owned());
        Ok(SecretEnvelope {
            algorithm: Algorithm::VaultTransit,
            key_id: self.key.clone(),
            ciphertext: ciphertext.ok_or_else(missing)?.to_owned(),
        })
    }

    pub(crate) async fn open(
        &self,
        envelope: &SecretEnvelope,
        binding: &SecretBinding<'_>,
    ) -> Result<SecretValue, SealError> {
        if envelope.algorithm != Algorithm::VaultTransit {
            return Err(SealError::Algorithm(envelope.algorithm.name().to_owned()));
        }
        if envelope.key_id != self.key {
            return Err(SealError::Key(envelope.key_id.clone()));
        }
        let data = STANDARD.encode(binding.associated_data(&self.key));
        let body = json!({ "ciphertext": envelope.ciphertext, "associated_data": data });
        let response = self.call("decrypt", &body).await?;
        let plaintext = response.pointer("/data/plaintext").and_then(Value::as_str);
        let plaintext = plaintext.and_then(|text| STANDARD.decode(text).ok());
        SecretValue::new(Zeroizing::new(plaintext.ok_or(SealError::Forged)?))
    }

    /// Calls the service. Status 400 to `decrypt` means a forged envelope; any other status than
    /// 200 is an error of the service.
    async fn call(&self, verb: &str, body: &Value) -> Result<Value, SealError> {
        let url = format!("{}/v1/{}/{verb}/{}", self.address, self.mount, self.key);
        let request = self
            .client
            .post(url)
            .header("x-vault-token", self.token.as_str())
            .json(body);
        let failed = |error: reqwest::Error| SealError::Service(error.without_url().to_string());
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        if status == 400 && verb == "decrypt" {
            return Err(SealError::Forged);
        }
        if status != 200 {
            return Err(SealError::Service(format!("it returned status {status}")));
        }
        let bytes = bounded(response).await?;
        serde_json::from_slice(&bytes).map_err(|_| SealError::Service("the response is not JSON".to_owned()))
    }
}

async fn bounded(mut response: reqwest::Response) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let failed = |error: reqwest::Error| SealError::Service(error.without_url().to_string());
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if bytes.len() + chunk.len() > RESPONSE_BYTES {
            return Err(SealError::Service("the response is too long".to_owned()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
