//! `tenon export`: all resources of a tenant, as lines of JSON.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::admin::{self, AdminClient, AdminError};
use super::pages;
use super::patience::patiently;

#[derive(Debug, thiserror::Error)]
pub(super) enum ExportError {
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error("{0} is there already: --resume goes on with an export that was interrupted")]
    Exists(PathBuf),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the export cannot be printed: {0}")]
    Print(#[from] std::io::Error),
    #[error("the server does not export as this version does: its answer ends with {0}")]
    Answer(String),
}

pub(super) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).requires("out").help(help)
    };
    Command::new("export")
        .about("Write all resources of a tenant as lines of JSON, for tenon import")
        .args(admin::flags())
        .arg(admin::tenant_flag())
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Where to write them [default: standard output]"),
        )
        .arg(flag("resume", "Go on with an export that was interrupted"))
        .arg(pages::json_flag().requires("out"))
}

pub(super) async fn run(flags: &ArgMatches) -> Result<(), ExportError> {
    let client = AdminClient::of(flags)?;
    let tenant = flags.get_one::<String>("tenant").map_or("", String::as_str);
    let Some(path) = flags.get_one::<PathBuf>("out") else {
        let mut export = Export::default();
        return export.write(&client, tenant, &mut std::io::stdout(), &ProgressBar::hidden()).await;
    };
    let of_file = |source| ExportError::File { path: path.clone(), source };
    let (mut file, mut export) = match flags.get_flag("resume") {
        true => resumed(path).map_err(of_file)?,
        false if path.exists() => return Err(ExportError::Exists(path.clone())),
        false => (File::create_new(path).map_err(of_file)?, Export::default()),
    };
    let bar = bar();
    export.write(&client, tenant, &mut file, &bar).await?;
    file.sync_all().map_err(of_file)?;
    bar.finish_and_clear();
    let mut out = std::io::stdout().lock();
    if flags.get_flag("json") {
        return Ok(writeln!(out, "{}", export.end())?);
    }
    let (resources, path) = (export.resources, path.display());
    Ok(writeln!(out, "{resources} resources of \"{tenant}\" and their members are in {path}")?)
}

/// How far an export is.
#[derive(Default)]
struct Export {
    next: Next,
    resources: u64,
    hash: Sha256,
}

/// What comes next.
#[derive(Default, PartialEq, Eq)]
enum Next {
    #[default]
    FirstPage,
    PageAt(String),
    End,
    Nothing,
}

impl Export {
    /// Writes what is left of it.
    async fn write(
        &mut self,
        client: &AdminClient,
        tenant: &str,
        out: &mut impl Write,
        bar: &ProgressBar,
    ) -> Result<(), ExportError> {
        let path = ["tenants", tenant, "export"];
        loop {
            let query: Vec<(&str, &str)> = match &self.next {
                Next::FirstPage => Vec::new(),
                Next::PageAt(position) => vec![("position", position)],
                Next::End => {
                    writeln!(out, "{}", json!({ "end": self.end() }))?;
                    out.flush()?;
                    self.next = Next::Nothing;
                    continue;
                }
                Next::Nothing => return Ok(()),
            };
            let page = patiently(|| client.get_lines(&path, &query)).await?;
            let last = page.lines().last().unwrap_or_default();
            let position = position(last).ok_or_else(|| ExportError::Answer(last.to_owned()))?;
            out.write_all(page.as_bytes())?;
            show(bar, &position, self.resources);
            page.lines().for_each(|line| self.take(line));
            bar.set_position(self.resources);
            self.next = Next::after(&position);
        }
    }

    fn take(&mut self, line: &str) {
        self.resources += u64::from(line.starts_with("{\"resource\":"));
        self.hash.update(line);
        self.hash.update("\n");
    }

    /// The last line says what is before it.
    fn end(&self) -> Value {
        let hash: String =
            self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "resources": self.resources, "sha256": hash })
    }
}

impl Next {
    fn after(position: &Value) -> Self {
        let next = position.get("next").and_then(Value::as_str);
        next.map_or(Self::End, |it| Self::PageAt(it.to_owned()))
    }
}

/// The file, without what comes after its last whole page, and how far it is.
fn resumed(path: &Path) -> std::io::Result<(File, Export)> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let (mut export, mut page, mut read, mut whole) = (Export::default(), Vec::new(), 0, 0);
    let mut reader = BufReader::new(&file);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let Some(text) = line.strip_suffix('\n') else { break };
        if text.starts_with("{\"end\":") {
            export.next = Next::Nothing;
            return Ok((file, export));
        }
        read += line.len() as u64;
        page.push(text.to_owned());
        if let Some(position) = position(text) {
            page.drain(..).for_each(|line| export.take(&line));
            export.next = Next::after(&position);
            whole = read;
        }
        line.clear();
    }
    file.set_len(whole)?;
    file.seek(SeekFrom::Start(whole))?;
    Ok((file, export))
}

/// What the line at the end of a page says.
fn position(line: &str) -> Option<Value> {
    let line = line.strip_prefix("{\"position\":")?.strip_suffix('}')?;
    serde_json::from_str(line).ok()
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg:12} {wide_bar} {human_pos}/{human_len} {per_sec} {eta_precise}",
    );
    let bar = ProgressBar::new(0);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// All types together are as many as one knows until now.
fn show(bar: &ProgressBar, position: &Value, before: u64) {
    let Some(name) = position.get("resourceType").and_then(Value::as_str) else {
        return bar.set_message("members");
    };
    if bar.message() != name {
        let total = position.get("total").and_then(Value::as_u64).unwrap_or_default();
        bar.set_message(name.to_owned());
        bar.set_length(before + total);
    }
}
