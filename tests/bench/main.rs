//! `make bench`: a server and its database on this machine, measured against what the machine can
//! do without the server. `BENCH_USERS` is the size of the large tenants (1,000,000); `BENCH_DIR`
//! keeps what was seeded for another run.
//!
//! `bench plugins` and `bench neighbour` measure plugins alone.

mod baseline;
mod bed;
mod constant;
mod load;
mod neighbour;
mod picture;
mod plugin_calls;
mod plugins;
mod postgres;
mod report;
mod rows;

use bed::Bed;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("load") => load::child().await,
        Some("constant") => constant::child().await,
        Some("plugins") => plugin_calls::measure().await,
        Some("neighbour") => neighbour::measure().await,
        _ => measure().await,
    }
}

async fn measure() {
    let users = std::env::var("BENCH_USERS").unwrap_or_else(|_| "1000000".to_owned());
    let users = users.parse().expect("BENCH_USERS is a number");
    let bed = Bed::make(users).await;
    let rows = rows::all(&bed).await;
    report::write(&bed, &rows).await;
}
