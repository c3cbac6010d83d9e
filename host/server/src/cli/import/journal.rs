//! How far an import is, on disk: the state, from which it goes on, and the report of what was
//! refused. The state says how long the report was, so that nothing is told twice.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::batch::Batch;
use super::entry::{self, Counts};
use super::source::{Pass, Position};
use super::{ImportError, Plan};

/// How far an import is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progress {
    from: String,
    tenant: String,
    pub(super) pass: Pass,
    pub(super) position: Position,
    pub(super) counts: Counts,
    pub(super) report_bytes: u64,
}

/// The two files.
pub(super) struct Journal {
    progress: Progress,
    /// None of a dry run.
    state: Option<PathBuf>,
    report_path: PathBuf,
    /// Opened when there is something to tell.
    report: Option<File>,
    /// Ids in the source of what would be taken, in a dry run.
    accepted: Option<HashSet<String>>,
}

impl Progress {
    /// What the report has with reasons.
    pub(super) const fn refused(&self) -> u64 {
        self.counts.refused + self.counts.refused_members
    }
}

impl Journal {
    /// Opens the files of a new import, or of one that goes on.
    pub(super) fn open(plan: &Plan) -> Result<Self, ImportError> {
        let begun = read(&plan.state)?.filter(|_| !plan.dry_run);
        let progress = match begun {
            None if plan.report.exists() => {
                return Err(ImportError::Reported(plan.report.clone()));
            }
            None => {
                let (from, tenant) = (plan.from.clone(), plan.tenant.clone());
                Progress { from, tenant, ..Progress::default() }
            }
            Some(_) if !plan.resume => return Err(ImportError::Interrupted(plan.state.clone())),
            Some(it) if it.from != plan.from || it.tenant != plan.tenant => {
                let (path, from, tenant) = (plan.state.clone(), it.from, it.tenant);
                return Err(ImportError::OtherImport { path, from, tenant });
            }
            Some(progress) => progress,
        };
        Ok(Self {
            progress,
            state: (!plan.dry_run).then(|| plan.state.clone()),
            report_path: plan.report.clone(),
            report: None,
            accepted: plan.dry_run.then(HashSet::new),
        })
    }

    pub(super) const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Goes on to the beginning of a pass.
    pub(super) fn begin(&mut self, pass: Pass) -> Result<(), ImportError> {
        self.progress.pass = pass;
        self.progress.position = Position::Start;
        self.save()
    }

    /// Keeps what became of lines that were sent together.
    pub(super) fn record(&mut self, batch: &Batch, results: &[Value]) -> Result<(), ImportError> {
        for (line, result) in batch.lines.iter().zip(results) {
            let (counts, told) = entry::of(line, result);
            self.progress.counts += counts;
            if counts.is_taken()
                && let (Some(accepted), Some(id)) = (&mut self.accepted, entry::source_id(line))
            {
                accepted.insert(id);
            }
            if let Some(told) = told {
                self.tell(&told)?;
            }
        }
        if let Some(detail) = &batch.missing {
            self.progress.counts.refused += 1;
            self.tell(&json!({ "error": { "detail": detail } }))?;
        }
        match &batch.after {
            Some(after) => {
                self.progress.position = after.clone();
                self.save()
            }
            // Read again, these are counted again: so they are kept with what follows, or not at all.
            None => Ok(()),
        }
    }

    /// Whether a resource of the source would be taken, as far as a dry run can say.
    pub(super) fn is_accepted(&self, id: &str) -> bool {
        self.accepted.as_ref().is_some_and(|them| them.contains(id))
    }

    fn tell(&mut self, line: &Value) -> Result<(), ImportError> {
        let text = format!("{line}\n");
        let written = match &mut self.report {
            Some(report) => report.write_all(text.as_bytes()),
            None => open_report(&self.report_path, self.progress.report_bytes)
                .and_then(|report| self.report.insert(report).write_all(text.as_bytes())),
        };
        self.progress.report_bytes += text.len() as u64;
        written.map_err(|source| failed(&self.report_path, source))
    }

    /// Writes the state in one piece: whoever is killed meanwhile finds the one before.
    pub(super) fn save(&self) -> Result<(), ImportError> {
        let Some(path) = &self.state else { return Ok(()) };
        let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
        let written = serde_json::to_vec(&self.progress).map_err(std::io::Error::from);
        let written = written.and_then(|state| {
            let mut file = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
            file.write_all(&state)?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        });
        written.map_err(|source| failed(path, source))
    }

    /// The end: nothing is left to go on with.
    pub(super) fn finish(self) -> Result<Progress, ImportError> {
        match self.state.as_deref().map(|path| (path, std::fs::remove_file(path))) {
            Some((path, Err(source))) if source.kind() != ErrorKind::NotFound => {
                Err(failed(path, source))
            }
            _ => Ok(self.progress),
        }
    }
}

/// The report up to where it is in step with the state. Resources are for nobody else's eyes.
fn open_report(path: &Path, bytes: u64) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    let mut report = options.create(true).write(true).truncate(false).mode(0o600).open(path)?;
    report.set_len(bytes)?;
    report.seek(SeekFrom::End(0))?;
    Ok(report)
}

fn read(path: &Path) -> Result<Option<Progress>, ImportError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(path, source)),
    };
    let progress = serde_json::from_slice(&text);
    progress.map(Some).map_err(|error| ImportError::Content {
        path: path.to_owned(),
        reason: format!("this is not the state of an import: {error}"),
    })
}

fn failed(path: &Path, source: std::io::Error) -> ImportError {
    ImportError::File { path: path.to_owned(), source }
}
