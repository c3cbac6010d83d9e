use super::*;
use crate::tenant::access::Permission::{Create, List, Read};

fn grants(permissions: &[&str]) -> Grants {
    let permissions: Vec<String> = permissions.iter().map(|&it| it.to_owned()).collect();
    Grants::parse(&permissions, Vec::new()).unwrap()
}

#[test]
fn names_are_read_back_in_their_shortest_form() {
    for (written, shown) in [
        (&["provisioner"][..], &["scim:*"][..]),
        (&["scim:list", "scim:read", "scim:read:User"], &["scim:read", "scim:list"]),
        (&["scim:*:User", "scim:read:Group"], &["scim:read:Group", "scim:*:User"]),
        (&["plugins:write"], &["plugins:read", "plugins:write"]),
        (&["scim:*", "scim:explain"], &["scim:*", "scim:explain"]),
    ] {
        assert_eq!(grants(written).stored().permissions, shown, "{written:?}");
    }
    for (role, permissions) in ROLES {
        assert_eq!(grants(&[role]), grants(permissions));
        assert_eq!(Grants::of_stored(grants(&[role]).stored()).unwrap(), grants(&[role]));
    }
}

#[test]
fn what_is_no_permission_is_not_read() {
    for name in
        ["", "scim", "scim:", "scim:write", "*", "scim:read:", "plugins:read:User", "operator"]
    {
        let read = Grants::parse(&[name.to_owned()], Vec::new());
        assert_eq!(read, Err(UnknownPermission(name.to_owned())));
    }
}

#[test]
fn a_permission_on_one_type_is_none_on_another() {
    let users = grants(&["scim:read:User", "scim:list"]);
    assert!(users.allow(Read) && users.allow_on(Read, "User"));
    assert!(!users.allow_on(Read, "Group") && !users.allow_on(Read, "user"));
    assert!(users.allow_on(List, "Group") && !users.allow(Create));
}

#[test]
fn what_is_claimed_counts_as_far_as_it_may() {
    let ceiling = grants(&["scim:read", "scim:list:User", "scim:update:Group"]);
    for (claimed, allowed) in [
        (&["scim:*"][..], &["scim:read", "scim:list:User", "scim:update:Group"][..]),
        (&["scim:read:User", "scim:list:User"], &["scim:read:User", "scim:list:User"]),
        (
            &["scim:list:Group", "tenant-admin"],
            &["scim:read", "scim:list:User", "scim:update:Group"],
        ),
        (&["scim:delete", "tokens:write", "scim:list:Group"], &[]),
    ] {
        assert_eq!(grants(claimed).within(&ceiling), grants(allowed), "{claimed:?}");
        assert!(ceiling.covers(&grants(claimed).within(&ceiling)));
    }
    assert!(grants(&["audit:read"]).within(&ceiling).is_empty() && !ceiling.is_empty());
    let hiding = Grants::parse(&["scim:read".to_owned()], vec!["emails".to_owned()]).unwrap();
    assert_eq!(hiding.within(&ceiling).hidden, ["emails"]);
    assert_eq!(ceiling.within(&hiding).hidden, ["emails"]);
    assert_eq!(ceiling.clone().union(&hiding).hidden, ["emails"]);
}

#[test]
fn nobody_covers_what_they_do_not_have() {
    let reader = grants(&["scim:read", "scim:list:User"]);
    assert!(reader.covers(&grants(&["scim:read:Group", "scim:read", "scim:list:User"])));
    for more in [&["scim:list"][..], &["scim:list:Group"], &["scim:*:User"], &["audit:read"]] {
        assert!(!reader.covers(&grants(more)), "{more:?}");
    }
    assert!(ROLES.iter().all(|(role, _)| grants(&["tenant-admin"]).covers(&grants(&[role]))));
    assert!(Grants::operator().covers(&grants(&["tenant-admin"])));
    let hiding = Grants::parse(&["scim:read".to_owned()], vec!["emails".to_owned()]).unwrap();
    assert!(!hiding.covers(&grants(&["scim:read"])) && grants(&["scim:read"]).covers(&hiding));
}
