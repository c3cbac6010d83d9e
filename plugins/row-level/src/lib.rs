//! Each credential sees the resources that its rule names.
//!
//! An example of `before-query`: the first rule of the configuration that is about the resource
//! type and the one who asks gives the filter. Who has no rule sees nothing; see `README.md`.

use serde::Deserialize;
use tenon_sdk::prelude::*;

struct RowLevel;

tenon_sdk::export!(RowLevel: before_query);

/// Matches nothing: every resource has an id (RFC 7643 §3.1).
const NOTHING: &str = "not (id pr)";

impl BeforeQuery for RowLevel {
    fn before_query(context: &Context, _: Option<&str>) -> Result<QueryDecision, Failure> {
        let config: Config = config::read()?;
        let rule = config.rules.into_iter().find(|rule| rule.is_about(context));
        Ok(match rule {
            Some(Rule { filter: Some(filter), .. }) => QueryDecision::Narrow(filter),
            Some(Rule { filter: None, .. }) => QueryDecision::Proceed,
            None => QueryDecision::Narrow(NOTHING.to_owned()),
        })
    }
}

/// The configuration as the tenant writes it. A misspelt member is an error, not a default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// As in the audit records, `token:<id>`; anybody where there is none.
    actor: Option<String>,
    /// The name of a resource type; any where there is none.
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    /// What is seen; everything where there is none.
    filter: Option<String>,
}

impl Rule {
    fn is_about(&self, context: &Context) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        is(&self.actor, &context.actor) && is(&self.resource_type, &context.resource_type)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenon_sdk::testing;

    use super::*;

    fn decide(rules: Value) -> QueryDecision {
        let context = testing::context(Operation::List, "User");
        testing::with_config(json!({ "rules": rules }), || {
            RowLevel::before_query(&context, None).unwrap()
        })
    }

    #[test]
    fn the_first_rule_that_is_about_the_request_counts() {
        let rules = json!([
            { "actor": "token:other" },
            { "actor": "token:test", "resourceType": "Group" },
            { "actor": "token:test", "filter": "active eq true" },
            { "filter": "userName pr" },
        ]);
        assert_eq!(decide(rules), QueryDecision::Narrow("active eq true".to_owned()));
    }

    #[test]
    fn a_rule_without_a_filter_shows_everything() {
        assert_eq!(decide(json!([{ "resourceType": "User" }])), QueryDecision::Proceed);
    }

    #[test]
    fn who_has_no_rule_sees_nothing() {
        assert_eq!(decide(json!([])), QueryDecision::Narrow(NOTHING.to_owned()));
    }
}
