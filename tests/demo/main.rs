//! `make demo`: a server, a tenant, a plugin that decides, and what identity providers send,
//! each exchange printed. Then it is yours, until Ctrl-C.
//!
//! `make demo-once` ends after the exchanges, with status 0 if all went as expected.

mod print;

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use print::{heading, note, shown};
use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{ADMIN_TOKEN, Client, Options, Server, artifacts, patch};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const COST_CENTER: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";

/// Where the server listens if it can, so that the commands to try are the same every time.
const USUAL_PORT: u16 = 8080;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let once = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--once") => true,
        Some(other) => {
            eprintln!("demo: \"{other}\" is not known; there is --once");
            return ExitCode::from(2);
        }
    };
    note("Building the server and the example plugin (the first time takes some minutes) …");
    let component = artifacts::cost_center();
    let mut server = start();
    let finished = tokio::select! {
        result = run(&server, component, once) => result,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    let stopped = server.stop();
    match finished {
        Ok(()) if stopped.success() => ExitCode::SUCCESS,
        Ok(()) => {
            eprintln!("demo: the server ended with {stopped}");
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("demo: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// A server over a new database of its own, in a directory that is removed at the end.
fn start() -> Server {
    let usual = SocketAddr::from(([127, 0, 0, 1], USUAL_PORT));
    let listen = TcpListener::bind(usual).is_ok().then_some(usual);
    Server::start(Options { listen, ..Options::default() })
}

async fn run(server: &Server, component: &[u8], once: bool) -> Result<(), String> {
    let admin = server.admin();
    let scim = set_up(&admin, server, component).await?;
    provision(&scim).await?;
    if once {
        note("All exchanges went as expected.");
        return Ok(());
    }
    invite(server, &scim);
    std::future::pending::<()>().await;
    Ok(())
}

/// The operator's part: a tenant, its token, its plugin.
async fn set_up(admin: &Client, server: &Server, component: &[u8]) -> Result<Client, String> {
    heading("The operator creates a tenant and a token for its identity provider");
    let tenant = json!({ "name": "acme" });
    shown(admin, Method::POST, "/tenants", Some(&tenant), 201).await?;
    let token = json!({ "name": "identity provider" });
    let token = shown(admin, Method::POST, "/tenants/acme/tokens", Some(&token), 201).await?;
    let token = token["token"].as_str().unwrap_or_default();

    heading("… uploads a plugin, a WebAssembly component");
    let path = "/tenants/acme/plugins/cost-center";
    let uploaded = print::upload(admin, path, component).await?;
    heading("… configures it, and activates the version");
    let config = json!({ "pattern": "^CC-[0-9]{4}$", "departments": ["Engineering", "Sales"] });
    shown(admin, Method::PUT, &format!("{path}/config"), Some(&config), 200).await?;
    let activate = json!({ "digest": uploaded["digest"] });
    shown(admin, Method::POST, &format!("{path}/activate"), Some(&activate), 200).await?;
    let base = format!("{}/tenants/acme/scim/v2", server.url);
    Ok(Client::new(base, token, "application/scim+json"))
}

/// The identity providers' part.
async fn provision(scim: &Client) -> Result<(), String> {
    heading("Entra ID creates a user, with the plugin's extension");
    let created = shown(scim, Method::POST, "/Users", Some(&entra_user()), 201).await?;
    let id = created["id"].as_str().unwrap_or_default();

    heading("Okta creates another");
    shown(scim, Method::POST, "/Users", Some(&okta_user()), 201).await?;

    heading("A cost centre that the tenant's plugin refuses");
    let refused = shown(scim, Method::POST, "/Users", Some(&bad_user()), 400).await?;
    let detail = refused["detail"].as_str().unwrap_or_default();
    if !detail.contains("does not match ^CC-[0-9]{4}$") {
        return Err(format!("the refusal should have the plugin's own words, not: {detail}"));
    }

    heading("Entra ID disables the first user and moves it to another cost centre");
    let operations = patch(json!([
        { "op": "Replace", "path": "active", "value": false },
        { "op": "Replace", "path": format!("{COST_CENTER}:costCenter"), "value": "CC-2000" }
    ]));
    shown(scim, Method::PATCH, &format!("/Users/{id}"), Some(&operations), 200).await?;

    heading("Who is on cost centre CC-2000?");
    let filter = format!("{COST_CENTER}:costCenter eq \"CC-2000\"");
    let parameters = [("filter", filter.as_str()), ("attributes", "userName,active")];
    let list = print::query(scim, "/Users", &parameters).await?;
    if list["totalResults"] != 1 || list["Resources"][0]["id"] != id {
        return Err(format!("the list should have one user, {id}"));
    }
    Ok(())
}

fn invite(server: &Server, scim: &Client) {
    heading("The server is yours until Ctrl-C");
    println!("  SCIM base URL         {}", scim.base);
    println!("  Its bearer token      {}", scim.token);
    println!("  Admin API             {}/admin/v1", server.url);
    println!("  The operator's token  {ADMIN_TOKEN}\n");
    println!("Try:\n");
    println!("  curl -H 'Authorization: Bearer {}' \\\n    {}/Users\n", scim.token, scim.base);
    println!(
        "  curl -H 'Authorization: Bearer {}' -H 'Content-Type: application/scim+json' \\\n    {}/Users -d '{}'\n",
        scim.token,
        scim.base,
        json!({
            "schemas": [USER], "userName": "you", COST_CENTER: { "costCenter": "nonsense" }
        })
    );
}

/// As Entra ID sends it: nulls, empty arrays, a `meta` of its own.
fn entra_user() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE, COST_CENTER],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": "adele.vance@acme.example",
        "active": true,
        "addresses": null,
        "displayName": "Adele Vance",
        "emails": [{ "primary": true, "type": "work", "value": "adele.vance@acme.example" }],
        "meta": { "resourceType": "User" },
        "name": { "familyName": "Vance", "givenName": "Adele" },
        "roles": [],
        ENTERPRISE: { "department": "Engineering" },
        COST_CENTER: { "costCenter": "CC-1000" }
    })
}

/// As Okta sends it: empty groups, a password.
fn okta_user() -> Value {
    json!({
        "schemas": [USER],
        "userName": "isaac.brock@acme.example",
        "name": { "givenName": "Isaac", "familyName": "Brock" },
        "emails": [{ "primary": true, "value": "isaac.brock@acme.example", "type": "work" }],
        "displayName": "Isaac Brock",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": true
    })
}

fn bad_user() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE, COST_CENTER],
        "userName": "eve@acme.example",
        ENTERPRISE: { "department": "Engineering" },
        COST_CENTER: { "costCenter": "4711" }
    })
}
