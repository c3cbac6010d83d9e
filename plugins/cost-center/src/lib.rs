//! A cost centre for each user, with a code that is checked.
//!
//! A first example of a plugin: it adds an extension to User (`describe`), and refuses users
//! whose code breaks the tenant's rules (`validate`). The rules come from the configuration, so
//! that one component serves every tenant; see `README.md`.

use regex_lite::Regex;
use serde::Deserialize;
use tenon_sdk::prelude::*;

/// The extension's URN. The attribute is `<URN>:costCenter`.
const EXTENSION: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";

/// The department, of the enterprise extension (RFC 7643 §4.3).
const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

struct CostCenter;

tenon_sdk::export!(CostCenter: schema, validation);

impl Schema for CostCenter {
    fn describe() -> Description {
        Description::extension(EXTENSION, "CostCenter")
            .description("Where the costs of a user are booked.")
            .of("User")
            .attribute(
                Attribute::string("costCenter")
                    .description("The code of the cost centre, such as CC-1234.")
                    .case_exact(),
            )
    }
}

impl Validation for CostCenter {
    fn validate(
        context: &Context,
        candidate: &Document,
        _current: Option<&Document>,
    ) -> Result<Vec<Issue>, Failure> {
        // The extension is of User alone, and no other type has the paths below.
        if context.resource_type != "User" {
            return Ok(vec![]);
        }
        let path = format!("{EXTENSION}:costCenter");
        // Most users without a cost centre cost no more than this one look.
        let Some(code) = candidate.get::<String>(&path)? else { return Ok(vec![]) };

        let rules = Rules::read()?;
        let mut issues = Vec::new();
        if !rules.pattern.is_match(&code) {
            issues.push(
                Issue::new(format!("The cost centre {code:?} does not match {}.", rules.pattern))
                    .at(path),
            );
        }
        if let Some(departments) = rules.departments {
            let department = candidate.get::<String>(DEPARTMENT)?;
            if !department.is_some_and(|department| departments.contains(&department)) {
                issues.push(
                    Issue::new(format!(
                        "A user with a cost centre is in one of these departments: {}.",
                        departments.join(", ")
                    ))
                    .at(DEPARTMENT),
                );
            }
        }
        Ok(issues)
    }
}

/// The configuration as the tenant writes it. A misspelt member is an error, not a default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "default_pattern")]
    pattern: String,
    departments: Option<Vec<String>>,
}

fn default_pattern() -> String {
    "^CC-[0-9]{4}$".to_owned()
}

/// The configuration, understood.
struct Rules {
    pattern: Regex,
    departments: Option<Vec<String>>,
}

impl Rules {
    fn read() -> Result<Rules, Failure> {
        let Config { pattern, departments } = config::read()?;
        let pattern = Regex::new(&pattern).map_err(|error| {
            Failure::new(format!("the configuration's `pattern` is no regular expression: {error}"))
        })?;
        Ok(Rules { pattern, departments })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenon_sdk::testing;

    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn user(code: Value, department: Value) -> Value {
        json!({
            "userName": "ada",
            EXTENSION: { "costCenter": code },
            ENTERPRISE: { "department": department },
        })
    }

    fn validate(config: Value, user: Value) -> Result<Vec<Issue>, Failure> {
        let context = testing::context(Operation::Create, "User");
        testing::with_config(config, || {
            CostCenter::validate(&context, &Document::from_json(user), None)
        })
    }

    fn paths(issues: &[Issue]) -> Vec<&str> {
        issues.iter().filter_map(|issue| issue.path.as_deref()).collect()
    }

    #[test]
    fn a_user_without_a_cost_centre_is_none_of_our_business() {
        let config = json!({ "departments": ["Sales"] });
        assert_eq!(validate(config, json!({ "userName": "ada" })), Ok(vec![]));
    }

    #[test]
    fn without_configuration_a_code_is_cc_and_four_digits() {
        assert_eq!(validate(json!({}), user(json!("CC-1234"), Value::Null)), Ok(vec![]));
        for code in ["CC-12", "cc-1234", "CC-12345", " CC-1234"] {
            let issues = validate(json!({}), user(json!(code), Value::Null)).unwrap();
            assert_eq!(paths(&issues), [format!("{EXTENSION}:costCenter")], "{code}");
            assert!(issues[0].detail.contains("^CC-[0-9]{4}$"), "{}", issues[0].detail);
        }
    }

    #[test]
    fn the_pattern_is_the_tenants_own() {
        let config = json!({ "pattern": "^[0-9]{6}$" });
        assert_eq!(validate(config.clone(), user(json!("123456"), Value::Null)), Ok(vec![]));
        assert_eq!(validate(config, user(json!("CC-1234"), Value::Null)).unwrap().len(), 1);
    }

    #[test]
    fn the_department_has_to_be_one_of_those_configured() {
        let config = json!({ "departments": ["Engineering", "Sales"] });
        assert_eq!(validate(config.clone(), user(json!("CC-1234"), json!("Sales"))), Ok(vec![]));
        for department in [json!("Kitchen"), Value::Null] {
            let issues = validate(config.clone(), user(json!("CC-1234"), department)).unwrap();
            assert_eq!(paths(&issues), [DEPARTMENT]);
            assert!(issues[0].detail.contains("Engineering, Sales"), "{}", issues[0].detail);
        }
    }

    #[test]
    fn all_issues_are_told_at_once() {
        let issues =
            validate(json!({ "departments": ["Sales"] }), user(json!("x"), Value::Null)).unwrap();
        assert_eq!(issues.len(), 2);
    }

    #[test]
    fn a_malformed_configuration_is_a_failure_that_says_what_is_wrong() {
        for (config, said) in [
            (json!({ "pattern": "(" }), "`pattern`"),
            (json!({ "patern": "x" }), "patern"),
            (json!({ "departments": "Sales" }), "sequence"),
        ] {
            let failure = validate(config, user(json!("CC-1234"), Value::Null)).unwrap_err();
            assert!(failure.message.contains(said), "{}", failure.message);
        }
    }

    #[test]
    fn other_resource_types_are_left_alone() {
        let context = testing::context(Operation::Create, "Group");
        let group = Document::from_json(user(json!("wrong"), Value::Null));
        assert_eq!(CostCenter::validate(&context, &group, None), Ok(vec![]));
    }
}
