//! `tenon token` and `tenon client`: the credentials of a tenant.

use clap::{Arg, ArgMatches, Command};
use serde_json::Value;

use super::admin::{self, AdminClient, AdminError};
use super::fields::{self, Field, Kind, field};
use super::{pages, print};

const NAME: Field = field(Kind::Text, ["name", "name", "NAME", "A name for people"]);
const GRANTS: [Field; 3] = [
    field(
        Kind::Text,
        ["role", "role", "ROLE", "What it may do: provisioner, reader, tenant-admin …"],
    ),
    field(
        Kind::Texts,
        ["permission", "permissions", "NAME", "What it may do, once for each: scim:read:User"],
    ),
    field(
        Kind::Texts,
        ["hidden", "hidden", "PATH", "What it may not read, once for each: name.familyName"],
    ),
];
const EXPIRES_AT: Field = field(
    Kind::TextOrNull,
    ["expires-at", "expiresAt", "TIME", "Until when it is accepted; empty for always"],
);
const OF_TOKENS: [Field; 3] = [
    EXPIRES_AT,
    field(Kind::Text, ["user-id", "userId", "ID", "The user that it speaks for, whom /Me is"]),
    field(
        Kind::Text,
        [
            "certificate",
            "certificate",
            "TEXT",
            "The TLS certificate that it is, in place of a secret",
        ],
    ),
];
const OVERLAP: [Field; 1] = [field(
    Kind::Json,
    ["overlap-seconds", "overlapSeconds", "N", "How long the secret before is accepted"],
)];

/// `tenon token`.
pub(super) fn token_command() -> Command {
    let new = [&[NAME][..], &GRANTS, &OF_TOKENS].concat();
    let changes = [&[NAME][..], &GRANTS, &[EXPIRES_AT]].concat();
    credentials("token", "See, give and take the tokens of a tenant", "token", &new)
        .subcommand(
            of_one("update", "Change a token; what is not said stays").args(fields::args(&changes)),
        )
        .subcommand(of_one("revoke", "Revoke a token"))
}

/// `tenon client`.
pub(super) fn client_command() -> Command {
    let new = [&[NAME][..], &GRANTS].concat();
    credentials("client", "See, make and delete the OAuth clients of a tenant", "client", &new)
        .subcommand(of_one("delete", "Delete a client, and end its tokens"))
}

fn credentials(
    name: &'static str,
    about: &'static str,
    what: &'static str,
    new: &[Field],
) -> Command {
    let create = format!("Make a {what}; its secret is printed this once");
    let rotate = format!("Give a {what} another secret, printed this once");
    Command::new(name)
        .about(about)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            of_tenant("list", format!("List the {what}s, without their secrets"))
                .args(pages::flags()),
        )
        .subcommand(
            of_tenant("create", create)
                .args(fields::args(new))
                .mut_arg("name", |name| name.required(true))
                .arg(pages::json_flag()),
        )
        .subcommand(of_one("rotate", rotate).args(fields::args(&OVERLAP)))
}

fn of_tenant(name: &'static str, about: impl Into<String>) -> Command {
    Command::new(name).about(about.into()).args(admin::flags()).arg(admin::tenant_flag())
}

fn of_one(name: &'static str, about: impl Into<String>) -> Command {
    let id = Arg::new("id").value_name("ID").required(true).value_parser(admin::name);
    of_tenant(name, about).arg(id.help("Its id")).arg(pages::json_flag())
}

/// Carries out a command on a token.
pub(super) async fn run_token(matches: &ArgMatches) -> Result<(), AdminError> {
    let members = ["id", "name", "permissions", "expiresAt", "lastUsedAt"];
    run("tokens", &members, matches).await
}

/// Carries out a command on a client.
pub(super) async fn run_client(matches: &ArgMatches) -> Result<(), AdminError> {
    let members = ["clientId", "name", "permissions", "lastUsedAt", "id"];
    run("clients", &members, matches).await
}

async fn run(what: &str, listed: &[&str], matches: &ArgMatches) -> Result<(), AdminError> {
    let Some((name, flags)) = matches.subcommand() else { return Ok(()) };
    let client = AdminClient::of(flags)?;
    let given = |flag: &str| {
        flags.try_get_one::<String>(flag).ok().flatten().map(String::as_str).unwrap_or_default()
    };
    let all = ["tenants", given("tenant"), what];
    let [tenants, tenant, what] = all;
    let one = [tenants, tenant, what, given("id")];
    let answer = match name {
        "list" => {
            return pages::print(&client, &all, &[], flags, |it| print::line(it, listed)).await;
        }
        "create" => client.create(&all, &said(flags)?).await?,
        "update" => client.patch(&one, &said(flags)?).await?,
        "rotate" => {
            let [tenants, tenant, what, id] = one;
            let overlap = fields::body(&OVERLAP, flags)?;
            client.create(&[tenants, tenant, what, id, "rotate"], &overlap).await?
        }
        _ => client.delete(&one).await?,
    };
    print::answer(&answer, flags)
}

/// What the flags say, of those that the command has.
fn said(flags: &ArgMatches) -> Result<Value, AdminError> {
    fields::body(&[&[NAME][..], &GRANTS, &OF_TOKENS].concat(), flags)
}
