//! Attributes that a credential may not read.

mod answers;
mod imports;
mod questions;
mod replacements;

use serde_json::{Value, json};
use tenon_tests::{Client, Tenant};

use super::client;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// No value that is hidden is without it.
const SECRET: &str = "s3cret";

/// A client from which these attributes are hidden.
async fn blind_to(tenant: &Tenant, hidden: &[&str]) -> Client {
    let permissions = ["scim:*", "scim:explain"];
    client(tenant, json!({ "permissions": permissions, "hidden": hidden })).await
}

/// A user whose phone numbers, family name, e-mail addresses and department are secrets.
fn person() -> Value {
    let mut person = tenon_tests::user("bjensen");
    person["schemas"] = json!([person["schemas"][0], ENTERPRISE]);
    person["name"] = json!({ "givenName": "Barbara", "familyName": SECRET });
    person["phoneNumbers"] = json!([{ "type": "work", "value": SECRET }]);
    person["emails"] = json!([
        { "type": "work", "value": format!("{SECRET}@work.example"), "primary": true },
        { "type": "home", "value": format!("{SECRET}@home.example") }
    ]);
    person[ENTERPRISE] = json!({ "department": SECRET, "employeeNumber": "7" });
    person
}

const HIDDEN: [&str; 4] = [
    "PhoneNumbers",
    "name.familyName",
    "emails.value",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
];
