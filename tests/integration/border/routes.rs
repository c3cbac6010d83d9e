//! Every route that the server has, crossed.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Server};

use super::crossings::{Crossing, SCIM_BASE, TABLES};
use super::world::{Values, World, filled, send};

/// Where requests themselves leave a trace, whatever comes of them.
const TRACES: [&str; 2] = ["requests", "tokens"];

#[tokio::test]
async fn every_route_is_in_the_table_of_crossings() {
    let server = Server::shared();
    let document = server.admin().get("/openapi.json").await.expect(200).body;
    let mut routes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys();
        routes.extend(methods.map(|method| format!("{method} {path}")));
    }
    let crossed: BTreeSet<String> = TABLES
        .iter()
        .flat_map(|(base, rows)| rows.iter().map(move |row| (base, row)))
        .map(|(base, row)| format!("{} {base}{}", row.method, row.route))
        .collect();
    let missing: Vec<_> = routes.difference(&crossed).collect();
    assert!(
        missing.is_empty(),
        "add to tests/integration/border/crossings.rs what these routes can name of another \
         tenant, or one row that names nothing: {missing:#?}"
    );
    let gone: Vec<_> = crossed.difference(&routes).collect();
    assert!(gone.is_empty(), "these routes of crossings.rs are no more: {gone:#?}");
}

