//! What becomes of a request when a plugin gives no answer, for each hook.

use serde_json::{Value, json};
use tenon_scim::Object;
use tenon_scim::value::json_type;

/// What becomes of a request when a plugin gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailurePolicy {
    /// It is refused, and nothing is written.
    Closed,
    /// It goes on as if the plugin had changed nothing.
    Skip,
    /// What is read is shown as it is stored.
    Open,
    /// The plugin is asked again later.
    Retry,
}

impl FailurePolicy {
    /// Its name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Skip => "skip",
            Self::Open => "open",
            Self::Retry => "retry",
        }
    }
}

/// The hooks and what a tenant may choose for each, the default first.
const CHOICES: [(&str, &[FailurePolicy]); 7] = {
    use FailurePolicy::{Closed, Open, Retry, Skip};
    [
        ("validation", &[Closed]),
        ("before-write", &[Closed, Skip]),
        ("before-delete", &[Closed]),
        ("before-query", &[Closed]),
        ("after-read", &[Open, Closed]),
        ("after-commit", &[Retry]),
        ("resolver", &[Closed]),
    ]
};

/// The policies of a plugin at a tenant, one for each hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailurePolicies([(&'static str, FailurePolicy); CHOICES.len()]);

/// Settings of a plugin that are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A member that settings do not have.
    #[error("\"{0}\" is not known here; settings have \"onFailure\"")]
    UnknownMember(String),
    /// `onFailure` is no object.
    #[error("\"onFailure\" must be an object of hooks and policies, not {0}")]
    NotAnObject(&'static str),
    /// There is no such hook.
    #[error("\"onFailure\": there is no hook \"{hook}\"; there are {}", hooks())]
    UnknownHook {
        /// The name.
        hook: String,
    },
    /// The hook cannot have this policy.
    #[error("\"onFailure\": \"{hook}\" must be {}", policies(choices))]
    NotAChoice {
        /// The hook.
        hook: &'static str,
        /// What may be chosen.
        choices: &'static [FailurePolicy],
    },
}

impl Default for FailurePolicies {
    fn default() -> Self {
        Self(CHOICES.map(|(hook, choices)| {
            (hook, choices.first().copied().unwrap_or(FailurePolicy::Closed))
        }))
    }
}

impl FailurePolicies {
    /// Those of settings: `{"onFailure": {"before-write": "skip"}}`. What is not chosen is as it is by
    /// default.
    ///
    /// # Errors
    /// They name what there is not.
    pub fn of_settings(settings: &Object) -> Result<Self, SettingsError> {
        if let Some(name) = settings.keys().find(|name| *name != "onFailure") {
            return Err(SettingsError::UnknownMember(name.clone()));
        }
        let mut policies = Self::default();
        match settings.get("onFailure") {
            None | Some(Value::Null) => {}
            Some(Value::Object(chosen)) => {
                for (hook, policy) in chosen {
                    policies.choose(hook, policy)?;
                }
            }
            Some(other) => return Err(SettingsError::NotAnObject(json_type(other))),
        }
        Ok(policies)
    }

    /// What becomes of a request when this hook gives no answer.
    #[must_use]
    pub fn of(&self, hook: &str) -> FailurePolicy {
        let found = self.0.iter().find(|(name, _)| *name == hook);
        found.map_or(FailurePolicy::Closed, |(_, policy)| *policy)
    }

    /// As settings, with what is not chosen.
    #[must_use]
    pub fn shown(&self) -> Value {
        let all = self.0.iter().map(|(hook, policy)| ((*hook).to_owned(), policy.name().into()));
        json!({ "onFailure": all.collect::<Object>() })
    }

    fn choose(&mut self, hook: &str, policy: &Value) -> Result<(), SettingsError> {
        let unknown = || SettingsError::UnknownHook { hook: hook.to_owned() };
        let (hook, choices) =
            CHOICES.into_iter().find(|(name, _)| *name == hook).ok_or_else(unknown)?;
        let chosen = choices.iter().find(|choice| policy.as_str() == Some(choice.name()));
        let chosen = *chosen.ok_or(SettingsError::NotAChoice { hook, choices })?;
        for (_, policy) in self.0.iter_mut().filter(|(name, _)| *name == hook) {
            *policy = chosen;
        }
        Ok(())
    }
}

fn hooks() -> String {
    CHOICES.map(|(hook, _)| hook).join(", ")
}

fn policies(choices: &[FailurePolicy]) -> String {
    let names: Vec<String> = choices.iter().map(|it| format!("\"{}\"", it.name())).collect();
    names.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(settings: Value) -> Result<FailurePolicies, SettingsError> {
        FailurePolicies::of_settings(&serde_json::from_value(settings).unwrap())
    }

    #[test]
    fn a_tenant_chooses_where_there_is_a_choice() {
        let policies = of(json!({ "onFailure": { "before-write": "skip" } })).unwrap();
        assert_eq!(policies.of("before-write"), FailurePolicy::Skip);
        assert_eq!(policies.of("validation"), FailurePolicy::Closed);
        assert_eq!(policies.of("after-read"), FailurePolicy::Open);
        assert_eq!(policies.shown()["onFailure"]["before-write"], "skip");
        assert_eq!(of(json!({})), Ok(FailurePolicies::default()));
    }

    #[test]
    fn what_is_no_choice_is_told_with_what_is() {
        for (settings, told) in [
            (json!({ "onFailure": { "validation": "open" } }), "\"validation\" must be \"closed\""),
            (json!({ "onFailure": { "before-write": 1 } }), "must be \"closed\" or \"skip\""),
            (
                json!({ "onFailure": { "before-lunch": "skip" } }),
                "there is no hook \"before-lunch\"",
            ),
            (json!({ "onFailure": [] }), "\"onFailure\" must be an object"),
            (json!({ "order": 1 }), "\"order\" is not known here"),
        ] {
            let error = of(settings).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
