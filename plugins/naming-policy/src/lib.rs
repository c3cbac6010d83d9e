//! Names as a tenant wants them: some user names are reserved, and who has no display name gets
//! one, which nobody else has.
//!
//! An example of `before-write`: it refuses (`Reject`), edits (`Amend`), and looks up other
//! resources (`directory`). The rules come from the configuration; see `README.md`.

use serde::Deserialize;
use tenon_sdk::prelude::*;

struct NamingPolicy;

tenon_sdk::export!(NamingPolicy: before_write);

/// Namesakes that are told apart by number; a further one has to be given a name by hand.
const NAMESAKES: u64 = 20;

impl BeforeWrite for NamingPolicy {
    fn before_write(
        context: &Context,
        candidate: &Document,
        current: Option<&Document>,
    ) -> Result<WriteDecision, Failure> {
        if context.resource_type != "User" {
            return Ok(WriteDecision::Proceed);
        }
        let config: Config = config::read()?;
        let user_name = candidate.get::<String>("userName")?.unwrap_or_default();
        if is_new(&user_name, current)? && config.reserves(&user_name) {
            return Ok(WriteDecision::Reject(vec![
                Issue::new(format!("The user name {user_name:?} is reserved; choose another."))
                    .at("userName"),
            ]));
        }
        let [display_name, given, family] = names(candidate)?;
        let (None, Some(given), Some(family)) = (display_name, given, family) else {
            return Ok(WriteDecision::Proceed);
        };
        match free_name(&format!("{given} {family}"))? {
            Some(name) => Ok(WriteDecision::Amend(vec![Edit::replace("displayName", name)])),
            None => Ok(WriteDecision::Reject(vec![
                Issue::new("Too many users have this name; give a display name.").at("displayName"),
            ])),
        }
    }
}

/// The configuration as the tenant writes it. A misspelt member is an error, not a default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    reserved: Vec<String>,
}

impl Config {
    fn reserves(&self, user_name: &str) -> bool {
        self.reserved.iter().any(|reserved| reserved.eq_ignore_ascii_case(user_name))
    }
}

/// Users that have a reserved name already may keep it.
fn is_new(user_name: &str, current: Option<&Document>) -> Result<bool, Failure> {
    let Some(current) = current else { return Ok(true) };
    Ok(current.get::<String>("userName")?.as_deref() != Some(user_name))
}

fn names(candidate: &Document) -> Result<[Option<String>; 3], Failure> {
    let names = candidate.get_many(&["displayName", "name.givenName", "name.familyName"])?;
    names.try_into().map_err(|_| Failure::new("three paths have three values"))
}

/// `Ada Lovelace`, `Ada Lovelace 2` where somebody has that name, and so on.
fn free_name(name: &str) -> Result<Option<String>, Failure> {
    for number in 1..=NAMESAKES {
        let candidate = if number == 1 { name.to_owned() } else { format!("{name} {number}") };
        let filter = format!("displayName eq {}", directory::quoted(&candidate));
        if directory::count("User", Some(&filter))? == 0 {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenon_sdk::testing::{self, Directory};

    use super::*;

    fn decide(directory: Directory, user: Value, current: Option<Value>) -> WriteDecision {
        let context = testing::context(Operation::Create, "User");
        let (user, current) = (Document::from_json(user), current.map(Document::from_json));
        testing::with_config(json!({ "reserved": ["admin", "root"] }), || {
            testing::with_directory(directory, || {
                NamingPolicy::before_write(&context, &user, current.as_ref()).unwrap()
            })
        })
    }

    fn ada() -> Value {
        json!({ "userName": "ada", "name": { "givenName": "Ada", "familyName": "Lovelace" } })
    }

    #[test]
    fn who_has_no_display_name_gets_one() {
        let other = json!({ "id": "1", "displayName": "Ada" });
        let decision = decide(Directory::default().resource("User", other), ada(), None);
        let edit = Edit::replace("displayName", "Ada Lovelace");
        assert_eq!(decision, WriteDecision::Amend(vec![edit]));
    }

    #[test]
    fn namesakes_are_told_apart() {
        let one = Directory::default()
            .resource("User", json!({ "id": "1", "displayName": "ada lovelace" }));
        let decision = decide(one, ada(), None);
        let edit = Edit::replace("displayName", "Ada Lovelace 2");
        assert_eq!(decision, WriteDecision::Amend(vec![edit]));
    }

    #[test]
    fn a_display_name_that_is_given_stays() {
        let user = json!({ "userName": "ada", "displayName": "Countess" });
        assert_eq!(decide(Directory::default(), user, None), WriteDecision::Proceed);
    }

    #[test]
    fn a_reserved_name_is_refused_to_those_who_do_not_have_it() {
        let root = json!({ "userName": "Root" });
        let refused = decide(Directory::default(), root.clone(), None);
        assert!(matches!(&refused, WriteDecision::Reject(issues) if issues.len() == 1));
        assert_eq!(decide(Directory::default(), root.clone(), Some(root)), WriteDecision::Proceed);
    }
}
