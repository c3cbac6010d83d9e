//! Filters, sorts and changes of memberships tell nothing of what plugins leave out.

use serde_json::{Value, json};
use tenon_tests::{Answer, Server, Tenant, artifacts, patch, user};

use super::{script, with_script};

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

/// Groups of users, of whom one is left out.
struct Directory {
    acme: Tenant,
    seen: String,
    hidden: String,
    /// Of both.
    both: String,
    /// Of the one who is left out.
    alone: String,
    /// Of `both`.
    outer: String,
}

impl Directory {
    async fn new(server: &Server) -> Self {
        let acme = with_script(server, json!({})).await;
        let person = async |name: &str, display: &str| {
            let mut person = user(name);
            person["displayName"] = json!(display);
            acme.create("/Users", person).await
        };
        let (seen, hidden) = (person("seen", "Zoe").await, person("hidden", "Abe").await);
        let both = acme.create("/Groups", group("Both", &[&seen, &hidden])).await;
        let alone = acme.create("/Groups", group("Alone", &[&hidden])).await;
        let outer = acme.create("/Groups", group("Outer", &[&both])).await;
        Self { acme, seen, hidden, both, alone, outer }
    }

    /// Which of the users are left.
    async fn narrow(&self, resource_type: &str, filter: &str) {
        let narrow = json!({ "resourceType": resource_type, "before-query": { "narrow": filter } });
        script(&self.acme, narrow).await;
    }

    /// What is found with a filter, by lists and by searches at the type and at the root.
    async fn found(&self, endpoint: &str, filter: &str) -> Vec<String> {
        let list = self.acme.scim.query(endpoint, &[("filter", filter)]).await.expect(200).body;
        let found = displayed(&list);
        assert_eq!(list["totalResults"], found.len(), "{filter}");
        let search = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter,
        });
        let path = format!("{endpoint}/.search");
        let searched = self.acme.scim.post(&path, search).await.expect(200).body;
        assert_eq!(displayed(&searched), found, "{filter}");
        found
    }
}

fn group(name: &str, members: &[&String]) -> Value {
    let members: Vec<Value> = members.iter().map(|it| json!({ "value": it })).collect();
    let schema = "urn:ietf:params:scim:schemas:core:2.0:Group";
    json!({ "schemas": [schema], "displayName": name, "members": members })
}

fn displayed(list: &Value) -> Vec<String> {
    let resources = list["Resources"].as_array().cloned().unwrap_or_default();
    resources.iter().map(|it| it["displayName"].as_str().unwrap().to_owned()).collect()
}

fn members(group: &Value) -> Vec<String> {
    let members = group["members"].as_array().cloned().unwrap_or_default();
    members.iter().map(|it| it["value"].as_str().unwrap().to_owned()).collect()
}

/// What an error says, whoever it is about.
fn said(answer: &Answer, id: &str) -> Value {
    let mut body = answer.body.clone();
    body["detail"] = json!(answer.detail().replace(id, "<id>"));
    body
}

#[tokio::test]
async fn groups_are_found_by_those_of_their_members_that_are_seen() {
    let server = Server::shared();
    let it = Directory::new(&server).await;
    let (seen, hidden, both) = (&it.seen, &it.hidden, &it.both);
    let filters: [(String, &[&str], &[&str]); 11] = [
        (format!("members.value eq \"{seen}\""), &["Both"], &["Both"]),
        (format!("members.value eq \"{hidden}\""), &["Both", "Alone"], &[]),
        (format!("members[value eq \"{hidden}\"]"), &["Both", "Alone"], &[]),
        (format!("members[value eq \"{hidden}\" and type eq \"User\"]"), &["Both", "Alone"], &[]),
        (format!("displayName eq \"Alone\" and members.value eq \"{hidden}\""), &["Alone"], &[]),
        (
            format!("members.value eq \"{hidden}\" or members.value eq \"{both}\""),
            &["Both", "Alone", "Outer"],
            &["Outer"],
        ),
        ("members.display eq \"abe\"".to_owned(), &["Both", "Alone"], &[]),
        ("members.display sw \"Z\"".to_owned(), &["Both"], &["Both"]),
        (format!("not (members.value eq \"{hidden}\")"), &["Outer"], &["Both", "Alone", "Outer"]),
        (format!("members.value ne \"{seen}\""), &["Both", "Alone", "Outer"], &["Alone", "Outer"]),
        ("members pr".to_owned(), &["Both", "Alone", "Outer"], &["Both", "Outer"]),
    ];
    for (filter, all, _) in &filters {
        assert_eq!(it.found("/Groups", filter).await, *all, "{filter}");
    }
    it.narrow("User", "userName eq \"seen\"").await;
    for (filter, _, left) in &filters {
        assert_eq!(it.found("/Groups", filter).await, *left, "{filter}");
    }
    let filter = format!("members.value eq \"{hidden}\"");
    let search = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter,
    });
    let everywhere = it.acme.scim.post("/.search", search).await.expect(200).body;
    assert_eq!(everywhere["totalResults"], 0, "{everywhere}");
}

