//! The scenarios of `tests/vectors`, against tenants of their dialects.

use serde_json::{Value, json};
use tenon_tests::conform::{Dialect, Outcome, Report, Runner, Vector, Verdict};
use tenon_tests::{Server, Tenant};

async fn tenant(server: &Server, dialect: Dialect) -> Tenant {
    let tenant = server.tenant(dialect.name()).await;
    // A new tenant speaks the RFCs' dialect.
    if dialect != Dialect::Rfc {
        tenant.admin.patch("", json!({ "dialect": dialect.name() })).await.expect(200);
    }
    tenant
}

/// Tenon offers all that the scenarios need, so none may be left out.
async fn assert_all_pass(dialect: Dialect) {
    let server = Server::shared();
    let tenant = tenant(&server, dialect).await;
    let runner = Runner::connect(&tenant.scim.base, &tenant.scim.token).await.unwrap();
    let mut report = Report::default();
    for vector in Vector::load(dialect).unwrap() {
        report.outcomes.push(runner.run(&vector).await);
    }
    let others = report.outcomes.iter().filter(|outcome| !outcome.passed());
    let others: Vec<String> = others.map(Outcome::to_string).collect();
    assert!(others.is_empty(), "{report}\n{}", others.join("\n"));
    assert!(report.passed() > 0);
    for endpoint in ["/Users", "/Groups"] {
        let left = tenant.scim.get(endpoint).await.expect(200);
        assert_eq!(left.body["totalResults"], 0, "{:#}", left.body);
    }
}

#[tokio::test]
async fn a_tenant_of_the_rfc_dialect_answers_as_the_rfcs_say() {
    assert_all_pass(Dialect::Rfc).await;
}

#[tokio::test]
async fn a_tenant_of_the_entra_dialect_answers_entra_id_as_it_expects() {
    assert_all_pass(Dialect::Entra).await;
}

#[tokio::test]
async fn a_tenant_of_the_okta_dialect_answers_okta_as_it_expects() {
    assert_all_pass(Dialect::Okta).await;
}

#[tokio::test]
async fn a_tenant_of_the_interop_dialect_answers_as_the_profile_says() {
    assert_all_pass(Dialect::Interop).await;
}

/// Runs steps against a new tenant.
async fn run_steps(server: &Server, steps: Value) -> (Outcome, Tenant) {
    let tenant = server.tenant("steps").await;
    let runner = Runner::connect(&tenant.scim.base, &tenant.scim.token).await.unwrap();
    let vector = json!({ "name": "test", "dialect": "rfc", "why": "a test", "steps": steps });
    let vector = Vector::parse(&vector.to_string()).unwrap();
    (runner.run(&vector).await, tenant)
}

fn create(user_name: &str, expect: Value) -> Value {
    let body = tenon_tests::user(user_name);
    json!({ "send": { "method": "POST", "path": "/Users", "body": body }, "expect": expect })
}

/// The problems of the second of two steps, of which the first is good.
async fn problems_of(wrong: Value) -> Vec<String> {
    let good = json!({ "status": 201, "body": { "id": { "$any": true } } });
    let steps = json!([create("{{unique}}", good), create("B-{{unique}}", wrong)]);
    let server = Server::shared();
    let (outcome, tenant) = run_steps(&server, steps).await;
    let left = tenant.scim.get("/Users").await.expect(200);
    assert_eq!(left.body["totalResults"], 0, "something was left behind");
    assert!(!outcome.passed() && !outcome.skipped());
    match outcome.verdict {
        Verdict::Failed { step: 2, request, problems } if request == "POST /Users" => problems,
        _ => panic!("{outcome}"),
    }
}

#[tokio::test]
async fn a_wrong_status_fails_and_the_body_is_told() {
    let problems = problems_of(json!({ "status": [200, 204] })).await;
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(problem.starts_with("status: expected 200 or 204, found 201: {"), "{problem}");
    assert!(problem.contains("\"userName\":\"B-u"), "{problem}");
}

#[tokio::test]
async fn a_wrong_header_and_every_wrong_part_of_a_body_fail() {
    let wrong = json!({
        "status": 201,
        "headers": { "etag": { "$absent": true } },
        "body": { "userName": "b-{{unique}}", "password": { "$any": true } }
    });
    let problems = problems_of(wrong).await;
    let [etag, user_name, password] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(etag.starts_with("header etag: expected $absent true, found \"W/"), "{etag}");
    assert!(user_name.starts_with("body.userName: expected \"b-u"), "{user_name}");
    assert_eq!(password, "body.password: expected $any true, not there");
}

#[tokio::test]
async fn a_scenario_that_needs_what_is_not_offered_is_skipped_and_sends_nothing() {
    let server = Server::shared();
    let tenant = server.tenant("needs").await;
    let runner = Runner::connect(&tenant.scim.base, &tenant.scim.token).await.unwrap();
    let steps = json!([create("{{unique}}", json!({ "status": 201 }))]);
    let vector = json!({
        "name": "needs", "dialect": "rfc", "why": "a test", "needs": ["patch", "telepathy"],
        "steps": steps
    });
    let outcome = runner.run(&Vector::parse(&vector.to_string()).unwrap()).await;
    assert_eq!(outcome.verdict, Verdict::Skipped { missing: vec!["telepathy".to_owned()] });
    assert!(outcome.skipped() && !outcome.passed());
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told() {
    let server = Server::shared();
    let error = Runner::connect(&format!("{}/nowhere/", server.url), "token").await.unwrap_err();
    assert!(error.contains("/nowhere/ServiceProviderConfig: status 404"), "{error}");
}
