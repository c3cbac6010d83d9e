//! The stand-in for the directory.

use std::cell::RefCell;

use serde_json::Value;

/// What the directory finds in a test.
///
/// It carries out no filters: a test says what each finds, and a filter of which it says nothing
/// **panics**, since a wrong answer would be worse.
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

    pub(super) fn during<T>(self, test: impl FnOnce() -> T) -> T {
        let _restored = Restored { before: Some(DIRECTORY.replace(self)) };
        test()
    }

    fn found(&self, resource_type: &str, filter: &str) -> &[Value] {
        let asked = |(of, known, _): &&(String, String, _)| of == resource_type && known == filter;
        let Some((_, _, found)) = self.answers.iter().find(asked) else {
            panic!(
                "the test does not say what {filter:?} finds among the resources of type \
                 {resource_type}: Directory::answer does"
            );
        };
        found
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
        let asked = |(of, resource): &&(String, Value)| of == resource_type && resource["id"] == id;
        Ok(directory.resources.iter().find(asked).map(|(_, resource)| resource.to_string()))
    })
}

pub(crate) fn find(resource_type: &str, filter: &str, limit: u32) -> Result<Vec<String>, String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    DIRECTORY.with_borrow(|directory| {
        let found = directory.found(resource_type, filter).iter().take(limit);
        Ok(found.map(ToString::to_string).collect())
    })
}

pub(crate) fn count(resource_type: &str, filter: Option<&str>) -> Result<u64, String> {
    DIRECTORY.with_borrow(|directory| {
        let count = match filter {
            Some(filter) => directory.found(resource_type, filter).len(),
            None => directory.resources.iter().filter(|(of, _)| of == resource_type).count(),
        };
        Ok(count.try_into().unwrap_or(u64::MAX))
    })
}
