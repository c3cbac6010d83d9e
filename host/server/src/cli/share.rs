//! `tenon share`: what a tenant has of another.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::admin::{self, AdminClient, AdminError};
use super::{pages, print};

pub(super) fn command() -> Command {
    let subcommand = |name: &'static str, about: &'static str| {
        Command::new(name).about(about).args(admin::flags()).arg(admin::tenant_flag())
    };
    let parent = || {
        let help = "The tenant whose resources they are, by name or id";
        Arg::new("from").long("from").value_name("NAME").required(true).help(help)
    };
    Command::new("share")
        .about("Share resources of a tenant with another, which can read them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(subcommand("list", "List what a tenant has of others").args(pages::flags()))
        .subcommand(
            subcommand("show", "Tell how far the copies are, and what could not be copied")
                .args([parent(), pages::json_flag()]),
        )
        .subcommand(
            subcommand("put", "Share these resource types, and no others")
                .args([parent(), pages::json_flag()])
                .arg(
                    Arg::new("type")
                        .value_name("TYPE")
                        .action(ArgAction::Append)
                        .num_args(1..)
                        .required(true)
                        .help("The resource types: User Group"),
                ),
        )
        .subcommand(
            subcommand("end", "Share no more: the copies are deleted")
                .args([parent(), pages::json_flag()]),
        )
}

pub(super) async fn run(matches: &ArgMatches) -> Result<(), AdminError> {
    let Some((name, flags)) = matches.subcommand() else { return Ok(()) };
    let client = AdminClient::of(flags)?;
    let tenant = flags.get_one::<String>("tenant").map_or("", String::as_str);
    if name == "list" {
        let shares = ["tenants", tenant, "shares"];
        return pages::print(&client, &shares, &[], flags, in_words).await;
    }
    let parent = flags.get_one::<String>("from").map_or("", String::as_str);
    let share = ["tenants", tenant, "shares", parent];
    let answer = match name {
        "show" => client.get(&share, &[]).await?,
        "put" => {
            let types: Vec<&String> = flags.get_many("type").into_iter().flatten().collect();
            client.put(&share, &json!({ "resourceTypes": types })).await?
        }
        _ => client.delete(&share).await?,
    };
    print::answer(&answer, flags)
}

/// `2819c223-… following User, Group, 0 not copied`
fn in_words(share: &Value) -> String {
    let text = |name: &str| share.get(name).and_then(Value::as_str).unwrap_or_default();
    let types = share.get("resourceTypes").and_then(Value::as_array).into_iter().flatten();
    let types: Vec<&str> = types.filter_map(Value::as_str).collect();
    let conflicts = share.pointer("/conflicts/total").and_then(Value::as_i64).unwrap_or_default();
    let (parent, state, types) = (text("parent"), text("state"), types.join(", "));
    format!("{parent} {state} {types}, {conflicts} not copied")
}
