//! `tenon tenant`: the tenants of a server.

use clap::{Arg, ArgMatches, Command};

use super::admin::{self, AdminClient, AdminError};
use super::fields::{self, Field, Kind, field};
use super::{pages, print, tenant_move};

/// What the list is narrowed down by: the flag, the parameter, and the help.
const FILTERS: [[&str; 4]; 4] = [
    ["name", "name", "NAME", "The one of this name"],
    ["external-key", "externalKey", "KEY", "The one of this external key"],
    ["state", "state", "STATE", "Those that are active, suspended or deleting"],
    ["realm", "realm", "REALM", "Those of this realm"],
];

const EXTERNAL_KEY: Field = field(
    Kind::TextOrNull,
    ["external-key", "externalKey", "KEY", "What your other systems call it; empty for nothing"],
);
const DIALECT: Field = field(
    Kind::Text,
    ["dialect", "dialect", "NAME", "How its clients speak SCIM: rfc, entra, okta or interop"],
);
const LIMITS: Field = field(
    Kind::Json,
    ["limits", "limits", "JSON", r#"What it may cost: {"maxUsers":100}; null is the default"#],
);

const NEW: [Field; 3] = [EXTERNAL_KEY, DIALECT, LIMITS];
const CHANGES: [Field; 7] = [
    field(Kind::Text, ["name", "name", "NAME", "Another name"]),
    EXTERNAL_KEY,
    DIALECT,
    LIMITS,
    field(
        Kind::TextOrNull,
        ["realm", "resolution.realm", "REALM", "The realm that it belongs to; empty for none"],
    ),
    field(
        Kind::Text,
        ["request-log", "requestLog", "WHICH", "Which requests are logged: off, writes or all"],
    ),
    field(
        Kind::Json,
        ["public-discovery", "discovery.public", "BOOL", "Whether discovery needs no credential"],
    ),
];

pub(super) fn command() -> Command {
    let subcommand = |name: &'static str, about: &'static str| {
        Command::new(name).about(about).args(admin::flags())
    };
    let of_one = |name: &'static str, about: &'static str| {
        let tenant = Arg::new("tenant").value_name("TENANT").required(true);
        let tenant = tenant.value_parser(admin::name).help("Its name or id");
        subcommand(name, about).arg(tenant).arg(pages::json_flag())
    };
    let filters = FILTERS
        .map(|[flag, _, value, help]| Arg::new(flag).long(flag).value_name(value).help(help));
    Command::new("tenant")
        .about("See, make and change tenants")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(subcommand("list", "List tenants").args(filters).args(pages::flags()))
        .subcommand(of_one("show", "Show a tenant"))
        .subcommand(
            subcommand("create", "Make a tenant")
                .arg(Arg::new("name").value_name("NAME").required(true).help("Its name in URLs"))
                .args(fields::args(&NEW))
                .arg(pages::json_flag()),
        )
        .subcommand(
            of_one("update", "Change a tenant; what is not said stays")
                .args(fields::args(&CHANGES)),
        )
        .subcommand(of_one("delete", "Delete a tenant with all that it has"))
        .subcommand(of_one("suspend", "Refuse the credentials of a tenant"))
        .subcommand(of_one("resume", "Let the credentials of a tenant in again"))
        .subcommand(tenant_move::flags(of_one(
            "move",
            "Have the data of a tenant go to other tables while it is in use, and wait for it",
        )))
        .subcommand(of_one("stats", "Show how much a tenant has and may have"))
        .subcommand(of_one("health", "Show whether something of a tenant does not work"))
}

pub(super) async fn run(matches: &ArgMatches) -> Result<(), AdminError> {
    let Some((name, flags)) = matches.subcommand() else { return Ok(()) };
    let client = AdminClient::of(flags)?;
    let given = |flag: &str| {
        flags.try_get_one::<String>(flag).ok().flatten().map(String::as_str).unwrap_or_default()
    };
    let tenant = ["tenants", given("tenant")];
    let [tenants, one] = tenant;
    let answer = match name {
        "list" => return list(&client, flags).await,
        "move" => return tenant_move::run(&client, flags).await,
        "create" => {
            let mut body = fields::body(&NEW, flags)?;
            if let Some(body) = body.as_object_mut() {
                body.insert("name".to_owned(), given("name").into());
            }
            client.create(&[tenants], &body).await?
        }
        "update" => client.patch(&tenant, &fields::body(&CHANGES, flags)?).await?,
        "delete" => client.delete(&tenant).await?,
        "suspend" | "resume" => client.post(&[tenants, one, name], &[]).await?,
        "stats" | "health" => client.get(&[tenants, one, name], &[]).await?,
        _ => client.get(&tenant, &[]).await?,
    };
    print::answer(&answer, flags)
}

async fn list(client: &AdminClient, flags: &ArgMatches) -> Result<(), AdminError> {
    let filters = FILTERS.iter().filter_map(|[flag, parameter, ..]| {
        Some((*parameter, flags.get_one::<String>(flag)?.as_str()))
    });
    let filters: Vec<_> = filters.collect();
    // One that is being deleted has no name.
    let members = ["name", "id", "state", "externalKey", "scimUrl"];
    pages::print(client, &["tenants"], &filters, flags, |it| print::line(it, &members)).await
}
