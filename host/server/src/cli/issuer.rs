//! `tenon issuer`: whose JWTs are credentials of a tenant, or of those that they name.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;

use super::admin::{self, AdminClient, AdminError};
use super::{pages, print};

pub(super) fn command() -> Command {
    let subcommand = |name: &'static str, about: &'static str| {
        let operator = Arg::new("operator").long("operator").action(ArgAction::SetTrue);
        let operator = operator.help("The operator's, whose JWTs name their tenant");
        Command::new(name)
            .about(about)
            .args(admin::flags())
            .arg(admin::tenant_flag().required(false).required_unless_present("operator"))
            .arg(operator.conflicts_with("tenant"))
    };
    let realm = || {
        let realm = Arg::new("realm").long("realm").value_name("REALM").requires("operator");
        let realm = realm.value_parser(admin::name);
        realm.help("For tenants of this realm alone, by name or id")
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
            subcommand("create", "Take JWTs of an issuer")
                .args([file(), realm()])
                .arg(pages::json_flag()),
        )
        .subcommand(
            of_one("replace", "Change how JWTs of an issuer are taken").args([file(), realm()]),
        )
        .subcommand(of_one("delete", "Take JWTs of an issuer no more"))
        .subcommand(of_one("refresh", "Fetch the keys of an issuer now"))
}

pub(super) async fn run(matches: &ArgMatches) -> Result<(), AdminError> {
    let Some((name, flags)) = matches.subcommand() else { return Ok(()) };
    let client = AdminClient::of(flags)?;
    let given = |flag: &str| {
        flags.try_get_one::<String>(flag).ok().flatten().map(String::as_str).unwrap_or_default()
    };
    let all = match flags.get_flag("operator") {
        true => vec!["issuers"],
        false => vec!["tenants", given("tenant"), "issuers"],
    };
    let one = [&all[..], &[given("id")]].concat();
    let described = || -> Result<Value, AdminError> {
        let mut issuer = print::json_in(given("file"))?;
        if let (false, Value::Object(members)) = (given("realm").is_empty(), &mut issuer) {
            members.insert("realm".to_owned(), given("realm").into());
        }
        Ok(issuer)
    };
    let answer = match name {
        "list" => {
            let line =
                |it: &_| print::line(it, &["id", "issuer", "audiences", "permissions", "realm"]);
            return pages::print(&client, &all, &[], flags, line).await;
        }
        "create" => client.create(&all, &described()?).await?,
        "replace" => client.put(&one, &described()?).await?,
        "refresh" => client.post(&[&one[..], &[name]].concat(), &[]).await?,
        _ => client.delete(&one).await?,
    };
    print::answer(&answer, flags)
}
