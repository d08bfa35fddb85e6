use super::ConfigError;
use super::settings::Sources;
use alga_auth::JwtSettings;
use std::path::PathBuf;

/// Path of the callback, in which [`LoginSettings::redirect_url`] ends.
const CALLBACK: &str = "/auth/callback";

/// OpenID provider whose tokens are accepted.
#[derive(Debug, Clone)]
pub(crate) struct OidcSettings {
    /// Issuer, audience, algorithms and claims.
    pub(crate) tokens: JwtSettings,
    /// Place of the provider's keys.
    pub(crate) jwks: JwksPlace,
    /// This platform as a client of the provider, if users of browsers sign in there.
    pub(crate) login: Option<LoginSettings>,
}

/// This platform as a client of an OpenID provider.
#[derive(Debug, Clone)]
pub(crate) struct LoginSettings {
    /// URL of the provider.
    pub(crate) issuer: String,
    /// Identifier of the client.
    pub(crate) client_id: String,
    /// File with the secret of a confidential client.
    pub(crate) client_secret_file: Option<PathBuf>,
    /// URL of `/auth/callback` as browsers reach it.
    pub(crate) redirect_url: String,
    /// Requested scopes, separated by spaces.
    pub(crate) scopes: String,
}

/// Place where a provider's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JwksPlace {
    /// An `https` URL, or an `http` URL on loopback.
    Url(String),
    /// A file, which is read again when its keys are used.
    File(PathBuf),
}

impl OidcSettings {
    /// Returns the files that are read while the platform runs.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let keys = match &self.jwks {
            JwksPlace::File(path) => Some(path),
            JwksPlace::Url(_) => None,
        };
        let secret = self.login.as_ref().and_then(|login| login.client_secret_file.as_ref());
        keys.into_iter().chain(secret)
    }
}

impl JwksPlace {
    fn of(text: &str) -> Result<Self, ConfigError> {
        if is_secure_url(text) {
            return Ok(Self::Url(text.to_owned()));
        }
        if text.contains("://") {
            return Err(ConfigError::Contradiction(
                "ALGA_OIDC_JWKS must be an https:// URL or a file: a party that changes the keys in transit could be any user",
            ));
        }
        Ok(Self::File(PathBuf::from(text)))
    }
}

/// True for a URL whose content is protected in transit: `https`, or loopback.
pub(crate) fn is_secure_url(text: &str) -> bool {
    let secure = ["https://", "http://127.0.0.1:", "http://[::1]:", "http://localhost:"];
    // User information could make the rest of the prefix a password: `http://localhost:1@host`.
    let authority = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    secure.iter().any(|prefix| text.starts_with(prefix)) && !authority.contains('@')
}

/// Reads the provider's settings, all of which are set or none.
pub(super) fn oidc(sources: &Sources<'_>) -> Result<Option<OidcSettings>, ConfigError> {
    let text = |key| sources.text(key);
    match (text("oidc_issuer"), text("oidc_audience"), text("oidc_jwks")) {
        (None, None, None) if text("oidc_client_id").is_none() => Ok(None),
        (Some(issuer), Some(audience), Some(jwks)) => Ok(Some(OidcSettings {
            jwks: JwksPlace::of(&jwks)?,
            login: login(sources, &issuer)?,
            tokens: JwtSettings {
                issuer,
                audience,
                algorithms: sources.required("oidc_algorithms")?,
                claims: sources.required("oidc_claims")?,
                kinds: sources.parse("oidc_kinds")?.unwrap_or_default(),
            },
        })),
        _ => Err(ConfigError::Contradiction(
            "an OpenID provider needs ALGA_OIDC_ISSUER, ALGA_OIDC_AUDIENCE and ALGA_OIDC_JWKS",
        )),
    }
}

/// Reads the settings for signing in at the provider.
fn login(sources: &Sources<'_>, issuer: &str) -> Result<Option<LoginSettings>, ConfigError> {
    let text = |key| sources.text(key);
    let (client_id, redirect_url) = match (text("oidc_client_id"), text("oidc_redirect_url")) {
        (None, None) => return Ok(None),
        (Some(client_id), Some(redirect_url)) => (client_id, redirect_url),
        _ => {
            return Err(ConfigError::Contradiction(
                "signing in at an OpenID provider needs ALGA_OIDC_CLIENT_ID and ALGA_OIDC_REDIRECT_URL",
            ));
        }
    };
    if !is_secure_url(issuer) {
        return Err(ConfigError::Contradiction(
            "signing in at an OpenID provider needs an https:// URL as ALGA_OIDC_ISSUER",
        ));
    }
    if !is_secure_url(&redirect_url) || !redirect_url.ends_with(CALLBACK) {
        return Err(ConfigError::Contradiction(
            "ALGA_OIDC_REDIRECT_URL must be the https:// URL of /auth/callback, as it is registered at the provider",
        ));
    }
    Ok(Some(LoginSettings {
        issuer: issuer.to_owned(),
        client_id,
        client_secret_file: text("oidc_client_secret_file").map(PathBuf::from),
        redirect_url,
        scopes: sources.required("oidc_scopes")?,
    }))
}
