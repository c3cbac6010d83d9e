//! A client that does not wait for the answer.

use serde_json::{Value, json};
use tenon_tests::Server;

use super::{bulk, post_group, total};

/// On several threads: the connection has to be closed while the test waits for the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_circle_whose_client_goes_away_is_left_whole_or_not_at_all() {
    const GROUPS: usize = 600;
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let ring: Vec<Value> = (0..GROUPS)
        .map(|n| post_group(&format!("g{n}"), &[&format!("bulkId:g{}", (n + 1) % GROUPS)]))
        .collect();
    let client = {
        let acme = acme.clone();
        tokio::spawn(async move { bulk(&acme, json!(ring)).await })
    };
    while !client.is_finished() && total(&acme, "/Groups?count=0").await == 0 {}
    client.abort();

    let line = server.log.wait_for("line of the bulk request", |line| {
        line["message"] == "bulk request carried out" && line["span"]["tenant"] == json!(acme.name)
    });
    let left = if line["failed"] == 0 { GROUPS } else { 0 };
    assert_eq!(total(&acme, "/Groups?count=0").await, left);
    assert_eq!(total(&acme, "/Groups?count=0&filter=not (members pr)").await, 0);
}
