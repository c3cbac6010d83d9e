//! `tenon plugin replay`: a recorded call is made once more, on the author's machine.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use tenon_plugin::{Difference, Limits, Recording, RecordingError, Refusal, Replayed, Tier};

use super::plugin_host::{self, LocalHostError};

/// The time that a call may take here, however slow the machine is: time is no part of what is compared.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", .path.display())]
    Recording { path: PathBuf, source: RecordingError },
    #[error("plugins cannot be run here: {0}")]
    Host(#[from] LocalHostError),
    #[error("{}: the component is refused by the check \"{}\": {refusal}", .path.display(), .refusal.check())]
    Refused { path: PathBuf, refusal: Refusal },
    #[error("the version that was recorded does something else now: {}; {why}", what.join(", "))]
    Differs { what: Vec<String>, why: &'static str },
    #[error("this version gives another answer than the one that was recorded")]
    OtherAnswer,
}

pub(super) fn command() -> Command {
    let component = Arg::new("component").long("component").value_name("WASM").required(true);
    Command::new("replay")
        .about("Make a recorded call of a plugin once more, and compare what comes of it")
        .arg(Arg::new("file").value_name("FILE").required(true).help("The recorded call"))
        .arg(component.help("The version that was called, or another one to compare it with"))
}

/// Prints the answer and what is not as it was recorded.
pub(super) async fn run(flags: &ArgMatches) -> Result<(), ReplayError> {
    let path = |flag: &str| PathBuf::from(flags.get_one::<String>(flag).map_or("", String::as_str));
    let (file, component) = (path("file"), path("component"));
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|source| ReplayError::Io { path: path.clone(), source })
    };
    let damaged = |source| ReplayError::Recording { path: file.clone(), source };
    let recording = Recording::read(&read(&file)?).map_err(damaged)?;
    let bytes = read(&component)?;

    let limits = Limits { deadline: DEADLINE, ..recording.limits().clone() };
    let (host, _cache) = plugin_host::start(limits)?;
    let checked = host.check(&bytes, Tier::Runtime).await;
    let plugin =
        checked.map_err(|refusal| ReplayError::Refused { path: component, refusal })?.plugin;
    let replayed = plugin.replay(&recording).await.map_err(damaged)?;

    let is_same_version = plugin.digest() == recording.digest();
    let text = told(&recording, &replayed, is_same_version);
    let out = |source| ReplayError::Io { path: "standard output".into(), source };
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(out)?;
    judge(&recording, &replayed, is_same_version)
}

fn told(recording: &Recording, replayed: &Replayed, is_same_version: bool) -> String {
    let mut text = format!(
        "{} of {}, {}{}\n{:#}\n",
        recording.hook(),
        recording.plugin(),
        recording.digest(),
        if is_same_version { "" } else { ", made with another version" },
        replayed.result()
    );
    if !recording.redacted().is_empty() {
        let redacted = recording.redacted().join(", ");
        text.push_str(&format!("other values stand in the place of: {redacted}\n"));
    }
    if recording.is_timed_out() {
        text.push_str("the recorded call ran out of time, which depends on the machine\n");
        return text;
    }
    let differences = recording.differences(replayed);
    if differences.is_empty() {
        text.push_str(&format!("all as it was recorded, with {} units of fuel\n", replayed.fuel()));
    }
    for Difference { what, recorded, replayed } in differences {
        text.push_str(&format!("{what}: {recorded} was recorded, now it is {replayed}\n"));
    }
    text
}

/// The same version has to do the same. What it takes depends on values that are not in the recording.
fn judge(
    recording: &Recording,
    replayed: &Replayed,
    is_same_version: bool,
) -> Result<(), ReplayError> {
    if recording.is_timed_out() {
        return Ok(());
    }
    let what = recording.differences(replayed).into_iter().map(|it| it.what);
    let is_told = |what: &String| matches!(what.as_str(), "answer" | "log");
    let counts = |what: &String| recording.redacted().is_empty() || is_told(what);
    let what: Vec<String> = what.filter(counts).collect();
    match is_same_version {
        true if what.is_empty() => Ok(()),
        true => Err(ReplayError::Differs { what, why: why(recording) }),
        false if what.iter().any(|it| it == "answer") => Err(ReplayError::OtherAnswer),
        false => Ok(()),
    }
}

/// Why the same version may do something else.
fn why(recording: &Recording) -> &'static str {
    if recording.redacted().is_empty() {
        "another build of the server has recorded it, or the file was changed"
    } else {
        "it may go by a value that is not in the recording"
    }
}
