//! Fetches the keys of an OpenID provider.

use crate::StartError;
use crate::config::JwksPlace;
use alga_auth::{JwksFuture, JwksSource};
use alga_metrics::Latency;
use reqwest::{Client, Response, redirect};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Maximum bytes of a key set.
const JWKS_BYTES: usize = 1024 * 1024;
/// Longest time of a request for keys. It ends before the verifier stops to wait, after
/// five seconds, so that a provider that does not respond is counted.
const FETCH_TIMEOUT: Duration = Duration::from_secs(4);

type AnyError = Box<dyn Error + Send + Sync>;

/// Returns the source of the keys at this place, with the durations of its requests.
pub(crate) fn jwks_source(place: &JwksPlace, latency: &Latency) -> Result<Arc<dyn JwksSource>, StartError> {
    let url = match place {
        JwksPlace::File(path) => return Ok(Arc::new(KeyFile(path.clone()))),
        JwksPlace::Url(url) => url.clone(),
    };
    let client = provider_client()?;
    Ok(Arc::new(KeyUrl {
        client,
        url,
        timeout: FETCH_TIMEOUT,
        latency: latency.clone(),
    }))
}

/// Creates a client for an OpenID provider.
pub(crate) fn provider_client() -> Result<Client, StartError> {
    // A redirect could lead to a place that the operator did not name.
    let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build();
    client.map_err(|error| StartError::Provider(error.to_string()))
}

/// Reads the body of a response, or fails if it has more bytes.
pub(crate) async fn bounded_body(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, AnyError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > max_bytes {
            return Err(format!("more than {max_bytes} bytes").into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

struct KeyFile(std::path::PathBuf);

impl JwksSource for KeyFile {
    fn fetch(&self) -> JwksFuture<'_> {
        Box::pin(async move { Ok(tokio::fs::read(&self.0).await?) })
    }
}

struct KeyUrl {
    client: Client,
    url: String,
    /// Longest time of a request.
    timeout: Duration,
    latency: Latency,
}

impl KeyUrl {
    async fn fetch_untimed(&self) -> Result<Vec<u8>, AnyError> {
        let response = self
            .client
            .get(&self.url)
            .timeout(self.timeout)
            .send()
            .await?
            .error_for_status()?;
        if !response.status().is_success() {
            return Err(format!("status {}", response.status()).into());
        }
        bounded_body(response, JWKS_BYTES).await
    }
}

impl JwksSource for KeyUrl {
    fn fetch(&self) -> JwksFuture<'_> {
        Box::pin(self.latency.time(self.fetch_untimed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alga_metrics::{Format, Metrics};

    #[tokio::test]
    async fn a_provider_that_does_not_respond_is_counted_as_one_that_fails() {
        // Its connections are accepted by the operating system alone.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let latency = Latency::default();
        let keys = KeyUrl {
            client: provider_client().unwrap(),
            url: format!("http://{}/keys", silent.local_addr().unwrap()),
            timeout: Duration::from_millis(10),
            latency: latency.clone(),
        };
        assert!(keys.fetch().await.is_err());
        let metrics = Metrics::default();
        metrics.add_dependency("jwks", &latency);
        let text = metrics.text(Format::PrometheusText);
        let failed = "alga_dependency_duration_seconds_count{dependency=\"jwks\",outcome=\"error\"} 1\n";
        assert!(text.contains(failed), "{text}");
    }
}
