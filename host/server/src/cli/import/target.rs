//! The tenant that takes the lines: some requests at a time, kept in their order.

use std::collections::VecDeque;
use std::sync::Arc;

use indicatif::ProgressBar;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::batch::Batch;
use super::journal::Journal;
use super::source::Source;
use super::{ImportError, Plan};
use crate::cli::admin::{AdminClient, AdminError};
use crate::cli::patience::patiently;

/// Requests at a time. More would wait for each other at the counter of the tenant's resources.
const AT_A_TIME: usize = 4;

pub(super) struct Target {
    client: Arc<AdminClient>,
    tenant: String,
    query: &'static [(&'static str, &'static str)],
}

/// A batch that is on its way.
type Sent = (Batch, JoinHandle<Result<Vec<Value>, AdminError>>);

impl Target {
    pub(super) fn new(client: AdminClient, plan: &Plan) -> Self {
        let query: &[_] = match (plan.dry_run, plan.overwrite) {
            (true, _) => &[("dryRun", "true")],
            (false, true) => &[("overwrite", "true")],
            (false, false) => &[],
        };
        Self { client: Arc::new(client), tenant: plan.tenant.clone(), query }
    }

    /// Takes all lines of the pass. What is recorded is whole up to a place of the source.
    pub(super) async fn take(
        &self,
        source: &mut Source,
        journal: &mut Journal,
        bar: &ProgressBar,
    ) -> Result<(), ImportError> {
        let mut under_way: VecDeque<Sent> = VecDeque::with_capacity(AT_A_TIME);
        while let Some(batch) = source.next().await? {
            if under_way.len() >= AT_A_TIME {
                keep(&mut under_way, journal, bar).await?;
            }
            let sent = tokio::spawn(send(
                Arc::clone(&self.client),
                self.tenant.clone(),
                self.query,
                batch.lines.clone(),
            ));
            under_way.push_back((batch, sent));
        }
        while !under_way.is_empty() {
            keep(&mut under_way, journal, bar).await?;
        }
        Ok(())
    }
}

/// Waits for the oldest.
async fn keep(
    under_way: &mut VecDeque<Sent>,
    journal: &mut Journal,
    bar: &ProgressBar,
) -> Result<(), ImportError> {
    let Some((batch, sent)) = under_way.pop_front() else { return Ok(()) };
    let results = match sent.await {
        Ok(results) => results?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    bar.set_length(batch.total);
    bar.set_position(batch.done);
    journal.record(&batch, &results)
}

/// The results of all lines. An answer may have those of the first ones alone: the others are sent
/// again.
async fn send(
    client: Arc<AdminClient>,
    tenant: String,
    query: &'static [(&'static str, &'static str)],
    lines: Vec<String>,
) -> Result<Vec<Value>, AdminError> {
    let path = ["tenants", &tenant, "import"];
    let mut results: Vec<Value> = Vec::with_capacity(lines.len());
    while let Some(left) = lines.get(results.len()..).filter(|it| !it.is_empty()) {
        let body = left.join("\n");
        let answer = patiently(|| client.post_lines(&path, query, body.clone())).await;
        match (answer, left) {
            (Ok(mut answer), _) => {
                let found = answer.get_mut("results").and_then(Value::as_array_mut);
                match found.filter(|it| !it.is_empty()) {
                    Some(found) => results.append(found),
                    None => return Err(client.unlike(&path, &answer)),
                }
            }
            // One that is too large to be sent at all.
            (Err(AdminError::Refused { status: StatusCode::PAYLOAD_TOO_LARGE, detail }), [_]) => {
                let error = json!({ "status": "413", "detail": detail });
                results.push(json!({ "outcome": "refused", "error": error }));
            }
            (Err(error), _) => return Err(error),
        }
    }
    Ok(results)
}
