//! Builds the host dependencies of capabilities from the configuration: egress, host application,
//! secrets, records.

use crate::adapters::{SealedSecrets, StoredRecords};
use crate::config::EgressSettings;
use crate::{Config, StartError};
use alga_capabilities::{HostDependencies, MetricRegistry, ProductClient};
use alga_egress::{Destination, Egress, EgressDependencies, OperatorPolicy, SystemResolver};
use alga_secrets::Sealer;
use alga_store::Database;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Time for a call of the host application's internal API.
const INTERNAL_TIMEOUT: Duration = Duration::from_secs(30);

/// Builds the host dependencies shared by all capabilities of this process.
pub(crate) fn build_host_dependencies(
    config: &Config,
    database: &Database,
    sealer: &Arc<Sealer>,
    cursor_key: [u8; 32],
    metrics: &Arc<MetricRegistry>,
) -> Result<HostDependencies, StartError> {
    let authorities = config
        .egress
        .authorities
        .as_deref()
        .map(certificate_authorities)
        .transpose()?
        .unwrap_or_default();
    let platform = &config.platform;
    let internal = platform.base.as_deref().map(|base| Product {
        base,
        token_file: platform.token_file.as_deref(),
        timeout: INTERNAL_TIMEOUT,
        is_for_routes: false,
    });
    let routes = platform.ui_proxy_base.as_deref().or(platform.base.as_deref());
    let routes = routes.map(|base| Product {
        base,
        token_file: platform.ui_proxy_token_file.as_deref(),
        timeout: platform.ui_proxy_timeout,
        is_for_routes: true,
    });
    Ok(HostDependencies {
        records: Arc::new(StoredRecords::new(database.clone())),
        cursor_key,
        egress: Arc::new(egress_client(&config.egress, authorities.clone())?),
        secrets: Arc::new(SealedSecrets::new(database.clone(), Arc::clone(sealer))),
        platform: internal.map(|api| product(&api, &authorities)).transpose()?,
        ui_proxy: routes.map(|api| product(&api, &authorities)).transpose()?,
        metrics: Arc::clone(metrics),
        time: None,
    })
}

fn egress_client(settings: &EgressSettings, authorities: Vec<Vec<u8>>) -> Result<Egress, StartError> {
    let operator = OperatorPolicy::parse(&settings.allowlist, &settings.exceptions, &settings.denied);
    let operator = operator.map_err(StartError::Egress)?;
    let parts = EgressDependencies {
        operator,
        resolver: Arc::new(SystemResolver::default()),
        authorities,
        upstream: None,
    };
    Egress::new(parts).map_err(|error| StartError::Tls(error.to_string()))
}

/// One API of the host application. Each has its own credential: a call of a route that an
/// extension names never carries that of the internal API.
struct Product<'a> {
    base: &'a str,
    token_file: Option<&'a Path>,
    timeout: Duration,
    is_for_routes: bool,
}

/// Creates a client for the host application, with an egress of its own: it reaches only this
/// destination, at whatever address that is.
fn product(api: &Product<'_>, authorities: &[Vec<u8>]) -> Result<ProductClient, StartError> {
    let base = api.base;
    let refused = |reason: String| StartError::Platform(base.to_owned(), reason);
    let uri: axum::http::Uri = base
        .parse()
        .map_err(|error: axum::http::uri::InvalidUri| refused(error.to_string()))?;
    let destination = Destination::of(&uri).map_err(|error| refused(error.to_string()))?;
    if api.is_for_routes && !matches!(uri.path(), "" | "/") {
        // The rules for routes apply to the whole path, so the base URL must not add to it.
        return Err(refused(
            "the URL of the host application's routes must not have a path".to_owned(),
        ));
    }
    let parts = EgressDependencies {
        operator: OperatorPolicy::only(&destination),
        resolver: Arc::new(SystemResolver::default()),
        authorities: authorities.to_vec(),
        upstream: None,
    };
    let egress = Egress::new(parts).map_err(|error| StartError::Tls(error.to_string()))?;
    let credential = api.token_file.map(credential).transpose()?;
    ProductClient::new(Arc::new(egress), base, credential.as_ref(), api.timeout)
        .map_err(|error| refused(error.to_string()))
}

fn credential(path: &Path) -> Result<Zeroizing<String>, StartError> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|source| StartError::PlatformToken {
        path: path.to_path_buf(),
        source,
    })?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

pub(crate) fn certificate_authorities(path: &Path) -> Result<Vec<Vec<u8>>, StartError> {
    let refused = |reason: String| StartError::Authorities {
        path: path.to_path_buf(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| refused(error.to_string()))?;
    if certificates.is_empty() {
        return Err(refused("it contains no certificate".to_owned()));
    }
    Ok(certificates
        .into_iter()
        .map(|certificate| certificate.to_vec())
        .collect())
}
