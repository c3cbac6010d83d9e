//! The commands that administer tenants.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tenon_tests::{ADMIN_TOKEN, Server, Tenant, artifacts, complaint, printed};

/// What a command prints with `--json`: its only line.
fn told(server: &Server, args: &[&str]) -> Value {
    let text = printed(&server.run(&[args, &["--json"]].concat()));
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The items that a list prints with `--json`, one a line.
fn listed(server: &Server, args: &[&str]) -> Vec<Value> {
    let text = printed(&server.run(&[args, &["--json"]].concat()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn quiet(server: &Server, args: &[&str]) {
    assert_eq!(printed(&server.run(args)), "", "{args:?}");
}

/// Runs a command as somebody with that token of a tenant, and as nobody else.
fn as_administrator(server: &Server, token: &str, args: &[&str]) -> Output {
    let mut command = Command::new(artifacts::tenon());
    command.args(args).env("TENON_URL", &server.url).env("TENON_TOKEN", token);
    command.env_remove("TENON_ADMIN_TOKEN").output().unwrap()
}

#[tokio::test]
async fn a_tenant_is_made_changed_suspended_and_deleted() {
    let server = Server::shared();
    let Tenant { id: unique, .. } = server.tenant("other").await;
    let name = format!("acme-{}", &unique[24..]);
    let key = format!("crm-{unique}");
    let created = told(
        &server,
        &["tenant", "create", &name, "--external-key", &key, "--limits", r#"{"maxUsers":7}"#],
    );
    assert_eq!((&created["name"], &created["externalKey"]), (&json!(name), &json!(key)));
    assert_eq!(created["limits"], json!({ "maxUsers": 7 }));
    assert_eq!(told(&server, &["tenant", "show", &name]), created);
    assert_eq!(
        listed(&server, &["tenant", "list", "--external-key", &key]),
        std::slice::from_ref(&created)
    );

    let realm = format!("realm-{}", &unique[24..]);
    told(&server, &["realm", "create", &realm]);
    let changed = told(
        &server,
        &["tenant", "update", &name, "--dialect", "okta", "--external-key", "", "--realm", &realm],
    );
    assert_eq!(changed["dialect"], "okta");
    assert_eq!(changed["resolution"], json!({ "realm": realm }));
    assert_eq!(changed.get("externalKey"), None);
    assert_eq!(changed["limits"], json!({ "maxUsers": 7 }), "what is not said stays");

    assert_eq!(told(&server, &["tenant", "suspend", &name])["state"], "suspended");
    assert_eq!(told(&server, &["tenant", "resume", &name])["state"], "active");
    let stats = told(&server, &["tenant", "stats", &name]);
    assert_eq!(stats["resources"]["User"]["limit"], 7, "{stats:#}");
    assert_eq!(told(&server, &["tenant", "health", &name])["status"], "ok");
    let words = printed(&server.run(&["tenant", "show", &name]));
    assert!(words.lines().any(|line| line == format!("name        {name}")), "{words}");

    quiet(&server, &["tenant", "delete", &name]);
    quiet(&server, &["realm", "delete", &realm]);
    server.admin().get(&format!("/tenants/{name}")).await.expect(404);
}

#[tokio::test]
async fn tokens_and_clients_are_given_replaced_and_taken() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let of = |args: &[&'static str]| [args, &["--tenant", acme.name.as_str()]].concat();
    let token = told(
        &server,
        &of(&[
            "token",
            "create",
            "--name",
            "idp",
            "--permission",
            "scim:read",
            "--permission",
            "scim:list",
        ]),
    );
    let (id, secret) = (token["id"].as_str().unwrap(), token["token"].as_str().unwrap());
    acme.scim.with_token(secret).get("/Users").await.expect(200);
    let update =
        ["token", "update", id, "--role", "reader", "--expires-at", "2099-01-01T00:00:00Z"];
    let update = [&update[..], &["--tenant", &acme.name]].concat();
    assert_eq!(told(&server, &update)["expiresAt"], "2099-01-01T00:00:00Z");
    let rotate = ["token", "rotate", id, "--overlap-seconds", "0", "--tenant", &acme.name];
    let rotated = told(&server, &rotate);
    acme.scim.with_token(secret).get("/Users").await.expect(401);
    let secret = rotated["token"].as_str().unwrap();
    acme.scim.with_token(secret).get("/Users").await.expect(200);
    assert_eq!(listed(&server, &of(&["token", "list"])).len(), 2);
    quiet(&server, &["token", "revoke", id, "--tenant", &acme.name]);
    acme.scim.with_token(secret).get("/Users").await.expect(401);

    let client = told(&server, &of(&["client", "create", "--name", "app", "--role", "reader"]));
    assert!(client["clientSecret"].is_string());
    let id = client["id"].as_str().unwrap();
    let rotated = told(&server, &["client", "rotate", id, "--tenant", &acme.name]);
    assert_ne!(rotated["clientSecret"], client["clientSecret"]);
    let line = printed(&server.run(&of(&["client", "list"])));
    assert!(line.contains(client["clientId"].as_str().unwrap()), "{line}");
    quiet(&server, &["client", "delete", id, "--tenant", &acme.name]);
    assert!(listed(&server, &of(&["client", "list"])).is_empty());
}

#[tokio::test]
async fn issuers_and_entry_points_are_made_and_removed() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let of = ["--tenant", acme.name.as_str()];
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("issuer.json");
    let mut issuer = json!({
        "issuer": "https://login.example.com", "audiences": ["scim"],
        "jwksUrl": "https://login.example.com/keys",
    });
    std::fs::write(&file, issuer.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let created = told(&server, &[&["issuer", "create", file], &of[..]].concat());
    let id = created["id"].as_str().unwrap();
    issuer["audiences"] = json!(["scim", "more"]);
    std::fs::write(file, issuer.to_string()).unwrap();
    let replaced = told(&server, &[&["issuer", "replace", id, file], &of[..]].concat());
    assert_eq!(replaced["audiences"], json!(["scim", "more"]));
    assert_eq!(listed(&server, &[&["issuer", "list"], &of[..]].concat()), [replaced]);
    quiet(&server, &[&["issuer", "delete", id], &of[..]].concat());

    let realm = told(&server, &["realm", "create", &acme.name]);
    issuer["tenantClaim"] = json!("/tid");
    std::fs::write(file, issuer.to_string()).unwrap();
    let created = told(&server, &["issuer", "create", file, "--operator", "--realm", &acme.name]);
    assert_eq!(created["realm"], realm["name"]);
    let id = created["id"].as_str().unwrap();
    let replaced = told(&server, &["issuer", "replace", id, file, "--operator"]);
    assert_eq!(replaced["realm"], Value::Null);
    assert!(listed(&server, &["issuer", "list", "--operator"]).contains(&replaced));
    quiet(&server, &["issuer", "delete", id, "--operator"]);

    let host = format!("{}.example.com", acme.name);
    for (kind, value) in [("host", host.clone()), ("path", format!("/{}", acme.name))] {
        let bound = told(&server, &[&["entry-point", "bind", kind, &value], &of[..]].concat());
        assert_eq!(bound["value"], value);
        assert_eq!(listed(&server, &[&["entry-point", "list"], &of[..]].concat()), [bound]);
        quiet(&server, &[&["entry-point", "unbind", kind, &value], &of[..]].concat());
    }
}

#[tokio::test]
async fn an_administrator_of_a_tenant_uploads_a_plugin_and_turns_it_off() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let token = json!({ "name": "own", "role": "tenant-admin" });
    let token = acme.admin.post("/tokens", token).await.expect(201).body;
    let run = |args: &[&str]| {
        let args = [args, &["--tenant", &acme.name, "--json"]].concat();
        let output = as_administrator(&server, token["token"].as_str().unwrap(), &args);
        match printed(&output).as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap(),
        }
    };
    let directory = tempfile::tempdir().unwrap();
    let component = directory.path().join("cost-center.wasm");
    std::fs::write(&component, artifacts::cost_center()).unwrap();
    let uploaded = run(&["plugin", "upload", "cost-center", component.to_str().unwrap()]);
    let digest = uploaded["digest"].as_str().unwrap();
    let config = directory.path().join("config.json");
    std::fs::write(&config, r#"{"departments":["Sales"]}"#).unwrap();
    run(&["plugin", "config", "cost-center", config.to_str().unwrap()]);
    assert_eq!(run(&["plugin", "config", "cost-center"]), json!({ "departments": ["Sales"] }));
    let active = run(&["plugin", "activate", "cost-center", digest]);
    assert_eq!(active["activeDigest"], digest);
    assert_eq!(run(&["plugin", "list"]), active);
    let mut shown = run(&["plugin", "show", "cost-center"]);
    let members = shown.as_object_mut().unwrap();
    assert_eq!(members.remove("breakers"), Some(json!([])));
    assert_eq!(members.remove("configProblem"), Some(Value::Null));
    assert_eq!(shown, active);
    let inactive = run(&["plugin", "deactivate", "cost-center"]);
    assert_eq!(inactive["activeDigest"], Value::Null);
    let file = component.to_str().unwrap();
    let active = run(&["plugin", "upload", "cost-center", file, "--activate"]);
    assert_eq!(active["activeDigest"], digest);
    run(&["plugin", "deactivate", "cost-center"]);
    run(&["plugin", "delete", "cost-center"]);
    assert_eq!(run(&["plugin", "list"]), Value::Null);
}

#[tokio::test]
async fn a_configuration_is_read_from_standard_input() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut command = Command::new(artifacts::tenon());
    command.args(["issuer", "create", "-", "--tenant", &acme.name]).env("TENON_URL", &server.url);
    command.env("TENON_ADMIN_TOKEN", ADMIN_TOKEN).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    std::io::Write::write_all(&mut running.stdin.take().unwrap(), b"{").unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(complaint(&output).starts_with("tenon: -: must be JSON: "), "{}", complaint(&output));
}

#[tokio::test]
async fn what_is_wrong_with_a_command_is_one_line() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let name = acme.name.as_str();
    let cases: [(&[&str], &str); 6] = [
        (&["tenant", "show", "nobody"], "tenon: there is no tenant \"nobody\""),
        (&["tenant", "create", name], "tenon: another tenant is called"),
        (&["tenant", "update", name, "--limits", "{"], "tenon: --limits: must be JSON: "),
        (&["tenant", "update", name, "--dialect", "ping"], "tenon: \"dialect\" must be one of"),
        (&["plugin", "upload", "a", "/nowhere.wasm", "--tenant", name], "tenon: /nowhere.wasm: "),
        (&["token", "revoke", "x", "--tenant", name], "tenon: the tenant has no token \"x\""),
    ];
    for (args, expected) in cases {
        let output = server.run(args);
        let complaint = complaint(&output);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.starts_with(expected), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
    // It would be the path of something else.
    let output = server.run(&["tenant", "delete", ".."]);
    assert_eq!(output.status.code(), Some(2), "{}", complaint(&output));
    let refused = as_administrator(&server, "", &["tenant", "list"]);
    assert!(complaint(&refused).starts_with("tenon: a token is needed"), "{}", complaint(&refused));
}

#[tokio::test]
async fn a_token_is_read_from_a_file_and_what_is_wrong_with_the_file_is_told() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, format!("{ADMIN_TOKEN}\n")).unwrap();
    let path = file.to_str().unwrap();
    let show = ["tenant", "show", &acme.name, "--token-file"];
    let with = |path: &str| as_administrator(&server, "wrong", &[&show[..], &[path]].concat());
    assert!(printed(&with(path)).contains(&acme.id));
    std::fs::write(&file, " \n").unwrap();
    assert!(complaint(&with(path)).ends_with("token: there is no token in it\n"));
    assert!(complaint(&with("/nowhere")).starts_with("tenon: /nowhere: No such file"));
}
