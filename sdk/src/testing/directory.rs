//! The stand-in for the directory.

use std::cell::RefCell;

use serde_json::Value;

#[cfg(feature = "filters")]
use super::filters::Schemas;
#[cfg(feature = "filters")]
use crate::describe::Description;

/// What the directory finds in a test.
///
/// A filter finds what the test says that it does. Any other is carried out over the resources of
/// the test with the feature `filters`, by the code that says in the server what a filter means;
/// without it, it **panics**, since a wrong answer would be worse. The feature is for a plugin's
/// tests: `tenon-sdk = { …, features = ["filters"] }` under `[dev-dependencies]`.
///
/// ```
/// use serde_json::{Value, json};
/// use tenon_sdk::testing::{self, Directory};
///
/// let directory = Directory::default()
///     .resource("User", json!({ "id": "1", "userName": "ada" }))
///     .answer("User", r#"userName eq "bob""#, vec![]);
/// testing::with_directory(directory, || {
///     assert!(tenon_sdk::directory::get::<Value>("User", "1").unwrap().is_some());
///     assert_eq!(tenon_sdk::directory::count("User", Some(r#"userName eq "bob""#)), Ok(0));
/// });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Directory {
    resources: Vec<(String, Value)>,
    answers: Vec<(String, String, Vec<Value>)>,
    #[cfg(feature = "filters")]
    schemas: Schemas,
}

impl Directory {
    /// A resource of a type, which has its `id`.
    #[must_use]
    pub fn resource(mut self, resource_type: &str, resource: Value) -> Directory {
        self.resources.push((resource_type.to_owned(), resource));
        self
    }

    /// What a filter finds among the resources of a type.
    #[must_use]
    pub fn answer(mut self, resource_type: &str, filter: &str, found: Vec<Value>) -> Directory {
        self.answers.push((resource_type.to_owned(), filter.to_owned(), found));
        self
    }

    /// Schemas and types that plugins of the tenant describe, beside those of the server: filters
    /// know their attributes.
    ///
    /// # Panics
    ///
    /// The server would refuse them.
    #[cfg(feature = "filters")]
    #[must_use]
    pub fn described(mut self, description: Description) -> Directory {
        self.schemas = self.schemas.with(description);
        self
    }

    pub(super) fn during<T>(self, test: impl FnOnce() -> T) -> T {
        let _restored = Restored { before: Some(DIRECTORY.replace(self)) };
        test()
    }

    fn found(&self, resource_type: &str, filter: &str) -> Result<Vec<&Value>, String> {
        let asked = |(of, known, _): &&(String, String, _)| of == resource_type && known == filter;
        match self.answers.iter().find(asked) {
            Some((_, _, found)) => Ok(found.iter().collect()),
            None => self.carried_out(resource_type, filter),
        }
    }

    #[cfg(feature = "filters")]
    fn carried_out(&self, resource_type: &str, filter: &str) -> Result<Vec<&Value>, String> {
        self.schemas.matching(resource_type, filter, self.of_type(resource_type))
    }

    #[cfg(not(feature = "filters"))]
    fn carried_out(&self, resource_type: &str, filter: &str) -> Result<Vec<&Value>, String> {
        panic!(
            "the test does not say what {filter:?} finds among the resources of type \
             {resource_type}: Directory::answer does, or the feature \"filters\" of tenon-sdk"
        );
    }

    fn of_type<'d>(&'d self, resource_type: &str) -> impl Iterator<Item = &'d Value> {
        self.resources.iter().filter(move |(of, _)| of == resource_type).map(|(_, it)| it)
    }
}

thread_local! {
    static DIRECTORY: RefCell<Directory> = RefCell::default();
}

/// Puts the former directory back, after a panic as well.
struct Restored {
    before: Option<Directory>,
}

impl Drop for Restored {
    fn drop(&mut self) {
        DIRECTORY.set(self.before.take().unwrap_or_default());
    }
}

pub(crate) fn get(resource_type: &str, id: &str) -> Result<Option<String>, String> {
    DIRECTORY.with_borrow(|directory| {
        let asked = |resource: &&Value| resource["id"] == id;
        Ok(directory.of_type(resource_type).find(asked).map(ToString::to_string))
    })
}

pub(crate) fn find(resource_type: &str, filter: &str, limit: u32) -> Result<Vec<String>, String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    DIRECTORY.with_borrow(|directory| {
        let found = directory.found(resource_type, filter)?;
        Ok(found.into_iter().take(limit).map(ToString::to_string).collect())
    })
}

pub(crate) fn count(resource_type: &str, filter: Option<&str>) -> Result<u64, String> {
    DIRECTORY.with_borrow(|directory| {
        let count = match filter {
            Some(filter) => directory.found(resource_type, filter)?.len(),
            None => directory.of_type(resource_type).count(),
        };
        Ok(count.try_into().unwrap_or(u64::MAX))
    })
}

#[cfg(all(test, feature = "filters"))]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::describe::Attribute;
    use crate::directory::{count, find};
    use crate::testing::with_directory;

    const BADGE: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";

    fn people() -> Directory {
        let badge = Attribute::integer("number");
        Directory::default()
            .described(Description::extension(BADGE, "Badge").of("User").attribute(badge))
            .resource("User", json!({ "id": "1", "userName": "ada", BADGE: { "number": 7 } }))
            .resource(
                "User",
                json!({ "id": "2", "userName": "Bob", "emails": [{ "type": "work" }] }),
            )
            .resource("Group", json!({ "id": "3", "displayName": "ada" }))
    }

    #[test]
    fn a_filter_finds_what_it_finds_in_the_server() {
        with_directory(people(), || {
            let counted = |filter: &str| count("User", Some(filter));
            assert_eq!(counted("userName eq \"BOB\""), Ok(1));
            assert_eq!(counted("emails[type eq \"work\"]"), Ok(1));
            assert_eq!(counted(&format!("{BADGE}:number gt 6")), Ok(1));
            assert_eq!(counted("not (userName sw \"a\") or id eq \"1\""), Ok(2));
            let found: Vec<Value> = find("User", "userName pr", 1).unwrap();
            assert_eq!(found[0]["userName"], "ada");
        });
    }

    #[test]
    fn a_wrong_filter_and_a_type_that_is_not_there_are_errors_as_in_the_server() {
        with_directory(people(), || {
            let message = |of: &str, filter: &str| count(of, Some(filter)).unwrap_err().message;
            assert!(message("User", "userName eq").contains("filter"));
            assert!(message("User", "colour eq \"red\"").contains("colour"));
            assert!(message("Robot", "id pr").contains("Robot"));
        });
    }

    #[test]
    fn what_the_test_says_goes_before() {
        let answer = people().answer("User", "userName pr", vec![]);
        assert_eq!(with_directory(answer, || count("User", Some("userName pr"))), Ok(0));
    }
}
