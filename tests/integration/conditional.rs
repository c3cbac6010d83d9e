//! Requests that depend on the version of a resource (RFC 7644 §3.14, RFC 9110 §13).

use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Server, Tenant, patch, user};

/// A user at version 1, and its path.
async fn bjensen(tenant: &Tenant) -> String {
    format!("/Users/{}", tenant.create("/Users", user("bjensen")).await)
}

fn with_title(title: &str) -> Value {
    let mut user = user("bjensen");
    user["title"] = json!(title);
    user
}

fn set_title(title: &str) -> Value {
    patch(json!([{ "op": "replace", "path": "title", "value": title }]))
}

async fn send(
    scim: &Client,
    method: Method,
    path: &str,
    header: HeaderName,
    value: &str,
) -> Answer {
    let body = match method {
        Method::PUT => with_title("put"),
        Method::PATCH => set_title("patched"),
        _ => Value::Null,
    };
    scim.send(method, path, &body, &[(header, value)]).await
}

#[tokio::test]
async fn a_write_goes_ahead_at_the_version_that_if_match_names() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = bjensen(&acme).await;
    let write = async |method, tags| send(&acme.scim, method, &path, IF_MATCH, tags).await;
    assert_eq!(write(Method::PATCH, "W/\"1\"").await.expect(200).header("etag"), "W/\"2\"");
    write(Method::PUT, "W/\"9\", W/\"2\"").await.expect(200);
    // Tags are compared weakly, and a comma in one is no separator.
    write(Method::PATCH, "\"a,b\", \"3\"").await.expect(200);
    write(Method::PUT, "*").await.expect(200);
    write(Method::DELETE, "W/\"5\"").await.expect(204);
}

#[tokio::test]
async fn a_write_at_another_version_is_refused_and_told_the_current_one() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = bjensen(&acme).await;
    acme.scim.patch(&path, set_title("Dr")).await.expect(200);
    let before = acme.scim.get(&path).await.expect(200).body;
    for method in [Method::PATCH, Method::PUT, Method::DELETE, Method::GET] {
        for tags in ["W/\"1\"", "\"1\", \"3\"", "\"2,\"", ""] {
            let stale = send(&acme.scim, method.clone(), &path, IF_MATCH, tags).await.expect(412);
            assert_eq!(stale.body["status"], "412");
            assert!(stale.detail().contains("at version W/\"2\""), "{}", stale.detail());
        }
    }
    assert_eq!(acme.scim.get(&path).await.expect(200).body, before);
}

#[tokio::test]
async fn a_patch_that_would_change_nothing_is_refused_at_another_version_too() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = bjensen(&acme).await;
    let same = patch(json!([{ "op": "replace", "path": "userName", "value": "bjensen" }]));
    let send =
        async |tags| acme.scim.send(Method::PATCH, &path, &same, &[(IF_MATCH, tags)]).await.status;
    assert_eq!(send("W/\"1\"").await, 200);
    assert_eq!(send("W/\"2\"").await, 412);
}

#[tokio::test]
async fn a_write_that_if_none_match_rules_out_is_refused() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = bjensen(&acme).await;
    for method in [Method::PATCH, Method::PUT, Method::DELETE] {
        for tags in ["*", "W/\"1\"", "\"7\", \"1\""] {
            let refused =
                send(&acme.scim, method.clone(), &path, IF_NONE_MATCH, tags).await.expect(412);
            assert!(refused.detail().contains("at version W/\"1\""), "{}", refused.detail());
        }
    }
    send(&acme.scim, Method::PATCH, &path, IF_NONE_MATCH, "W/\"7\"").await.expect(200);
    send(&acme.scim, Method::DELETE, &path, IF_NONE_MATCH, "W/\"1\"").await.expect(204);
}

#[tokio::test]
async fn what_the_client_has_already_is_not_sent_again() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = bjensen(&acme).await;
    for method in [Method::GET, Method::HEAD] {
        for tags in ["W/\"1\"", "\"1\"", "\"a,b\", \"1\"", "*"] {
            let known = send(&acme.scim, method.clone(), &path, IF_NONE_MATCH, tags).await;
            assert_eq!((known.status, known.header("etag")), (304, "W/\"1\""));
            assert_eq!(known.body, Value::Null);
        }
    }
    let projected = format!("{path}?attributes=userName");
    let known = send(&acme.scim, Method::GET, &projected, IF_NONE_MATCH, "W/\"1\"").await;
    assert_eq!(known.status, 304);
    acme.scim.patch(&path, set_title("Dr")).await.expect(200);
    let changed = send(&acme.scim, Method::GET, &path, IF_NONE_MATCH, "W/\"1\"").await;
    assert_eq!(changed.expect(200).body["title"], "Dr");
}

