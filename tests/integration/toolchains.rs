//! Plugins of other toolchains than `tenon plugin build`.
//!
//! Those of JavaScript and Python are built by `make plugins-js plugins-py`, whose compilers come from
//! npm and PyPI; `make test-toolchains` builds them and asks for the tests that are left out here.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tenon_tests::{Server, Tenant, artifacts, user};

#[expect(clippy::disallowed_methods, reason = "what the guest says of the time is held against it")]
fn millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// What the guest finds, told by the issue that it refuses a user with.
#[tokio::test]
async fn a_component_of_wasip2_finds_a_world_in_which_nothing_happens() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("curious", &artifacts::wasip2_guest(&[]), json!({})).await;
    let before = millis();
    let refused = acme.scim.post("/Users", user("ada")).await.expect(400);
    let (found, now) = refused.detail().split_once("now ").expect("the guest's issue");
    let expected = "flushed true, read 0, 0 arguments, 0 variables, 0 ns passed, 3 entries, ";
    assert!(found.ends_with(expected), "{found}");
    let digits: String = now.chars().take_while(char::is_ascii_digit).collect();
    let now: u128 = digits.parse().unwrap();
    assert!((before..=millis()).contains(&now), "{now}");
}

#[tokio::test]
async fn a_component_that_wants_files_is_refused_by_their_name() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let refused = acme.upload("curious", &artifacts::wasip2_guest(&["files"])).await.expect(422);
    assert_eq!(refused.body["check"], "imports", "{:#}", refused.body);
    assert!(refused.detail().contains("`wasi:filesystem/"), "{}", refused.detail());
    assert!(refused.detail().contains("no plugin has files"), "{}", refused.detail());
}

#[tokio::test]
#[ignore = "make test-toolchains builds the component, with a compiler from npm"]
async fn a_component_of_javascript_runs_under_the_runtime_tier() {
    refuses_reserved_names("naming-js").await;
}

#[tokio::test]
#[ignore = "make test-toolchains builds the component, with a compiler from PyPI"]
async fn a_component_of_python_runs_under_the_runtime_tier() {
    refuses_reserved_names("naming-py").await;
}

async fn refuses_reserved_names(name: &str) {
    let server = Server::shared();
    let acme = with_runtime_tier(&server).await;
    let component = artifacts::foreign(name);
    // Where compiling it takes longer than a request may, a later one finds it compiled.
    for _ in 0..10 {
        if acme.upload("compiled", &component).await.status == 201 {
            break;
        }
    }
    acme.activate("naming", &component, json!({})).await;
    acme.create("/Users", user("ada")).await;
    let refused = acme.scim.post("/Users", user("Admin")).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidValue");
    assert!(refused.detail().contains("\"Admin\" is reserved"), "{}", refused.detail());

    let config = json!({ "reserved": ["grace"] });
    acme.admin.put("/plugins/naming/config", config).await.expect(200);
    acme.scim.post("/Users", user("grace")).await.expect(400);
    acme.create("/Users", user("admin")).await;
    // What is not as the plugin expects is its failure, and none of its text is shown.
    acme.admin.put("/plugins/naming/config", json!({ "reserved": 7 })).await.expect(200);
    let failed = acme.scim.post("/Users", user("bob")).await.expect(502);
    assert!(failed.detail().contains("nothing was changed"), "{}", failed.detail());
}

async fn with_runtime_tier(server: &Server) -> Tenant {
    let acme = server.tenant("acme").await;
    let limits = json!({ "limits": { "plugins": { "runtimeTier": true } } });
    acme.admin.patch("", limits).await.expect(200);
    acme
}
