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
    let as_json = flags.get_flag("json");
    let mut pages = Pages::of(client, path, filters, limit(flags));
    while let Some(items) = pages.next().await? {
        let mut out = std::io::stdout().lock();
        for item in &items {
            writeln!(out, "{}", if as_json { item.to_string() } else { in_words(item) })?;
        }
    }
    Ok(())
}

/// The items of a list together, `at_most` of them.
pub(super) async fn items(
    client: &AdminClient,
    path: &[&str],
    at_most: usize,
) -> Result<Vec<Value>, AdminError> {
    let mut pages = Pages::of(client, path, &[], at_most);
    let mut items = Vec::new();
    while let Some(page) = pages.next().await? {
        items.extend(page);
    }
    Ok(items)
}

/// `--limit`
pub(super) fn limit(flags: &ArgMatches) -> usize {
    flags.get_one::<usize>("limit").copied().unwrap_or_default()
}

/// A list that is read page by page.
struct Pages<'l> {
    client: &'l AdminClient,
    path: &'l [&'l str],
    filters: &'l [(&'l str, &'l str)],
    /// So many items are still wanted.
    left: usize,
    /// Where the next page begins; none before the first.
    cursor: Option<String>,
}

impl<'l> Pages<'l> {
    fn of(
        client: &'l AdminClient,
        path: &'l [&'l str],
        filters: &'l [(&'l str, &'l str)],
        left: usize,
    ) -> Self {
        Self { client, path, filters, left, cursor: None }
    }

    async fn next(&mut self) -> Result<Option<Vec<Value>>, AdminError> {
        if self.left == 0 {
            return Ok(None);
        }
        let limit = self.left.min(PAGE).to_string();
        let mut query = self.filters.to_vec();
        query.push(("limit", &limit));
        query.extend(self.cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let answer = self.client.get(self.path, &query).await?;
        let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        self.cursor = answer.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
        self.left = match self.cursor {
            Some(_) => self.left.saturating_sub(items.len()),
            None => 0,
        };
        Ok(Some(items))
    }
}
