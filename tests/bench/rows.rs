//! The measures, one after the other: each some seconds long, in turns with what it is compared
//! with, so that both see the same machine.

use serde_json::{Value, json};

use crate::baseline::{SCRIPTS, pgbench};
use crate::bed::{Bed, Read, Tenant, by_name, filter, new_user};
use crate::constant::Constant;
use crate::load::{self, Load, Outcome, Request};
use crate::plugins;
use crate::report::{Goal, Row};

/// Turns that each side has, and how long each is.
const TURNS: usize = 3;
const SECONDS: u64 = 3;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

pub(crate) async fn all(bed: &Bed) -> Vec<Row> {
    let (small, large) = (bed.tenant("small").await, bed.tenant("large").await);
    let sample = large.sample(SCRIPTS).await;
    let mut rows = Rows::default();
    rows.extend(ceiling());
    for clients in [16, 64] {
        rows.push(get_by_id(bed, &large, &sample, clients));
        rows.push(get_by_name(bed, &large, &sample, clients));
    }
    rows.push(memory(bed, &large, &sample));
    rows.push(create(bed, &bed.tenant("writes").await, &sample[0]).await);
    rows.push(list_of_a_hundred(&large));
    rows.extend(filters(bed, &small, &large).await);
    rows.push(parts_with_trigrams(bed, &small, &large).await);
    rows.extend(groups(bed).await);
    rows.push(import(bed));
    rows.push(plugin().await);
    rows.0
}

/// Printed as they come: the whole takes minutes.
#[derive(Default)]
struct Rows(Vec<Row>);

impl Rows {
    fn push(&mut self, row: Row) {
        print!("{}", row.markdown());
        self.0.push(row);
    }

    fn extend(&mut self, rows: Vec<Row>) {
        rows.into_iter().for_each(|row| self.push(row));
    }
}

fn ceiling() -> Vec<Row> {
    let constant = Constant::start();
    [16, 64]
        .map(|clients| {
            let outcomes = (0..TURNS).map(|_| {
                load::run(&Load {
                    address: constant.address.clone(),
                    token: String::new(),
                    clients,
                    seconds: SECONDS as f64,
                    requests: vec![Request::get("/")],
                })
                .expect(200)
                .per_second
            });
            Row::rate(format!("axum alone, a constant, {clients} clients"), median(outcomes))
        })
        .into()
}

fn get_by_id(bed: &Bed, tenant: &Tenant, sample: &[Value], clients: usize) -> Row {
    let ids = texts(sample, "/id");
    let requests: Vec<Request> =
        ids.iter().map(|id| Request::get(format!("/Users/{id}"))).collect();
    let what = format!("GET /Users/{{id}}, {clients} clients");
    read(bed, tenant, what, bed.statements.by_id.as_ref(), &ids, &requests, clients)
}

fn get_by_name(bed: &Bed, tenant: &Tenant, sample: &[Value], clients: usize) -> Row {
    let names: Vec<String> =
        texts(sample, "/userName").iter().map(|name| name.to_lowercase()).collect();
    let requests: Vec<Request> = names.iter().map(|name| Request::get(by_name(name))).collect();
    let what = format!("userName eq, {clients} clients");
    read(bed, tenant, what, bed.statements.by_name.as_ref(), &names, &requests, clients)
}

/// Requests in turns with the statement that the server sends for them.
fn read(
    bed: &Bed,
    tenant: &Tenant,
    what: String,
    seen: Option<&Read>,
    values: &[String],
    requests: &[Request],
    clients: usize,
) -> Row {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        if let Some(Read { statement, probe }) = seen {
            let statement = statement.in_tenant(&bed.statements.create_tenant, &tenant.id);
            theirs.push(pgbench(&bed.postgres, &statement, probe, values, clients, SECONDS));
        }
        ours.push(tenant.load(clients, SECONDS as f64, requests).expect(200).per_second);
    }
    let row = Row::rate(what, median(ours.clone())).goal(Goal::AtLeast(0.7));
    if theirs.is_empty() {
        return row;
    }
    let (ours, theirs) = (median(ours), median(theirs));
    row.beside("pgbench, the same SELECT", theirs, ours / theirs)
}

