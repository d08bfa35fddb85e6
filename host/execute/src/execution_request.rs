//! Executing a request that arrives as HTTP: in this process from the gateway, or at `/v1/http`.

use crate::admit::{check_config, check_user};
use crate::guest_request::{PartNames, guest_request, target};
use crate::outcome::Outcome;
use crate::quota::QuotaFields;
use crate::request_body::RequestBody;
use crate::response_body::{Failed, ResponseBody};
use crate::run::Order;
use crate::service::ExecuteService;
use crate::session::Session;
use alga_auth::{Caller, UserType};
use alga_bundle::RequestId;
use alga_capabilities::{Identity, Permit, Trigger, User, UserKind};
use alga_errors::Problem;
use http::{Request, Response};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// A request for an extension, with what its caller decides about it.
#[derive(Debug)]
pub struct ExecutionRequest {
    /// Id of the request.
    pub request_id: RequestId,
    /// The calling user, if there is one.
    pub user: Option<User>,
    /// Configuration of the install.
    pub config: Arc<BTreeMap<String, String>>,
    /// The trigger of the execution.
    pub trigger: Trigger,
    /// Time limit in milliseconds; `None` is the runner's default.
    pub timeout_ms: Option<u64>,
    /// Memory limit in MiB; `None` is the runner's default.
    pub memory_mb: Option<u64>,
    /// Key under which the request is executed once.
    pub idempotency_key: Option<String>,
    /// Method, path with query, header fields and body.
    pub http: Request<RequestBody>,
    /// Arrival of the request, from which its time counts.
    pub started: Instant,
}

/// Returns the user that extensions see for a caller.
#[must_use]
pub fn user_of(caller: &Caller) -> User {
    User {
        id: caller.user_id.clone(),
        email: caller.user_email.clone(),
        name: caller.user_name.clone(),
        kind: match caller.user_type {
            UserType::Internal => UserKind::Internal,
            UserType::Client => UserKind::Client,
        },
        client_id: caller.client_id.clone(),
        client_name: caller.client_name.clone(),
        additional_fields: caller.additional_fields.clone(),
    }
}

/// Names of the parts of an HTTP request in error messages.
const NAMES: PartNames = PartNames {
    method: "the method",
    path: "the path",
    query: "the query",
};

impl ExecuteService {
    /// Executes a request as its session allows. The response may still be written by the guest
    /// when it is returned; dropping it cancels the guest.
    ///
    /// # Errors
    /// Returns [`Failed`] with the error for the caller if there is no response.
    pub async fn execute(
        self: &Arc<Self>,
        session: &Arc<Session>,
        request: ExecutionRequest,
    ) -> Result<Response<ResponseBody>, Failed> {
        self.ensure_open()?;
        let key = request.idempotency_key.clone();
        let order = self.order(session, request)?;
        let Some(key) = key else {
            return self.start(order).await;
        };
        // Boxed: its state is large, and rarely used.
        let once = Box::pin(self.run_once(&key, order)).await?;
        let usage = once.outcome.usage;
        let mut response = replay(once.outcome).map_err(|problem| Failed { problem, usage })?;
        if once.is_replayed {
            // What was left then is not what is left now.
            response.extensions_mut().remove::<QuotaFields>();
            response.extensions_mut().insert(Replayed);
        }
        Ok(response)
    }

    fn order(&self, session: &Arc<Session>, request: ExecutionRequest) -> Result<Box<Order>, Problem> {
        check_config(&request.config)?;
        request.user.as_ref().map_or(Ok(()), check_user)?;
        let (grant, defaults) = (&session.grant, self.defaults());
        let permit = Permit {
            identity: Identity {
                request: request.request_id,
                tenant: grant.tenant_id.clone(),
                extension: grant.extension_id.clone(),
                install: grant.install_id.clone(),
                version: Some(grant.version_id.clone()),
            },
            trigger: request.trigger,
            config: request.config,
            user: request.user,
            grants: session.grants,
            egress: Arc::clone(&session.egress),
            memory_bytes: defaults.memory_bytes(request.memory_mb),
            deadline: request.started + defaults.timeout(request.timeout_ms),
        };
        let (mut head, body) = request.http.into_parts();
        let trace = head.extensions.remove();
        let query = head.uri.query().unwrap_or_default();
        let target = target(head.uri.path(), query, NAMES)?;
        let http = guest_request(head.method, target, head.headers, body, &permit.identity, NAMES)?;
        Ok(Box::new(Order {
            session: Arc::clone(session),
            permit: Arc::new(permit),
            request: http,
            started: request.started,
            trace,
        }))
    }
}

/// Extension of a response that another request with the same idempotency key has caused.
#[derive(Debug, Clone, Copy)]
pub struct Replayed;

/// Returns the response of an execution that was collected, to the request that executed or to one
/// that repeats it.
fn replay(outcome: Arc<Outcome>) -> Result<Response<ResponseBody>, Problem> {
    let usage = outcome.usage;
    let response = match Arc::try_unwrap(outcome) {
        Ok(outcome) => outcome.result?,
        Err(shared) => match &shared.result {
            Ok(response) => response.clone(),
            // Failures are not shared: each request has its own.
            Err(problem) => return Err(Problem::new(problem.code(), problem.message())),
        },
    };
    Ok(response.map(|bytes| ResponseBody::complete(bytes, usage)))
}