#[tokio::test]
async fn users_are_found_by_those_of_their_groups_that_are_seen() {
    let server = Server::shared();
    let it = Directory::new(&server).await;
    let (both, alone, outer) = (&it.both, &it.alone, &it.outer);
    let everybody = ["Zoe", "Abe"];
    it.narrow("Group", "displayName eq \"Outer\"").await;
    let filters: [(String, &[&str]); 7] = [
        (format!("groups.value eq \"{both}\""), &[]),
        (format!("groups.value eq \"{alone}\""), &[]),
        // As it is shown: through a group that is not.
        (format!("groups.value eq \"{outer}\""), &everybody),
        (format!("groups[value eq \"{outer}\" and type eq \"indirect\"]"), &everybody),
        ("groups.type eq \"direct\"".to_owned(), &[]),
        ("groups.display eq \"alone\"".to_owned(), &[]),
        ("userName eq \"hidden\" and groups.display eq \"outer\"".to_owned(), &["Abe"]),
    ];
    for (filter, found) in filters {
        assert_eq!(it.found("/Users", &filter).await, found, "{filter}");
    }
    it.narrow("Group", "displayName eq \"Alone\"").await;
    assert_eq!(it.found("/Users", &format!("groups.value eq \"{alone}\"")).await, ["Abe"]);
    assert_eq!(it.found("/Users", "groups pr").await, ["Abe"]);
}

#[tokio::test]
async fn a_sort_goes_by_the_memberships_that_are_seen() {
    let server = Server::shared();
    let it = Directory::new(&server).await;
    let sorted = async || {
        let by = [("sortBy", "members.display")];
        displayed(&it.acme.scim.query("/Groups", &by).await.expect(200).body)
    };
    assert_eq!(sorted().await, ["Alone", "Outer", "Both"], "Abe, Both, Zoe");
    it.narrow("User", "userName eq \"seen\"").await;
    assert_eq!(sorted().await, ["Outer", "Both", "Alone"], "Both, Zoe, nobody");
}

#[tokio::test]
async fn what_a_plugin_narrows_by_goes_by_all_memberships() {
    let server = Server::shared();
    let it = Directory::new(&server).await;
    it.narrow("Group", "displayName eq \"Both\"").await;
    let of_alone = format!("groups.value eq \"{}\"", it.alone);
    let second = json!({ "resourceType": "User", "before-query": { "narrow": of_alone } });
    it.acme.activate("second", artifacts::scripted(), second).await;
    assert_eq!(it.found("/Users", "userName pr").await, ["Abe"]);
    assert_eq!(it.found("/Users", &of_alone).await, [""; 0], "the client does not see that group");
    assert_eq!(it.found("/Groups", &format!("members.value eq \"{}\"", it.hidden)).await, ["Both"]);
    assert_eq!(it.found("/Groups", &format!("members.value eq \"{}\"", it.seen)).await, [""; 0]);
}

#[tokio::test]
async fn an_explanation_counts_no_more_than_is_seen() {
    let server = Server::shared();
    let it = Directory::new(&server).await;
    it.narrow("User", "userName eq \"seen\"").await;
    for (id, candidates) in [(&it.seen, 1), (&it.hidden, 0)] {
        let filter = format!("members.value eq \"{id}\"");
        let query = [("endpoint", "/Groups"), ("filter", filter.as_str())];
        let explained = it.acme.admin.query("/explain", &query).await.expect(200).body;
        assert_eq!(explained["types"][0]["candidates"], candidates, "{explained}");
    }
}

#[tokio::test]
async fn to_change_a_member_who_is_not_seen_is_to_change_nobody() {
    let server = Server::shared();
    let it = Directory::new(&server).await;
    let (acme, path) = (&it.acme, format!("/Groups/{}", it.both));
    it.narrow("User", "userName eq \"seen\"").await;
    let operations = |id: &str| {
        [
            json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") }),
            json!({ "op": "add", "path": "members", "value": [{ "value": id }] }),
            json!({ "op": "replace", "path": "members", "value": [{ "value": id }] }),
        ]
    };
    let nobody = operations(NOBODY);
    for (hidden, nobody) in operations(&it.hidden).into_iter().zip(nobody) {
        let nobody = acme.scim.patch(&path, patch(json!([nobody]))).await;
        let answer = acme.scim.patch(&path, patch(json!([hidden]))).await;
        assert_eq!(answer.status, nobody.status, "{hidden}");
        if answer.status == 200 {
            assert_eq!(answer.body, nobody.body, "{hidden}");
        } else {
            assert_eq!(said(&answer, &it.hidden), said(&nobody, NOBODY), "{hidden}");
        }
    }
    let named = |name: &str| {
        let path = format!("members[display eq \"{name}\"]");
        patch(json!([{ "op": "remove", "path": path }]))
    };
    let nobody = acme.scim.patch(&path, named("Nobody")).await;
    let hidden = acme.scim.patch(&path, named("Abe")).await;
    assert_eq!(hidden.status, nobody.status);
    let put = async |id: &String| acme.scim.put(&path, group("Both", &[&it.seen, id])).await;
    let (hidden, nobody) = (put(&it.hidden).await, put(&NOBODY.to_owned()).await);
    assert_eq!(said(&hidden.expect(400), &it.hidden), said(&nobody.expect(400), NOBODY));

    acme.scim.patch(&path, named("Zoe")).await.expect(200);
    script(acme, json!({})).await;
    let left = members(&acme.scim.get(&path).await.expect(200).body);
    assert_eq!(left, std::slice::from_ref(&it.hidden), "who is not seen is left alone");
}
