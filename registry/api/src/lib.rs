//! The registry's HTTP interface.
//!
//! Routes below `/v1/registry`:
//!
//! | route | purpose |
//! |---|---|
//! | `POST /extensions` | publishes a release: `multipart/form-data` with `bundle`, `signatures` |
//! | `POST /uploads` | begins an upload in chunks; publish with `upload` in place of `bundle` |
//! | `GET`, `PATCH`, `DELETE /uploads/{upload}` | shows, continues or deletes an upload |
//! | `POST /garbage` | deletes bundles that were never published, and abandoned uploads |
//! | `GET /extensions/{name}/versions` | lists versions, newest first |
//! | `GET …/versions/{version}` | shows one, with its capability proof |
//! | `POST …/{version}/yank`, `unyank`, `revoke`, `deprecate` | withdraws one, with a reason |
//! | `POST /tenants/{tenant}/installs` | installs a version with grants and configuration |
//! | `GET /tenants/{tenant}/installs` | lists installs |
//! | `GET …/installs/{install}` | shows one |
//! | `GET …/{install}/executions` | lists the logs and errors of its executions |
//! | `GET …/{install}/statistics` | sums all its executions in a span of time |
//! | `POST …/{install}/upgrade`, `consent`, `rollback`, `enable`, `disable` | changes one |
//! | `PUT …/{install}/terms` | replaces configuration, hosts and limits |
//! | `PUT`, `DELETE …/{install}/secrets/{secret}` | sets or deletes a secret; none is ever shown |
//! | `DELETE …/installs/{install}` | deletes one, with its configuration, secrets and records |
//! | `GET`, `POST /keys`, `DELETE /keys/{key}` | lists, creates, revokes keys of the platform |
//! | `POST /console-links` | creates a one-time link that signs a browser in |
//! | `GET`, `POST /tenants/{tenant}/keys`, `DELETE …/{key}` | the same for those of a tenant |
//! | `GET`, `PUT /tenants/{tenant}/quotas` | lists and sets quotas of a tenant |
//! | `PUT …/installs/{install}/quotas` | sets a quota of an install |
//! | `GET`, `PUT /tenants/{tenant}/weight` | shows and sets its share in the processors |
//! | `GET /tenants/{tenant}/usage` | shows what installs used in a day or a month |
//! | `POST`, `GET /revocations` | uploads a signed revocation list, shows the active one |
//! | `GET /audit`, `GET /audit/verify` | lists every change, verifies the log's hash chain |
//! | `GET /openapi.json` | this table as an OpenAPI document |
//!
//! Lists are paginated: `?limit=…&after=<next of the previous page>`. Responses to GET have an
//! entity tag; a matching `if-none-match` gets 304. Every route but `openapi.json`,
//! which needs any valid credential, needs a right of `alga_auth::Right`, which `routes.rs` names.
//! Errors are `{error, message, requestId, hint?}`.

mod authorization;
mod bodies;
mod controllers;
mod error;
mod form_body;
mod openapi;
mod problems;
mod routes;

pub use openapi::ApiOperation;

use alga_auth::Authenticator;
use alga_bundle::TenantId;
use alga_engine::ComponentFactory;
use alga_limits::Ceilings;
use alga_secrets::Sealer;
use alga_signing::{SigningKey, TrustPolicy};
use alga_store::{BlobStore, Database, RevocationFile, Staging};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use serde_json::Value;
use std::sync::Arc;

/// Maximum bytes of a publish request beyond the bundle: signatures and multipart framing.
const FORM_BYTES: usize = 512 * 1024;

/// Dependencies of the registry's handlers.
#[derive(Clone)]
pub struct RegistryDependencies {
    /// The database of versions, installs and the audit log.
    pub database: Database,
    /// The storage of bundles.
    pub blobs: BlobStore,
    /// Seals and opens secrets.
    pub sealer: Arc<Sealer>,
    /// Uploads that are not published yet.
    pub staging: Staging,
    /// Verifies releases and revocation lists.
    pub trust: Arc<TrustPolicy>,
    /// The key that signs receipts.
    pub registry_key: Arc<SigningKey>,
    /// This host's copy of the newest revocation list.
    pub revocation_file: RevocationFile,
    /// Compiles components at publish, so that one that cannot run is refused before any install.
    pub factory: ComponentFactory,
    /// The largest memory and table that this host gives an extension.
    pub ceilings: Ceilings,
    /// Authenticates the principals of requests.
    pub authenticator: Arc<Authenticator>,
    /// Called after every change that affects installs, to invalidate cached ones: those of a
    /// tenant, or of all.
    pub on_install: OnInstall,
}

/// Receives the tenant whose installs have changed, or none for those of all tenants.
pub type OnInstall = Arc<dyn Fn(Option<&TenantId>) + Send + Sync>;

/// Builds the registry's router.
pub fn router(dependencies: RegistryDependencies) -> Router {
    let limit = DefaultBodyLimit::max(alga_bundle::limits::BUNDLE_BYTES + FORM_BYTES);
    let dependencies = Arc::new(dependencies);
    let (router, document) = routes::all().finish();
    let document = Arc::new(document);
    let describe = move || async move { axum::Json(Value::clone(&document)) };
    router
        .route("/v1/registry/openapi.json", get(describe))
        .layer(limit)
        .layer(from_fn(alga_http::etag))
        .layer(from_fn_with_state(
            Arc::clone(&dependencies),
            authorization::authenticate,
        ))
        .with_state(dependencies)
}

/// Returns the OpenAPI document of [`router`].
#[must_use]
pub fn openapi() -> Value {
    routes::all().finish().1
}

/// Returns every operation with the right that it needs.
#[must_use]
pub fn operations() -> Vec<ApiOperation> {
    routes::all().operations()
}
