//! Reads what is left of a request's body before it is answered.
//!
//! A server that answers and closes while the client still sends makes the client fail with a
//! broken connection, and the answer (too large, not authorised, a wrong path) is never seen.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::timeout;

/// Bytes that are read for the client's sake. Past these and the durations below, the connection
/// is closed on it.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// How long the client may send nothing, since its answer waits meanwhile.
const MAX_SILENCE: Duration = Duration::from_secs(1);
/// How long all of it may take.
const MAX_DURATION: Duration = Duration::from_secs(5);
/// The same for a client that nobody vouches for.
const MAX_DURATION_UNAUTHORIZED: Duration = Duration::from_millis(500);

/// Whether a request waits for its client: its body is being read, and has not ended.
#[derive(Debug, Clone, Default)]
pub(super) struct AwaitsBody(Arc<AtomicBool>);

impl AwaitsBody {
    /// Whether it does now.
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, awaits: bool) {
        self.0.store(awaits, Ordering::Relaxed);
    }
}

pub(super) async fn drain<F>(request: Request, next: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    if request.body().is_end_stream() {
        return next(request).await;
    }
    // Such a client sends nothing until it is asked to, and reading asks.
    let waits_to_be_asked = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    // Put there by `observe`, which tells from it whose fault a timeout is.
    let awaits = parts.extensions.get::<AwaitsBody>().cloned().unwrap_or_default();
    let shared = SharedBody(Arc::new(Mutex::new(Progress { body, begun: false, awaits })));
    let rest = SharedBody(Arc::clone(&shared.0));
    let response = next(Request::from_parts(parts, Body::new(shared))).await;
    if !rest.is_end_stream() && (rest.begun() || !waits_to_be_asked) {
        let most = match response.status() {
            StatusCode::UNAUTHORIZED => MAX_DURATION_UNAUTHORIZED,
            _ => MAX_DURATION,
        };
        let _ = timeout(most, rest.discard()).await;
    }
    response
}

/// The body, still at hand when the handler has dropped its half.
struct SharedBody(Arc<Mutex<Progress>>);

struct Progress {
    body: Body,
    begun: bool,
    awaits: AwaitsBody,
}

impl SharedBody {
    fn begun(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).begun
    }

    async fn discard(mut self) {
        let mut read = 0;
        while let Ok(Some(Ok(frame))) = timeout(MAX_SILENCE, self.frame()).await {
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
        let polled = Pin::new(&mut progress.body).poll_frame(context);
        let has_ended = match &polled {
            Poll::Pending => false,
            Poll::Ready(Some(Ok(_))) => progress.body.is_end_stream(),
            Poll::Ready(None | Some(Err(_))) => true,
        };
        progress.awaits.set(!has_ended);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// One frame, and then nothing: a client that went silent.
    struct Silent(Option<Bytes>);

    impl HttpBody for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0.take().map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(Frame::data(bytes)))))
        }
    }

    fn shared(body: Body) -> (SharedBody, AwaitsBody) {
        let awaits = AwaitsBody::default();
        let progress = Progress { body, begun: false, awaits: awaits.clone() };
        (SharedBody(Arc::new(Mutex::new(progress))), awaits)
    }

    #[tokio::test]
    async fn a_request_waits_for_its_client_until_the_body_has_ended() {
        let (mut silent, awaits) = shared(Body::new(Silent(Some(Bytes::from_static(b"{")))));
        assert!(!awaits.get(), "nothing was asked of the client");
        silent.frame().await.unwrap().unwrap();
        assert!(awaits.get());

        let (whole, awaits) = shared(Body::from("{}"));
        whole.collect().await.unwrap();
        assert!(!awaits.get());
    }
}
