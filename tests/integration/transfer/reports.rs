//! What the commands tell.

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, printed, user};

use super::{GROUP, command, content, summary};

/// Two users of whom one is wrong, and a group with both.
fn people() -> String {
    let mut right = user("right");
    right["id"] = json!("1");
    let wrong = json!({ "schemas": user("")["schemas"], "id": "2" });
    let members = json!([{ "value": "1", "type": "User" }, { "value": "2", "type": "User" }]);
    let group = json!({ "schemas": [GROUP], "id": "3", "displayName": "Both", "members": members });
    format!("{group}\n{right}\n{wrong}\nnonsense\n")
}

async fn total(tenant: &Tenant) -> Value {
    tenant.scim.get("/?count=0").await.expect(200).body["totalResults"].clone()
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_reports_what_would_be_refused() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("people"), people()).unwrap();
    let args = ["import", "--tenant", &acme.name, "--from", "people", "--json", "--report"];
    let run = |further: &[&str]| {
        let output = command(&server, files.path(), &[&args[..], further].concat()).output();
        let output = output.unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.starts_with("tenon: 3 refused; "), "{complaint}");
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let report = std::fs::read_to_string(files.path().join(further[0])).unwrap();
        let report: Vec<Value> =
            report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (summary, report)
    };
    let (told, would) = run(&["would-be", "--dry-run"]);
    assert_eq!(total(&acme).await, 0);
    let (done, refused) = run(&["refused"]);
    assert_eq!(told["resources"], done["resources"]);
    assert_eq!(told["members"], done["members"]);
    assert_eq!(done["resources"]["created"], 2);
    assert_eq!(done["members"], json!({ "taken": 1, "refused": 1 }));
    assert_eq!(total(&acme).await, 2);
    for report in [&would, &refused] {
        assert_eq!(report.len(), 3, "{report:#?}");
        let detail = report[0]["error"]["detail"].as_str().unwrap();
        assert_eq!(detail, "attribute \"userName\" is required");
        assert_eq!(report[0]["resource"]["id"], "2");
        assert_eq!(report[1]["line"], "nonsense");
        assert_eq!(report[2]["members"]["values"], json!([{ "value": "2", "type": "User" }]));
        assert_eq!(report[2]["error"]["members"][0]["value"], "2");
    }
    // A report is not written over, least of all when it is what is imported.
    let again = ["import", "--tenant", &acme.name, "--from", "refused", "--report", "refused"];
    let again = command(&server, files.path(), &again).output().unwrap();
    let complaint = String::from_utf8(again.stderr).unwrap();
    assert!(complaint.starts_with("tenon: refused is the report of another import"), "{complaint}");

    // What was wrong is put right in the report, which is imported.
    let mut repaired = refused[0].clone();
    repaired["resource"]["userName"] = json!("repaired");
    std::fs::write(files.path().join("repaired"), format!("{repaired}\n{}\n", refused[2])).unwrap();
    let args = ["import", "--tenant", &acme.name, "--from", "repaired", "--json"];
    let repaired = summary(command(&server, files.path(), &args));
    assert_eq!(repaired["resources"]["created"], 1);
    assert_eq!(repaired["members"], json!({ "taken": 1, "refused": 0 }));
    assert_eq!(content(&acme).await.len(), 4);
}

#[tokio::test]
async fn an_export_that_is_not_whole_or_was_changed_is_not_imported() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.create("/Users", user("alice")).await;
    let files = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| command(&server, files.path(), args);
    let whole = printed(&run(&["export", "--tenant", &acme.name]).output().unwrap());
    printed(&run(&["export", "--tenant", &acme.name, "--out", "file"]).output().unwrap());
    assert_eq!(std::fs::read_to_string(files.path().join("file")).unwrap(), whole);
    let cut: String = whole.lines().take(2).map(|line| format!("{line}\n")).collect();
    let changed = whole.replace("alice", "mallory");
    for (text, reason) in [(cut, "the export has no end"), (changed, "not what was exported")] {
        std::fs::write(files.path().join("wrong"), text).unwrap();
        let import = ["import", "--tenant", &acme.name, "--from", "wrong"];
        let output = run(&import).output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(complaint.contains(reason), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
    assert_eq!(total(&acme).await, 1);
}
