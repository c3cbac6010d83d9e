//! Lists that a server gives page by page, printed up to a limit.

use std::io::Write;

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use serde_json::Value;

use super::admin::{AdminClient, AdminError};

/// Items of a page, as a server takes them at the most.
const PAGE: usize = 1_000;

/// How much is printed, and how.
pub(super) fn flags() -> [Arg; 2] {
    [
        Arg::new("limit")
            .long("limit")
            .value_name("N")
            .value_parser(value_parser!(usize))
            .default_value("100")
            .help("So many at the most"),
        json_flag(),
    ]
}

pub(super) fn json_flag() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON, one value a line")
}

/// Prints the items of a list that fit to the filters, in words or as JSON.
pub(super) async fn print(
    client: &AdminClient,
    path: &[&str],
    filters: &[(&str, &str)],
    flags: &ArgMatches,
    in_words: impl Fn(&Value) -> String,
) -> Result<(), AdminError> {
    let mut left = flags.get_one::<usize>("limit").copied().unwrap_or_default();
    let as_json = flags.get_flag("json");
    let mut cursor: Option<String> = None;
    while left > 0 {
        let limit = left.min(PAGE).to_string();
        let mut query = filters.to_vec();
        query.push(("limit", &limit));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let answer = client.get(path, &query).await?;
        let items = answer.get("items").and_then(Value::as_array);
        let mut out = std::io::stdout().lock();
        for item in items.into_iter().flatten() {
            writeln!(out, "{}", if as_json { item.to_string() } else { in_words(item) })?;
        }
        left = left.saturating_sub(items.map_or(0, Vec::len));
        let next = answer.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() {
            break;
        }
        cursor = next;
    }
    Ok(())
}