/// Resident memory after 64 clients have read users and lists.
fn memory(bed: &Bed, tenant: &Tenant, sample: &[Value]) -> Row {
    let requests: Vec<Request> =
        texts(sample, "/id").iter().map(|id| Request::get(format!("/Users/{id}"))).collect();
    tenant.load(64, SECONDS as f64, &requests).expect(200);
    tenant.load(64, SECONDS as f64, &[Request::get("/Users?count=100")]).expect(200);
    let status = std::fs::read_to_string(format!("/proc/{}/status", bed.server.pid()));
    let status = status.expect("the server's process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
    let kilobytes: f64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    Row::of("memory of the server at its peak, 64 clients", kilobytes / 1024.0, "MiB")
}

async fn create(bed: &Bed, tenant: &Tenant, like: &Value) -> Row {
    let request = Request {
        method: "POST".to_owned(),
        path: "/Users".to_owned(),
        body: Some(new_user(like)),
    };
    let requests = [request];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        theirs.push(bed.statements.create(&bed.postgres, 16, SECONDS).await);
        ours.push(tenant.load(16, SECONDS as f64, &requests).expect(201).per_second);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    Row::rate("POST /Users, 16 clients", ours)
        .beside("the same statements, driven directly", theirs, ours / theirs)
        .goal(Goal::AtLeast(0.6))
}

fn list_of_a_hundred(tenant: &Tenant) -> Row {
    let requests: Vec<Request> = (0..10)
        .map(|page| Request::get(format!("/Users?count=100&startIndex={}", 1 + page * 100)))
        .collect();
    let turns =
        (0..TURNS).map(|_| tenant.load(16, SECONDS as f64, &requests).expect(200).per_second);
    Row::rate("lists of 100 users, 16 clients", median(turns)).goal(Goal::ValueAtLeast(1_500.0))
}

/// The filter that finds a user, or some.
type FilterFor<'f> = &'f dyn Fn(&Value) -> String;

/// Each filter at the small tenant and at the large one, with as many results.
async fn filters(bed: &Bed, small: &Tenant, large: &Tenant) -> Vec<Row> {
    for tenant in [small, large] {
        mark(tenant).await;
    }
    let email =
        |user: &Value| format!("emails[type eq \"work\"].value eq {}", user["emails"][0]["value"]);
    let employee = |user: &Value| {
        format!("{ENTERPRISE}:employeeNumber eq {}", user[ENTERPRISE]["employeeNumber"])
    };
    let family = |_: &Value| "name.familyName sw \"Qvistmark-Ha\"".to_owned();
    let display = |_: &Value| "displayName co \"istmark-Hav\"".to_owned();
    let nick = |_: &Value| "nickName eq \"qvistmark\"".to_owned();
    let goal = Some(Goal::AtMost(2.0));
    let cases: [(&str, FilterFor<'_>, Option<Goal>); 5] = [
        ("emails[type eq \"work\"].value eq", &email, goal),
        ("an extension's attribute eq", &employee, goal),
        ("name.familyName sw", &family, goal),
        ("displayName co, no trigram index", &display, None),
        ("nickName eq, not indexed", &nick, None),
    ];
    let (few, many) = (small.sample(64).await, large.sample(64).await);
    let mut rows = Vec::new();
    for (name, case, goal) in cases {
        let row = filter_row(bed, (small, &few), (large, &many), name, case).await;
        rows.push(Row { goal, ..row });
    }
    rows
}

/// With the optional index over parts of values, which is there for this row alone.
async fn parts_with_trigrams(bed: &Bed, small: &Tenant, large: &Tenant) -> Row {
    let postgres = bed.postgres.connect("tenon").await;
    let create = "CREATE EXTENSION IF NOT EXISTS pg_trgm; \
                  CREATE INDEX attr_index_substrings ON attr_index \
                  USING gin (val gin_trgm_ops) WHERE substrings; ANALYZE attr_index";
    postgres.batch_execute(create).await.expect("the extension is installed");
    let case = |_: &Value| "displayName co \"istmark-Hav\"".to_owned();
    let one = [Value::Null];
    let name = "displayName co, trigram index";
    let row = filter_row(bed, (small, &one), (large, &one), name, &case).await;
    let row = row.goal(Goal::AtMost(2.0));
    postgres.batch_execute("DROP INDEX attr_index_substrings").await.expect("it is there");
    row
}

/// One filter at both tenants, in turns.
async fn filter_row(
    bed: &Bed,
    (small, few): (&Tenant, &[Value]),
    (large, many): (&Tenant, &[Value]),
    name: &str,
    case: &dyn Fn(&Value) -> String,
) -> Row {
    let requests = |sample: &[Value]| -> Vec<Request> {
        sample.iter().map(|user| Request::get(filter(&case(user)))).collect()
    };
    let (at_small, at_large) = (requests(few), requests(many));
    let totals = (small.total(&at_small[0].path).await, large.total(&at_large[0].path).await);
    let timed = |tenant: &Tenant, total: Result<u64, u16>, requests: &[Request]| {
        tenant.load(1, 1.0, requests).expect(total.err().unwrap_or(200)).p50
    };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        first.push(timed(small, totals.0, &at_small));
        second.push(timed(large, totals.1, &at_large));
    }
    let (first, second) = (median(first), median(second));
    let what = format!("{name}, p50 among {} users", bed.users);
    let what = match totals {
        (Ok(a), Ok(b)) if a == b => what,
        (Ok(_), Err(status)) => format!("{what}: refused, {status}"),
        (a, b) => format!("{what}: {b:?} found, among 10000 {a:?}"),
    };
    Row::of(what, second, "ms").beside("among 10000", first, second / first)
}

/// Ten users that filters find in each tenant, whatever its size.
async fn mark(tenant: &Tenant) {
    let marked = filter("userName eq \"qvistmark-0\"");
    if tenant.total(&marked).await == Ok(1) {
        return;
    }
    for number in 0..10 {
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": format!("qvistmark-{number}"),
            "displayName": format!("Ada Qvistmark-Havel {number}"),
            "name": { "givenName": "Ada", "familyName": format!("Qvistmark-Havel {number}") },
            "nickName": "qvistmark",
        });
        tenant.scim.post("/Users", user).await.expect(201);
    }
}

