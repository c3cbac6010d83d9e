//! The rule of `plugins/cost-center` in the host's own Rust: the configuration is read for each user, as
//! the plugin has to.

use regex_lite::Regex;
use serde_json::Value;
use tenon_plugin::Document;
use tenon_scim::path;

use super::case;

const COST_CENTER: &str =
    "urn:example:params:scim:schemas:extension:costcenter:2.0:User:costCenter";
const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

pub(super) fn accepts(document: &Document) -> bool {
    let read = |path: &str| {
        path::read(&document.resource_type, &document.value, path).expect("a path of the type")
    };
    judged(read(COST_CENTER).as_ref(), read(DEPARTMENT).as_ref())
}

/// The same of a whole user, as a webhook gets it.
pub(super) fn accepts_json(user: &Value) -> bool {
    let at = |path: &str| {
        let (extension, attribute) = path.rsplit_once(':')?;
        user.get(extension)?.get(attribute)
    };
    judged(at(COST_CENTER), at(DEPARTMENT))
}

fn judged(code: Option<&Value>, department: Option<&Value>) -> bool {
    let config = case::config();
    let pattern = Regex::new(config["pattern"].as_str().expect("text")).expect("a pattern");
    let departments = config["departments"].as_array().expect("a list");
    let code = code.and_then(Value::as_str).expect("a cost centre");
    pattern.is_match(code) && department.is_some_and(|it| departments.contains(it))
}