#[tokio::test]
async fn if_match_has_precedence_over_if_none_match() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = bjensen(&acme).await;
    let get = |tags| acme.scim.request(Method::GET, &path).header(IF_MATCH, tags);
    let both = |tags| get(tags).header(IF_NONE_MATCH, "W/\"1\"");
    assert_eq!(Answer::of(both("W/\"2\"")).await.status, 412);
    assert_eq!(Answer::of(both("W/\"1\"")).await.status, 304);
}

#[tokio::test]
async fn a_precondition_that_cannot_be_read_is_not_taken_for_none() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = bjensen(&acme).await;
    for header in [IF_MATCH, IF_NONE_MATCH] {
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            for value in ["1", "W/1", "W/\"1", "\"1\" \"2\"", "*, \"1\""] {
                let answer = send(&acme.scim, method.clone(), &path, header.clone(), value).await;
                let refused = answer.expect(400);
                assert_eq!(refused.body["scimType"], "invalidValue");
                assert!(refused.detail().to_lowercase().starts_with(header.as_str()));
                assert!(refused.detail().contains(&format!("\"{value}\"")));
            }
        }
    }
    // Bytes past ASCII may stand in a tag (RFC 9110 §8.8.3); this one names no version.
    let foreign = HeaderValue::from_bytes(b"W/\"1\xff\"").unwrap();
    let delete = acme.scim.request(Method::DELETE, &path).header(IF_MATCH, foreign);
    assert_eq!(Answer::of(delete).await.status, 412);
}

#[tokio::test]
async fn several_lines_of_a_header_are_one_list() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = bjensen(&acme).await;
    let get = || acme.scim.request(Method::GET, &path);
    let known = get().header(IF_NONE_MATCH, "W/\"9\"").header(IF_NONE_MATCH, "W/\"1\"");
    assert_eq!(Answer::of(known).await.status, 304);
    let delete = acme.scim.request(Method::DELETE, &path);
    let delete = delete.header(IF_MATCH, "W/\"9\"").header(IF_MATCH, "W/\"1\"");
    assert_eq!(Answer::of(delete).await.status, 204);
}

#[tokio::test]
async fn a_condition_on_a_resource_that_does_not_exist_is_not_found() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = bjensen(&acme).await;
    acme.scim.delete(&path).await.expect(204);
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        for (header, tags) in [(IF_MATCH, "W/\"1\""), (IF_MATCH, "*"), (IF_NONE_MATCH, "*")] {
            send(&acme.scim, method.clone(), &path, header, tags).await.expect(404);
        }
    }
}

#[tokio::test]
async fn of_writes_at_the_same_version_one_succeeds() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let path = bjensen(&acme).await;
    let writes = (0..12).map(|number| {
        let (scim, path) = (acme.scim.clone(), path.clone());
        tokio::spawn(async move {
            let (method, body) = match number % 2 {
                0 => (Method::PUT, with_title(&number.to_string())),
                _ => (Method::PATCH, set_title(&number.to_string())),
            };
            scim.send(method, &path, &body, &[(IF_MATCH, "W/\"1\"")]).await
        })
    });
    let mut winners = Vec::new();
    for write in writes.collect::<Vec<_>>() {
        match write.await.unwrap() {
            winner if winner.status == 200 => winners.push(winner.body),
            loser => assert_eq!(loser.status, 412, "{:#}", loser.body),
        }
    }
    assert_eq!(winners, [acme.scim.get(&path).await.expect(200).body]);
    assert_eq!(winners[0]["meta"]["version"], "W/\"2\"");
}

#[tokio::test]
async fn of_a_delete_and_a_change_at_the_same_version_one_succeeds() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for _ in 0..10 {
        let path = bjensen(&acme).await;
        let tag = "W/\"1\"";
        let (deleted, changed) = tokio::join!(
            send(&acme.scim, Method::DELETE, &path, IF_MATCH, tag),
            send(&acme.scim, Method::PATCH, &path, IF_MATCH, tag),
        );
        match (deleted.status, changed.status) {
            (204, 404) => {
                acme.scim.get(&path).await.expect(404);
            }
            (412, 200) => {
                acme.scim.delete(&path).await.expect(204);
            }
            other => panic!("{other:?}"),
        }
    }
}
