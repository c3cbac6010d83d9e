//! `tenon explain`: how a filter is carried out.

use std::io::Write;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;

use super::admin::{self, AdminClient, AdminError};

pub(super) fn command() -> Command {
    Command::new("explain")
        .about("Tell how a filter is carried out: which index is used, and how much is left to do")
        .args(admin::flags())
        .arg(admin::tenant_flag())
        .arg(Arg::new("endpoint").value_name("ENDPOINT").required(true).help("Such as /Users"))
        .arg(Arg::new("filter").value_name("FILTER").help("Such as 'title sw \"Dr\"'"))
        .arg(Arg::new("sort-by").long("sort-by").value_name("ATTRIBUTE").help("sortBy"))
        .arg(Arg::new("sort-order").long("sort-order").value_name("ORDER").help("sortOrder"))
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print what the server answers"),
        )
}

pub(super) async fn run(flags: &ArgMatches) -> Result<(), AdminError> {
    let client = AdminClient::of(flags)?;
    let tenant = flags.get_one::<String>("tenant").map_or("", String::as_str);
    let parameters = [
        ("endpoint", "endpoint"),
        ("filter", "filter"),
        ("sortBy", "sort-by"),
        ("sortOrder", "sort-order"),
    ];
    let query: Vec<(&str, &str)> = parameters
        .iter()
        .filter_map(|(name, flag)| Some((*name, flags.get_one::<String>(flag)?.as_str())))
        .collect();
    let answer = client.get(&["tenants", tenant, "explain"], &query).await?;
    let mut out = std::io::stdout().lock();
    if flags.get_flag("json") {
        return Ok(writeln!(out, "{answer:#}")?);
    }
    Ok(write!(out, "{}", in_words(&answer, 0))?)
}

/// What the server tells, a line for each member: it speaks in the words of its user.
fn in_words(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| match value {
                Value::Object(_) => format!("{indent}{name}:\n{}", in_words(value, depth + 1)),
                Value::Array(items) if items.iter().any(Value::is_object) => {
                    format!("{indent}{name}:\n{}", in_words(value, depth + 1))
                }
                value => format!("{indent}{name}: {}\n", in_line(value)),
            })
            .collect(),
        Value::Array(items) => {
            items.iter().map(|item| format!("{indent}-\n{}", in_words(item, depth + 1))).collect()
        }
        value => format!("{indent}{}\n", in_line(value)),
    }
}

fn in_line(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(in_line).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
