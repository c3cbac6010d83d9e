//! Pages by cursor (RFC 9865).

use serde_json::{Value, json};
use tenon_tests::{Options, Server, Tenant, new_data_dir, user};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

type Parameters<'p> = &'p [(&'p str, &'p str)];

/// Users a to g, created in another order than that of their names; every other one is active.
async fn seven_users(tenant: &Tenant) -> Vec<String> {
    let mut ids = Vec::new();
    for (index, name) in ["d", "a", "g", "c", "f", "b", "e"].into_iter().enumerate() {
        let mut person = user(name);
        person["active"] = json!(index % 2 == 0);
        ids.push(tenant.create("/Users", person).await);
    }
    ids
}

async fn page(tenant: &Tenant, parameters: Parameters<'_>, cursor: &str) -> Value {
    let parameters = [parameters, &[("cursor", cursor)]].concat();
    tenant.scim.query("/Users", &parameters).await.expect(200).body
}

fn names(list: &Value) -> String {
    let resources = list["Resources"].as_array().unwrap();
    resources.iter().map(|it| it["userName"].as_str().unwrap()).collect()
}

fn cursor<'l>(list: &'l Value, name: &str) -> Option<&'l str> {
    list.get(name).map(|cursor| cursor.as_str().expect("a cursor is a string"))
}

/// The names of each page from the first to the last, then back to the first.
async fn there_and_back(tenant: &Tenant, parameters: Parameters<'_>) -> (Vec<String>, Vec<String>) {
    let mut list = page(tenant, parameters, "").await;
    assert_eq!(cursor(&list, "previousCursor"), None, "the first page has none before it");
    let mut there = vec![names(&list)];
    while let Some(next) = cursor(&list, "nextCursor") {
        let next = next.to_owned();
        list = page(tenant, parameters, &next).await;
        there.push(names(&list));
    }
    let mut back = vec![names(&list)];
    while let Some(previous) = cursor(&list, "previousCursor") {
        let previous = previous.to_owned();
        list = page(tenant, parameters, &previous).await;
        back.push(names(&list));
    }
    (there, back)
}

#[tokio::test]
async fn cursors_lead_through_all_pages_and_back() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    seven_users(&acme).await;
    let cases: [(Parameters, &[&str], &[&str]); 6] = [
        (&[("count", "3")], &["dag", "cfb", "e"], &["e", "cfb", "dag"]),
        (&[("count", "7")], &["dagcfbe"], &["dagcfbe"]),
        (&[("count", "3"), ("sortBy", "userName")], &["abc", "def", "g"], &["g", "def", "abc"]),
        (
            &[("count", "3"), ("sortBy", "userName"), ("sortOrder", "descending")],
            &["gfe", "dcb", "a"],
            &["a", "dcb", "gfe"],
        ),
        (&[("count", "3"), ("filter", "active eq true")], &["dgf", "e"], &["e", "dgf"]),
        (
            &[("count", "2"), ("filter", "userName gt \"b\""), ("sortBy", "active")],
            &["cd", "gf", "e"],
            &["e", "gf", "cd"],
        ),
    ];
    for (parameters, there, back) in cases {
        let pages = there_and_back(&acme, parameters).await;
        assert_eq!(pages, (owned(there), owned(back)), "{parameters:?}");
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn a_page_by_cursor_has_the_total_and_no_index() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    seven_users(&acme).await;
    let first = acme.scim.get("/Users?cursor&count=3").await.expect(200).body;
    assert_eq!((&first["totalResults"], &first["itemsPerPage"]), (&json!(7), &json!(3)));
    assert_eq!(first.get("startIndex"), None);
    let text = cursor(&first, "nextCursor").unwrap();
    assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{text}");
    // Where nothing is said of cursors, pages have an index (RFC 9865 §2.4).
    let index = acme.scim.get("/Users?count=3").await.expect(200).body;
    assert_eq!(index["startIndex"], 1);
    assert_eq!((index.get("nextCursor"), index.get("previousCursor")), (None, None));
}

