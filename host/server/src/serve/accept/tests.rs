//! Clients over real sockets.

use std::net::SocketAddr;
use std::sync::Mutex;

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tower_service::Service;

use super::*;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

/// What the requests at the test's server have come to.
#[derive(Default)]
struct Seen {
    paths: Mutex<Vec<String>>,
    entered: Notify,
    go_on: Notify,
}

struct Running {
    address: SocketAddr,
    seen: Arc<Seen>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

async fn start(bounds: Bounds) -> Running {
    let seen = Arc::new(Seen::default());
    let answer = |State(seen): State<Arc<Seen>>, uri: Uri| async move {
        seen.paths.lock().unwrap().push(uri.path().to_owned());
        "done"
    };
    let wait = |State(seen): State<Arc<Seen>>| async move {
        seen.entered.notify_one();
        seen.go_on.notified().await;
        "done"
    };
    let router = Router::new().route("/wait", get(wait)).fallback(answer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let router = router.with_state(Arc::clone(&seen));
    let answer = move |request| {
        let answer = Service::<Request>::call(&mut router.clone(), request);
        async { answer.await.unwrap() }
    };
    let server = tokio::spawn(serve(listener, answer, bounds, async {
        let _ = stopped.await;
    }));
    Running { address, seen, stop, server }
}

async fn connect(server: &Running) -> BufReader<TcpStream> {
    BufReader::new(TcpStream::connect(server.address).await.unwrap())
}

async fn ask(connection: &mut BufReader<TcpStream>, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
}

/// Reads one answer, whose body is "done".
async fn answered(connection: &mut BufReader<TcpStream>) {
    let mut line = String::new();
    connection.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    while line != "\r\n" {
        line.clear();
        assert_ne!(connection.read_line(&mut line).await.unwrap(), 0);
    }
    let mut body = [0; 4];
    connection.read_exact(&mut body).await.unwrap();
    assert_eq!(&body, b"done");
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_headers_is_cut_off() {
    let bounds = Bounds { connections: 8, header_timeout: Duration::from_millis(50) };
    let server = start(bounds).await;
    let mut silent = connect(&server).await;
    let mut slow = connect(&server).await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: te").await.unwrap();
    for connection in [&mut silent, &mut slow] {
        // Ends when the server has closed the connection, and never otherwise.
        let mut rest = Vec::new();
        let _reset_is_an_end_too = connection.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
    assert!(server.seen.paths.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_connection_too_many_waits_for_a_place() {
    let server = start(Bounds { connections: 1, header_timeout: LONG }).await;
    let mut first = connect(&server).await;
    ask(&mut first, "/1").await;
    answered(&mut first).await;
    let mut second = connect(&server).await;
    ask(&mut second, "/2").await;
    for path in ["/3", "/4", "/5"] {
        ask(&mut first, path).await;
        answered(&mut first).await;
    }
    assert_eq!(*server.seen.paths.lock().unwrap(), ["/1", "/3", "/4", "/5"]);
    drop(first);
    answered(&mut second).await;
}

#[tokio::test]
async fn a_request_in_flight_is_answered_after_the_stop_and_idle_connections_are_closed() {
    let server = start(Bounds { connections: 8, header_timeout: LONG }).await;
    let mut idle = connect(&server).await;
    ask(&mut idle, "/").await;
    answered(&mut idle).await;
    let mut busy = connect(&server).await;
    ask(&mut busy, "/wait").await;
    server.seen.entered.notified().await;
    server.stop.send(()).unwrap();
    assert_eq!(idle.read_u8().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert!(!server.server.is_finished());
    server.seen.go_on.notify_one();
    answered(&mut busy).await;
    server.server.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn connections_end_with_the_server_that_is_dropped() {
    let server = start(Bounds { connections: 8, header_timeout: LONG }).await;
    let mut busy = connect(&server).await;
    ask(&mut busy, "/wait").await;
    server.seen.entered.notified().await;
    server.server.abort();
    let mut rest = Vec::new();
    let _reset_is_an_end_too = busy.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[test]
fn there_is_room_for_connections_and_for_other_files() {
    let bounds = Bounds::of_this_process();
    assert!((1..=MOST_CONNECTIONS).contains(&bounds.connections), "{bounds:?}");
}
