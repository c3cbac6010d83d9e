//! Reads what is left of a request's body before it is answered.
//!
//! A server that answers and closes while the client still sends makes the client fail with a
//! broken connection, and the answer (too large, not authorised, a wrong path) is never seen.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::timeout;

/// Bytes that are read for the client's sake, and how long that may take. Past either, the
/// connection is closed on it.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
const MAX_DURATION: Duration = Duration::from_secs(5);

pub(super) async fn drain(request: Request, next: Next) -> Response {
    // Such a client sends nothing until it is asked to, and reading asks.
    let waits_to_be_asked = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    let shared = SharedBody(Arc::new(Mutex::new(Progress { body, begun: false })));
    let rest = SharedBody(Arc::clone(&shared.0));
    let response = next.run(Request::from_parts(parts, Body::new(shared))).await;
    if !rest.is_end_stream() && (rest.begun() || !waits_to_be_asked) {
        let _ = timeout(MAX_DURATION, rest.discard()).await;
    }
    response
}

/// The body, still at hand when the handler has dropped its half.
struct SharedBody(Arc<Mutex<Progress>>);

struct Progress {
    body: Body,
    begun: bool,
}

impl SharedBody {
    fn begun(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).begun
    }

    async fn discard(mut self) {
        let mut read = 0;
        while let Some(Ok(frame)) = self.frame().await {
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
            if read > MAX_BYTES {
                return;
            }
        }
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        progress.begun = true;
        Pin::new(&mut progress.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body.size_hint()
    }
}
