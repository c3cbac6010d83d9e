//! `tenon import`: resources of another service or of a file become those of a tenant.
//!
//! All resources come first, and members after them. A line may be sent twice and is written once,
//! so an import that was interrupted goes on where it was, or a little before.

mod batch;
mod entry;
mod file;
mod journal;
mod rehearsal;
mod server;
mod source;
mod target;

use std::io::Write;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Url;
use serde_json::json;

use self::journal::{Journal, Progress};
use self::rehearsal::Rehearsal;
use self::source::{Pass, Source};
use self::target::Target;
use super::admin::{self, AdminClient, AdminError};
use super::pages;

#[derive(Debug, thiserror::Error)]
pub(super) enum ImportError {
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{path}: {reason}")]
    Content { path: PathBuf, reason: String },
    #[error("{url}: {reason}")]
    Source { url: Url, reason: String },
    #[error(
        "{0} is of an import that was interrupted: --resume goes on with it; remove it to begin anew"
    )]
    Interrupted(PathBuf),
    #[error("{path} is of an import from {from} to \"{tenant}\": --resume goes on with that alone")]
    OtherImport { path: PathBuf, from: String, tenant: String },
    #[error("{0} is the report of another import: remove it, or name another with --report")]
    Reported(PathBuf),
    #[error("the import cannot be printed: {0}")]
    Print(std::io::Error),
    #[error("{refused} refused; {report} has them with the reasons, and can be imported itself")]
    Refused { refused: u64, report: String },
}

pub(super) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf)).help(help)
    };
    Command::new("import")
        .about("Take the resources of another SCIM service, or of a file, into a tenant")
        .args(admin::flags())
        .arg(admin::tenant_flag())
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("URL|FILE")
                .required(true)
                .help("The base URL of a SCIM service, or a file of tenon export"),
        )
        .arg(file(
            "source-token-file",
            "Where the source's bearer token is [env: TENON_SOURCE_TOKEN has the token itself]",
        ))
        .arg(flag("dry-run", "Tell what would be done, and write nothing"))
        .arg(
            flag("overwrite", "Where both have changed a resource, that of the source counts")
                .conflicts_with("dry-run"),
        )
        .arg(flag("resume", "Go on with an import that was interrupted").conflicts_with("dry-run"))
        .arg(file("state", "Where is kept how far it is [default: tenon-import-TENANT.state]"))
        .arg(file("report", "Where refused resources go [default: tenon-import-TENANT.refused]"))
        .arg(pages::json_flag())
}

/// What is asked for.
#[derive(Debug)]
struct Plan {
    from: String,
    tenant: String,
    dry_run: bool,
    overwrite: bool,
    resume: bool,
    state: PathBuf,
    report: PathBuf,
}

impl Plan {
    fn of(flags: &ArgMatches) -> Self {
        let text = |name: &str| flags.get_one::<String>(name).cloned().unwrap_or_default();
        let tenant = text("tenant");
        let file = |name: &str, end: &str| {
            let given = flags.get_one::<PathBuf>(name).cloned();
            given.unwrap_or_else(|| PathBuf::from(format!("tenon-import-{tenant}.{end}")))
        };
        Self {
            from: text("from"),
            dry_run: flags.get_flag("dry-run"),
            overwrite: flags.get_flag("overwrite"),
            resume: flags.get_flag("resume"),
            state: file("state", "state"),
            report: file("report", "refused"),
            tenant,
        }
    }
}

pub(super) async fn run(flags: &ArgMatches) -> Result<(), ImportError> {
    let plan = Plan::of(flags);
    let client = AdminClient::of(flags)?;
    let mut journal = Journal::open(&plan)?;
    let mut source = Source::open(&plan.from, flags, journal.progress()).await?;
    journal.save()?;
    let target = Target::new(client, &plan);
    let bar = bar();
    for pass in [Pass::Resources, Pass::Members] {
        if journal.progress().pass > pass {
            continue;
        }
        if journal.progress().pass < pass {
            journal.begin(pass)?;
            source.begin(pass).await?;
        }
        bar.set_message(pass.name());
        match pass {
            Pass::Members if plan.dry_run => {
                Rehearsal::new(&mut journal).run(&mut source, &bar).await?;
            }
            _ => target.take(&mut source, &mut journal, &bar).await?,
        }
    }
    bar.finish_and_clear();
    let progress = journal.finish()?;
    print(&plan, &progress, flags.get_flag("json")).map_err(ImportError::Print)?;
    match progress.refused() {
        0 => Ok(()),
        refused => Err(ImportError::Refused { refused, report: plan.report.display().to_string() }),
    }
}

fn print(plan: &Plan, progress: &Progress, as_json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let counts = &progress.counts;
    if as_json {
        let report = (progress.report_bytes > 0).then_some(&plan.report);
        let summary = json!({
            "from": plan.from,
            "tenant": plan.tenant,
            "dryRun": plan.dry_run,
            "resources": {
                "created": counts.created,
                "updated": counts.updated,
                "unchanged": counts.unchanged,
                "refused": counts.refused,
                "withAttributesLeftOut": counts.with_ignored,
            },
            "members": { "taken": counts.members, "refused": counts.refused_members },
            "report": report,
        });
        return writeln!(out, "{summary}");
    }
    let would = if plan.dry_run { "would be " } else { "" };
    writeln!(
        out,
        "{would}created {}, updated {}, unchanged {}, refused {}; members {}, refused {}",
        counts.created,
        counts.updated,
        counts.unchanged,
        counts.refused,
        counts.members,
        counts.refused_members
    )?;
    if counts.with_ignored > 0 {
        let (some, report) = (counts.with_ignored, plan.report.display());
        writeln!(out, "of {some}, attributes that no schema has were left out: {report}")?;
    }
    Ok(())
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:10} {wide_bar} {percent:>3}% {eta_precise}");
    let bar = ProgressBar::new(0);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
