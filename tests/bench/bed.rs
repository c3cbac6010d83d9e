//! What is measured on: a server over a database with a small tenant, one that is written to, a large
//! one, and one with groups of many sizes; written once, and kept where BENCH_DIR names a directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Options, Server, artifacts, new_data_dir};
use uuid::Uuid;

use crate::baseline;
use crate::load::{self, Load, Outcome, Request, UNIQUE};
use crate::postgres::{Postgres, Statement};

/// Users of the small tenant, and of the one that is written to.
const SMALL: u64 = 10_000;

pub(crate) struct Bed {
    pub(crate) server: Server,
    pub(crate) postgres: Postgres,
    /// Users of the large tenant.
    pub(crate) users: u64,
    /// Members of the groups.
    pub(crate) sizes: Vec<u64>,
    /// What seeding the large tenant took, if it was seeded now or the report is still there.
    pub(crate) seeding: Value,
    pub(crate) statements: Statements,
}

/// What the server was seen to send.
pub(crate) struct Statements {
    pub(crate) by_id: Option<Read>,
    /// None where a server looks for names in another way than by one statement.
    pub(crate) by_name: Option<Read>,
    pub(crate) create: Vec<Statement>,
    pub(crate) create_tenant: String,
    /// What is another text in each repetition of `create`.
    probe: String,
}

/// A statement that reads a resource, and the value that it was seen to read by.
pub(crate) struct Read {
    pub(crate) statement: Statement,
    pub(crate) probe: String,
}

/// A tenant and a token for it.
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) scim: Client,
    address: String,
    path: String,
}

impl Bed {
    pub(crate) async fn make(users: u64) -> Self {
        let kept = std::env::var_os("BENCH_DIR").map(PathBuf::from);
        let data_dir = kept.unwrap_or_else(|| new_data_dir().keep());
        std::fs::create_dir_all(&data_dir).expect("a directory");
        seed(&data_dir, "small", SMALL, &[]);
        seed(&data_dir, "writes", SMALL, &[]);
        let seeding = seed(&data_dir, "large", users, &[]);
        let sizes: Vec<u64> =
            [100, 10_000, 100_000, 1_000_000].into_iter().filter(|size| *size <= users).collect();
        seed(&data_dir, "groups", users, &sizes);

        let server = start(&data_dir);
        Postgres::of(&data_dir).log_statements(true).await;
        drop(server);
        let server = start(&data_dir);
        let postgres = Postgres::of(&data_dir);
        let statements = Statements::seen(&server, &postgres).await;
        postgres.log_statements(false).await;
        drop(server);
        let server = start(&data_dir);
        let postgres = Postgres::of(&data_dir);
        let bed = Self { server, postgres, users, sizes, seeding, statements };
        for name in ["small", "writes", "large", "groups"] {
            bed.wait_for_indexes(name).await;
        }
        bed
    }

    /// The tenant that was seeded under this name.
    pub(crate) async fn tenant(&self, name: &str) -> Tenant {
        Tenant::of(&self.server, name).await
    }

