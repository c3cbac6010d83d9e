//! The server is killed at any moment; what it had acknowledged is there.

use tenon_tests::{Options, Postgres, Server};

use super::consistency;
use super::load::{Counts, Load};

const CLIENTS: usize = 6;
const ROUNDS: u32 = 10;

/// `make test-nightly` asks for more than every test run.
fn rounds() -> u32 {
    let wanted = std::env::var("TENON_KILL_ROUNDS").ok().map(|text| text.parse().unwrap());
    wanted.unwrap_or(ROUNDS)
}

#[tokio::test]
async fn a_server_killed_at_any_moment_loses_nothing_it_acknowledged_and_leaves_nothing_half_written()
 {
    let postgres = Postgres::start(&["max_connections=100"]);
    let first = Server::start(Options::on(&postgres.url()));
    let acme = first.tenant("acme").await;
    let mut writes = 0;
    for round in 0..rounds() {
        let mut server = Server::start(Options::on(&postgres.url()));
        let there = acme.moved(&first, &server);
        let mut load = Load::start(&there, CLIENTS, &format!("round-{round}"));
        // Another moment each time: after so many answers, in the middle of further requests.
        let moment = 5 + u64::from(uuid::Uuid::new_v4().as_bytes()[0] % 60);
        load.until(|counts: &Counts| counts.written >= moment).await;
        server.kill();
        writes += load.counts().written;
        for known in load.end().await {
            known.check(&acme).await;
        }
        consistency::check(&postgres.url()).await;
    }
    assert!(writes >= u64::from(rounds()) * 5);
}
