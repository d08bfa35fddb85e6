//! Components whose optional capabilities are denied. Publishing composes and compiles the one
//! without any of them; installing compiles the one for its grants, so that no request waits for
//! the compiler.

use crate::RegistryDependencies;
use crate::error::ApiError;
use crate::problems::not_compiled;
use alga_bundle::{Bundle, CapabilityName};
use alga_capabilities::{DenyingComponent, GrantsError, compose_for_grants};
use alga_errors::{Code, Problem};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Compiles the component with no optional capability granted.
pub(super) async fn precompile_minimal(
    dependencies: &RegistryDependencies,
    bundle: &Arc<Bundle>,
) -> Result<(), ApiError> {
    let optional = &bundle.manifest().optional_capabilities;
    let granted = bundle
        .proof()
        .capabilities
        .iter()
        .filter(|name| !optional.contains(name))
        .cloned()
        .collect();
    compile(dependencies, Arc::clone(bundle), granted).await
}

/// Compiles the component as an install with these grants runs it.
pub(super) async fn compile_granted(
    dependencies: &RegistryDependencies,
    bundle: Bundle,
    grants: &BTreeSet<CapabilityName>,
) -> Result<(), ApiError> {
    compile(dependencies, Arc::new(bundle), grants.clone()).await
}

async fn compile(
    dependencies: &RegistryDependencies,
    bundle: Arc<Bundle>,
    granted: BTreeSet<CapabilityName>,
) -> Result<(), ApiError> {
    let compose = move || {
        let Some(component) = bundle.component() else {
            return Ok(None);
        };
        compose_for_grants(component, bundle.manifest(), bundle.proof(), |name| {
            granted.contains(name)
        })
    };
    let DenyingComponent { component, key, .. } =
        match tokio::task::spawn_blocking(compose).await.map_err(Problem::internal)? {
            Ok(Some(composed)) => composed,
            // Everything is granted, or a required capability is missing, which the caller has
            // already reported.
            Ok(None) | Err(GrantsError::Missing(_)) => return Ok(()),
            Err(error) => {
                let message = format!("without its optional capabilities: {error}");
                return Err(Problem::new(Code::ComponentInvalid, message).into());
            }
        };
    let made = dependencies.factory.make(key, &component, None).await;
    made.map(drop)
        .map_err(|error| not_compiled(error, "without its optional capabilities: ").into())
}
