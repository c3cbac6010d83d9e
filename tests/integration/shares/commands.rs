//! `tenon share`

use serde_json::Value;
use tenon_tests::{printed, user};

use super::Family;

/// Runs a command, which has to succeed, and returns what it prints.
fn tenon(family: &Family, arguments: &[&str]) -> String {
    printed(&family.two.run(&[arguments, &["--tenant", &family.child.name]].concat()))
}

#[tokio::test]
async fn resources_are_shared_and_shared_no_more_from_the_command_line() {
    let family = Family::new().await;
    let ada = family.parent.create("/Users", user("ada")).await;
    let from = ["--from", &family.parent.name];
    let put = tenon(&family, &["share", "put", from[0], from[1], "User", "Group", "--json"]);
    let put: Value = serde_json::from_str(&put).unwrap();
    assert_eq!(put["parent"], *family.parent.id);
    family.copied().await;
    let show = tenon(&family, &["share", "show", from[0], from[1], "--json"]);
    assert_eq!(show.lines().count(), 1, "{show}");
    let show: Value = serde_json::from_str(&show).unwrap();
    assert_eq!(show["state"], "following");
    let list = tenon(&family, &["share", "list"]);
    let line = format!("{} following User, Group, 0 not copied\n", family.parent.id);
    assert_eq!(list, line);
    family.child.scim.get(&format!("/Users/{ada}")).await.expect(200);
    tenon(&family, &["share", "end", from[0], from[1]]);
    family.loses(&format!("/Users/{ada}")).await;
    assert_eq!(tenon(&family, &["share", "list"]), "");
}
