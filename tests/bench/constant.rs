//! The ceiling: axum alone, with an answer of the size of a user, in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::routing::get;

/// A running server; dropping it ends it.
pub(crate) struct Constant {
    child: Child,
    pub(crate) address: String,
}

impl Constant {
    pub(crate) fn start() -> Self {
        let this = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(this)
            .arg("constant")
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program runs");
        let mut address = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut address).expect("it says where it listens");
        Self { child, address: address.trim().to_owned() }
    }
}

impl Drop for Constant {
    fn drop(&mut self) {
        // It has no state; an error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other process.
pub(crate) async fn child() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let body: &'static str = Box::leak("x".repeat(1_700).into_boxed_str());
    let app = Router::new().route("/", get(async move || body));
    axum::serve(listener, app).await.expect("it serves");
}
