//! The registry's HTTP interface.
//!
//! | route | does |
//! |---|---|
//! | `POST /v1/registry/extensions` | publishes a release: `multipart/form-data` with `bundle` and `signatures` |
//! | `POST /v1/registry/uploads`, `GET`, `PATCH`, `DELETE …/{upload}` | sends a bundle in pieces; publish with `upload` in place of `bundle` |
//! | `POST /v1/registry/garbage` | removes what was put and never published, and uploads that nobody continues |
//! | `GET /v1/registry/extensions/{name}/versions` | lists versions, newest first |
//! | `GET /v1/registry/extensions/{name}/versions/{version}` | shows one, with its capability proof |
//! | `POST …/versions/{version}/yank`, `unyank`, `revoke`, `deprecate` | withdraws one, with a reason |
//! | `POST /v1/registry/tenants/{tenant}/installs` | installs a version with grants and configuration |
//! | `GET /v1/registry/tenants/{tenant}/installs` | lists installs |
//! | `GET …/installs/{install}` | shows one |
//! | `POST …/installs/{install}/upgrade`, `consent`, `rollback`, `enable`, `disable` | changes one |
//! | `PUT …/installs/{install}/terms` | replaces configuration, hosts and limits |
//! | `PUT`, `DELETE …/installs/{install}/secrets/{secret}` | seals a secret, forgets one; none is ever shown |
//! | `DELETE …/installs/{install}` | takes one away, with its configuration and records |
//! | `POST`, `GET /v1/registry/revocations` | takes a signed list of what is no longer believed, shows the present one |
//! | `GET /v1/registry/audit`, `GET /v1/registry/audit/verify` | every change, and whether the chain is whole |
//!
//! Lists come in pages: `?limit=…&after=<next of the page before>`. Answers to GET have an entity tag; `if-none-match` gets 304.
//! Every route needs the operator's token. Errors are `{error, message, requestId, hint?}`.

mod controllers;
mod failure;
mod page;

use alga_auth::AdministratorToken;
use alga_engine::ComponentFactory;
use alga_secrets::Sealer;
use alga_signing::{SigningKey, TrustPolicy};
use alga_store::{BlobStore, Database, RevocationFile, Staging};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};
use std::sync::Arc;

/// Bytes of a publish request beside the bundle: signatures and multipart's own text.
const FORM_BYTES: usize = 128 * 1024;

/// What the registry works with.
#[derive(Clone)]
pub struct RegistryParts {
    /// Rows.
    pub database: Database,
    /// Bundles.
    pub blobs: BlobStore,
    /// Seals secrets.
    pub sealer: Arc<Sealer>,
    /// Uploads on their way.
    pub staging: Staging,
    /// Whose releases are believed.
    pub trust: Arc<TrustPolicy>,
    /// Signs receipts.
    pub registry_key: Arc<SigningKey>,
    /// This host's copy of the newest revocation list.
    pub revocation_file: RevocationFile,
    /// Proves that a component compiles and fits before anybody installs it.
    pub factory: ComponentFactory,
    /// The operator's token.
    pub administrator: AdministratorToken,
    /// Told when an install changed, so that nothing works with what was.
    pub on_install: Arc<dyn Fn() + Send + Sync>,
}

/// The registry's routes.
pub fn router(parts: RegistryParts) -> Router {
    let limit = DefaultBodyLimit::max(alga_bundle::limits::BUNDLE_BYTES + FORM_BYTES);
    let parts = Arc::new(parts);
    Router::new()
        .route("/v1/registry/extensions", post(controllers::publish::publish))
        .route(
            "/v1/registry/extensions/{name}/versions",
            get(controllers::versions::list),
        )
        .route(
            "/v1/registry/extensions/{name}/versions/{version}",
            get(controllers::versions::show),
        )
        .merge(uploads())
        .merge(version_states())
        .merge(installs())
        .route(
            "/v1/registry/revocations",
            get(controllers::revocations::show).post(controllers::revocations::take),
        )
        .route("/v1/registry/audit", get(controllers::audit::list))
        .route("/v1/registry/audit/verify", get(controllers::audit::verify))
        .layer(limit)
        .layer(from_fn(page::tagged))
        .layer(from_fn_with_state(Arc::clone(&parts), controllers::administrator_only))
        .with_state(parts)
}

fn uploads() -> Router<Arc<RegistryParts>> {
    use controllers::{garbage, uploads};
    Router::new()
        .route("/v1/registry/uploads", post(uploads::begin))
        .route(
            "/v1/registry/uploads/{upload}",
            get(uploads::show).patch(uploads::append).delete(uploads::end),
        )
        .route("/v1/registry/garbage", post(garbage::collect))
}

fn version_states() -> Router<Arc<RegistryParts>> {
    use controllers::states;
    let path = |action: &str| format!("/v1/registry/extensions/{{name}}/versions/{{version}}/{action}");
    Router::new()
        .route(&path("yank"), post(states::yank))
        .route(&path("unyank"), post(states::unyank))
        .route(&path("revoke"), post(states::revoke))
        .route(&path("deprecate"), post(states::deprecate))
}

fn installs() -> Router<Arc<RegistryParts>> {
    use controllers::{installs, lifecycle, secrets};
    let path = |action: &str| format!("/v1/registry/tenants/{{tenant}}/installs{action}");
    Router::new()
        .route(&path(""), post(installs::create).get(installs::list))
        .route(&path("/{install}"), get(lifecycle::show).delete(lifecycle::uninstall))
        .route(&path("/{install}/terms"), put(lifecycle::set_terms))
        .route(
            &path("/{install}/secrets/{secret}"),
            put(secrets::set).delete(secrets::delete),
        )
        .route(&path("/{install}/upgrade"), post(lifecycle::upgrade))
        .route(&path("/{install}/consent"), post(lifecycle::consent))
        .route(&path("/{install}/rollback"), post(lifecycle::roll_back))
        .route(&path("/{install}/enable"), post(lifecycle::enable))
        .route(&path("/{install}/disable"), post(lifecycle::disable))
}
