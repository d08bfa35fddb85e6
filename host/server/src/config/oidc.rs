use super::ConfigError;
use super::settings::Sources;
use alga_auth::JwtSettings;
use std::path::PathBuf;

/// OpenID provider whose tokens are accepted.
#[derive(Debug, Clone)]
pub(crate) struct OidcSettings {
    /// Issuer, audience, algorithms and claims.
    pub(crate) tokens: JwtSettings,
    /// Place of the provider's keys.
    pub(crate) jwks: JwksPlace,
}

/// Place where a provider's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JwksPlace {
    /// An `https` URL, or an `http` URL on loopback.
    Url(String),
    /// A file, which is read again when its keys are used.
    File(PathBuf),
}

impl JwksPlace {
    fn of(text: &str) -> Result<Self, ConfigError> {
        let is_loopback = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
        if text.starts_with("https://") || is_loopback {
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

/// Reads the provider's settings, all of which are set or none.
pub(super) fn oidc(sources: &Sources<'_>) -> Result<Option<OidcSettings>, ConfigError> {
    let text = |key| sources.text(key);
    match (text("oidc_issuer"), text("oidc_audience"), text("oidc_jwks")) {
        (None, None, None) => Ok(None),
        (Some(issuer), Some(audience), Some(jwks)) => Ok(Some(OidcSettings {
            jwks: JwksPlace::of(&jwks)?,
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
