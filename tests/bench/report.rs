//! The results: for people in the README and as a picture, for programs as JSON.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tenon_tests::artifacts::workspace;

use crate::bed::Bed;
use crate::picture;

/// Who writes a part of the README, which is between two marks.
const BENCH: &str = "make bench";
const PLUGINS: &str = "make bench-plugins";
const NEIGHBOUR: &str = "make bench-neighbour";
const END: &str = "<!-- to here -->";

/// One measure.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What it is compared with, its value, and the ratio of the two.
    pub(crate) beside: Option<(&'static str, f64, f64)>,
    pub(crate) goal: Option<Goal>,
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// Of the ratio.
    AtLeast(f64),
    /// Of the ratio.
    AtMost(f64),
    /// Of the value.
    ValueAtLeast(f64),
}

impl Row {
    pub(crate) fn of(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, beside: None, goal: None }
    }

    pub(crate) fn rate(what: impl Into<String>, value: f64) -> Self {
        Self::of(what, value, "/s")
    }

    pub(crate) fn beside(self, what: &'static str, value: f64, ratio: f64) -> Self {
        Self { beside: Some((what, value, ratio)), ..self }
    }

    pub(crate) fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// Whether the goal is reached, where there is one and what it takes was measured.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        let ratio = self.beside.map(|(_, _, ratio)| ratio);
        match self.goal? {
            Goal::AtLeast(goal) => Some(ratio? >= goal),
            Goal::AtMost(goal) => Some(ratio? <= goal),
            Goal::ValueAtLeast(goal) => Some(self.value >= goal),
        }
    }

    pub(crate) fn shown(&self, value: f64) -> String {
        match self.unit {
            "/s" => format!("{}/s", grouped(value)),
            "ms" => format!("{value:.2} ms"),
            "µs" => format!("{value:.1} µs"),
            unit => format!("{value:.0} {unit}"),
        }
    }

    fn json(&self) -> Value {
        json!({
            "what": self.what, "value": self.value, "unit": self.unit,
            "beside": self.beside.map(|(what, value, ratio)| {
                json!({ "what": what, "value": value, "ratio": ratio })
            }),
            "goal": self.goal.map(shown_goal),
            "reached": self.is_reached(),
        })
    }

    pub(crate) fn markdown(&self) -> String {
        let (beside, ratio) = match self.beside {
            Some((what, value, ratio)) => {
                (format!("{}, {what}", self.shown(value)), format!("{ratio:.2}"))
            }
            None => (String::new(), String::new()),
        };
        let goal = self.goal.map(shown_goal).unwrap_or_default();
        let mark = if self.is_reached() == Some(false) { " (missed)" } else { "" };
        let value = self.shown(self.value);
        format!("| {} | {value} | {beside} | {ratio} | {goal}{mark} |\n", self.what)
    }
}

fn shown_goal(goal: Goal) -> String {
    match goal {
        Goal::AtLeast(goal) => format!("≥ {goal}"),
        Goal::AtMost(goal) => format!("≤ {goal}"),
        Goal::ValueAtLeast(goal) => format!("≥ {}", grouped(goal)),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes everything: `docs/bench.json`, `docs/bench.svg`, the table in the README.
pub(crate) async fn write(bed: &Bed, rows: &[Row]) {
    let table = table(rows);
    println!("\n{table}");
    let docs = workspace().join("docs");
    fs::create_dir_all(&docs).expect("a directory");
    #[expect(clippy::disallowed_methods, reason = "a report has the date of its making")]
    let today = time::OffsetDateTime::now_utc().date();
    let all = json!({
        "measuredAt": today.to_string(),
        "commit": said("git", &["describe", "--always", "--dirty"]),
        "machine": {
            "processors": std::thread::available_parallelism().map_or(0, usize::from),
            "model": of_proc("/proc/cpuinfo", "model name"),
            "memory": of_proc("/proc/meminfo", "MemTotal"),
        },
        "postgres": bed.postgres.version().await,
        "rustc": said("rustc", &["--version"]),
        "users": bed.users,
        "rows": rows.iter().map(Row::json).collect::<Vec<_>>(),
        "seeding": bed.seeding,
        "statements": {
            "byId": bed.statements.by_id.as_ref().map(|it| &it.statement.text),
            "byName": bed.statements.by_name.as_ref().map(|it| &it.statement.text),
            "create": bed.statements.create.iter().map(|it| &it.text).collect::<Vec<_>>(),
        },
    });
    fs::write(docs.join("bench.json"), format!("{all:#}\n")).expect("docs/bench.json");
    fs::write(docs.join("bench.svg"), picture::of(rows)).expect("docs/bench.svg");
    write_readme(BENCH, &table);
}

/// What `make bench-plugins` measured, into the README.
pub(crate) fn write_plugins(rows: &[Row]) {
    write_table(PLUGINS, rows);
}

/// What `make bench-neighbour` measured, into the README.
pub(crate) fn write_neighbour(rows: &[Row]) {
    write_table(NEIGHBOUR, rows);
}

fn write_table(writer: &str, rows: &[Row]) {
    let table = table(rows);
    println!("\n{table}");
    // The figures of a development build say nothing.
    if !cfg!(debug_assertions) {
        write_readme(writer, &table);
    }
}

fn write_readme(writer: &str, table: &str) {
    let path = workspace().join("README.md");
    let readme = fs::read_to_string(&path).expect("the README");
    match with_table(&readme, writer, table) {
        Some(readme) => fs::write(&path, readme).expect("the README"),
        None => println!("README.md has no part that `{writer}` writes, so it stays as it is"),
    }
}

fn table(rows: &[Row]) -> String {
    let head = "| | Tenon | Beside | Ratio | Goal |\n|---|---|---|---|---|\n";
    let rows: String = rows.iter().map(Row::markdown).collect();
    format!("{head}{rows}")
}

fn with_table(readme: &str, writer: &str, table: &str) -> Option<String> {
    let begin = format!("<!-- {writer} writes from here -->");
    let (before, rest) = readme.split_once(&begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n{table}{END}{after}"))
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(workspace()).output();
    output.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned()).unwrap_or_default()
}

fn of_proc(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value).trim().to_owned()
}
