use alga_execute::{Attempt, Claim, IdempotencyStore, StoreFuture};
use alga_store::{ClaimOutcome, Database, IdempotencyClaim, StoredReply};
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use std::error::Error;
use std::time::Duration;

type AnyError = Box<dyn Error + Send + Sync>;

/// Responses by idempotency key in the database.
pub(crate) struct StoredReplies(pub(crate) Database);

fn claim_of(attempt: &Attempt) -> IdempotencyClaim {
    IdempotencyClaim {
        tenant: attempt.tenant.clone(),
        install: attempt.install.clone(),
        key_digest: hex::encode(attempt.key),
        body_digest: hex::encode(attempt.body),
        owner: attempt.owner.clone(),
    }
}

impl IdempotencyStore for StoredReplies {
    fn claim<'a>(&'a self, attempt: &'a Attempt, lease: Duration) -> StoreFuture<'a, Claim> {
        Box::pin(async move {
            Ok(match self.0.claim_idempotency(&claim_of(attempt), lease).await? {
                ClaimOutcome::Claimed => Claim::Execute,
                ClaimOutcome::Replied(reply) => Claim::Replied(response(reply)?),
                ClaimOutcome::Running => Claim::Running,
                ClaimOutcome::OtherBody => Claim::OtherBody,
                ClaimOutcome::Full => Claim::Full,
            })
        })
    }

    fn complete<'a>(&'a self, attempt: &'a Attempt, response: &'a Response<Bytes>) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let reply = StoredReply {
                status: response.status().as_u16(),
                headers: serde_json::to_string(&fields(response.headers()))?,
                body: response.body().to_vec(),
            };
            if !self.0.complete_idempotency(&claim_of(attempt), &reply).await? {
                tracing::warn!(tenant = %attempt.tenant, "an execution ended after the lease of its idempotency key");
            }
            Ok(())
        })
    }

    fn release<'a>(&'a self, attempt: &'a Attempt) -> StoreFuture<'a, ()> {
        Box::pin(async move { Ok(self.0.release_idempotency(&claim_of(attempt)).await?) })
    }
}

/// Returns names and values; a value is bytes.
fn fields(headers: &HeaderMap) -> Vec<(&str, &[u8])> {
    let fields = headers.iter();
    fields.map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

fn response(reply: StoredReply) -> Result<Response<Bytes>, AnyError> {
    let mut response = Response::new(Bytes::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status)?;
    let fields: Vec<(String, Vec<u8>)> = serde_json::from_str(&reply.headers)?;
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        response.headers_mut().append(name, HeaderValue::from_bytes(&value)?);
    }
    Ok(response)
}
