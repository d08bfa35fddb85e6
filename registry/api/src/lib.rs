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
//! | `GET …/installs/{install}/executions` | what its executions wrote, and why they failed |
//! | `POST …/installs/{install}/upgrade`, `consent`, `rollback`, `enable`, `disable` | changes one |
//! | `PUT …/installs/{install}/terms` | replaces configuration, hosts and limits |
//! | `PUT`, `DELETE …/installs/{install}/secrets/{secret}` | seals a secret, forgets one; none is ever shown |
//! | `DELETE …/installs/{install}` | takes one away, with its configuration and records |
//! | `POST`, `GET /v1/registry/revocations` | takes a signed list of what is no longer believed, shows the present one |
//! | `GET /v1/registry/audit`, `GET /v1/registry/audit/verify` | every change, and whether the chain is whole |
//! | `GET /v1/registry/openapi.json` | this table for programs |
//!
//! Lists come in pages: `?limit=…&after=<next of the page before>`. Answers to GET have an entity tag; `if-none-match` gets 304.
//! Every route needs the operator's token. Errors are `{error, message, requestId, hint?}`.

mod controllers;
mod error;
mod openapi;
mod page;
mod routes;

use alga_auth::AdministratorToken;
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

/// Bytes of a publish request beside the bundle: signatures and multipart's own text.
const FORM_BYTES: usize = 512 * 1024;

/// What the registry works with.
#[derive(Clone)]
pub struct RegistryDependencies {
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
    /// The largest memory and table that this host gives an extension.
    pub ceilings: Ceilings,
    /// The operator's token.
    pub administrator: AdministratorToken,
    /// Told when an install changed, so that nothing works with what was.
    pub on_install: Arc<dyn Fn() + Send + Sync>,
}

/// The registry's routes.
pub fn router(dependencies: RegistryDependencies) -> Router {
    let limit = DefaultBodyLimit::max(alga_bundle::limits::BUNDLE_BYTES + FORM_BYTES);
    let dependencies = Arc::new(dependencies);
    let (router, document) = routes::all().finish();
    let document = Arc::new(document);
    let describe = move || async move { axum::Json(Value::clone(&document)) };
    router
        .route("/v1/registry/openapi.json", get(describe))
        .layer(limit)
        .layer(from_fn(page::etag))
        .layer(from_fn_with_state(
            Arc::clone(&dependencies),
            controllers::administrator_only,
        ))
        .with_state(dependencies)
}

/// The OpenAPI document of [`router`].
#[must_use]
pub fn openapi() -> Value {
    routes::all().finish().1
}
