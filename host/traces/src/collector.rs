//! The collector, and clients for it.

use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::LogExporter as _;
use opentelemetry_sdk::trace::SpanExporter as _;
use std::str::FromStr;
use std::time::Duration;
use tonic::transport::ClientTlsConfig;

/// Time for a collector to receive a batch.
pub(crate) const EXPORT_TIME: Duration = Duration::from_secs(10);

/// Protocols of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Protobuf in requests of HTTP.
    Http,
    /// Protobuf in calls of gRPC.
    Grpc,
}

impl FromStr for Protocol {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "http/protobuf" => Ok(Self::Http),
            "grpc" => Ok(Self::Grpc),
            _ => Err("it is http/protobuf or grpc"),
        }
    }
}

/// A collector of OpenTelemetry.
#[derive(Debug, Clone)]
pub struct CollectorSettings {
    /// Base URL, such as `http://localhost:4318`.
    pub endpoint: String,
    /// Protocol of the collector.
    pub protocol: Protocol,
    /// Part of the platform that runs in this process.
    pub role: &'static str,
}

/// Reason why nothing can be exported at all.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The endpoint is not a URL that the protocol can use.
    #[error("the URL of the collector")]
    Endpoint(#[from] ExporterBuildError),
    /// The client for HTTP cannot be created.
    #[error("the client for the collector")]
    Client(#[from] reqwest::Error),
}

/// Returns a client that sends spans.
pub(crate) fn spans(settings: &CollectorSettings) -> Result<SpanExporter, ExportError> {
    let builder = SpanExporter::builder();
    let mut exporter = match settings.protocol {
        Protocol::Http => over_http(builder.with_http(), settings, "v1/traces")?.build()?,
        Protocol::Grpc => over_grpc(builder.with_tonic(), settings).build()?,
    };
    exporter.set_resource(&resource(settings.role));
    Ok(exporter)
}

/// Returns a client that sends log records.
pub(crate) fn logs(settings: &CollectorSettings) -> Result<LogExporter, ExportError> {
    let builder = LogExporter::builder();
    let mut exporter = match settings.protocol {
        Protocol::Http => over_http(builder.with_http(), settings, "v1/logs")?.build()?,
        Protocol::Grpc => over_grpc(builder.with_tonic(), settings).build()?,
    };
    exporter.set_resource(&resource(settings.role));
    Ok(exporter)
}

/// Sets where and how a client for HTTP sends.
fn over_http<B: WithExportConfig + WithHttpConfig>(
    builder: B,
    settings: &CollectorSettings,
    path: &str,
) -> reqwest::Result<B> {
    let endpoint = settings.endpoint.trim_end_matches('/');
    Ok(builder
        .with_http_client(client()?)
        .with_endpoint(format!("{endpoint}/{path}"))
        .with_timeout(EXPORT_TIME))
}

/// Sets where and how a client for gRPC sends.
fn over_grpc<B: WithExportConfig + WithTonicConfig>(builder: B, settings: &CollectorSettings) -> B {
    let endpoint = settings.endpoint.trim_end_matches('/');
    let builder = builder.with_endpoint(endpoint).with_timeout(EXPORT_TIME);
    if endpoint.starts_with("https:") {
        return builder.with_tls_config(ClientTlsConfig::new().with_enabled_roots());
    }
    builder
}

/// Returns a client for HTTP. A redirect could lead to a place that the operator did not name.
fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(EXPORT_TIME)
        .build()
}

fn resource(role: &'static str) -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "alga"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("alga.role", role),
        ])
        .build()
}
