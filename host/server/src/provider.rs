//! Client of an OpenID provider: its metadata (OpenID Connect Discovery 1.0) and token endpoint.
//! The crates for the whole protocol bring a second implementation of JSON Web Tokens, which the
//! platform verifies already.

use crate::StartError;
use crate::config::{LoginSettings, is_secure_url};
use crate::jwks_source::{bounded_body, provider_client};
use alga_auth::LoginSecret;
use alga_errors::{Code, Problem};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Url};
use serde::Deserialize;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// Maximum bytes of a response of the provider.
const RESPONSE_BYTES: usize = 256 * 1024;
/// Time for a response of the provider.
const RESPONSE_TIME: Duration = Duration::from_secs(10);
/// Time for which metadata is used before it is fetched again.
const METADATA_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// Time for which a provider whose metadata could not be fetched is left alone.
const FAILURE_LIFE: SignedDuration = SignedDuration::from_secs(5);

type AnyError = Box<dyn Error + Send + Sync>;

/// The provider at which users of browsers sign in.
pub(crate) struct Provider {
    settings: LoginSettings,
    secret: Option<Zeroizing<String>>,
    client: Client,
    metadata: Mutex<Option<Fetched>>,
}

/// Metadata, or `None` if the last attempt to fetch it failed.
struct Fetched {
    at: Timestamp,
    metadata: Option<Arc<Metadata>>,
}

impl Fetched {
    fn is_fresh(&self, now: Timestamp) -> bool {
        let life = if self.metadata.is_some() {
            METADATA_LIFE
        } else {
            FAILURE_LIFE
        };
        let age = now.duration_since(self.at);
        age >= SignedDuration::ZERO && age < life
    }
}

/// The used part of the provider's metadata.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// The used part of the token endpoint's response.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl Provider {
    /// Creates a client; nothing is sent yet.
    pub(crate) fn new(settings: LoginSettings) -> Result<Self, StartError> {
        let secret = settings.client_secret_file.as_ref().map(|path| {
            std::fs::read_to_string(path).map_err(|source| StartError::ClientSecret {
                path: path.clone(),
                source,
            })
        });
        let secret = secret.transpose()?.map(Zeroizing::new);
        Ok(Self {
            secret: secret.map(|text| Zeroizing::new(text.trim().to_owned())),
            settings,
            client: provider_client()?,
            metadata: Mutex::default(),
        })
    }

    /// Returns the identifier of this platform at the provider.
    pub(crate) fn client_id(&self) -> &str {
        &self.settings.client_id
    }

    /// True if `issuer`, with which a provider marks its responses (RFC 9207), is this provider.
    pub(crate) fn is_issuer(&self, issuer: &str) -> bool {
        issuer == self.settings.issuer
    }

    /// Returns the URL at which the user signs in.
    ///
    /// # Errors
    /// Returns [`Code::Overloaded`] if the provider's metadata is not available.
    pub(crate) async fn sign_in_url(&self, secret: &LoginSecret) -> Result<Url, Problem> {
        let mut url = self.metadata().await?.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.settings.redirect_url)
            .append_pair("scope", &self.settings.scopes)
            .append_pair("state", &secret.state())
            .append_pair("nonce", &secret.nonce())
            .append_pair("code_challenge", &secret.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// Exchanges an authorization code for an ID token (RFC 6749, 4.1.3).
    ///
    /// # Errors
    /// Returns [`Code::Unauthenticated`] if the provider refuses the code, and
    /// [`Code::Overloaded`] if it cannot be reached.
    pub(crate) async fn id_token(&self, code: &str, secret: &LoginSecret) -> Result<String, Problem> {
        let metadata = self.metadata().await?;
        let verifier = Zeroizing::new(secret.verifier());
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.settings.redirect_url),
            ("client_id", &self.settings.client_id),
            ("code_verifier", &verifier),
        ];
        let mut request = self.client.post(metadata.token_endpoint.clone());
        match &self.secret {
            Some(secret) if metadata.has_basic() => {
                request = request.basic_auth(encoded(&self.settings.client_id), Some(encoded(secret)));
            }
            Some(secret) => form.push(("client_secret", secret)),
            None => {}
        }
        let response = timeout(RESPONSE_TIME, async {
            let response = request.form(&form).send().await?;
            let status = response.status();
            Ok::<_, AnyError>((status, bounded_body(response, RESPONSE_BYTES).await?))
        });
        let response = response.await.map_err(|_| unavailable())?;
        let (status, body) = response.map_err(|error| unavailable().caused_by(error.to_string()))?;
        if status.is_server_error() {
            return Err(unavailable().caused_by(format!("the token endpoint's status is {status}")));
        }
        let tokens = serde_json::from_slice::<Tokens>(&body)
            .ok()
            .filter(|_| status.is_success());
        let tokens =
            tokens.ok_or_else(|| not_signed_in().caused_by(format!("the token endpoint's status is {status}")));
        Ok(tokens?.id_token)
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, Problem> {
        // The lock is held while metadata is fetched, so that it is fetched once.
        let mut fetched = self.metadata.lock().await;
        let now = Timestamp::now();
        if !fetched.as_ref().is_some_and(|fetched| fetched.is_fresh(now)) {
            let metadata = timeout(RESPONSE_TIME, self.fetch()).await;
            let metadata = metadata.unwrap_or_else(|_| Err("no response in time".into()));
            if let Err(error) = &metadata {
                tracing::warn!(%error, issuer = self.settings.issuer, "no metadata of the OpenID provider");
            }
            let metadata = metadata.ok().map(Arc::new);
            *fetched = Some(Fetched { at: now, metadata });
        }
        let metadata = fetched.as_ref().and_then(|fetched| fetched.metadata.clone());
        metadata.ok_or_else(unavailable)
    }

    async fn fetch(&self) -> Result<Metadata, AnyError> {
        let issuer = self.settings.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let response = self.client.get(url).send().await?.error_for_status()?;
        let metadata: Metadata = serde_json::from_slice(&bounded_body(response, RESPONSE_BYTES).await?)?;
        metadata.check(&self.settings.issuer)?;
        Ok(metadata)
    }
}

impl Metadata {
    /// Checks that the metadata is this issuer's (Discovery, 4.3), and that codes and tokens are
    /// safe in transit.
    fn check(&self, issuer: &str) -> Result<(), AnyError> {
        if self.issuer != issuer {
            return Err(format!("the metadata is of the issuer `{}`", self.issuer.escape_default()).into());
        }
        for url in [&self.authorization_endpoint, &self.token_endpoint] {
            if !is_secure_url(url.as_str()) {
                return Err(format!("the endpoint {url} is not an https URL").into());
            }
        }
        match &self.code_challenge_methods_supported {
            Some(methods) if !methods.iter().any(|method| method == "S256") => {
                Err("the provider does not support the code challenge method S256".into())
            }
            _ => Ok(()),
        }
    }

    /// True if a client may authenticate with HTTP Basic, which is the default.
    fn has_basic(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
    }
}

/// Encodes a part of the credential for HTTP Basic (RFC 6749, 2.3.1).
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

pub(crate) fn not_signed_in() -> Problem {
    let problem = Problem::new(Code::Unauthenticated, "the OpenID provider did not sign the user in");
    problem.with_hint("open /auth/login to try again")
}

fn unavailable() -> Problem {
    Problem::new(Code::Overloaded, "the OpenID provider cannot be reached").retry_after_seconds(5)
}
