//! How scenarios ended.

use std::fmt;

use serde_json::{Value, json};

use super::vector::Dialect;

/// How one scenario ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The scenario.
    pub name: String,
    /// Its dialect.
    pub dialect: Dialect,
    /// How it ended.
    pub verdict: Verdict,
    /// What it created and could not delete. Then it has not passed.
    pub left_behind: Vec<String>,
}

/// The end of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All answers were as expected.
    Passed,
    /// The server does not offer what the scenario needs.
    Skipped {
        /// What it needs and ServiceProviderConfig does not offer.
        missing: Vec<String>,
    },
    /// An answer was not.
    Failed {
        /// The step, from 1.
        step: usize,
        /// Its method and path.
        request: String,
        /// What was expected and found.
        problems: Vec<String>,
    },
}

/// How all scenarios of a run ended.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// In the order in which they ran.
    pub outcomes: Vec<Outcome>,
}

impl Outcome {
    /// Whether all answers were as expected, and nothing is left.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Passed && self.left_behind.is_empty()
    }

    /// Whether it was not run.
    #[must_use]
    pub fn skipped(&self) -> bool {
        matches!(self.verdict, Verdict::Skipped { .. })
    }

    fn word(&self) -> &'static str {
        match () {
            () if self.passed() => "passed",
            () if self.skipped() => "skipped",
            () => "failed",
        }
    }

    /// As JSON: `result` is `passed`, `skipped` or `failed`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut outcome =
            json!({ "name": self.name, "dialect": self.dialect.name(), "result": self.word() });
        match &self.verdict {
            Verdict::Passed => {}
            Verdict::Skipped { missing } => outcome["missing"] = json!(missing),
            Verdict::Failed { step, request, problems } => {
                outcome["step"] = json!(step);
                outcome["request"] = json!(request);
                outcome["problems"] = json!(problems);
            }
        }
        if !self.left_behind.is_empty() {
            outcome["leftBehind"] = json!(self.left_behind);
        }
        outcome
    }
}

/// One line, and one more for each problem.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7}  {}/{}", self.word(), self.dialect.name(), self.name)?;
        match &self.verdict {
            Verdict::Passed => {}
            Verdict::Skipped { missing } => {
                write!(f, ": ServiceProviderConfig does not offer {}", missing.join(", "))?;
            }
            Verdict::Failed { step, request, problems } => {
                write!(f, ": step {step}, {request}")?;
                for problem in problems {
                    write!(f, "\n         {problem}")?;
                }
            }
        }
        for left in &self.left_behind {
            write!(f, "\n         left behind: {left}")?;
        }
        Ok(())
    }
}

impl Report {
    /// How many passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.passed()).count()
    }

    /// How many were not run.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.skipped()).count()
    }

    /// How many failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.outcomes.len() - self.passed() - self.skipped()
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "passed": self.passed(),
            "failed": self.failed(),
            "skipped": self.skipped(),
            "scenarios": self.outcomes.iter().map(Outcome::to_json).collect::<Vec<_>>()
        })
    }
}

/// The counts.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed(), self.failed(), self.skipped())
    }
}
