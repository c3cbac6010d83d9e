//! `tenon tenant move`: has a tenant's data go to other tables, and waits until it is there.

use std::fs;
use std::io::Read;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::signal::ctrl_c;
use tokio::time::sleep;

use super::admin::{AdminClient, AdminError};
use super::patience::patiently;
use super::print;

/// How often is asked how far it is.
const INTERVAL: Duration = Duration::from_millis(500);

/// What the command has beside the tenant.
pub(super) fn flags(command: Command) -> Command {
    let to = Arg::new("to").long("to").value_name("PLACE").required(true);
    let to = to.value_parser(["shared", "schema", "database"]).help("Where the data is to be");
    let url_file = Arg::new("url-file").long("url-file").value_name("FILE");
    let url_file = url_file
        .required_if_eq("to", "database")
        .help("The file with the URL of its own database, postgres://…; - for standard input");
    command.arg(to).arg(url_file)
}

pub(super) async fn run(client: &AdminClient, flags: &ArgMatches) -> Result<(), AdminError> {
    let given = |name: &str| flags.get_one::<String>(name).map(String::as_str).unwrap_or_default();
    let (tenant, to) = (given("tenant"), given("to"));
    let path = ["tenants", tenant, "move"];
    let mut placement = json!({ "kind": to });
    if let (Some(file), Some(placement)) =
        (flags.get_one::<String>("url-file"), placement.as_object_mut())
    {
        placement.insert("url".to_owned(), url_in(file)?.into());
    }
    let going_on = client.get(&path, &[]).await?;
    let begun = if is_moving_to(&going_on, to) {
        going_on
    } else {
        client.create(&path, &json!({ "placement": placement })).await?
    };
    let settled = tokio::select! {
        settled = wait(client, &path, begun) => settled?,
        _ = ctrl_c() => return Err(AdminError::GoesOn(tenant.to_owned())),
    };
    print::answer(&settled, flags)
}

/// Whether it was asked for before, and is to be waited for.
fn is_moving_to(answer: &Value, to: &str) -> bool {
    text(answer, "/state") == "moving" && text(answer, "/target/kind") == to
}

/// Ends when the data is where it is to be, and nothing is left where it was.
async fn wait(client: &AdminClient, path: &[&str], mut answer: Value) -> Result<Value, AdminError> {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    while text(&answer, "/state") == "moving" {
        let (total, copied) = (number(&answer, "/total"), number(&answer, "/copied"));
        bar.set_length(total.max(copied).max(1));
        bar.set_position(copied);
        bar.set_message(match text(&answer, "/step") {
            "copying" => format!("{copied} of {total} rows are copied"),
            "switching" => "waits until all requests know of it, then switches".to_owned(),
            _ => "is there; what is left at the old place is removed".to_owned(),
        });
        sleep(INTERVAL).await;
        answer = patiently(|| client.get(path, &[])).await?;
    }
    bar.finish_and_clear();
    Ok(answer)
}

fn url_in(file: &str) -> Result<String, AdminError> {
    let text = match file {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        file => fs::read_to_string(file),
    };
    let text = text
        .map_err(|error| AdminError::File { path: file.to_owned(), reason: error.to_string() })?;
    Ok(text.trim().to_owned())
}

fn text<'v>(answer: &'v Value, pointer: &str) -> &'v str {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(answer: &Value, pointer: &str) -> u64 {
    answer.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}