#[tokio::test]
async fn a_search_and_the_root_have_cursors_too() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    seven_users(&acme).await;
    acme.create("/Groups", json!({ "schemas": [GROUP], "displayName": "g" })).await;
    for (path, filter, expected) in
        [("/Users/.search", "id pr", "dagcfbe"), ("/.search", "userName pr", "dagcfbe")]
    {
        let (mut found, mut cursor) = (String::new(), Some(String::new()));
        while let Some(text) = cursor {
            let body = json!({
                "schemas": [SEARCH], "filter": filter, "cursor": text, "count": 2
            });
            let list = acme.scim.post(path, body).await.expect(200).body;
            found.push_str(&names(&list));
            cursor = list["nextCursor"].as_str().map(str::to_owned);
        }
        assert_eq!(found, expected, "{path}");
    }
    let first = acme.scim.get("/?cursor=&count=7").await.expect(200).body;
    assert_eq!(first["totalResults"], 8);
    let next = format!("/?cursor={}&count=7", cursor(&first, "nextCursor").unwrap());
    let last = acme.scim.get(&next).await.expect(200).body;
    assert_eq!(last["Resources"][0]["displayName"], "g");
    let previous = format!("/?cursor={}&count=7", cursor(&last, "previousCursor").unwrap());
    assert_eq!(names(&acme.scim.get(&previous).await.expect(200).body), "dagcfbe");
    assert_eq!(cursor(&last, "nextCursor"), None);
}

#[tokio::test]
async fn what_is_created_and_deleted_between_pages_neither_repeats_nor_hides_others() {
    let server = Server::shared();
    for parameters in [
        &[("count", "3"), ("sortBy", "userName")] as Parameters,
        &[("count", "3"), ("sortBy", "userName"), ("filter", "userName pr")],
    ] {
        let acme = server.tenant("acme").await;
        let ids = seven_users(&acme).await;
        let first = page(&acme, parameters, "").await;
        assert_eq!(names(&first), "abc");
        let next = cursor(&first, "nextCursor").unwrap();
        // c, the last of the page, and d, the first of the next one, go; "0" comes before all.
        for index in [3, 0] {
            acme.scim.delete(&format!("/Users/{}", ids[index])).await.expect(204);
        }
        for name in ["0", "aa", "ee"] {
            acme.create("/Users", user(name)).await;
        }
        let second = page(&acme, parameters, next).await;
        assert_eq!(names(&second), "eeef");
        assert_eq!(second["totalResults"], 8);
        let back = page(&acme, parameters, cursor(&second, "previousCursor").unwrap()).await;
        assert_eq!(names(&back), "aaab", "the three before e");
        let before = page(&acme, parameters, cursor(&back, "previousCursor").unwrap()).await;
        assert_eq!(names(&before), "0");
        assert_eq!(cursor(&before, "previousCursor"), None);
    }
}

#[tokio::test]
async fn a_page_that_has_become_empty_leads_to_what_is_left() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let ids = seven_users(&acme).await;
    for filter in [&[] as Parameters, &[("filter", "userName pr")]] {
        let parameters = [filter, &[("count", "4")]].concat();
        let first = page(&acme, &parameters, "").await;
        if filter.is_empty() {
            for id in &ids[4..] {
                acme.scim.delete(&format!("/Users/{id}")).await.expect(204);
            }
            let empty = page(&acme, &parameters, cursor(&first, "nextCursor").unwrap()).await;
            assert_eq!((names(&empty).as_str(), cursor(&empty, "nextCursor")), ("", None));
            let back = page(&acme, &parameters, cursor(&empty, "previousCursor").unwrap()).await;
            assert_eq!(names(&back), "dagc");
        } else {
            assert_eq!((names(&first).as_str(), cursor(&first, "nextCursor")), ("dagc", None));
        }
    }
}

#[tokio::test]
async fn equal_keys_are_told_apart() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    seven_users(&acme).await;
    for sort_by in ["title", "active", "meta.resourceType"] {
        let (there, back) = there_and_back(&acme, &[("sortBy", sort_by), ("count", "2")]).await;
        let mut all: Vec<char> = there.concat().chars().collect();
        all.sort_unstable();
        assert_eq!(all, ['a', 'b', 'c', 'd', 'e', 'f', 'g'], "{sort_by}");
        assert!(there.iter().eq(back.iter().rev()), "{sort_by}: {there:?} and {back:?}");
    }
}