    /// Until every index of the tenant can be used.
    async fn wait_for_indexes(&self, name: &str) {
        let path = format!("/tenants/{name}-1/indexes");
        loop {
            let Answer { status, body, .. } = self.server.admin().get(&path).await;
            let text = body.to_string();
            let unfinished = ["\"building\"", "\"checking\"", "\"dropping\""];
            if status != 200 || !unfinished.iter().any(|state| text.contains(state)) {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn start(data_dir: &Path) -> Server {
    let log = Some("warn,tenon_server::serve=info".to_owned());
    Server::start(Options { data_dir: Some(data_dir.to_owned()), log, ..Options::default() })
}

/// Seeds a tenant, where it is not there yet; the report.
fn seed(data_dir: &Path, name: &str, users: u64, sizes: &[u64]) -> Value {
    let report = data_dir.join(format!("{name}-{users}.json"));
    if let Ok(text) = std::fs::read(&report) {
        return serde_json::from_slice(&text).expect("the report of an earlier run");
    }
    let sizes: Vec<String> = sizes.iter().map(u64::to_string).collect();
    let mut seed = Command::new(artifacts::tenon());
    seed.args(["bench", "seed", "--json", "--log", "warn", "--name", name])
        .args(["--users", &users.to_string()])
        .arg("--data-dir")
        .arg(data_dir)
        .stderr(Stdio::inherit());
    if !sizes.is_empty() {
        seed.arg("--group-sizes").arg(sizes.join(","));
    }
    let output = seed.output().expect("tenon runs");
    assert!(
        output.status.success(),
        "{} cannot be seeded; another directory in BENCH_DIR, or none, begins anew",
        data_dir.display()
    );
    std::fs::write(&report, &output.stdout).expect("the report is kept");
    serde_json::from_slice(&output.stdout).expect("a report")
}

impl Tenant {
    async fn of(server: &Server, name: &str) -> Self {
        let admin = server.admin().below(&format!("/tenants/{name}-1"));
        let tenant = admin.get("").await.expect(200);
        let token = admin.post("/tokens", json!({ "name": "bench" })).await.expect(201);
        let token = token.body["token"].as_str().expect("a token").to_owned();
        let path = format!("/tenants/{name}-1/scim/v2");
        let base = format!("{}{path}", server.url);
        Self {
            id: tenant.body["id"].as_str().expect("an id").to_owned(),
            scim: Client::new(base, &token, "application/scim+json"),
            address: server.url.replace("http://", ""),
            path,
        }
    }

    /// Sends requests, whose paths are below the tenant's.
    pub(crate) fn load(&self, clients: usize, seconds: f64, requests: &[Request]) -> Outcome {
        let below = |request: &Request| Request {
            path: format!("{}{}", self.path, request.path),
            ..request.clone()
        };
        load::run(&Load {
            address: self.address.clone(),
            token: self.scim.token.clone(),
            clients,
            seconds,
            requests: requests.iter().map(below).collect(),
        })
    }

    /// So many users, from all over the tenant.
    pub(crate) async fn sample(&self, wanted: usize) -> Vec<Value> {
        let total = self.scim.get("/Users?count=0").await.expect(200).body["totalResults"].clone();
        let total = usize::try_from(total.as_u64().expect("a number")).expect("a number");
        let mut users = Vec::new();
        let pages = 8;
        for page in 0..pages {
            let (start, count) = (1 + page * (total / pages), wanted / pages);
            let path = format!("/Users?startIndex={start}&count={count}");
            let body = self.scim.get(&path).await.expect(200).body;
            users.extend(body["Resources"].as_array().expect("resources").iter().cloned());
        }
        users
    }

    /// How many resources a list has, or the status of the error.
    pub(crate) async fn total(&self, path: &str) -> Result<u64, u16> {
        let answer = self.scim.get(path).await;
        match answer.status {
            200 => Ok(answer.body["totalResults"].as_u64().expect("a number")),
            status => Err(status),
        }
    }
}

impl Read {
    fn of(statements: &[Statement], probe: String) -> Option<Self> {
        // Names are looked for as they are compared: folded.
        let read = [probe.to_lowercase(), probe].into_iter().find_map(|probe| {
            let reads = |it: &&Statement| it.has_parameter(&probe) && it.text.contains("body");
            let statement = statements.iter().find(reads)?.clone();
            Some(Self { statement, probe })
        });
        if read.is_none() {
            println!(
                "no single statement reads by this value, so there is nothing to compare with"
            );
        }
        read
    }
}

impl Statements {
    /// Sends each request twice, since the first may have to look up what the second remembers,
    /// and reads the log.
    async fn seen(server: &Server, postgres: &Postgres) -> Self {
        let tenant = Tenant::of(server, "writes").await;
        let [first, second] =
            <[Value; 2]>::try_from(tenant.sample(8).await.drain(..2).collect::<Vec<_>>())
                .expect("two users");
        let id = |user: &Value| user["id"].as_str().expect("an id").to_owned();
        tenant.scim.get(&format!("/Users/{}", id(&first))).await.expect(200);
        let log = postgres.log_from_here();
        tenant.scim.get(&format!("/Users/{}", id(&second))).await.expect(200);
        let by_id = Read::of(&log.statements(), id(&second));

        let name = |user: &Value| user["userName"].as_str().expect("a name").to_owned();
        tenant.total(&by_name(&name(&first))).await.expect("a list");
        let log = postgres.log_from_here();
        assert_eq!(tenant.total(&by_name(&name(&second))).await, Ok(1));
        let by_name = Read::of(&log.statements(), name(&second));

        let template = new_user(&first);
        let post = |text: &str| {
            let body: Value = serde_json::from_str(&template.replace(UNIQUE, text)).expect("JSON");
            let scim = &tenant.scim;
            async move { scim.send(Method::POST, "/Users", &body, &[]).await.expect(201) }
        };
        let probe = format!("probe{}", Uuid::new_v4().simple());
        post(&format!("first-{probe}")).await;
        let log = postgres.log_from_here();
        let created = post(&probe).await.body;
        let statements = log.statements();
        let writes =
            statements.iter().find(|it| it.is_of_a_write() && it.has_parameter(&id(&created)));
        let process = &writes.expect("a statement with the new id").process;
        let create = statements
            .iter()
            .filter(|it| it.process == *process && it.is_of_a_write())
            .cloned()
            .collect();
        Self { by_id, by_name, create, create_tenant: tenant.id, probe }
    }

    /// Writes as the server does, without the server; how many a second.
    pub(crate) async fn create(&self, postgres: &Postgres, clients: usize, seconds: u64) -> f64 {
        baseline::driven(postgres, &self.create, &self.create_tenant, &self.probe, clients, seconds)
            .await
    }
}

pub(crate) fn by_name(user_name: &str) -> String {
    filter(&format!("userName eq \"{user_name}\""))
}

/// The path of a list of users with a filter.
pub(crate) fn filter(filter: &str) -> String {
    let mut encoded = String::new();
    for byte in filter.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    format!("/Users?filter={encoded}")
}

/// A user like this one, with other names each time.
pub(crate) fn new_user(like: &Value) -> String {
    let mut user = like.clone();
    let members = user.as_object_mut().expect("a resource");
    for derived in ["id", "meta", "groups"] {
        members.remove(derived);
    }
    let account = format!("{UNIQUE}@contoso.example");
    user["userName"] = json!(account);
    user["externalId"] = json!(UNIQUE);
    user["emails"] = json!([
        { "value": account, "type": "work", "primary": true },
        { "value": format!("{UNIQUE}@mail.example"), "type": "home" },
    ]);
    user["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["employeeNumber"] =
        json!(UNIQUE);
    user.to_string()
}
