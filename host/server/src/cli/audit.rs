//! `tenon audit`: who has done what.

use std::fs::File;
use std::io::Write;

use clap::{Arg, ArgMatches, Command};
use serde_json::Value;

use super::admin::{self, AdminClient, AdminError};
use super::{audit_file, pages};

/// Parameters of a list: the flag, its value and its help. The parameter of `resource-id` is `resourceId`.
const FILTERS: [(&str, &str, &str); 5] = [
    ("since", "TIME", "From then on, such as 2030-01-31T12:00:00Z"),
    ("until", "TIME", "Before then"),
    ("actor", "ACTOR", "Of this actor, such as operator or token:<id>"),
    ("action", "ACTION", "Of this action, such as create or token.create"),
    ("resource-id", "ID", "About this resource"),
];

pub(super) fn command() -> Command {
    let tenant = || admin::tenant_flag().required(false);
    let subcommand = |name: &'static str, about: &'static str| {
        let about = format!("{about}; without --tenant, of what the operator did to no tenant");
        Command::new(name).about(about).args(admin::flags()).arg(tenant())
    };
    let filters =
        FILTERS.map(|(name, value, help)| Arg::new(name).long(name).value_name(value).help(help));
    Command::new("audit")
        .about("See who has done what, and whether that is still as it was written")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            subcommand("list", "List records, the newest first").args(filters).args(pages::flags()),
        )
        .subcommand(
            subcommand("export", "Write all records with their seals, as JSON Lines")
                .arg(Arg::new("out").long("out").value_name("FILE").help("Into a file"))
                .arg(Arg::new("after").long("after").value_name("N").help("After a seal")),
        )
        .subcommand(
            subcommand("verify", "Hold records against their seals")
                .arg(Arg::new("file").value_name("FILE").help("An export; asks no server"))
                .arg(
                    Arg::new("after")
                        .long("after")
                        .value_name("HASH")
                        .requires("file")
                        .help("The hash of the seal after which the export has to begin"),
                )
                .arg(pages::json_flag()),
        )
}

pub(super) async fn run(matches: &ArgMatches) -> Result<(), AdminError> {
    let Some((name, flags)) = matches.subcommand() else { return Ok(()) };
    match name {
        "list" => list(&AdminClient::of(flags)?, flags).await,
        "export" => export(&AdminClient::of(flags)?, flags).await,
        _ => match flags.get_one::<String>("file") {
            Some(file) => {
                let after = flags.get_one::<String>("after").map(String::as_str);
                tell(&audit_file::verify(file, after)?, flags.get_flag("json"))
            }
            None => verify(&AdminClient::of(flags)?, flags).await,
        },
    }
}

/// `/audit` of the tenant, or of the operator, and what is below it.
fn below<'f>(flags: &'f ArgMatches, rest: &[&'f str]) -> Vec<&'f str> {
    let tenant = flags.get_one::<String>("tenant");
    let tenant = tenant.into_iter().flat_map(|tenant| ["tenants", tenant]);
    tenant.chain(["audit"]).chain(rest.iter().copied()).collect()
}

async fn list(client: &AdminClient, flags: &ArgMatches) -> Result<(), AdminError> {
    let filters = FILTERS.iter().filter_map(|(name, ..)| {
        let parameter = if *name == "resource-id" { "resourceId" } else { name };
        Some((parameter, flags.get_one::<String>(name)?.as_str()))
    });
    let filters: Vec<_> = filters.collect();
    pages::print(client, &below(flags, &[]), &filters, flags, in_words).await
}

/// `2030-01-31T12:00:00Z operator create User 2819c223-… 1 -> 2 {"name":…}`
fn in_words(record: &Value) -> String {
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let version = |name: &str| record.get(name).map_or("-".to_owned(), Value::to_string);
    let mut words: Vec<String> = ["at", "actor", "action", "type", "resourceId", "subject"]
        .into_iter()
        .filter_map(|name| text(name).map(str::to_owned))
        .collect();
    if text("resourceId").is_some() {
        words.push(format!("{} -> {}", version("versionBefore"), version("versionAfter")));
    }
    words.extend(record.get("details").map(Value::to_string));
    words.join(" ")
}

async fn export(client: &AdminClient, flags: &ArgMatches) -> Result<(), AdminError> {
    let after = flags.get_one::<String>("after").map(|after| ("after", &**after));
    let query: Vec<_> = after.into_iter().collect();
    let path = below(flags, &["export"]);
    let Some(out) = flags.get_one::<String>("out") else {
        return client.download(&path, &query, &mut std::io::stdout().lock()).await;
    };
    let reason =
        |error: std::io::Error| AdminError::File { path: out.clone(), reason: error.to_string() };
    let mut file = File::create(out).map_err(reason)?;
    client.download(&path, &query, &mut file).await
}

async fn verify(client: &AdminClient, flags: &ArgMatches) -> Result<(), AdminError> {
    let (mut after, mut beginning) = ("0".to_owned(), None);
    loop {
        let mut found = client.post(&below(flags, &["verify"]), &[("after", &*after)]).await?;
        let begun = beginning.get_or_insert_with(|| found.get("after").cloned());
        if let (Some(found), Some(begun)) = (found.as_object_mut(), begun.clone()) {
            found.insert("after".to_owned(), begun);
        }
        let is = |name: &str| found.get(name).and_then(Value::as_bool) == Some(true);
        if is("complete") || !is("intact") {
            return tell(&found, flags.get_flag("json"));
        }
        after = found.pointer("/head/n").map(Value::to_string).unwrap_or_default();
    }
}

/// What was found, in words or as it is; an error where something is wrong.
fn tell(found: &Value, as_json: bool) -> Result<(), AdminError> {
    let number = |path: &str| found.pointer(path).and_then(Value::as_i64).unwrap_or_default();
    let is_intact = found.get("intact").and_then(Value::as_bool) == Some(true);
    let mut out = std::io::stdout().lock();
    if as_json {
        writeln!(out, "{found}")?;
    } else {
        let hash = found.pointer("/head/hash").and_then(Value::as_str).unwrap_or_default();
        let (records, unsealed, seals) =
            (number("/records"), number("/unsealed"), number("/seals"));
        writeln!(out, "{records} records, {unsealed} of them too young for a seal; {seals} seals")?;
        if number("/after/n") > 0 {
            let hash = found.pointer("/after/hash").and_then(Value::as_str).unwrap_or_default();
            writeln!(out, "what was up to seal {} was not looked at: {hash}", number("/after/n"))?;
        }
        writeln!(out, "the last seal is {}: {hash}", number("/head/n"))?;
        let problems = found.get("problems").and_then(Value::as_array).into_iter().flatten();
        for problem in problems {
            let seal = problem.get("seal").and_then(Value::as_i64).unwrap_or_default();
            let detail = problem.get("detail").and_then(Value::as_str).unwrap_or_default();
            writeln!(out, "seal {seal}: {detail}")?;
        }
    }
    if is_intact { Ok(()) } else { Err(AdminError::NotIntact) }
}
