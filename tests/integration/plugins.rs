//! A tenant's plugin decides: upload, activation, refusal, configuration, removal.

use serde_json::{Value, json};
use tenon_tests::{Server, artifacts, patch, user};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const COST_CENTER: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";

fn with_code(user_name: &str, code: &str, department: &str) -> Value {
    json!({
        "schemas": [USER, ENTERPRISE, COST_CENTER],
        "userName": user_name,
        ENTERPRISE: { "department": department },
        COST_CENTER: { "costCenter": code }
    })
}

#[tokio::test]
async fn a_plugin_refuses_a_bad_value_with_its_detail_and_path() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let config = json!({ "pattern": "^CC-[0-9]{4}$", "departments": ["Engineering", "Sales"] });
    let digest = acme.activate("cost-center", artifacts::cost_center(), config).await;

    let refused = acme.scim.post("/Users", with_code("a", "4711", "Sales")).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidValue");
    let path = format!("attribute \"{COST_CENTER}:costCenter\": ");
    assert!(refused.detail().starts_with(&path), "{}", refused.detail());
    assert!(refused.detail().contains("does not match ^CC-[0-9]{4}$"), "{}", refused.detail());

    let refused = acme.scim.post("/Users", with_code("a", "x", "Legal")).await.expect(400);
    assert!(refused.detail().contains("Engineering, Sales"), "{}", refused.detail());
    assert_eq!(acme.scim.get("/Users").await.expect(200).body["totalResults"], 0);

    let good = with_code("a", "CC-4711", "Sales");
    let created = acme.scim.post("/Users", good).await.expect(201);
    assert_eq!(created.body[COST_CENTER], json!({ "costCenter": "CC-4711" }));
    let line = server.log.wait_for("the call of the plugin", |line| {
        line["digest"] == json!(digest)
            && line["tenant"] == json!(acme.id)
            && line["hook"] == "validate"
    });
    assert_eq!(line["plugin"], "cost-center");
    assert!(line["fuel"].as_u64().is_some_and(|fuel| fuel > 0), "{line}");
}

#[tokio::test]
async fn a_plugin_judges_replacements_and_patches_too() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    let id = acme.create("/Users", with_code("a", "CC-4711", "Sales")).await;
    let path = format!("/Users/{id}");
    acme.scim.put(&path, with_code("a", "bad", "Sales")).await.expect(400);
    let code = |code: &str| {
        let path = format!("{COST_CENTER}:costCenter");
        patch(json!([{ "op": "replace", "path": path, "value": code }]))
    };
    acme.scim.patch(&path, code("bad")).await.expect(400);
    let unchanged = acme.scim.get(&path).await.expect(200);
    assert_eq!(unchanged.body["meta"]["version"], "W/\"1\"");
    let patched = acme.scim.patch(&path, code("CC-0001")).await.expect(200);
    assert_eq!(patched.body[COST_CENTER]["costCenter"], "CC-0001");
    let filter = format!("{COST_CENTER}:costCenter eq \"CC-0001\"");
    let found = acme.scim.query("/Users", &[("filter", &filter)]).await.expect(200);
    assert_eq!(found.body["totalResults"], 1);
}

#[tokio::test]
async fn an_upload_tells_what_the_component_is() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let component = artifacts::cost_center();
    let uploaded = acme.upload("cost-center", component).await.expect(201).body;
    assert_eq!(uploaded["capabilities"], json!(["schema", "validation"]));
    assert_eq!(uploaded["schemas"][0]["id"], COST_CENTER);
    assert!(uploaded["digest"].as_str().unwrap().starts_with("sha256:"));
    // Uploaded is not active, and the same version is there once.
    let again = acme.upload("cost-center", component).await.expect(200).body;
    assert_eq!(again["digest"], uploaded["digest"]);
    let plugin = acme.admin.get("/plugins/cost-center").await.expect(200).body;
    assert_eq!(plugin["activeDigest"], Value::Null);
    assert_eq!(plugin["versions"].as_array().unwrap().len(), 1);
    acme.scim.get(&format!("/Schemas/{COST_CENTER}")).await.expect(404);
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_with_the_check_and_the_remedy() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let cases: [(Vec<u8>, &str, &str); 5] = [
        (b"not wasm".to_vec(), "format", "a component in binary form is expected"),
        (wat::parse_str("(module)").unwrap(), "format", "a component in binary form is expected"),
        (artifacts::hostile("unknown-import"), "imports", "which is not offered here"),
        (artifacts::hostile("no-capability"), "exports", "exports no capability"),
        (artifacts::hostile("describe-loop"), "describe", "calling `describe` failed"),
    ];
    for (component, check, detail) in cases {
        let refused = acme.upload("bad", &component).await.expect(422);
        assert_eq!(refused.body["type"], "urn:tenon:problem:plugin-refused");
        assert_eq!(refused.body["check"], check, "{}", refused.detail());
        assert!(refused.detail().contains(detail), "{}", refused.detail());
    }
    acme.upload("large", &vec![0; 5 << 20]).await.expect(413);
    acme.upload("Bad Name", artifacts::cost_center()).await.expect(400);
    let body = json!({ "not": "wasm" });
    acme.admin.put("/plugins/bad", body).await.expect(415);
    acme.admin.get("/plugins/bad").await.expect(404);
}

