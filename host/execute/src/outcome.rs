//! The result of an execution whose response was collected.

use crate::Usage;
use crate::response_body::Failed;
use alga_errors::Problem;
use bytes::Bytes;
use http::Response;

/// Result and usage of an execution.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// A response within the limits: a status from 200 to 599, at most [`alga_limits::HEADERS`]
    /// fields, and at most [`alga_limits::BODY_BYTES`] bytes.
    pub(crate) result: Result<Response<Bytes>, Problem>,
    pub(crate) usage: Usage,
}

impl From<Result<(Response<Bytes>, Usage), Failed>> for Outcome {
    fn from(collected: Result<(Response<Bytes>, Usage), Failed>) -> Self {
        match collected {
            Ok((response, usage)) => Self {
                result: Ok(response),
                usage,
            },
            Err(Failed { problem, usage }) => Self {
                result: Err(problem),
                usage,
            },
        }
    }
}
