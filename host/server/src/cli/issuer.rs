//! `tenon issuer`: whose JWTs are credentials of a tenant.

use clap::{Arg, ArgMatches, Command};

use super::admin::{self, AdminClient, AdminError};
use super::{pages, print};

pub(super) fn command() -> Command {
    let subcommand = |name: &'static str, about: &'static str| {
        Command::new(name).about(about).args(admin::flags()).arg(admin::tenant_flag())
    };
    let of_one = |name: &'static str, about: &'static str| {
        let id = Arg::new("id").value_name("ID").required(true).value_parser(admin::name);
        subcommand(name, about).arg(id.help("Its id")).arg(pages::json_flag())
    };
    let file = || {
        let file = Arg::new("file").value_name("FILE").required(true);
        file.help("What it is, as JSON: issuer, audiences, jwksUrl …; - for standard input")
    };
    Command::new("issuer")
        .about("See and change whose JWTs are credentials of a tenant")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(subcommand("list", "List the issuers").args(pages::flags()))
        .subcommand(
            subcommand("create", "Take JWTs of an issuer").arg(file()).arg(pages::json_flag()),
        )
        .subcommand(of_one("replace", "Change how JWTs of an issuer are taken").arg(file()))
        .subcommand(of_one("delete", "Take JWTs of an issuer no more"))
        .subcommand(of_one("refresh", "Fetch the keys of an issuer now"))
}

pub(super) async fn run(matches: &ArgMatches) -> Result<(), AdminError> {
    let Some((name, flags)) = matches.subcommand() else { return Ok(()) };
    let client = AdminClient::of(flags)?;
    let given = |flag: &str| {
        flags.try_get_one::<String>(flag).ok().flatten().map(String::as_str).unwrap_or_default()
    };
    let all = ["tenants", given("tenant"), "issuers"];
    let [tenants, tenant, issuers] = all;
    let one = [tenants, tenant, issuers, given("id")];
    let answer = match name {
        "list" => {
            let line = |it: &_| print::line(it, &["id", "issuer", "audiences", "permissions"]);
            return pages::print(&client, &all, &[], flags, line).await;
        }
        "create" => client.create(&all, &print::json_in(given("file"))?).await?,
        "replace" => client.put(&one, &print::json_in(given("file"))?).await?,
        "refresh" => {
            let [tenants, tenant, issuers, id] = one;
            client.post(&[tenants, tenant, issuers, id, name], &[]).await?
        }
        _ => client.delete(&one).await?,
    };
    print::answer(&answer, flags)
}
