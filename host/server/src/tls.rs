//! TLS of the listener, with a certificate that is read again when its files change.

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// Interval at which the files are read.
const INTERVAL: Duration = Duration::from_secs(5);

/// Files of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM file with the certificate and its intermediates.
    pub certificates: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// Error of a certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the files cannot be read.
    #[error("the file `{}`", path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The contents of the files are not a certificate with its key.
    #[error("the certificate or its key: {0}")]
    Invalid(String),
}

/// A listener's certificate.
pub struct TlsCertificate {
    files: TlsFiles,
    interval: Duration,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

/// The certificate of new connections.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Contents of the files.
struct Contents {
    certificates: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
}

impl Contents {
    async fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = async |path: &PathBuf| {
            let error = |source| TlsError::File {
                path: path.clone(),
                source,
            };
            tokio::fs::read(path).await.map_err(error)
        };
        Ok(Self {
            certificates: read(&files.certificates).await?,
            key: read(&files.key).await?.into(),
        })
    }

    fn digest(&self) -> [u8; 32] {
        let parts = Sha256::new().chain_update(Sha256::digest(&self.certificates));
        parts
            .chain_update(Sha256::digest(self.key.as_slice()))
            .finalize()
            .into()
    }

    /// Checks that the key is the certificate's.
    fn certified_key(&self) -> Result<CertifiedKey, TlsError> {
        let invalid = |error: &dyn std::fmt::Display| TlsError::Invalid(error.to_string());
        let certificates = CertificateDer::pem_slice_iter(&self.certificates).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|error| invalid(&error))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| invalid(&error))?;
        CertifiedKey::from_der(certificates, key, &default_provider()).map_err(|error| invalid(&error))
    }
}

impl TlsCertificate {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// Returns [`TlsError`] if the files cannot be read or do not belong together.
    pub async fn open(files: TlsFiles) -> Result<Self, TlsError> {
        Self::with_interval(files, INTERVAL).await
    }

    async fn with_interval(files: TlsFiles, interval: Duration) -> Result<Self, TlsError> {
        let key = Contents::read(&files).await?.certified_key()?;
        let current = Arc::new(Current(RwLock::new(Arc::new(key))));
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| TlsError::Invalid(error.to_string()))?;
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            files,
            interval,
            current,
            config: Arc::new(config),
        })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Uses a new certificate for new connections when the files change. While the new files do not
    /// belong together, the previous certificate is used. Never returns.
    pub(crate) async fn follow(&self) {
        let mut known = None;
        loop {
            sleep(self.interval).await;
            match Contents::read(&self.files).await {
                Ok(contents) if known == Some(contents.digest()) => {}
                Ok(contents) => {
                    known = Some(contents.digest());
                    self.replace(&contents);
                }
                Err(error) => tracing::warn!(error = %alga_errors::chain(&error), "could not read the TLS certificate"),
            }
        }
    }

    fn replace(&self, contents: &Contents) {
        match contents.certified_key() {
            Ok(key) => {
                *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                tracing::info!("the TLS certificate was read");
            }
            Err(error) => tracing::warn!(%error, "the new TLS certificate cannot be used; the previous one stays"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Listener, ServeLimits, serve};
    use axum::Router;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use hyper_rustls::HttpsConnectorBuilder;
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;
    use rustls::{ClientConfig, RootCertStore};
    use std::fs;
    use std::net::SocketAddr;
    use tempfile::TempDir;
    use tokio::net::TcpListener;

    /// Writes a new self-signed certificate for `localhost`, and returns it.
    fn issue(directory: &TempDir) -> CertificateDer<'static> {
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(directory.path().join("cert.pem"), issued.cert.pem()).unwrap();
        fs::write(directory.path().join("key.pem"), issued.signing_key.serialize_pem()).unwrap();
        issued.cert.der().clone()
    }

    fn files(directory: &TempDir) -> TlsFiles {
        TlsFiles {
            certificates: directory.path().join("cert.pem"),
            key: directory.path().join("key.pem"),
        }
    }

    async fn start(directory: &TempDir) -> SocketAddr {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let tls = TlsCertificate::with_interval(files(directory), Duration::from_millis(5)).await;
        let router = Router::new().route(
            "/",
            get(async |request: axum::extract::Request| format!("{:?}", request.version())),
        );
        let listener = Listener::from(tcp).with_tls(tls.unwrap());
        tokio::spawn(serve(listener, router, ServeLimits::default(), std::future::pending()));
        address
    }

    /// Sends a request by a protocol to a server that must have this certificate.
    async fn ask(address: SocketAddr, certificate: &CertificateDer<'static>, http2: bool) -> Result<String, String> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_only();
        let connector = match http2 {
            true => connector.enable_http2().build(),
            false => connector.enable_http1().build(),
        };
        let client: Client<_, axum::body::Body> =
            Client::builder(TokioExecutor::new()).http2_only(http2).build(connector);
        let uri = format!("https://localhost:{}/", address.port()).parse().unwrap();
        let response = client
            .get(uri)
            .await
            .map_err(|error: hyper_util::client::legacy::Error| format!("{error:?}"))?;
        let body: axum::body::Body = axum::body::Body::new(response.into_body());
        Ok(String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_protocol_is_negotiated_and_a_new_certificate_is_used_without_restart() {
        let directory = tempfile::tempdir().unwrap();
        let first = issue(&directory);
        let address = start(&directory).await;
        assert_eq!(ask(address, &first, true).await.unwrap(), "HTTP/2.0");
        assert_eq!(ask(address, &first, false).await.unwrap(), "HTTP/1.1");
        // A certificate without its key is not used.
        let key = fs::read(directory.path().join("key.pem")).unwrap();
        let second = issue(&directory);
        let new_key = fs::read(directory.path().join("key.pem")).unwrap();
        fs::write(directory.path().join("key.pem"), key).unwrap();
        assert_eq!(ask(address, &first, true).await.unwrap(), "HTTP/2.0");
        fs::write(directory.path().join("key.pem"), new_key).unwrap();
        while ask(address, &second, true).await.is_err() {}
        assert!(ask(address, &first, true).await.is_err());
    }

    #[tokio::test]
    async fn a_client_without_tls_or_with_half_a_handshake_is_disconnected() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let directory = tempfile::tempdir().unwrap();
        issue(&directory);
        let address = start(&directory).await;
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut response = Vec::new();
        client.read_to_end(&mut response).await.ok();
        assert!(!response.starts_with(b"HTTP"), "{response:?}");
    }

    #[tokio::test]
    async fn files_that_are_missing_or_do_not_belong_together_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(
            TlsCertificate::open(files(&directory)).await,
            Err(TlsError::File { .. })
        ));
        issue(&directory);
        let key = fs::read(directory.path().join("key.pem")).unwrap();
        issue(&directory);
        fs::write(directory.path().join("key.pem"), key).unwrap();
        assert!(matches!(
            TlsCertificate::open(files(&directory)).await,
            Err(TlsError::Invalid(_))
        ));
        fs::write(directory.path().join("cert.pem"), "nonsense").unwrap();
        assert!(matches!(
            TlsCertificate::open(files(&directory)).await,
            Err(TlsError::Invalid(_))
        ));
    }
}
