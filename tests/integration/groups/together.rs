//! Many memberships, and many who change them at the same time.

use tenon_tests::{Server, user};

use super::*;

#[tokio::test]
async fn members_added_at_the_same_time_are_all_there() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Groups", group("g", &[])).await;
    let writers = (0..4).map(|writer| {
        let (acme, id) = (acme.clone(), id.clone());
        tokio::spawn(async move {
            for round in 0..4 {
                let member = acme.create("/Users", user(&format!("u{writer}-{round}"))).await;
                change(&acme, &id, ADD, &[&member]).await.expect(200);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let group = read(&acme, "/Groups", &id).await;
    assert_eq!(each(&group["members"], "value").len(), 16);
    assert_eq!(group["meta"]["version"], "W/\"17\"");
}

/// Each user is added to two groups while it is deleted: either comes first, and then the other
/// has its answer. Whoever is left in a group exists.
#[tokio::test]
async fn a_member_that_is_deleted_while_it_is_added_is_in_no_group() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let groups = [
        acme.create("/Groups", group("A", &[])).await,
        acme.create("/Groups", group("B", &[])).await,
    ];
    let mut ids = Vec::new();
    for number in 0..24 {
        ids.push(acme.create("/Users", user(&format!("u{number}"))).await);
    }
    let deleted = ids.iter().cloned().map(|id| {
        let scim = acme.scim.clone();
        tokio::spawn(async move { scim.delete(&format!("/Users/{id}")).await.expect(204) })
    });
    let added =
        groups.iter().flat_map(|group| ids.iter().map(move |id| (group.clone(), id.clone())));
    let added = added.map(|(group, member)| {
        let acme = acme.clone();
        tokio::spawn(async move {
            let answer = change(&acme, &group, ADD, &[&member]).await;
            if answer.status != 200 {
                let refused = answer.expect(400);
                let detail = format!("\"{member}\" is none");
                assert!(refused.detail().contains(&detail), "{}", refused.detail());
            }
        })
    });
    let (added, deleted): (Vec<_>, Vec<_>) = (added.collect(), deleted.collect());
    for task in added {
        task.await.unwrap();
    }
    for task in deleted {
        task.await.unwrap();
    }
    for group in &groups {
        assert_eq!(read(&acme, "/Groups", group).await.get("members"), None);
    }
}

#[tokio::test]
async fn groups_are_patched_while_their_members_are_deleted() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut ids = Vec::new();
    for number in 0..12 {
        ids.push(acme.create("/Users", user(&format!("u{number}"))).await);
    }
    let members: Vec<&str> = ids.iter().map(String::as_str).collect();
    let groups = [
        acme.create("/Groups", group("A", &members)).await,
        acme.create("/Groups", group("B", &members)).await,
    ];
    let [stays] = users(&acme, ["stays"]).await;
    let deleted = ids.iter().cloned().map(|id| {
        let scim = acme.scim.clone();
        tokio::spawn(async move {
            scim.delete(&format!("/Users/{id}")).await.expect(204);
        })
    });
    let patched = groups.iter().cloned().map(|group| {
        let (acme, stays) = (acme.clone(), stays.clone());
        tokio::spawn(async move {
            for op in [ADD, REMOVE, ADD] {
                change(&acme, &group, op, &[&stays]).await.expect(200);
            }
        })
    });
    for task in deleted.chain(patched).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    for group in &groups {
        let group = read(&acme, "/Groups", group).await;
        assert_eq!(each(&group["members"], "display"), ["stays"]);
        // One for each member that was deleted, one for each patch.
        assert_eq!(group["meta"]["version"], "W/\"16\"");
    }
}

#[tokio::test]
async fn a_group_of_thousands_is_patched_in_one_request() {
    const MEMBERS: usize = 2_000;
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let creators = (0..8).map(|part| {
        let acme = acme.clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            for number in 0..MEMBERS / 8 {
                ids.push(acme.create("/Users", user(&format!("u{part}-{number}"))).await);
            }
            ids
        })
    });
    let mut ids = Vec::new();
    for creator in creators.collect::<Vec<_>>() {
        ids.extend(creator.await.unwrap());
    }
    let members: Vec<&str> = ids.iter().map(String::as_str).collect();
    let id = acme.create("/Groups", group("everyone", &[])).await;
    let all = change(&acme, &id, ADD, &members).await.expect(200);
    assert_eq!(each(&all.body["members"], "value").len(), MEMBERS);
    let (last, others) = members.split_last().unwrap();
    let one = change(&acme, &id, REMOVE, others).await.expect(200);
    assert_eq!(each(&one.body["members"], "value"), [*last]);
    let back =
        acme.scim.put(&format!("/Groups/{id}"), group("everyone", &members)).await.expect(200);
    assert_eq!(each(&back.body["members"], "value").len(), MEMBERS);
    let filter = format!("members.value eq \"{last}\"");
    assert_eq!(found(&acme, "/Groups", &filter).await, ["everyone"]);
}

#[tokio::test]
async fn a_list_of_more_memberships_than_a_server_may_hold_is_refused() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut ids = Vec::new();
    for number in 0..500 {
        ids.push(acme.create("/Users", user(&format!("u{number}"))).await);
    }
    let members: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut nested = acme.create("/Groups", group("g", &members)).await;
    // Each user belongs to all of them: 500 times 401.
    for _ in 0..400 {
        nested = acme.create("/Groups", group("g", &[&nested])).await;
    }
    let refused = acme.scim.query("/Users", &[("count", "1000")]).await.expect(400);
    assert_eq!(refused.body["scimType"], "tooMany");
    assert!(refused.detail().contains("excludedAttributes"), "{}", refused.detail());
    let parameters = [("count", "1000"), ("excludedAttributes", "groups")];
    let list = acme.scim.query("/Users", &parameters).await.expect(200);
    assert_eq!(list.body["itemsPerPage"], 500);
    let one = read(&acme, "/Users", &ids[0]).await;
    assert_eq!(each(&one["groups"], "type").len(), 401);
}

#[tokio::test]
async fn groups_that_contain_each_other_are_deleted_at_the_same_time() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        let a = acme.create("/Groups", group("A", &[])).await;
        let b = acme.create("/Groups", group("B", &[&a])).await;
        change(&acme, &a, ADD, &[&b]).await.expect(200);
        ids.extend([a, b]);
    }
    let deletions = ids.into_iter().map(|id| {
        let scim = acme.scim.clone();
        tokio::spawn(async move { scim.delete(&format!("/Groups/{id}")).await.expect(204) })
    });
    for deletion in deletions.collect::<Vec<_>>() {
        deletion.await.unwrap();
    }
    assert_eq!(acme.scim.get("/Groups").await.expect(200).body["totalResults"], 0);
}
