//! The form of a publish request, read from a body whose end is reported late.

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::{FromRequest, Request};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A multipart form.
///
/// `multer` 3.1 looks for the first boundary, polls the body again, and reports an incomplete form
/// if the body has ended by then, without looking at what arrived with the second poll. A whole
/// small form may arrive between both polls, most often over HTTP/2, where another task receives
/// it. So the body's end is reported in a poll after the one that received the last bytes.
pub(crate) struct Form(pub(crate) Multipart);

impl<S: Sync + Send> FromRequest<S> for Form {
    type Rejection = MultipartRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, MultipartRejection> {
        let request = request.map(|body| Body::new(LateEnd { body, is_due: false }));
        Multipart::from_request(request, state).await.map(Self)
    }
}

/// A body whose end is reported one poll later than it is known.
struct LateEnd {
    body: Body,
    is_due: bool,
}

impl HttpBody for LateEnd {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.is_due {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(None) => {
                    self.is_due = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                other => return other,
            }
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::CONTENT_TYPE;
    use futures_util::stream;
    use std::convert::Infallible;

    const FORM: &[u8] = b"--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n";

    /// Returns a form that arrives in these parts, each after a poll without any.
    fn arriving(parts: Vec<Bytes>) -> Body {
        let parts = parts.into_iter().map(Some);
        let mut polls = parts.flat_map(|part| [None, part]).collect::<Vec<_>>().into_iter();
        Body::from_stream(stream::poll_fn(move |context| match polls.next() {
            None => Poll::Ready(None),
            Some(Some(part)) => Poll::Ready(Some(Ok::<_, Infallible>(part))),
            Some(None) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }))
    }

    async fn first_field(body: Body) -> String {
        let request = Request::builder().header(CONTENT_TYPE, "multipart/form-data; boundary=b");
        let Form(mut form) = Form::from_request(request.body(body).unwrap(), &()).await.unwrap();
        let value = form.next_field().await.unwrap().unwrap().text().await.unwrap();
        assert!(form.next_field().await.unwrap().is_none());
        value
    }

    #[tokio::test]
    async fn a_form_is_read_however_its_bytes_arrive() {
        for middle in 0..=FORM.len() {
            let (first, second) = FORM.split_at(middle);
            let parts = [first, second].map(Bytes::from_static);
            assert_eq!(first_field(arriving(parts.to_vec())).await, "1", "{middle}");
        }
        assert_eq!(first_field(arriving(vec![Bytes::from_static(FORM)])).await, "1");
    }

    #[tokio::test]
    async fn a_form_without_its_last_boundary_is_incomplete() {
        let (part, _) = FORM.split_at(FORM.len() - 8);
        let request = Request::builder().header(CONTENT_TYPE, "multipart/form-data; boundary=b");
        let body = arriving(vec![Bytes::copy_from_slice(part)]);
        let Form(mut form) = Form::from_request(request.body(body).unwrap(), &()).await.unwrap();
        let field = form.next_field().await.unwrap().unwrap();
        assert!(field.text().await.is_err());
    }
}