#[tokio::test]
async fn what_another_tenant_has_is_as_what_nobody_has() {
    let mut world = World::new().await;
    let mut wrong = Vec::new();
    let rows = TABLES.iter().flat_map(|(base, rows)| rows.iter().map(move |row| (*base, row)));
    for (number, (base, row)) in rows.enumerate() {
        for way in ways(&world, base, row, number) {
            if let Err(what) = cross(&mut world, &way, row).await {
                wrong.push(format!("{} {base}{} by {way}: {what}", row.method, row.asks));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Asks for what Globex has and for what nobody has; what is wrong about the answers, or about what
/// came of them.
async fn cross(world: &mut World, way: &Way, row: &Crossing) -> Result<(), String> {
    let (acme, globex) = (world.acme.id.clone(), world.globex.id.clone());
    let before = (world.rows(&acme, &TRACES).await, world.rows(&globex, &[]).await);
    let crossed = ask(world, way, row, &world.of_globex).await;
    let after = (world.rows(&acme, &TRACES).await, world.rows(&globex, &[]).await);
    if crossed.status != row.status {
        return Err(format!("{}, not {}: {:#}", crossed.status, row.status, crossed.body));
    }
    if after.1 != before.1 || (crossed.status >= 400 && after.0 != before.0) {
        return Err("rows have changed".to_owned());
    }
    if !row.asks.contains('<') && !row.body.contains('<') {
        return nothing_is_told(world, &crossed);
    }
    let missed = ask(world, way, row, &world.of_nobody).await;
    let (crossed, missed) = (seen(&crossed, &world.of_globex), seen(&missed, &world.of_nobody));
    if crossed != missed {
        return Err(format!("{crossed:#?}, and of nobody's: {missed:#?}"));
    }
    Ok(())
}

#[tokio::test]
async fn no_credential_opens_another_tenant() {
    let mut world = World::new().await;
    let globex = world.globex.id.clone();
    let before = world.rows(&globex, &[]).await;
    let jwt = world.idp.jwt("scim:* plugins:read config:read");
    let tokens = [&world.administrator.token, &world.acme.scim.token, &jwt];
    for (base, rows) in TABLES.iter().filter(|(base, _)| base.contains("{tenant}")) {
        let like = {
            let nowhere = way(&world, 0, base, "no-such-tenant", &world.administrator.token);
            ask_at(&nowhere, "get", "/Users", "").await.expect(401)
        };
        for (number, row) in rows.iter().enumerate() {
            for way in others_ways(&world, base, tokens[number % 3], number) {
                let values = [&world.of_globex, &world.globex_own];
                let (asks, body) = (filled(row.asks, &values), filled(row.body, &values));
                let answer = ask_at(&way, row.method, &asks, &body).await;
                let told = format!("{} {base}{} by {way}", row.method, row.asks);
                assert_eq!(seen(&answer, &vec![]), seen(&like, &vec![]), "{told}");
            }
        }
    }
    assert_eq!(world.rows(&globex, &[]).await, before);
}

/// A way to a tenant: where requests are sent, and with which headers.
struct Way {
    client: Client,
    headers: Vec<(&'static str, String)>,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.client.base, self.headers)
    }
}

/// How many ways there are to the service of a tenant; the last is by the credential alone.
const WAYS: usize = 5;

fn way(world: &World, number: usize, base: &str, tenant: &str, token: &str) -> Way {
    let url = &world.servers[number % 2].url;
    let host = format!("{tenant}.scim.example.com");
    let (path, headers) = match number % WAYS {
        _ if base != SCIM_BASE => (base.replace("{tenant}", tenant), vec![]),
        0 => (base.replace("{tenant}", tenant), vec![]),
        1 => (format!("/scim/endpoints/{tenant}"), vec![]),
        2 => ("/scim/v2".to_owned(), vec![("x-tenant-id", tenant.to_owned())]),
        3 => ("/scim/v2".to_owned(), vec![("host", host)]),
        _ => ("/scim/v2".to_owned(), vec![]),
    };
    let client = world.administrator.at(format!("{url}{path}")).with_token(token);
    Way { client, headers }
}

/// The ways by which a row is asked: a read by all of them at either server, what may change
/// something by one.
fn ways(world: &World, base: &str, row: &Crossing, number: usize) -> Vec<Way> {
    let all = if row.method == "get" { number..number + 2 * WAYS } else { number..number + 1 };
    let (tenant, token) = (&world.acme.name, &world.administrator.token);
    all.map(|number| way(world, number, base, tenant, token)).collect()
}

/// Those that name the other tenant, by its name and by its id.
fn others_ways(world: &World, base: &str, token: &str, number: usize) -> Vec<Way> {
    let (name, id) = (&world.globex.name, &world.globex.id);
    let ways = (number..number + WAYS).filter(|it| it % WAYS != WAYS - 1);
    let mut ways: Vec<Way> = ways.map(|it| way(world, it, base, name, token)).collect();
    ways.push(way(world, 0, base, id, token));
    ways
}

async fn ask(world: &World, way: &Way, row: &Crossing, values: &Values) -> Answer {
    let values = [values, &world.own];
    ask_at(way, row.method, &filled(row.asks, &values), &filled(row.body, &values)).await
}

async fn ask_at(way: &Way, method: &str, path: &str, body: &str) -> Answer {
    send(&way.client, method, path, body, &way.headers).await
}

/// What a client sees, without what is of the moment, and with what it asked for by its name.
fn seen(answer: &Answer, values: &Values) -> (u16, BTreeSet<String>, String) {
    let headers = answer.headers.keys().map(ToString::to_string).collect();
    let mut body = answer.body.clone();
    forget(&mut body);
    // The longest first: one may be part of another.
    let mut values: Vec<_> = values.iter().collect();
    values.sort_by_key(|(_, value)| Reverse(value.len()));
    let body = values.into_iter().fold(body.to_string(), |body, (name, value)| {
        body.replace(value.as_str(), &format!("<{name}>"))
    });
    (answer.status, headers, body)
}

/// Takes out what differs between any two resources.
fn forget(body: &mut Value) {
    match body {
        Value::Object(object) => {
            for name in ["id", "meta", "location", "version", "created", "modified", "token"] {
                if let Some(value) = object.get_mut(name) {
                    *value = json!("of the moment");
                }
            }
            object.values_mut().for_each(forget);
        }
        Value::Array(array) => array.iter_mut().for_each(forget),
        _ => {}
    }
}

/// An answer to a request that names nothing of the other tenant has nothing of it.
fn nothing_is_told(world: &World, answer: &Answer) -> Result<(), String> {
    let body = answer.body.to_string();
    // What the core has too.
    let told = world.of_globex.iter().filter(|(name, _)| *name != "attribute");
    match told.into_iter().find(|(_, value)| body.contains(value)) {
        None => Ok(()),
        Some((name, _)) => Err(format!("it tells <{name}>: {body}")),
    }
}
