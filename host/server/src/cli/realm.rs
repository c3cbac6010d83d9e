//! `tenon realm` and `tenon entry-point`: sets of tenants, and what leads to them.

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::admin::{self, AdminClient, AdminError};
use super::{pages, print};

/// `tenon realm`.
pub(super) fn realm_command() -> Command {
    let subcommand = |name: &'static str, about: &'static str| {
        Command::new(name).about(about).args(admin::flags())
    };
    let of_one = |name: &'static str, about: &'static str, help: &'static str| {
        let realm = Arg::new("realm").value_name("REALM").required(true);
        let realm = realm.value_parser(admin::name).help(help);
        subcommand(name, about).arg(realm).arg(pages::json_flag())
    };
    Command::new("realm")
        .about("See, make and delete sets of tenants")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(subcommand("list", "List the realms").args(pages::flags()))
        .subcommand(of_one("show", "Show a realm", "Its name or id"))
        .subcommand(of_one("create", "Make a realm", "Its name"))
        .subcommand(of_one("delete", "Delete a realm that nothing belongs to", "Its name or id"))
}

/// Carries out a command on realms.
pub(super) async fn run_realm(matches: &ArgMatches) -> Result<(), AdminError> {
    let Some((name, flags)) = matches.subcommand() else { return Ok(()) };
    let client = AdminClient::of(flags)?;
    let realm = flags.try_get_one::<String>("realm").ok().flatten();
    let one = ["realms", realm.map(String::as_str).unwrap_or_default()];
    let answer = match name {
        "list" => {
            let line = |it: &_| print::line(it, &["name", "id"]);
            return pages::print(&client, &["realms"], &[], flags, line).await;
        }
        "create" => client.create(&["realms"], &json!({ "name": realm })).await?,
        "delete" => client.delete(&one).await?,
        _ => client.get(&one, &[]).await?,
    };
    print::answer(&answer, flags)
}

/// `tenon entry-point`.
pub(super) fn entry_point_command() -> Command {
    let subcommand = |name: &'static str, about: &'static str| {
        let realm = Arg::new("realm").long("realm").value_name("REALM");
        let realm = realm.value_parser(admin::name).help("The realm, by name or id");
        Command::new(name)
            .about(about)
            .args(admin::flags())
            .arg(admin::tenant_flag().required_unless_present("realm").required(false))
            .arg(realm.conflicts_with("tenant"))
    };
    let of_one = |name: &'static str, about: &'static str| {
        subcommand(name, about)
            .arg(
                Arg::new("kind")
                    .value_name("KIND")
                    .required(true)
                    .value_parser(["host", "path", "header"])
                    .help("What it is"),
            )
            .arg(
                Arg::new("value")
                    .value_name("VALUE")
                    .required(true)
                    .value_parser(admin::name)
                    .help("scim.example.com, /eu or 'x-tenant-id: eu'"),
            )
            .arg(pages::json_flag())
    };
    Command::new("entry-point")
        .about("See and change which hosts, paths and headers lead to a realm or a tenant")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(subcommand("list", "List what is bound").args(pages::flags()))
        .subcommand(of_one("bind", "Bind a host, the beginning of paths or a header"))
        .subcommand(of_one("unbind", "Unbind what is bound"))
}

/// Carries out a command on entry points.
pub(super) async fn run_entry_point(matches: &ArgMatches) -> Result<(), AdminError> {
    let Some((name, flags)) = matches.subcommand() else { return Ok(()) };
    let client = AdminClient::of(flags)?;
    let given = |flag: &str| flags.try_get_one::<String>(flag).ok().flatten().map(String::as_str);
    let all = match given("realm") {
        Some(realm) => ["realms", realm, "entry-points"],
        None => ["tenants", given("tenant").unwrap_or_default(), "entry-points"],
    };
    let (kind, value) = (given("kind").unwrap_or_default(), given("value").unwrap_or_default());
    let answer = match name {
        "list" => {
            let line = |it: &_| print::line(it, &["kind", "value", "created"]);
            return pages::print(&client, &all, &[], flags, line).await;
        }
        "bind" => client.create(&all, &json!({ "kind": kind, "value": value })).await?,
        _ => client.delete(&[&all[..], &[kind, value]].concat()).await?,
    };
    print::answer(&answer, flags)
}
