//! What a plugin adds to a write, in one run of one server.
//!
//! One client creates users at two tenants in turn. Both have the cost centre among the attributes of their
//! users; only at one of them a plugin validates it. Taking turns, both see the same machine; the ratio is
//! what counts.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tenon_tests::{Options, Server, Tenant, artifacts};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const COST_CENTER: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";

/// Pairs of requests that are measured, after those that only warm up.
const PAIRS: usize = 3_000;
const WARM_UP: usize = 300;

/// What was measured.
pub(crate) struct Cost {
    pub(crate) without: Percentiles,
    pub(crate) with: Percentiles,
    pub(crate) fuel: Value,
}

pub(crate) async fn measure() -> Cost {
    let quiet = Some("warn,tenon_server::serve=info".to_owned());
    let server = Server::start(Options { log: quiet, ..Options::default() });
    let without = server.tenant("without").await;
    without.activate("attributes", &artifacts::describing(&attributes()), json!({})).await;
    let with = server.tenant("with").await;
    with.activate("cost-center", artifacts::cost_center(), json!({})).await;

    let mut times = (Vec::with_capacity(PAIRS), Vec::with_capacity(PAIRS));
    for number in 0..WARM_UP + PAIRS {
        let (first, second) = (timed(&without, number).await, timed(&with, number).await);
        if number >= WARM_UP {
            times.0.push(first);
            times.1.push(second);
        }
    }
    let (without, with) = (Percentiles::of(times.0), Percentiles::of(times.1));
    drop(server);
    Cost { without, with, fuel: fuel_of_a_validation().await }
}

async fn timed(tenant: &Tenant, number: usize) -> Duration {
    let body = user(number);
    let started = Instant::now();
    let created = tenant.scim.post("/Users", body).await;
    let took = started.elapsed();
    created.expect(201);
    took
}

/// The extension of `plugins/cost-center`, for a plugin that does nothing but describe it.
fn attributes() -> [Value; 2] {
    [
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": COST_CENTER,
            "name": "CostCenter",
            "attributes": [{ "name": "costCenter", "type": "string", "caseExact": true }],
        }),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "name": "User",
            "schemaExtensions": [{ "schema": COST_CENTER, "required": false }],
        }),
    ]
}

/// The same body for both tenants.
fn user(number: usize) -> Value {
    json!({
        "schemas": [USER],
        "userName": format!("user-{number}@example.com"),
        "externalId": format!("ext-{number}"),
        "name": { "familyName": "Jensen", "givenName": "Barbara" },
        "displayName": "Barbara Jensen",
        "emails": [{ "type": "work", "primary": true, "value": format!("u{number}@example.com") }],
        "active": true,
        COST_CENTER: { "costCenter": "CC-1000" }
    })
}

/// As the server's log tells it.
async fn fuel_of_a_validation() -> Value {
    let server = Server::start(Options::default());
    let tenant = server.tenant("fuel").await;
    tenant.activate("cost-center", artifacts::cost_center(), json!({})).await;
    tenant.create("/Users", user(0)).await;
    server.log.wait_for("the call", |line| line["hook"] == "validate")["fuel"].clone()
}

pub(crate) struct Percentiles {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Percentiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { p50: times[times.len() / 2], p99: times[times.len() * 99 / 100] }
    }
}
