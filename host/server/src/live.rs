//! `GET /v1/live/{tenant}`: what the executions of a tenant do while they run, as server-sent
//! events (HTML, "Server-sent events"), for principals that may read the tenant's installs.

use alga_auth::{Authenticator, Object, Right};
use alga_bundle::TenantId;
use alga_errors::{Code, Problem};
use alga_execute::{Batch, ExecuteService, LiveFilter, Place, Reader};
use alga_http::{Refusal, bearer, one_field};
use alga_store::{Database, InstallRow};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{FutureExt, StreamExt, stream};
use serde::Deserialize;
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Time without events after which a comment is sent, so that proxies and readers see that the
/// stream is alive, and after which the reader's credential is checked again.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Shortest time between two reads of events: those of a busy tenant are read and sent together,
/// because each part costs system calls on the processors that execute.
const GATHER: Duration = Duration::from_millis(20);
/// Bytes after which a part gets no further events.
const PART_BYTES: usize = 64 * 1024;

/// Dependencies of the routes about executions in progress.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) runner: Arc<ExecuteService>,
    pub(crate) database: Database,
    pub(crate) authenticator: Arc<Authenticator>,
}

/// Builds the route.
pub(crate) fn router(live: Live) -> Router {
    Router::new().route("/v1/live/{tenant}", get(follow)).with_state(live)
}

#[derive(Deserialize)]
struct Followed {
    install: Option<String>,
    request: Option<String>,
    event: Option<String>,
}

async fn follow(
    State(live): State<Live>,
    Path(tenant): Path<String>,
    Query(followed): Query<Followed>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    live.check(&headers, &tenant).await?;
    let tenant = tenant_id(&tenant)?;
    let install = match &followed.install {
        Some(named) => Some(live.install(&tenant, named).await?.id.to_string()),
        None => None,
    };
    let filter = LiveFilter {
        install,
        request: followed.request,
        event: followed.event,
    };
    let reader = live.runner.live().read(&tenant, last_seen(&headers)?)?;
    let following = Following {
        live,
        headers,
        tenant,
        is_checked: Instant::now(),
        parts: Parts {
            filter,
            reader,
            spoken: Instant::now(),
            gathered: Instant::now(),
            read: None,
        },
    };
    // The first part shows the reader at once that it follows.
    let begin = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"retry: 1000\n\n")) });
    let parts = begin.chain(stream::unfold(following, Following::next));
    let fields = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((fields, Body::from_stream(parts)).into_response())
}

/// Reads the tenant of a path.
pub(crate) fn tenant_id(text: &str) -> Result<TenantId, Problem> {
    let absent = |_| Problem::new(Code::NotFound, "there is no such tenant");
    text.parse().map_err(absent)
}

/// Returns the place after which a reader that comes back continues.
fn last_seen(headers: &HeaderMap) -> Result<Option<Place>, Problem> {
    let Some(id) = one_field(headers, &LAST_EVENT_ID)? else {
        return Ok(None);
    };
    let invalid = |_| Problem::new(Code::BadRequest, "`last-event-id` is no id of an event of this stream");
    id.parse().map(Some).map_err(invalid)
}

impl Live {
    /// Checks that the credential of a request may read the tenant's installs.
    pub(crate) async fn check(&self, headers: &HeaderMap, tenant: &str) -> Result<(), Problem> {
        let principal = self.authenticator.authenticate(bearer(headers)).await?;
        Ok(principal.check(Right::ReadInstalls, Object::Tenant(tenant))?)
    }

    /// Returns the install that is named by its id, or by the id or name of its extension.
    pub(crate) async fn install(&self, tenant: &TenantId, named: &str) -> Result<InstallRow, Problem> {
        let found = self.database.find_install(tenant, named).await;
        let absent = || Problem::new(Code::NotFound, "the tenant has no such install");
        found.map_err(Problem::internal)?.ok_or_else(absent)
    }
}

/// A stream in progress.
struct Following {
    live: Live,
    headers: HeaderMap,
    tenant: TenantId,
    is_checked: Instant,
    parts: Parts,
}

impl Following {
    /// Returns the next part of the stream, which ends when the process stops, or when the
    /// credential is not valid any more.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let check = || self.live.check(&self.headers, self.tenant.as_str());
        let part = checked(&mut self.parts, &mut self.is_checked, check).await?;
        Some((Ok(part.into()), self))
    }
}

/// Returns the next part, and checks the credential once it is time, also if there are always
/// events to send. `None` if the process stops, or the credential is not valid any more.
async fn checked<C: Future<Output = Result<(), Problem>>>(
    parts: &mut Parts,
    is_checked: &mut Instant,
    check: impl Fn() -> C,
) -> Option<String> {
    loop {
        let until_check = HEARTBEAT.saturating_sub(is_checked.elapsed());
        if !until_check.is_zero()
            && let Ok(part) = timeout(until_check, parts.next()).await
        {
            return part;
        }
        check().await.ok()?;
        *is_checked = Instant::now();
    }
}

