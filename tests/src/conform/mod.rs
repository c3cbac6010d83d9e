//! Runs scenarios against any SCIM server: `tests/vectors/<dialect>/*.json`, whose form is told in
//! `tests/vectors/README.md`.
//!
//! A [`Vector`] is one scenario, a list of requests with what the answers must be. A [`Runner`]
//! sends them, compares, and deletes what the scenario has created, however it ended.

mod cleanup;
mod exchange;
mod matching;
mod outcome;
mod run;
mod variables;
mod vector;

pub use outcome::{Outcome, Report, Verdict};
pub use run::Runner;
pub use vector::{Dialect, Vector};
