//! One attribute, by its characteristics.

use serde_json::{Value, json};
use tenon_tests::{Answer, Tenant, patch};

use super::{part, samples};

/// An attribute of a resource type, as it is advertised.
pub(super) struct Walk<'w> {
    pub(super) tenant: &'w Tenant,
    pub(super) endpoint: &'w str,
    /// The base schema, then the extensions.
    pub(super) schemas: &'w [Value],
    /// The URN of the extension that has the attribute.
    pub(super) extension: Option<&'w str>,
    pub(super) attribute: &'w Value,
}

impl Walk<'_> {
    pub(super) async fn all(&self) {
        if self.is("mutability", "readOnly") {
            return self.read_only().await;
        }
        self.types_are_checked().await;
        self.added_replaced_and_removed().await;
        if self.attribute["type"] == "complex" {
            part::all(self).await;
            return;
        }
        if !self.is("returned", "never") {
            self.found_by_filter().await;
            self.unique_or_not().await;
        }
    }

    /// Neither written by POST and PUT, which ignore it, nor by PATCH, which refuses.
    async fn read_only(&self) {
        let path = self.path();
        let value = samples::whole(self.tenant, self.attribute).await;
        let mut resource = self.minimal().await;
        self.set(&mut resource, value.clone());
        let id = self.tenant.create(self.endpoint, resource.clone()).await;
        assert_ne!(self.read(&id, "").await.as_ref(), Some(&value), "POST wrote {path}");
        self.tenant.scim.put(&self.at(&id), resource).await.expect(200);
        assert_ne!(self.read(&id, "").await.as_ref(), Some(&value), "PUT wrote {path}");
        for op in ["add", "replace", "remove"] {
            self.refused(self.patch(&id, op, &path, value.clone()).await, "mutability");
        }
    }

    async fn types_are_checked(&self) {
        let id = self.create_minimal().await;
        let mut wrong = samples::wrong(self.attribute);
        if self.attribute["multiValued"] == false {
            let two = [self.sample().await, self.sample().await];
            wrong.push(json!(two));
        }
        for value in wrong {
            let patched = self.patch(&id, "add", &self.path(), value.clone()).await;
            self.refused(patched, "invalidValue");
            let mut resource = self.minimal().await;
            self.set(&mut resource, value);
            self.refused(self.tenant.scim.post(self.endpoint, resource).await, "invalidValue");
        }
    }

    async fn added_replaced_and_removed(&self) {
        let path = self.path();
        let id = self.create_minimal().await;
        let [first, second, third] = [self.whole().await, self.whole().await, self.whole().await];
        self.done(self.patch(&id, "add", &path, first.clone()).await);
        self.shown_as_advertised(&id, &first).await;
        if self.is_fixed() {
            for op in ["replace", "remove"] {
                self.refused(self.patch(&id, op, &path, second.clone()).await, "mutability");
            }
            let mut resource = self.minimal().await;
            self.set(&mut resource, second);
            let replaced = self.tenant.scim.put(&self.at(&id), resource.clone()).await;
            self.refused(replaced, "mutability");
            self.set(&mut resource, first.clone());
            self.done(self.tenant.scim.put(&self.at(&id), resource).await);
            return self.shown_as_advertised(&id, &first).await;
        }
        self.done(self.patch(&id, "replace", &path, second.clone()).await);
        self.shown_as_advertised(&id, &second).await;
        if self.attribute["multiValued"] == true {
            self.done(self.patch(&id, "add", &path, first.clone()).await);
            let both = json!([second[0], first[0]]);
            self.shown_as_advertised(&id, &both).await;
        }
        let mut resource = self.minimal().await;
        self.set(&mut resource, third.clone());
        self.done(self.tenant.scim.put(&self.at(&id), resource).await);
        self.shown_as_advertised(&id, &third).await;
        let removed = self.patch(&id, "remove", &path, Value::Null).await;
        if self.attribute["required"] == true {
            return self.refused(removed, "mutability");
        }
        self.done(removed);
        assert_eq!(self.read(&id, &format!("attributes={path}")).await, None, "{path}");
    }

    /// RFC 7643 §7, `returned`.
    async fn shown_as_advertised(&self, id: &str, expected: &Value) {
        let path = self.path();
        let [plain, named, excluded] = match self.attribute["returned"].as_str().unwrap() {
            "always" => [true, true, true],
            "default" => [true, true, false],
            "request" => [false, true, false],
            "never" => [false, false, false],
            other => panic!("returned: {other}"),
        };
        for (parameters, is_shown) in [
            (String::new(), plain),
            (format!("attributes={path}"), named),
            (format!("excludedAttributes={path}"), excluded),
        ] {
            let found = self.read(id, &parameters).await;
            // A part that is always returned stays when its attribute is left out.
            let whole =
                found.as_ref().is_some_and(|found| part::covers(self.attribute, found, expected));
            assert_eq!(whole, is_shown, "{path}?{parameters}: {found:?}, written was {expected}");
        }
    }

    async fn found_by_filter(&self) {
        let path = self.path();
        let mut resource = self.minimal().await;
        let value = self.sample().await;
        let multi_valued = self.attribute["multiValued"] == true;
        self.set(&mut resource, if multi_valued { json!([value]) } else { value.clone() });
        let id = self.tenant.create(self.endpoint, resource).await;
        let (literal, other_case) = samples::literals(&value);
        assert!(self.finds(&format!("{path} eq {literal}"), &id).await, "{path} eq {literal}");
        assert!(self.finds(&format!("{path} pr"), &id).await, "{path} pr");
        assert!(!self.finds(&format!("{path} eq null"), &id).await, "{path} eq null");
        if let (Some(other_case), true) = (other_case, self.attribute["type"] != "dateTime") {
            let found = self.finds(&format!("{path} eq {other_case}"), &id).await;
            assert_eq!(found, self.attribute["caseExact"] == false, "{path} eq {other_case}");
        }
    }

    /// RFC 7643 §7, `uniqueness`.
    async fn unique_or_not(&self) {
        let mut first = self.minimal().await;
        self.set(&mut first, self.whole().await);
        let mut second = self.minimal().await;
        self.set(&mut second, self.get(&first).unwrap());
        self.tenant.create(self.endpoint, first).await;
        let answer = self.tenant.scim.post(self.endpoint, second).await;
        if self.is("uniqueness", "none") {
            return self.done(answer);
        }
        assert_eq!((answer.status, &answer.body["scimType"]), (409, &json!("uniqueness")));
        assert!(answer.detail().contains(&self.path()), "{}", answer.detail());
    }

    fn is(&self, characteristic: &str, value: &str) -> bool {
        self.attribute[characteristic] == value
    }

    /// Whether the attribute keeps its first value: it, or a part of its one value, is immutable.
    fn is_fixed(&self) -> bool {
        let parts = self.attribute["subAttributes"].as_array().into_iter().flatten();
        let single = self.attribute["multiValued"] == false;
        self.is("mutability", "immutable")
            || single && parts.into_iter().any(|sub| sub["mutability"] == "immutable")
    }

    pub(super) fn path(&self) -> String {
        let name = self.attribute["name"].as_str().unwrap();
        self.extension.map_or_else(|| name.to_owned(), |urn| format!("{urn}:{name}"))
    }

    fn at(&self, id: &str) -> String {
        format!("{}/{id}", self.endpoint)
    }

    async fn sample(&self) -> Value {
        samples::one(self.tenant, self.attribute).await
    }

    pub(super) async fn whole(&self) -> Value {
        samples::whole(self.tenant, self.attribute).await
    }

    /// A resource with what is required and nothing else.
    async fn minimal(&self) -> Value {
        let mut resource = json!({ "schemas": [self.schemas[0]["id"]] });
        for attribute in self.schemas[0]["attributes"].as_array().unwrap() {
            if attribute["required"] == true {
                let name = attribute["name"].as_str().unwrap();
                resource[name] = samples::whole(self.tenant, attribute).await;
            }
        }
        resource
    }

    async fn create_minimal(&self) -> String {
        self.tenant.create(self.endpoint, self.minimal().await).await
    }

    /// Creates a resource with a value of the attribute.
    pub(super) async fn create_with(&self, value: Value) -> String {
        let mut resource = self.minimal().await;
        self.set(&mut resource, value);
        self.tenant.create(self.endpoint, resource).await
    }

    fn set(&self, resource: &mut Value, value: Value) {
        let name = self.attribute["name"].as_str().unwrap();
        match self.extension {
            None => resource[name] = value,
            Some(urn) => {
                resource["schemas"] = json!([resource["schemas"][0], urn]);
                resource[urn] = json!({ name: value });
            }
        }
    }

    fn get(&self, resource: &Value) -> Option<Value> {
        let container = self.extension.map_or(Some(resource), |urn| resource.get(urn))?;
        container.get(self.attribute["name"].as_str().unwrap()).cloned()
    }

    /// What a GET with these parameters shows of the attribute.
    pub(super) async fn read(&self, id: &str, parameters: &str) -> Option<Value> {
        let path = format!("{}?{parameters}", self.at(id));
        self.get(&self.tenant.scim.get(&path).await.expect(200).body)
    }

    pub(super) async fn patch(&self, id: &str, op: &str, path: &str, value: Value) -> Answer {
        let mut operation = json!({ "op": op, "path": path });
        if op != "remove" {
            operation["value"] = value;
        }
        self.tenant.scim.patch(&self.at(id), patch(json!([operation]))).await
    }

    pub(super) async fn finds(&self, filter: &str, id: &str) -> bool {
        // No resource hides behind the end of a page.
        let filter = format!("id eq \"{id}\" and {filter}");
        let list = self.tenant.scim.query(self.endpoint, &[("filter", &filter)]).await;
        list.expect(200).body["totalResults"] == 1
    }

    #[track_caller]
    pub(super) fn done(&self, answer: Answer) {
        let done = (200..300).contains(&answer.status);
        assert!(done, "{}: {:#}", self.path(), answer.body);
    }

    #[track_caller]
    pub(super) fn refused(&self, answer: Answer, scim_type: &str) {
        let found = (answer.status, answer.body["scimType"].as_str().unwrap_or_default());
        assert_eq!(found, (400, scim_type), "{}: {:#}", self.path(), answer.body);
    }
}
