//! Resumable uploads. `POST` begins one, `PATCH` with `upload-offset` appends bytes, and `GET`
//! returns how many were received; the publish form then has the upload's id in place of the
//! bundle. An upload that is not continued for a day is deleted.

use crate::authorization::Dependencies;
use crate::error::ApiError;
use alga_errors::{Code, Problem};
use alga_http::{BODY_TIMEOUT, one_field};
use alga_registry_types::Upload;
use alga_store::{StagingError, UploadWriter};
use axum::Json;
use axum::body::{Body, BodyDataStream};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use futures_util::StreamExt;
use tokio::time::timeout;

/// The header with the offset at which the bytes of a request continue.
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");

pub(crate) async fn begin(Dependencies(dependencies): Dependencies) -> Result<(StatusCode, Json<Upload>), ApiError> {
    let id = dependencies.staging.begin().await.map_err(staging_failed)?;
    Ok((StatusCode::CREATED, Json(Upload { id, offset: 0 })))
}

pub(crate) async fn show(
    Dependencies(dependencies): Dependencies,
    Path(id): Path<String>,
) -> Result<Json<Upload>, ApiError> {
    let offset = dependencies.staging.size(&id).await.map_err(staging_failed)?;
    Ok(Json(Upload { id, offset }))
}

pub(crate) async fn append(
    Dependencies(dependencies): Dependencies,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Upload>, ApiError> {
    let offset = one_field(&headers, &OFFSET)?.and_then(|text| text.parse().ok());
    let missing = || {
        Problem::new(
            Code::BadRequest,
            "the header `upload-offset` must be the offset at which the bytes continue",
        )
    };
    let offset = offset.ok_or_else(missing)?;
    let mut upload = dependencies.staging.lock(&id).await.map_err(staging_failed)?;
    let mut appending = upload.append(offset).await.map_err(staging_failed)?;
    let received = receive(&mut appending, body.into_data_stream()).await;
    // Received bytes are stored even if the connection was reset: the client can resume.
    let offset = appending.finish().await.map_err(staging_failed)?;
    received.map_err(staging_failed)?;
    Ok(Json(Upload { id, offset }))
}

async fn receive(appending: &mut UploadWriter<'_>, mut body: BodyDataStream) -> Result<(), StagingError> {
    // A stalled sender times out; the received bytes are stored.
    while let Some(chunk) = timeout(BODY_TIMEOUT, body.next())
        .await
        .map_err(|_| StagingError::Interrupted)?
    {
        appending.write(&chunk.map_err(|_| StagingError::Interrupted)?).await?;
    }
    Ok(())
}

pub(crate) async fn end(
    Dependencies(dependencies): Dependencies,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    dependencies.staging.lock(&id).await.map_err(staging_failed)?.end();
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn staging_failed(error: StagingError) -> ApiError {
    let message = error.to_string();
    let problem = match error {
        StagingError::Unknown => Problem::new(Code::NotFound, message),
        StagingError::Busy | StagingError::Offset(_) => Problem::new(Code::Conflict, message),
        StagingError::TooLarge => Problem::new(Code::PayloadTooLarge, message),
        StagingError::TooMany => Problem::new(Code::RateLimited, message).retry_after_seconds(60),
        StagingError::Interrupted => Problem::new(Code::BadRequest, message),
        StagingError::Disk(error) => Problem::internal(error),
    };
    problem.into()
}