#[tokio::test]
async fn a_count_of_none_gives_the_total_alone() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    seven_users(&acme).await;
    for path in [
        "/Users?cursor=&count=0",
        "/Users?cursor=&count=-3",
        "/Users?cursor=&count=0&filter=id%20pr",
    ] {
        let list = acme.scim.get(path).await.expect(200).body;
        assert_eq!((&list["totalResults"], &list["Resources"]), (&json!(7), &json!([])), "{path}");
        assert_eq!((list.get("nextCursor"), list.get("previousCursor")), (None, None));
    }
}

#[tokio::test]
async fn a_bad_count_is_an_invalid_count() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    seven_users(&acme).await;
    let first = page(&acme, &[("count", "3")], "").await;
    let next = cursor(&first, "nextCursor").unwrap();
    for (parameters, detail) in [
        (vec![("cursor", ""), ("count", "ten")], "must be a whole number, not \"ten\""),
        (vec![("cursor", ""), ("count", "1001")], "must be at most 1000"),
        (vec![("cursor", next), ("count", "4")], "must be 3, as on the first page, not 4"),
        (vec![("cursor", next)], "must be 3, as on the first page, not 100"),
    ] {
        let refused = acme.scim.query("/Users", &parameters).await.expect(400);
        assert_eq!(refused.body["scimType"], "invalidCount", "{parameters:?}");
        assert!(refused.detail().contains(detail), "{}", refused.detail());
    }
    let both = acme.scim.get("/Users?cursor=&startIndex=1").await.expect(400);
    assert_eq!(both.body["scimType"], "invalidValue");
    assert!(both.detail().contains("two methods of paging"), "{}", both.detail());
}

#[tokio::test]
async fn forged_foreign_and_misused_cursors_look_alike() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    seven_users(&acme).await;
    seven_users(&globex).await;
    let parameters = [("count", "3"), ("sortBy", "userName")];
    let mine = page(&acme, &parameters, "").await;
    let mine = cursor(&mine, "nextCursor").unwrap();
    let foreign = page(&globex, &parameters, "").await;
    let foreign = cursor(&foreign, "nextCursor").unwrap();
    let mut changed = mine.to_owned();
    let last = if changed.ends_with('A') { 'B' } else { 'A' };
    changed.pop();
    changed.push(last);
    let asked = |path: &'static str, more: &[(&'static str, &'static str)], cursor: &str| {
        let parameters: Vec<(String, String)> = [&parameters[..], more]
            .concat()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .chain([("cursor".to_owned(), cursor.to_owned())])
            .collect();
        let scim = acme.scim.clone();
        async move {
            let parameters: Vec<_> =
                parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            scim.query(path, &parameters).await
        }
    };
    asked("/Users", &[], mine).await.expect(200);
    let refused = [
        asked("/Users", &[], foreign).await,
        asked("/Users", &[], &changed).await,
        asked("/Users", &[], "VZUTiyhEQJ94IR").await,
        asked("/Users", &[], "not base64!").await,
        asked("/Users", &[("filter", "userName pr")], mine).await,
        asked("/Users", &[("sortOrder", "descending")], mine).await,
        asked("/Users", &[("attributes", "userName")], mine).await,
        asked("/Users", &[("excludedAttributes", "userName")], mine).await,
        asked("/", &[], mine).await,
        acme.scim.query("/Users", &[("count", "3"), ("cursor", mine)]).await,
    ];
    for answer in &refused {
        assert_eq!((answer.status, &answer.body), (400, &refused[0].body));
    }
    assert_eq!(refused[0].body["scimType"], "invalidCursor");
}

#[tokio::test]
async fn a_cursor_outlives_the_server_that_gave_it() {
    let data_dir = new_data_dir();
    let options = || Options { data_dir: Some(data_dir.path().to_owned()), ..Options::default() };
    let mut server = Server::start(options());
    let acme = server.tenant("acme").await;
    seven_users(&acme).await;
    let first = page(&acme, &[("count", "3")], "").await;
    let next = cursor(&first, "nextCursor").unwrap();
    let old = server.url.clone();
    assert!(server.stop().success());
    let server = Server::start(options());
    let scim = acme.scim.at(acme.scim.base.replace(&old, &server.url));
    let second = scim.query("/Users", &[("count", "3"), ("cursor", next)]).await.expect(200);
    assert_eq!(names(&second.body), "cfb");
}