#[tokio::test]
async fn activation_names_a_version_that_is_there() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let activate = "/plugins/cost-center/activate";
    let digest = format!("sha256:{}", "0".repeat(64));
    acme.admin.post(activate, json!({ "digest": digest })).await.expect(404);
    acme.upload("cost-center", artifacts::cost_center()).await.expect(201);
    acme.admin.post(activate, json!({ "digest": digest })).await.expect(404);
    acme.admin.post(activate, json!({ "digest": "latest" })).await.expect(400);
    acme.admin.post(activate, json!({})).await.expect(400);
}

#[tokio::test]
async fn plugins_that_define_the_same_schema_do_not_fit_together() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let digest = acme.activate("first", artifacts::cost_center(), json!({})).await;
    acme.upload("second", artifacts::cost_center()).await.expect(201);
    let activate = json!({ "digest": digest });
    let refused = acme.admin.post("/plugins/second/activate", activate).await.expect(409);
    assert!(refused.detail().contains(COST_CENTER), "{}", refused.detail());
    let second = acme.admin.get("/plugins/second").await.expect(200);
    assert_eq!(second.body["activeDigest"], Value::Null);
}

#[tokio::test]
async fn a_new_configuration_holds_for_the_next_request() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    acme.create("/Users", with_code("a", "CC-0001", "Sales")).await;
    acme.admin
        .put("/plugins/cost-center/config", json!({ "pattern": "^[a-z]+$" }))
        .await
        .expect(200);
    acme.scim.post("/Users", with_code("b", "CC-0001", "Sales")).await.expect(400);
    acme.create("/Users", with_code("b", "abc", "Sales")).await;
    let config = acme.admin.get("/plugins/cost-center/config").await.expect(200);
    assert_eq!(config.body, json!({ "pattern": "^[a-z]+$" }));
    // A configuration that the plugin cannot use is the plugin's failure, not the client's.
    acme.admin.put("/plugins/cost-center/config", json!({ "pattern": "(" })).await.expect(200);
    let failed = acme.scim.post("/Users", with_code("c", "abc", "Sales")).await.expect(502);
    assert!(failed.detail().contains("failure"), "{}", failed.detail());
    assert!(!failed.detail().contains("regular expression"), "inner detail is for the log");
    acme.admin.put("/plugins/nothing/config", json!({})).await.expect(404);
}

#[tokio::test]
async fn data_of_a_plugin_that_is_not_active_is_kept_and_not_shown() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let digest = acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    let id = acme.create("/Users", with_code("a", "CC-0001", "Sales")).await;
    let path = format!("/Users/{id}");
    acme.admin.post("/plugins/cost-center/deactivate", json!({})).await.expect(200);

    let hidden = acme.scim.get(&path).await.expect(200);
    assert_eq!(hidden.body.get(COST_CENTER), None);
    assert_eq!(hidden.body["schemas"], json!([USER, ENTERPRISE]));
    let title = patch(json!([{ "op": "add", "path": "title", "value": "Dr" }]));
    acme.scim.patch(&path, title).await.expect(200);
    acme.scim.post("/Users", with_code("b", "no rule now", "Sales")).await.expect(201);

    let activate = json!({ "digest": digest });
    acme.admin.post("/plugins/cost-center/activate", activate).await.expect(200);
    let shown = acme.scim.get(&path).await.expect(200);
    assert_eq!(shown.body[COST_CENTER]["costCenter"], "CC-0001");
    assert_eq!(shown.body["title"], "Dr");
    acme.admin.delete("/plugins/cost-center").await.expect(204);
    acme.admin.get("/plugins/cost-center").await.expect(404);
    acme.scim.get(&format!("/Schemas/{COST_CENTER}")).await.expect(404);
}

#[tokio::test]
async fn the_compiled_code_of_a_plugin_goes_with_its_last_tenant() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    // A component that no other test has: a custom section with the tenant's id.
    let component = artifacts::tagged(&artifacts::hostile("harmless"), &acme.id);
    let digest = acme.activate("mine", &component, json!({})).await;
    globex.activate("mine", &component, json!({})).await;
    let hex = digest.trim_start_matches("sha256:").to_owned();
    let is_kept = || {
        let cache = std::fs::read_dir(server.data_dir().join("plugin-cache")).unwrap();
        cache
            .into_iter()
            .any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with(&hex))
    };
    assert!(is_kept());
    acme.admin.delete("/plugins/mine").await.expect(204);
    assert!(is_kept(), "another tenant needs it");
    globex.create("/Users", user("a")).await;
    globex.admin.delete("").await.expect(204);
    assert!(!is_kept());
}

#[tokio::test]
async fn users_without_the_extension_are_none_of_the_plugins_business() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    acme.create("/Users", user("a")).await;
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g"
    });
    acme.create("/Groups", group).await;
}
