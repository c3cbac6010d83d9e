//! Runs scenarios one after the other.

use serde_json::Value;
use uuid::Uuid;

use super::cleanup::Created;
use super::exchange::Target;
use super::outcome::{Outcome, Verdict};
use super::variables::Variables;
use super::vector::{Step, Vector};
use crate::http;

/// Runs scenarios against one server.
#[derive(Debug, Clone)]
pub struct Runner {
    target: Target,
    /// ServiceProviderConfig: scenarios know it as `{{config}}`.
    config: Value,
}

/// Why a step was not answered as expected; all there is.
type Problems = Vec<String>;

impl Runner {
    /// A runner for the SCIM service at a base URL, which is asked what it offers.
    ///
    /// # Errors
    /// There is no ServiceProviderConfig at it; the text says what there is.
    pub async fn connect(url: &str, token: &str) -> Result<Self, String> {
        let base = url.trim_end_matches('/').to_owned();
        let target = Target { http: http::client(), base, token: token.to_owned() };
        let answer = target.get("/ServiceProviderConfig").await;
        let at = format!("{}/ServiceProviderConfig", target.base);
        let answer = answer.map_err(|error| format!("{at}: {error}"))?;
        match answer.body {
            Some(config) if answer.status == 200 => Ok(Self { target, config }),
            _ => Err(format!("{at}: status {}", answer.status)),
        }
    }

    /// Runs a scenario, and deletes what it created.
    pub async fn run(&self, vector: &Vector) -> Outcome {
        let missing: Vec<String> =
            vector.needs.iter().filter(|feature| !self.offers(feature)).cloned().collect();
        let mut created = Created::default();
        let verdict = if missing.is_empty() {
            self.steps(&vector.steps, &mut created).await
        } else {
            Verdict::Skipped { missing }
        };
        let left_behind = created.delete(&self.target).await;
        Outcome { name: vector.name.clone(), dialect: vector.dialect, verdict, left_behind }
    }

    async fn steps(&self, steps: &[Step], created: &mut Created) -> Verdict {
        let mut variables = Variables::default();
        variables.set("unique", Value::from(unique()));
        variables.set("base", Value::from(self.target.base.as_str()));
        variables.set("config", self.config.clone());
        for (index, step) in steps.iter().enumerate() {
            let result = self.step(step, &mut variables, created).await;
            let problems = result.unwrap_or_else(|error| vec![error]);
            if !problems.is_empty() {
                let request = format!("{} {}", step.send.method, step.send.path);
                return Verdict::Failed { step: index + 1, request, problems };
            }
        }
        Verdict::Passed
    }

    async fn step(
        &self,
        step: &Step,
        variables: &mut Variables,
        created: &mut Created,
    ) -> Result<Problems, String> {
        let answer = self.target.send(&step.send, variables).await?;
        created.note(&answer);
        if let Some(name) = &step.known_as {
            variables.set(name, answer.body.clone().unwrap_or_default());
        }
        answer.problems(&step.expect, variables)
    }

    /// Whether ServiceProviderConfig has the feature at this path as true or as supported.
    fn offers(&self, feature: &str) -> bool {
        let found = feature.split('.').try_fold(&self.config, |value, name| value.get(name));
        found.is_some_and(|found| *found == true || found["supported"] == true)
    }
}

/// What no other run has: lower-case letters and digits, the first a letter.
fn unique() -> String {
    let random = Uuid::new_v4().simple().to_string();
    format!("u{}", &random[..15])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_feature_is_offered_where_it_is_true_or_supported() {
        let target = Target { http: http::client(), base: "".into(), token: "".into() };
        let config = json!({
            "bulk": { "supported": true }, "sort": { "supported": false },
            "pagination": { "cursor": true, "index": false }
        });
        let runner = Runner { target, config };
        let offered = ["bulk", "pagination.cursor"].map(|feature| runner.offers(feature));
        let missing = ["sort", "pagination.index", "pagination", "etag", "bulk.supported.x"]
            .map(|feature| runner.offers(feature));
        assert_eq!((offered, missing), ([true; 2], [false; 5]));
    }
}
