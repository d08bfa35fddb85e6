//! Addresses of other processes of the platform, and connections to them.

use alga_errors::Problem;
use http::Uri;
use http::uri::{Authority, Scheme};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Time to connect to another process, which is in the same network.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Error of the connection to another process.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The address has another form.
    #[error("`{0}` is not a base URL such as http://host:8700 or https://host:8700")]
    Address(String),
    /// TLS cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Scheme and authority of another process.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    scheme: Scheme,
    pub(crate) authority: Authority,
}

impl FromStr for Upstream {
    type Err = UpstreamError;

    /// Reads a base URL `http[s]://host[:port]`.
    fn from_str(text: &str) -> Result<Self, UpstreamError> {
        parse(text).ok_or_else(|| UpstreamError::Address(text.to_owned()))
    }
}

fn parse(base_url: &str) -> Option<Upstream> {
    let uri: Uri = base_url.trim().trim_end_matches('/').parse().ok()?;
    let scheme = uri
        .scheme()
        .filter(|scheme| **scheme == Scheme::HTTP || **scheme == Scheme::HTTPS)?;
    let is_base = matches!(uri.path(), "" | "/") && uri.query().is_none();
    is_base.then_some(Upstream {
        scheme: scheme.clone(),
        authority: uri.authority()?.clone(),
    })
}

impl Upstream {
    /// Returns the URL of a path and query at this address.
    ///
    /// # Errors
    /// Returns an internal problem if the target is not valid.
    pub(crate) fn uri(&self, target: &str) -> Result<Uri, Problem> {
        let uri = Uri::builder().scheme(self.scheme.clone());
        let uri = uri.authority(self.authority.clone()).path_and_query(target);
        uri.build().map_err(Problem::internal)
    }
}

/// Version of HTTP for the connections to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpVersion {
    Http1,
    Http2,
}

/// Builds a connector, which verifies the certificates of `https` addresses with these authorities
/// (DER), or with public ones if there is none.
///
/// # Errors
/// Returns [`UpstreamError::Tls`] if an authority is not valid.
pub(crate) fn connector(
    authorities: &[Vec<u8>],
    version: HttpVersion,
) -> Result<HttpsConnector<HttpConnector>, UpstreamError> {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    http.enforce_http(false);
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(CertificateDer::from(authority.clone()))?;
    }
    if authorities.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions()?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let https = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
    Ok(match version {
        HttpVersion::Http1 => https.enable_http1().wrap_connector(http),
        HttpVersion::Http2 => https.enable_http2().wrap_connector(http),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_base_url_alone() {
        for text in ["http://runner:8700", "https://runner/", " http://[::1]:1 "] {
            assert!(text.parse::<Upstream>().is_ok(), "{text}");
        }
        for text in [
            "",
            "runner:8700",
            "ftp://runner",
            "http://",
            "http://a/path",
            "http://a?query",
            "//a",
        ] {
            assert!(text.parse::<Upstream>().is_err(), "{text}");
        }
    }
}
