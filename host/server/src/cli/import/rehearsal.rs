//! The members of a dry run: nobody has been created whom a group could have as a member, so who
//! would be is looked up among those that would be taken.

use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::ImportError;
use super::journal::Journal;
use super::source::Source;

pub(super) struct Rehearsal<'j> {
    journal: &'j mut Journal,
}

impl<'j> Rehearsal<'j> {
    pub(super) const fn new(journal: &'j mut Journal) -> Self {
        Self { journal }
    }

    pub(super) async fn run(
        &mut self,
        source: &mut Source,
        bar: &ProgressBar,
    ) -> Result<(), ImportError> {
        while let Some(batch) = source.next().await? {
            let results: Vec<Value> = batch.lines.iter().map(|it| self.result(it)).collect();
            bar.set_length(batch.total);
            bar.set_position(batch.done);
            self.journal.record(&batch, &results)?;
        }
        Ok(())
    }

    fn result(&self, line: &str) -> Value {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let members = line.get("members").cloned().unwrap_or_default();
        let is_taken = |id: Option<&Value>| {
            id.and_then(Value::as_str).is_some_and(|id| self.journal.is_accepted(id))
        };
        if !is_taken(members.get("group")) {
            let detail = "the group would not be taken";
            return json!({ "outcome": "refused", "error": { "detail": detail } });
        }
        let values = members.get("values").and_then(Value::as_array).into_iter().flatten();
        let refused: Vec<Value> = values
            .filter_map(|it| it.get("value"))
            .filter(|value| !is_taken(Some(value)))
            .map(|value| json!({ "value": value, "detail": "it would not be taken itself" }))
            .collect();
        json!({ "outcome": "updated", "refused": refused })
    }
}