/// Fifty members out of a group and in again, by one client, the groups in turns.
async fn groups(bed: &Bed) -> Vec<Row> {
    let tenant = bed.tenant("groups").await;
    let first = tenant.scim.get("/Users?count=50&attributes=id").await.expect(200);
    let members: Vec<Value> = texts(first.body["Resources"].as_array().expect("users"), "/id")
        .iter()
        .map(|id| json!({ "value": id }))
        .collect();
    let change = |operation: &str| {
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": operation, "path": "members", "value": members }]
        })
    };
    let (remove, add) = (change("remove"), change("add"));
    let mut cases = Vec::new();
    for size in &bed.sizes {
        let path = filter(&format!("displayName eq \"Size {size}\"")).replace("/Users", "/Groups");
        let path = format!("{path}&excludedAttributes=members");
        let found = tenant.scim.get(&path).await.expect(200).body;
        let id = found["Resources"][0]["id"].as_str().expect("the group").to_owned();
        let path = format!("/Groups/{id}?excludedAttributes=members");
        let request = |body: &Value| Request {
            method: "PATCH".to_owned(),
            path: path.clone(),
            body: Some(body.to_string()),
        };
        cases.push((*size, path.clone(), [request(&remove), request(&add)], Vec::new()));
    }
    for _ in 0..TURNS {
        for (_, path, requests, times) in &mut cases {
            let outcome: Outcome = tenant.load(1, 2.0, requests);
            if !outcome.statuses.keys().all(|it| matches!(it, 200 | 204)) {
                println!("{path}: {:?}", outcome.statuses);
            }
            times.push(outcome.p50);
            // The last may have been a removal.
            tenant.scim.patch(path, add.clone()).await;
        }
    }
    let smallest = median(cases[0].3.clone());
    let row = |(size, _, _, times): &(u64, String, [Request; 2], Vec<f64>)| {
        let time = median(times.clone());
        let row = Row::of(format!("PATCH of 50 members, group of {size}, p50"), time, "ms");
        match *size == bed.sizes[0] {
            true => row,
            false => row.beside("group of 100", smallest, time / smallest).goal(Goal::AtMost(1.2)),
        }
    };
    cases.iter().map(row).collect()
}

fn import(bed: &Bed) -> Row {
    let rate = bed.seeding["usersPerSecond"].as_f64().expect("a rate");
    Row::rate(format!("tenon bench seed, {} users with their indexes", bed.users), rate)
}

async fn plugin() -> Row {
    let cost = plugins::measure().await;
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1_000.0;
    println!(
        "plugin: p99 {:.2} ms with, {:.2} ms without; fuel of one validation: {}",
        ms(cost.with.p99),
        ms(cost.without.p99),
        cost.fuel
    );
    let (with, without) = (ms(cost.with.p50), ms(cost.without.p50));
    Row::of("POST /Users with the cost-center plugin, one client, p50", with, "ms").beside(
        "without",
        without,
        with / without,
    )
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn texts(resources: &[Value], pointer: &str) -> Vec<String> {
    let text = |it: &Value| it.pointer(pointer).and_then(Value::as_str).expect("text").to_owned();
    resources.iter().map(text).collect()
}
