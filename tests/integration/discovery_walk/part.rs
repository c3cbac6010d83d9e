//! The sub-attributes of a complex attribute.

use serde_json::{Value, json};

use super::attribute::Walk;
use super::samples;

/// Whether what is shown has all that was written and can be shown, and nothing that cannot.
pub(super) fn covers(attribute: &Value, shown: &Value, written: &Value) -> bool {
    match (shown, written) {
        (Value::Array(shown), Value::Array(written)) => {
            // The values are a set: nothing says in which order they are shown.
            let is_shown = |written: &Value| shown.iter().any(|it| covers(attribute, it, written));
            shown.len() == written.len() && written.iter().all(is_shown)
        }
        (Value::Object(shown), Value::Object(written)) => {
            let subs = attribute["subAttributes"].as_array().unwrap();
            subs.iter().all(|sub| {
                let name = sub["name"].as_str().unwrap();
                let same = shown.get(name) == written.get(name);
                let (server, returned) = (sub["mutability"] == "readOnly", &sub["returned"]);
                match () {
                    () if server => !same,
                    // Shown where it is named itself, and not with its attribute.
                    () if returned == "never" || returned == "request" => !shown.contains_key(name),
                    () => same,
                }
            })
        }
        (shown, written) => shown == written,
    }
}

/// Every sub-attribute, by its characteristics.
pub(super) async fn all(walk: &Walk<'_>) {
    if walk.attribute["mutability"] == "immutable" {
        return;
    }
    for sub in walk.attribute["subAttributes"].as_array().unwrap() {
        Part { walk, sub, name: sub["name"].as_str().unwrap() }.all().await;
    }
}

struct Part<'p> {
    walk: &'p Walk<'p>,
    sub: &'p Value,
    name: &'p str,
}

impl Part<'_> {
    async fn all(&self) {
        let value = self.walk.whole().await;
        let id = self.walk.create_with(value.clone()).await;
        let element = if value.is_array() { &value[0] } else { &value };
        let path = self.path(element);
        if self.sub["mutability"] == "readOnly" {
            let new = element[self.name].clone();
            return self
                .walk
                .refused(self.walk.patch(&id, "replace", &path, new).await, "mutability");
        }
        for wrong in samples::wrong(self.sub) {
            let patched = self.walk.patch(&id, "replace", &path, wrong).await;
            self.walk.refused(patched, "invalidValue");
        }
        if self.sub["returned"] != "never" {
            self.found_by_filter(&id, element).await;
        }
        match self.sub["mutability"].as_str() {
            Some("readWrite") => self.replaced_and_removed(&id, &path).await,
            Some("immutable") => {
                for op in ["replace", "remove"] {
                    let patched = self.walk.patch(&id, op, &path, json!("another")).await;
                    self.walk.refused(patched, "mutability");
                }
            }
            other => panic!("mutability of {path}: {other:?}"),
        }
    }

    async fn replaced_and_removed(&self, id: &str, path: &str) {
        let holder = json!({ "type": "complex", "subAttributes": [self.sub] });
        let new = match self.sub["type"].as_str() {
            Some("boolean") => json!(true),
            _ if self.sub["canonicalValues"].is_array() => json!("another"),
            _ => samples::one(self.walk.tenant, &holder).await[self.name].clone(),
        };
        self.walk.done(self.walk.patch(id, "replace", path, new.clone()).await);
        let expected = (self.sub["returned"] != "never").then_some(new.clone());
        assert_eq!(self.read(id).await, expected, "{path}");
        // A value that the path selects by the part itself is another one now.
        if path.contains(&format!("[{} eq", self.name)) {
            return;
        }
        let removed = self.walk.patch(id, "remove", path, Value::Null).await;
        if self.sub["required"] == true {
            assert_eq!(removed.status, 400, "{path}: {:#}", removed.body);
            return;
        }
        self.walk.done(removed);
        assert_eq!(self.read(id).await, None, "{path}");
    }

    async fn found_by_filter(&self, id: &str, element: &Value) {
        let path = format!("{}.{}", self.walk.path(), self.name);
        let (literal, other_case) = samples::literals(&element[self.name]);
        for filter in [
            format!("{path} eq {literal}"),
            format!("{path} pr"),
            format!("{}[{} eq {literal}]", self.walk.path(), self.name),
        ] {
            assert!(self.walk.finds(&filter, id).await, "{filter}");
        }
        if let (Some(other_case), true) = (other_case, self.sub["type"] != "dateTime") {
            let filter = format!("{path} eq {other_case}");
            let found = self.walk.finds(&filter, id).await;
            assert_eq!(found, self.sub["caseExact"] == false, "{filter}");
        }
    }

    /// What is shown of the sub-attribute where it is named.
    async fn read(&self, id: &str) -> Option<Value> {
        let parameters = format!("attributes={}.{}", self.walk.path(), self.name);
        let shown = self.walk.read(id, &parameters).await?;
        let element = if shown.is_array() { &shown[0] } else { &shown };
        element.get(self.name).cloned()
    }

    /// The path to it in a PATCH: of a multi-valued attribute, in the value with this text.
    fn path(&self, element: &Value) -> String {
        let (attribute, name) = (self.walk.path(), self.name);
        if self.walk.attribute["multiValued"] == false {
            return format!("{attribute}.{name}");
        }
        let is_key = |sub: &&Value| {
            sub["type"] == "string" && sub["mutability"] != "readOnly" && sub["returned"] != "never"
        };
        let subs = self.walk.attribute["subAttributes"].as_array().unwrap();
        let others = subs.iter().filter(|sub| sub["name"] != name);
        let key = others.chain(subs.iter().filter(|sub| sub["name"] == name)).find(is_key).unwrap();
        let key = key["name"].as_str().unwrap();
        format!("{attribute}[{key} eq {}].{name}", element[key])
    }
}
