//! Imports and exports that are killed and go on. 2,000 users, or as many as `TENON_TRANSFER_USERS`
//! says.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tenon_tests::{Options, Postgres, Server, Tenant, artifacts, printed, user};

use super::{GROUP, command, content, summary};

fn users() -> u64 {
    std::env::var("TENON_TRANSFER_USERS").map_or(2_000, |users| users.parse().unwrap())
}

/// Two servers on one database, a tenant full of people, and one that is empty.
struct World {
    postgres: Postgres,
    servers: [Server; 2],
    source: Tenant,
    target: Tenant,
    files: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let postgres = Postgres::start(&[]);
        let start = || {
            Server::start(Options { log: Some("info".to_owned()), ..Options::on(&postgres.url()) })
        };
        let servers = [start(), start()];
        let (all, half) = (users().to_string(), (users() / 2).to_string());
        let mut seed = Command::new(artifacts::tenon());
        seed.args(["bench", "seed", "--users", &all, "--groups", "20", "--group-sizes", &half]);
        seed.args(["--name", "people"]).env("TENON_DATABASE_URL", postgres.url());
        printed(&seed.output().unwrap());
        let source = existing(&servers[0], "people-1").await;
        let target = servers[0].tenant("copy").await;
        let files = tempfile::tempdir().unwrap();
        Self { postgres, servers, source, target, files }
    }

    /// How many users the target has.
    async fn copied(&self) -> u64 {
        let list = self.target.scim.get("/Users?count=0").await.expect(200);
        list.body["totalResults"].as_u64().unwrap()
    }

    /// Runs an import through the first server and kills it when four in ten users are there.
    async fn kill_at_forty_percent(&self, args: &[&str]) {
        let mut import = command(&self.servers[0], self.files.path(), args);
        let mut import = import.stderr(Stdio::piped()).spawn().unwrap();
        while self.copied().await < users() * 2 / 5 {
            assert!(import.try_wait().unwrap().is_none(), "it has ended");
        }
        import.kill().unwrap();
        assert!(!import.wait().unwrap().success());
        assert!(self.copied().await < users(), "it was killed too late");
    }

    async fn assert_copied(&self) {
        let (source, target) = (content(&self.source).await, content(&self.target).await);
        assert_eq!(source.len(), target.len());
        for (id, resource) in &source {
            assert_eq!(Some(resource), target.get(id));
        }
    }

    /// All are there; what was on its way when the import was killed came twice, and no more.
    fn assert_went_on(&self, summary: &Value) {
        let count = |name: &str| summary["resources"][name].as_u64().unwrap();
        assert_eq!(count("created") + count("unchanged"), users() + 21, "{summary}");
        assert!(count("unchanged") <= 1_000, "{summary}");
        assert_eq!((count("updated"), count("refused")), (0, 0), "{summary}");
        assert_eq!(summary["members"]["refused"], 0, "{summary}");
    }
}

/// A tenant that is there, with a token.
async fn existing(server: &Server, name: &str) -> Tenant {
    let admin = server.admin().below(&format!("/tenants/{name}"));
    let id = admin.get("").await.expect(200).body["id"].as_str().unwrap().to_owned();
    let token = admin.post("/tokens", json!({ "name": "test" })).await.expect(201).body;
    let scim = server.anonymous().below(&format!("/tenants/{name}/scim/v2"));
    let scim = scim.with_token(token["token"].as_str().unwrap());
    Tenant { name: name.to_owned(), id, admin, scim }
}

fn lines_of(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[tokio::test]
async fn a_tenant_goes_into_a_file_and_out_of_it_although_both_are_interrupted() {
    let world = World::new().await;
    let (source, target) = (&world.source.name, &world.target.name);
    let file = world.files.path().join("people.jsonl");
    let export = ["export", "--tenant", source, "--out", "people.jsonl"];
    let mut killed = command(&world.servers[0], world.files.path(), &export).spawn().unwrap();
    while lines_of(&file) < 500 {}
    killed.kill().unwrap();
    killed.wait().unwrap();
    let exported = command(
        &world.servers[1],
        world.files.path(),
        &[&export[..], &["--resume", "--json"]].concat(),
    );
    assert_eq!(summary(exported)["resources"], users() + 21);

    let import = ["import", "--tenant", target, "--from", "people.jsonl", "--json"];
    world.kill_at_forty_percent(&import).await;
    let again = command(&world.servers[1], world.files.path(), &import).output().unwrap();
    let complaint = String::from_utf8_lossy(&again.stderr);
    assert!(complaint.contains("is of an import that was interrupted"), "{complaint}");
    let resume = [&import[..], &["--resume"]].concat();
    let summary = summary(command(&world.servers[1], world.files.path(), &resume));
    world.assert_went_on(&summary);
    world.assert_copied().await;
    // Neither a state nor a report is left.
    assert_eq!(std::fs::read_dir(world.files.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_tenant_comes_from_a_service_although_the_import_is_interrupted() {
    let world = World::new().await;
    let limits = json!({ "limits": { "requestsPerSecond": 1_000_000 } });
    world.source.admin.patch("", limits).await.expect(200);
    let url = &world.source.scim.base;
    std::fs::write(world.files.path().join("token"), &world.source.scim.token).unwrap();
    let import = [
        &["import", "--tenant", &world.target.name, "--from", url][..],
        &["--source-token-file", "token", "--json"],
    ]
    .concat();
    world.kill_at_forty_percent(&import).await;
    let resume = [&import[..], &["--resume"]].concat();
    let summary = summary(command(&world.servers[1], world.files.path(), &resume));
    world.assert_went_on(&summary);
    world.assert_copied().await;
    drop(world.postgres);
}

#[tokio::test]
async fn an_import_outlasts_a_server_that_is_killed_by_going_on_at_another() {
    let postgres = Postgres::start(&[]);
    let mut first = Server::start(Options::on(&postgres.url()));
    let second = Server::start(Options::on(&postgres.url()));
    let target = second.tenant("copy").await;
    let files = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..1_500)
        .map(|n| {
            let mut resource = user(&format!("user-{n}"));
            resource["id"] = json!(n.to_string());
            resource.to_string()
        })
        .collect();
    let members: Vec<Value> = (0..1_500).map(|n| json!({ "value": n.to_string() })).collect();
    let group = json!({ "schemas": [GROUP], "id": "g", "displayName": "All", "members": members });
    std::fs::write(files.path().join("people"), format!("{group}\n{}", lines.join("\n"))).unwrap();

    let import = ["import", "--tenant", &target.name, "--from", "people", "--json"];
    let mut killed = command(&first, files.path(), &import).stderr(Stdio::piped()).spawn().unwrap();
    let copied = async || {
        let list = target.scim.get("/Users?count=0").await.expect(200);
        list.body["totalResults"].as_u64().unwrap()
    };
    while copied().await < 600 {}
    first.kill();
    let output = killed.wait().map(|status| status.success()).unwrap();
    assert!(!output);
    let resume = [&import[..], &["--resume"]].concat();
    let summary = summary(command(&second, files.path(), &resume));
    let count = |name: &str| summary["resources"][name].as_u64().unwrap();
    assert_eq!(count("created") + count("unchanged"), 1_501, "{summary}");
    assert_eq!(summary["members"], json!({ "taken": 1_500, "refused": 0 }));
    assert_eq!(copied().await, 1_500);
    let groups = target.scim.get("/Groups").await.expect(200).body;
    assert_eq!(groups["Resources"][0]["members"].as_array().unwrap().len(), 1_500);
}
