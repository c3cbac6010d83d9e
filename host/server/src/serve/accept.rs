//! Takes connections: not more than there is room for, none that is silent for long, and in the
//! end lets those with a request in flight finish it.
//!
//! `axum::serve` has no clock, and so no bound on how slowly a client may send its headers.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::http::Peer;

/// Connections at the most, where the process may have so many files open.
const MOST_CONNECTIONS: usize = 8192;
/// Open files that are kept for the database, plugins, the log.
const OTHER_FILES: u64 = 256;
/// How long headers may take to arrive, and how long a connection may be idle between requests:
/// longer than the 60 seconds after which load balancers commonly give up an idle connection, so
/// that it is never the server that closes one they are about to use.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);
/// Bytes of a connection's buffer at the most, and so of a request's headers.
const MAX_BUFFER: usize = 64 * 1024;
/// How long to wait when the system has no more files or memory for a connection.
const PAUSE: Duration = Duration::from_secs(1);

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How many there may be at once. Further ones wait in the system's queue.
    pub(super) connections: usize,
    /// How long a connection may take to send the headers of its next request.
    pub(super) header_timeout: Duration,
}

impl Bounds {
    /// As many as the limit of open files (`ulimit -n`) has room for.
    pub(super) fn of_this_process() -> Self {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        // Where the limit is very low, half of it.
        let room = files.saturating_sub(OTHER_FILES).max(files / 2).max(1);
        let connections = usize::try_from(room).unwrap_or(usize::MAX).min(MOST_CONNECTIONS);
        Self { connections, header_timeout: HEADER_TIMEOUT }
    }
}

/// Serves until told to stop, and then until the last request in flight is answered. Dropping the
/// future closes all connections at once.
pub(super) async fn serve<A, F>(
    listener: TcpListener,
    answer: A,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) where
    A: Fn(Request) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(bounds.connections));
    let graceful = GracefulShutdown::new();
    // Dropped with this future, and its tasks are aborted then.
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    let mut was_full = false;
    loop {
        let is_full = places.available_permits() == 0;
        if is_full && !was_full {
            tracing::warn!(
                connections = bounds.connections,
                "all connections are taken; further ones wait"
            );
        }
        was_full = is_full;
        let (stream, place) = tokio::select! {
            () = &mut stop => break,
            accepted = next(&listener, &places) => accepted,
            // Takes away what is left of connections that have ended.
            Some(_) = connections.join_next() => continue,
        };
        let (stream, peer) = stream;
        let answer = answer.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let answer = answer(request.map(Body::new));
            async { Ok::<_, Infallible>(answer.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.header_timeout)
            .max_buf_size(MAX_BUFFER)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection was cut");
            }
            drop(place);
        });
    }
    // Refused from here on, rather than left waiting.
    drop(listener);
    graceful.shutdown().await;
    while connections.join_next().await.is_some() {}
}

/// The next connection, with who made it, when there is a place for it.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> ((TcpStream, Peer), Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there is always a place in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Answers are small and written whole: waiting for more only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection takes no TCP_NODELAY");
                }
                return ((stream, Peer(address.ip().to_canonical())), place);
            }
            Err(error) if is_the_clients(&error) => {
                tracing::debug!(%error, "a connection ended before it was accepted");
            }
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted; trying again");
                sleep(PAUSE).await;
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests;
