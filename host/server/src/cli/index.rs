//! `tenon index`: the indexes of a tenant.

use std::io::Write;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::admin::{self, AdminClient, AdminError};
use super::{pages, print};

/// How often `wait` asks.
const INTERVAL: Duration = Duration::from_millis(500);

pub(super) fn command() -> Command {
    let subcommand = |name: &'static str, about: &'static str| {
        Command::new(name).about(about).args(admin::flags()).arg(admin::tenant_flag())
    };
    let resource_type = || Arg::new("type").value_name("TYPE").help("The resource type: User");
    let attribute = || Arg::new("attribute").value_name("ATTRIBUTE").help("Its path: emails.value");
    Command::new("index")
        .about("See and change which attributes filters find quickly")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            subcommand("list", "List the indexes of a tenant, and how far they are")
                .args(pages::flags()),
        )
        .subcommand(
            subcommand("add", "Index an attribute; it is built in the background")
                .arg(resource_type().required(true))
                .arg(attribute().required(true))
                .arg(pages::json_flag())
                .arg(
                    Arg::new("substrings")
                        .long("substrings")
                        .action(ArgAction::SetTrue)
                        .help("For parts of values too: co and ew, where the database can"),
                ),
        )
        .subcommand(
            subcommand("remove", "Give up an index that was added")
                .arg(resource_type().required(true))
                .arg(attribute().required(true))
                .arg(pages::json_flag()),
        )
        .subcommand(
            subcommand("wait", "Wait until an index is ready, or all are")
                .arg(resource_type().requires("attribute"))
                .arg(attribute())
                .arg(pages::json_flag()),
        )
        .subcommand(
            Command::new("substrings")
                .about("Have co and ew go through an index of trigrams, for all tenants, or not")
                .args(admin::flags())
                .arg(pages::json_flag())
                .arg(
                    Arg::new("turn")
                        .value_name("on|off")
                        .value_parser(["on", "off"])
                        .help("What it is to be; without, what it is"),
                ),
        )
}

pub(super) async fn run(matches: &ArgMatches) -> Result<(), AdminError> {
    let Some((name, flags)) = matches.subcommand() else { return Ok(()) };
    let client = AdminClient::of(flags)?;
    if name == "substrings" {
        return substrings(&client, flags).await;
    }
    let indexes = ["tenants", argument(flags, "tenant").unwrap_or_default(), "indexes"];
    let [a, b, c] = indexes;
    let part = |name: &str| argument(flags, name).unwrap_or_default();
    let path = [a, b, c, part("type"), part("attribute")];
    match name {
        "list" => tell(&pages::items(&client, &indexes, pages::limit(flags)).await?, flags),
        "add" => {
            let substrings = flags.get_flag("substrings");
            tell(&[client.put(&path, &json!({ "substrings": substrings })).await?], flags)
        }
        "remove" => print::answer(&client.delete(&path).await?, flags),
        _ => wait(&client, &indexes, flags).await,
    }
}

fn argument<'f>(flags: &'f ArgMatches, name: &str) -> Option<&'f str> {
    flags.try_get_one::<String>(name).ok().flatten().map(String::as_str)
}

async fn substrings(client: &AdminClient, flags: &ArgMatches) -> Result<(), AdminError> {
    let answer = match argument(flags, "turn") {
        None => client.get(&["substrings"], &[]).await?,
        Some(turn) => client.put(&["substrings"], &json!({ "on": turn == "on" })).await?,
    };
    if flags.get_flag("json") {
        return print::answer(&answer, flags);
    }
    Ok(writeln!(std::io::stdout().lock(), "{}", text(&answer, "state"))?)
}

/// Ends when all of them are ready, or gone.
async fn wait(
    client: &AdminClient,
    indexes: &[&str],
    flags: &ArgMatches,
) -> Result<(), AdminError> {
    let (resource_type, attribute) = (argument(flags, "type"), argument(flags, "attribute"));
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    loop {
        let mut asked = pages::items(client, indexes, usize::MAX).await?;
        asked.retain(|index| {
            resource_type.is_none_or(|it| text(index, "resourceType") == it)
                && attribute.is_none_or(|it| text(index, "attribute").eq_ignore_ascii_case(it))
        });
        if let (Some(resource_type), Some(attribute), true) =
            (resource_type, attribute, asked.is_empty())
        {
            let detail = format!("the tenant has no index of \"{attribute}\" of {resource_type}");
            return Err(AdminError::Refused { status: reqwest::StatusCode::NOT_FOUND, detail });
        }
        let unfinished: Vec<&Value> =
            asked.iter().filter(|index| text(index, "state") != "ready").collect();
        let Some(current) = unfinished.iter().max_by_key(|index| number(index, "done")) else {
            bar.finish_and_clear();
            return tell(&asked, flags);
        };
        bar.set_length(number(current, "total").max(1));
        bar.set_position(number(current, "done"));
        bar.set_message(format!(
            "{} {} {}, {} to go",
            text(current, "state"),
            text(current, "resourceType"),
            text(current, "attribute"),
            unfinished.len()
        ));
        sleep(INTERVAL).await;
    }
}

/// Prints indexes, as a table or as JSON, one a line.
fn tell(indexes: &[Value], flags: &ArgMatches) -> Result<(), AdminError> {
    if flags.get_flag("json") {
        return indexes.iter().try_for_each(|index| print::answer(index, flags));
    }
    Ok(write!(std::io::stdout().lock(), "{}", table(indexes))?)
}

fn text<'v>(index: &'v Value, name: &str) -> &'v str {
    index.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(index: &Value, name: &str) -> u64 {
    index.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// A line for each index, in columns.
fn table(indexes: &[Value]) -> String {
    let rows: Vec<[String; 5]> = indexes
        .iter()
        .map(|index| {
            let state = match text(index, "state") {
                "ready" => "ready".to_owned(),
                state => format!("{state} {}/{}", number(index, "done"), number(index, "total")),
            };
            let substrings = index.get("substrings") == Some(&Value::Bool(true));
            let wanted_by = index.get("wantedBy").and_then(Value::as_array).into_iter().flatten();
            let wanted_by: Vec<&str> = wanted_by.filter_map(Value::as_str).collect();
            [
                text(index, "resourceType").to_owned(),
                text(index, "attribute").to_owned(),
                if substrings { "substrings" } else { "values" }.to_owned(),
                state,
                wanted_by.join(", "),
            ]
        })
        .collect();
    let width =
        |column: fn(&[String; 5]) -> &String| rows.iter().map(|row| column(row).len()).max();
    let widths = [
        width(|[it, ..]| it),
        width(|[_, it, ..]| it),
        width(|[_, _, it, ..]| it),
        width(|[_, _, _, it, _]| it),
    ]
    .map(Option::unwrap_or_default);
    rows.iter()
        .map(|[resource_type, attribute, parts, state, wanted_by]| {
            let [a, b, c, d] = widths;
            format!("{resource_type:a$}  {attribute:b$}  {parts:c$}  {state:d$}  {wanted_by}\n")
        })
        .collect()
}
