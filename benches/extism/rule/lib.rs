//! The rule of `plugins/cost-center` as one writes it for Extism: the whole user comes in as JSON, the
//! verdict goes out.

use extism_pdk::{FnResult, Json, config, plugin_fn};
use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const COST_CENTER: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    pattern: String,
    departments: Option<Vec<String>>,
}

/// What is wrong with the user; empty: nothing.
#[derive(Serialize)]
struct Verdict {
    issues: Vec<String>,
}

#[plugin_fn]
pub fn validate(Json(user): Json<Value>) -> FnResult<Json<Verdict>> {
    let at = |extension: &str, attribute: &str| {
        user.get(extension).and_then(|it| it.get(attribute)).and_then(Value::as_str)
    };
    let mut issues = Vec::new();
    let Some(code) = at(COST_CENTER, "costCenter") else { return Ok(Json(Verdict { issues })) };
    let rules: Config = serde_json::from_str(&config::get("rules")?.unwrap_or_default())?;
    if !Regex::new(&rules.pattern)?.is_match(code) {
        issues.push(format!("The cost centre {code:?} does not match {}.", rules.pattern));
    }
    if let Some(departments) = rules.departments {
        let department = at(ENTERPRISE, "department");
        if !department.is_some_and(|department| departments.iter().any(|it| it == department)) {
            let departments = departments.join(", ");
            issues.push(format!(
                "A user with a cost centre is in one of these departments: {departments}."
            ));
        }
    }
    Ok(Json(Verdict { issues }))
}
