//! State of the capabilities that only read the [`Permit`].

use crate::traced_calls::TracedCalls;
use crate::{ExecutionContext, HostDependencies, Permit};
use std::sync::Arc;

/// The service of a capability without host dependencies.
#[derive(Clone)]
pub(crate) struct Service;

impl Service {
    pub(crate) fn new(_: &HostDependencies) -> Self {
        Self
    }
}

/// The permit of the execution.
pub(crate) struct State {
    pub(crate) calls: TracedCalls,
    pub(crate) permit: Arc<Permit>,
}

impl State {
    pub(crate) fn new(execution_context: &ExecutionContext<'_>, _: &Service) -> Self {
        Self {
            calls: execution_context.calls.clone(),
            permit: Arc::clone(execution_context.permit),
        }
    }
}
