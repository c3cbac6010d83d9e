//! `tenon requests`: who asked a tenant for what, and what came of it.

use clap::{Arg, ArgMatches, Command};
use serde_json::Value;

use super::admin::{self, AdminClient, AdminError};
use super::pages;

/// The flag, which is the parameter, its value and its help.
const FILTERS: [(&str, &str, &str); 5] = [
    ("since", "TIME", "From then on, such as 2030-01-31T12:00:00Z"),
    ("until", "TIME", "Before then"),
    ("actor", "ACTOR", "Of this actor, such as operator or token:<id>"),
    ("operation", "NAME", "Of this route, such as createResource"),
    ("status", "STATUS", "Answered with this status, such as 409 or 4xx"),
];

pub(super) fn command() -> Command {
    let filter = |(name, value, help): (&'static str, &'static str, &'static str)| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("requests")
        .about("List the requests of a tenant, the newest first")
        .args(admin::flags())
        .arg(admin::tenant_flag())
        .args(FILTERS.map(filter))
        .args(pages::flags())
}

pub(super) async fn run(flags: &ArgMatches) -> Result<(), AdminError> {
    let tenant = flags.get_one::<String>("tenant").map_or("", String::as_str);
    let filters = FILTERS
        .iter()
        .filter_map(|(name, ..)| Some((*name, flags.get_one::<String>(name)?.as_str())));
    let filters: Vec<_> = filters.collect();
    let client = AdminClient::of(flags)?;
    pages::print(&client, &["tenants", tenant, "requests"], &filters, flags, in_words).await
}

/// `2030-01-31T12:00:00Z token:2819c223-… createResource User 409 uniqueness 3.2 ms {…}`
fn in_words(entry: &Value) -> String {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let number = |name: &str| entry.get(name).and_then(Value::as_u64).unwrap_or_default();
    let before = ["at", "actor", "address", "operation", "type", "resourceId"];
    let mut words: Vec<String> =
        before.into_iter().filter_map(|name| text(name).map(str::to_owned)).collect();
    words.push(number("status").to_string());
    words.extend(text("scimType").map(str::to_owned));
    let micros = number("micros");
    words.push(format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100));
    words.extend(entry.get("notes").map(Value::to_string));
    words.join(" ")
}
