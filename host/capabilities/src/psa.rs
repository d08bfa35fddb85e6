//! Shared code of `clients`, `services` and `invoicing`: calls to the host application's internal
//! API (`POST {base}/api/internal/ext-…`), and the mapping of its responses.

use crate::product_client::{Call, ProductError, user_type};
use crate::traced_calls::TracedCalls;
use crate::{ExecutionContext, HostDependencies, Permit, ProductClient};
use alga_egress::Traffic;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

/// Maximum characters of a search text.
const SEARCH_CHARACTERS: usize = 200;
/// Maximum characters of an id.
const ID_CHARACTERS: usize = 128;
const PAGES: u32 = 10_000;
const PAGE_SIZE: u32 = 100;
/// Maximum characters of the host application's error text that are passed to the guest.
const REASON_CHARACTERS: usize = 2_000;

/// Error of a call; [`interface_error`] converts it to the error type of an interface.
#[derive(Debug)]
pub(crate) enum PsaError {
    Denied(String),
    NotFound(String),
    InvalidInput(String),
    Unavailable,
    Other(String),
}

impl From<ProductError> for PsaError {
    fn from(error: ProductError) -> Self {
        match error {
            ProductError::Unavailable => Self::Unavailable,
            ProductError::TooMuch(rule) => Self::InvalidInput(rule.to_owned()),
        }
    }
}

/// A page of objects as the host application returns it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    pub(crate) total_count: u32,
}

/// The service of each of the three capabilities.
#[derive(Clone)]
pub(crate) struct Service {
    platform: Option<ProductClient>,
}

impl Service {
    pub(crate) fn new(host_dependencies: &HostDependencies) -> Self {
        Self {
            platform: host_dependencies.platform.clone(),
        }
    }
}

/// The state of each of the three capabilities.
pub(crate) struct State {
    pub(crate) calls: TracedCalls,
    permit: Arc<Permit>,
    traffic: Traffic,
    platform: Option<ProductClient>,
}

impl State {
    pub(crate) fn new(execution_context: &ExecutionContext<'_>, service: &Service) -> Self {
        Self {
            calls: execution_context.calls.clone(),
            permit: Arc::clone(execution_context.permit),
            traffic: execution_context.traffic.clone(),
            platform: service.platform.clone(),
        }
    }

    /// Lists a page of objects; `input` has the filters of the API beyond `search` and the page.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        api: &str,
        search: Option<&str>,
        (number, size): (u32, u32),
        mut input: Value,
    ) -> Result<Listed<T>, PsaError> {
        check_search(search)?;
        check_page(number, size)?;
        if let Some(input) = input.as_object_mut() {
            input.insert("search".to_owned(), json!(search));
            input.insert("page".to_owned(), json!(number));
            input.insert("pageSize".to_owned(), json!(size));
        }
        self.operate(api, "list", input, None).await
    }

    /// Gets an object by the parameter that has its id; `None` if it does not exist.
    pub(crate) async fn find<T: DeserializeOwned>(
        &self,
        api: &str,
        parameter: &str,
        id: &str,
    ) -> Result<Option<T>, PsaError> {
        check_id(id)?;
        match self.operate(api, "get", json!({ parameter: id }), None).await {
            Ok(found) => Ok(Some(found)),
            Err(PsaError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends `POST {base}/api/internal/ext-{api}/install/{install}` with
    /// `{operation, input, user?}`.
    pub(crate) async fn operate<T: DeserializeOwned>(
        &self,
        api: &str,
        operation: &str,
        input: Value,
        idempotency_key: Option<&str>,
    ) -> Result<T, PsaError> {
        let platform = self.platform.as_ref().ok_or(PsaError::Unavailable)?;
        let mut body = json!({ "operation": operation, "input": input });
        if let (Some(user), Some(fields)) = (&self.permit.user, body.as_object_mut()) {
            fields.insert(
                "user".to_owned(),
                json!({ "userId": user.id, "userType": user_type(user.kind) }),
            );
        }
        let target = format!("/api/internal/ext-{api}/install/{}", self.permit.identity.install);
        let call = Call {
            method: Method::POST,
            target: &target,
            body: Some(body.to_string().into_bytes()),
            idempotency_key,
        };
        let response = platform
            .call(&self.permit, &self.traffic, call)
            .await
            .map_err(PsaError::from)?;
        match response.status.as_u16() {
            200..=299 => serde_json::from_slice(&response.body).map_err(|error| {
                tracing::warn!(target: "alga::platform", request = %self.permit.identity.request, %error, api, "unexpected format of the host application's response");
                PsaError::Other("unexpected format of the host application's response".to_owned())
            }),
            401 | 403 => Err(PsaError::Denied("the host application refused this user".to_owned())),
            404 => Err(PsaError::NotFound("not found in the host application".to_owned())),
            400 | 409 | 422 => Err(PsaError::InvalidInput(reason(&response.body))),
            _ => Err(PsaError::Unavailable),
        }
    }
}

/// Returns the response's `error`, followed by its `fieldErrors` as JSON.
fn reason(body: &[u8]) -> String {
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = parsed
        .get("error")
        .and_then(Value::as_str)
        .unwrap_or("the host application refused the input");
    let text = match parsed.get("fieldErrors") {
        Some(fields) if !fields.is_null() => format!("{error} {fields}"),
        _ => error.to_owned(),
    };
    text.chars().take(REASON_CHARACTERS).collect()
}

pub(crate) fn check(holds: bool, rule: &str) -> Result<(), PsaError> {
    if holds {
        Ok(())
    } else {
        Err(PsaError::InvalidInput(rule.to_owned()))
    }
}

fn check_search(search: Option<&str>) -> Result<(), PsaError> {
    check(
        search.is_none_or(|text| text.chars().count() <= SEARCH_CHARACTERS),
        "a search has at most 200 characters",
    )
}

pub(crate) fn check_id(id: &str) -> Result<(), PsaError> {
    check(
        (1..=ID_CHARACTERS).contains(&id.chars().count()),
        "an id has 1 to 128 characters",
    )
}

fn check_page(number: u32, size: u32) -> Result<(), PsaError> {
    check((1..=PAGES).contains(&number), "pages are 1 to 10000")?;
    check((1..=PAGE_SIZE).contains(&size), "a page has 1 to 100 items")
}

/// Implements the conversion of a [`PsaError`] into the error type of an interface.
macro_rules! interface_error {
    ($error:path) => {
        impl From<$crate::psa::PsaError> for $error {
            fn from(error: $crate::psa::PsaError) -> Self {
                match error {
                    $crate::psa::PsaError::Denied(text) => Self::Denied(text),
                    $crate::psa::PsaError::NotFound(text) => Self::NotFound(text),
                    $crate::psa::PsaError::InvalidInput(text) => Self::InvalidInput(text),
                    $crate::psa::PsaError::Unavailable => Self::Unavailable,
                    $crate::psa::PsaError::Other(text) => Self::Other(text),
                }
            }
        }
    };
}
pub(crate) use interface_error;
