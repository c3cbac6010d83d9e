//! `tenon explain`: how a filter is carried out.

use std::io::Write;

use clap::{Arg, ArgMatches, Command};
use serde_json::Value;

use super::admin::{self, AdminClient, AdminError};
use super::{pages, print};

pub(super) fn command() -> Command {
    Command::new("explain")
        .about("Tell how a filter is carried out: which index is used, and how much is left to do")
        .args(admin::flags())
        .arg(admin::tenant_flag())
        .arg(Arg::new("endpoint").value_name("ENDPOINT").required(true).help("Such as /Users"))
        .arg(Arg::new("filter").value_name("FILTER").help("Such as 'title sw \"Dr\"'"))
        .arg(Arg::new("sort-by").long("sort-by").value_name("ATTRIBUTE").help("sortBy"))
        .arg(Arg::new("sort-order").long("sort-order").value_name("ORDER").help("sortOrder"))
        .arg(pages::json_flag())
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
    if flags.get_flag("json") {
        return print::answer(&answer, flags);
    }
    Ok(write!(std::io::stdout().lock(), "{}", in_words(&answer))?)
}

/// A few lines: what comes of the list, and what is done for each type.
fn in_words(explanation: &Value) -> String {
    let outcome = match (text(explanation, "refused"), number(explanation, "total")) {
        (Some(reason), _) => format!("refused: {reason}\n"),
        (None, total) => format!("{} match\n", total.unwrap_or_default()),
    };
    let types = explanation.get("types").and_then(Value::as_array).into_iter().flatten();
    outcome + &types.map(of_type).collect::<String>()
}

fn of_type(of_type: &Value) -> String {
    let name = text(of_type, "resourceType").unwrap_or_default();
    let Some(limit) = number(of_type, "limit") else {
        return format!("{name}: no filter and no sort, only the page is read\n");
    };
    let candidates = match number(of_type, "candidates") {
        Some(candidates) if candidates > limit => format!("more than {limit} candidates"),
        Some(candidates) => format!("{candidates} of at most {limit} candidates"),
        None => "candidates were not counted in time".to_owned(),
    };
    let all = "nothing: all resources of the type are candidates".to_owned();
    let lines = [
        ("found by", Some(list(of_type, "foundBy").unwrap_or(all))),
        ("then looked up in an index", list(of_type, "probed")),
        ("then read in each document", list(of_type, "readInDocuments")),
        ("sorted", text(of_type, "sort").map(str::to_owned)),
        ("to index", list(of_type, "toIndex")),
    ];
    let lines = lines.into_iter().filter_map(|(what, words)| Some((what, words?)));
    let lines: String = lines.map(|(what, words)| format!("  {what}: {words}\n")).collect();
    format!("{name}: {candidates}\n{lines}")
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

fn number(value: &Value, name: &str) -> Option<u64> {
    value.get(name).and_then(Value::as_u64)
}

/// The texts of a list in one line; `None` where there are none.
fn list(value: &Value, name: &str) -> Option<String> {
    let texts: Vec<&str> = value.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}