/// The parts of a stream.
struct Parts {
    filter: LiveFilter,
    reader: Reader,
    /// Time of the last part.
    spoken: Instant,
    /// Time at which events were last read, for this reader or not.
    gathered: Instant,
    /// Place of the last event that was read, for this reader or not.
    read: Option<Place>,
}

impl Parts {
    /// Returns the next part: events, or a comment if there are none for a while. `None` if the
    /// process stops.
    async fn next(&mut self) -> Option<String> {
        loop {
            let gathering = GATHER.saturating_sub(self.gathered.elapsed());
            if !gathering.is_zero() {
                sleep(gathering).await;
            }
            let silence = HEARTBEAT.saturating_sub(self.spoken.elapsed());
            let part = match timeout(silence, self.reader.next()).await {
                Ok(Some(batch)) => self.part(&batch),
                Ok(None) => return None,
                Err(_) => String::new(),
            };
            if !part.is_empty() {
                self.spoken = Instant::now();
                return Some(part);
            }
            // Events of executions that this reader does not follow make no part.
            if self.spoken.elapsed() >= HEARTBEAT {
                self.spoken = Instant::now();
                return Some(self.heartbeat());
            }
        }
    }

    /// Returns a part with these events, and with those that are there already.
    fn part(&mut self, first: &Batch) -> String {
        self.gathered = Instant::now();
        let mut part = self.text(first);
        while part.len() < PART_BYTES
            && let Some(Some(batch)) = self.reader.next().now_or_never()
        {
            part.push_str(&self.text(&batch));
        }
        part
    }

    /// Returns a part without an event. It moves the place from which the reader continues after
    /// the end of its connection: until then, others' events may displace the one it saw last.
    fn heartbeat(&self) -> String {
        match &self.read {
            Some(place) => format!(":\nid: {place}\n\n"),
            None => ":\n\n".to_owned(),
        }
    }

    fn text(&mut self, batch: &Batch) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        if batch.is_restarted {
            text.push_str("event: restart\ndata: {}\n\n");
        }
        if batch.missed > 0 {
            write!(text, "event: missed\ndata: {{\"events\":{}}}\n\n", batch.missed).ok();
        }
        if let Some((place, _)) = batch.events.last() {
            self.read = Some(*place);
        }
        let followed = batch.events.iter().filter(|(_, event)| self.filter.admits(event));
        for (place, event) in followed {
            // JSON has no line breaks of its own, so that no text of a guest ends an event.
            let data = serde_json::to_string(&**event).unwrap_or_default();
            write!(text, "id: {place}\nevent: {}\ndata: {data}\n\n", event.name()).ok();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alga_execute::LiveEvents;

    /// Returns the parts of a reader that has had no event for so long that a sign of life is due.
    fn silent(all: &Arc<LiveEvents>) -> Parts {
        let before = Instant::now().checked_sub(HEARTBEAT).unwrap();
        Parts {
            filter: LiveFilter::default(),
            reader: all.read(&"acme".parse().unwrap(), None).unwrap(),
            spoken: before,
            gathered: before,
            read: None,
        }
    }

    #[tokio::test]
    async fn a_reader_that_has_seen_no_event_for_a_while_learns_where_to_continue() {
        let all = Arc::<LiveEvents>::default();
        let mut parts = silent(&all);
        assert_eq!(parts.next().await.unwrap(), ":\n\n");
        parts.spoken = Instant::now().checked_sub(HEARTBEAT).unwrap();
        parts.read = Some("1f-7".parse().unwrap());
        assert_eq!(parts.next().await.unwrap(), ":\nid: 1f-7\n\n");
        all.close();
        assert!(parts.next().await.is_none());
    }

    #[tokio::test]
    async fn a_credential_is_checked_again_although_there_is_always_something_to_send() {
        let all = Arc::<LiveEvents>::default();
        let before = Instant::now().checked_sub(HEARTBEAT).unwrap();
        let valid = || async { Ok(()) };
        let revoked = || async { Err(Problem::new(Code::Unauthenticated, "revoked")) };
        let mut is_checked = Instant::now();
        assert!(checked(&mut silent(&all), &mut is_checked, revoked).await.is_some());
        is_checked = before;
        assert!(checked(&mut silent(&all), &mut is_checked, valid).await.is_some());
        assert!(is_checked > before);
        is_checked = before;
        assert!(checked(&mut silent(&all), &mut is_checked, revoked).await.is_none());
    }
}
