//! A release as an OCI artifact: bundle and signatures are its layers, and it is pulled only by its
//! digest.

use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::{Digest, Manifest, limits};
use clap::Args;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::{OciDescriptor, OciImageManifest, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tokio::runtime::Builder;

/// The type of the artifact (OCI image specification 1.1, guidelines for artifact usage).
const ARTIFACT: &str = "application/vnd.alga.extension.v1";
const BUNDLE: &str = "application/vnd.alga.bundle.v1.tar+zstd";
const SIGNATURES: &str = "application/vnd.alga.signatures.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of the empty config of an artifact, and its bytes.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const EMPTY_BYTES: &[u8] = b"{}";
/// Maximum bytes of the signatures that are pulled.
const SIGNATURE_BYTES: usize = 256 * 1024;

/// The protocol and the credentials of an OCI registry.
#[derive(Debug, Args)]
pub(crate) struct RegistryArguments {
    /// Connect to the OCI registry over plain HTTP
    #[arg(long)]
    plain_http: bool,
    /// User name for the OCI registry
    #[arg(long, env = "ALGA_OCI_USERNAME", hide_env_values = true, requires = "password_file")]
    username: Option<String>,
    /// File with the password or access token
    #[arg(long, env = "ALGA_OCI_PASSWORD_FILE", hide_env_values = true)]
    password_file: Option<PathBuf>,
}

/// The layers of a release.
pub(crate) struct Artifact {
    pub(crate) bundle: Vec<u8>,
    pub(crate) signatures: Vec<u8>,
}

/// A client for one reference in an OCI registry.
pub(crate) struct Remote {
    client: Client,
    auth: RegistryAuth,
    reference: Reference,
}

/// Parses a reference such as `ghcr.io/acme/hello:1.0.0`.
pub(crate) fn reference(text: &str) -> Outcome<Reference> {
    text.strip_prefix("oci://")
        .unwrap_or(text)
        .parse()
        .user_error(&format!("`{text}` is not an OCI reference"))
}

/// Blocks on one exchange with a registry.
pub(crate) fn wait<T>(exchange: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .internal_error("could not start the async runtime")?;
    runtime.block_on(exchange)
}

impl Remote {
    pub(crate) fn new(arguments: &RegistryArguments, reference: Reference, printer: &Printer) -> Outcome<Self> {
        let auth = match (&arguments.username, &arguments.password_file) {
            (Some(user), Some(file)) => RegistryAuth::Basic(user.clone(), crate::files::read_secret(file, printer)?),
            _ => RegistryAuth::Anonymous,
        };
        let protocol = if arguments.plain_http {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        };
        let config = ClientConfig {
            protocol,
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).internal_error("an HTTP client")?;
        Ok(Self {
            client,
            auth,
            reference,
        })
    }

    /// Pushes the layers, then the manifest that names them. Returns the manifest's digest.
    pub(crate) async fn push(&self, artifact: &Artifact, about: &Manifest) -> Outcome<Digest> {
        let context = format!("could not push to {}", self.reference);
        let allowed = self
            .client
            .auth(&self.reference, &self.auth, RegistryOperation::Push)
            .await;
        allowed.user_error(&context).map_err(|failed| self.with_cure(failed))?;
        for bytes in [EMPTY_BYTES, &artifact.bundle, &artifact.signatures] {
            let digest = Digest::of(bytes).to_string();
            let pushed = self.client.push_blob(&self.reference, bytes.to_vec(), &digest).await;
            pushed.user_error(&context)?;
        }
        let manifest = serde_json::to_vec(&described(artifact, about)).internal_error("writing a manifest")?;
        let kind = MANIFEST.parse().internal_error("a media type")?;
        let digest = Digest::of(&manifest);
        self.client
            .push_manifest_raw(&self.reference, manifest, kind)
            .await
            .user_error(&context)?;
        Ok(digest)
    }

    /// Adds a hint to a TLS error that indicates a registry with plain HTTP.
    fn with_cure(&self, failed: CliError) -> CliError {
        let is_not_tls = ["InvalidContentType", "wrong version number", "corrupt message"]
            .iter()
            .any(|text| failed.text.contains(text));
        if is_not_tls {
            failed.with_hint("the registry does not speak TLS; pass --plain-http to connect without TLS")
        } else {
            failed
        }
    }

    /// Returns the digest that a tag currently names.
    pub(crate) async fn resolve(&self) -> Outcome<String> {
        let digest = self.client.fetch_manifest_digest(&self.reference, &self.auth).await;
        let asked = digest.user_error(&format!("could not resolve {}", self.reference));
        asked.map_err(|failed| self.with_cure(failed))
    }

    /// Pulls the artifact that the reference's digest names. Refuses content with another digest or
    /// above the size limits.
    pub(crate) async fn pull(&self) -> Outcome<Artifact> {
        let context = format!("could not pull {}", self.reference);
        let pulled = self
            .client
            .pull_manifest_raw(&self.reference, &self.auth, &[MANIFEST])
            .await;
        let (bytes, _) = pulled.user_error(&context).map_err(|failed| self.with_cure(failed))?;
        if self.reference.digest() != Some(Digest::of(&bytes).to_string().as_str()) {
            return Err(CliError::user(format!(
                "{context}: the manifest that the registry sent does not match this digest"
            )));
        }
        let manifest: OciManifest = serde_json::from_slice(&bytes).user_error(&context)?;
        let OciManifest::Image(manifest) = manifest else {
            return Err(CliError::user(format!("{context}: it is an index, not a release")));
        };
        Ok(Artifact {
            bundle: self.layer(&manifest, BUNDLE, limits::BUNDLE_BYTES).await?,
            signatures: self.layer(&manifest, SIGNATURES, SIGNATURE_BYTES).await?,
        })
    }

    async fn layer(&self, manifest: &OciImageManifest, kind: &str, most: usize) -> Outcome<Vec<u8>> {
        let context = format!("could not pull {}", self.reference);
        let missing = || {
            CliError::user(format!(
                "{context}: it has no layer of the type `{kind}`; it is not a release of an extension"
            ))
        };
        let layer = manifest
            .layers
            .iter()
            .find(|layer| layer.media_type == kind)
            .ok_or_else(missing)?;
        let size = usize::try_from(layer.size).unwrap_or(usize::MAX);
        if size > most {
            return Err(CliError::user(format!(
                "{context}: a layer has {} bytes, more than the {most} allowed",
                layer.size
            )));
        }
        let mut bytes = Vec::with_capacity(size);
        let pulled = self
            .client
            .pull_blob(
                &self.reference,
                layer,
                Capped {
                    bytes: &mut bytes,
                    most,
                },
            )
            .await;
        pulled.user_error(&context)?;
        if Digest::of(&bytes).to_string() == layer.digest {
            Ok(bytes)
        } else {
            Err(CliError::user(format!(
                "{context}: the content of a layer does not match its digest"
            )))
        }
    }
}

/// Returns the manifest of a release; the same release always has the same one.
fn described(artifact: &Artifact, about: &Manifest) -> OciManifest {
    let layer = |kind: &str, bytes: &[u8]| OciDescriptor {
        media_type: kind.to_owned(),
        digest: Digest::of(bytes).to_string(),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        ..OciDescriptor::default()
    };
    let note = |name: &str, text: &str| (format!("org.opencontainers.image.{name}"), text.to_owned());
    let annotations = [
        note("title", about.name.as_str()),
        note("version", &about.version.to_string()),
        note("vendor", about.publisher.as_str()),
    ];
    OciManifest::Image(OciImageManifest {
        media_type: Some(MANIFEST.to_owned()),
        artifact_type: Some(ARTIFACT.to_owned()),
        config: layer(EMPTY, EMPTY_BYTES),
        layers: vec![layer(BUNDLE, &artifact.bundle), layer(SIGNATURES, &artifact.signatures)],
        annotations: Some(BTreeMap::from(annotations)),
        ..OciImageManifest::default()
    })
}

/// Accepts bytes up to a limit, however many a registry sends.
struct Capped<'a> {
    bytes: &'a mut Vec<u8>,
    most: usize,
}

impl tokio::io::AsyncWrite for Capped<'_> {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        chunk: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let this = self.get_mut();
        if this.bytes.len() + chunk.len() > this.most {
            let error = std::io::Error::other("the registry sends more bytes than allowed");
            return std::task::Poll::Ready(Err(error));
        }
        this.bytes.extend_from_slice(chunk);
        std::task::Poll::Ready(Ok(chunk.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}
