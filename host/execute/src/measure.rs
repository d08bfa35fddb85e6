//! Parts of an execution that `cargo xtask bench` measures separately.

use crate::early::collect;
use crate::execution::{Ended, Execution};
use crate::invoke::{Call, invoke};
use crate::loader::{Prepared, SessionCache};
use crate::records::ExecutionAccounting;
use crate::request_body::RequestBody;
use crate::response_body::response_channel;
use crate::run_slots::Turns;
use crate::schedule::Share;
use crate::service::ExecuteService;
use crate::session::Session;
use alga_bundle::Digest;
use alga_capabilities::{GrantSet, Permit};
use http::Request;
use std::sync::Arc;

/// Calls a guest without admission and records; returns the status of a complete response.
pub(crate) async fn call_once(call: Box<Call>) -> Option<u16> {
    let (writer, reader) = response_channel(call.turns.ticket());
    let execution = async move {
        let mut account = ExecutionAccounting::default();
        let invocation = invoke(call, writer, &mut account).await;
        Ended {
            usage: account.usage,
            result: invocation.result.map(drop),
        }
    };
    let (response, _) = collect(
        Execution::new(execution, tokio::runtime::Handle::current(), false),
        reader,
    )
    .await
    .ok()?;
    Some(response.status().as_u16())
}

impl ExecuteService {
    /// Returns the linked component for a session; `None` if it cannot be prepared.
    pub(crate) async fn ready(&self, session: &Session, grants: GrantSet) -> Option<Arc<Prepared>> {
        let prepared = self
            .dependencies
            .loader
            .prepare(session.grant.content_hash, grants, &session.held)
            .await;
        prepared.ok().map(|(prepared, _)| prepared)
    }

    /// Returns the status of one call without admission, tokens and JSON.
    pub(crate) async fn invoke_ready(
        &self,
        content_hash: Digest,
        permit: &Arc<Permit>,
        request: Request<RequestBody>,
    ) -> Option<u16> {
        let held = SessionCache::default();
        let prepare = self.dependencies.loader.prepare(content_hash, permit.grants, &held);
        let (prepared, _) = prepare.await.ok()?;
        call_once(Box::new(Call {
            engine: self.dependencies.engine.clone(),
            services: Arc::clone(&self.dependencies.services),
            prepared,
            permit: Arc::clone(permit),
            request,
            fuel: None,
            watching: None,
            trace: None,
            profile: None,
            turns: Turns::new(&self.slots, Share { tenant: 0, weight: 1 }),
        }))
        .await
    }
}
