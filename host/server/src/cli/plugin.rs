//! `tenon plugin list` and others: the plugins of a tenant. What their authors need is in `plugin_build`
//! and `plugin_check`.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::admin::{self, AdminClient, AdminError};
use super::{pages, print};

/// The subcommands that ask a server.
pub(super) fn commands() -> Vec<Command> {
    let subcommand = |name: &'static str, about: &'static str| {
        Command::new(name).about(about).args(admin::flags()).arg(admin::tenant_flag())
    };
    let of_one = |name: &'static str, about: &'static str| {
        let plugin = Arg::new("name").value_name("NAME").required(true);
        let plugin = plugin.value_parser(admin::name).help("The plugin, by its name at the tenant");
        subcommand(name, about).arg(plugin).arg(pages::json_flag())
    };
    let argument = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id).value_name(name).help(help)
    };
    vec![
        subcommand("list", "List the plugins of a tenant").args(pages::flags()),
        of_one("show", "Show a plugin of a tenant with its versions"),
        of_one("upload", "Upload a component as a version of a plugin")
            .arg(argument("file", "FILE", "The component").required(true))
            .arg(
                Arg::new("activate")
                    .long("activate")
                    .action(ArgAction::SetTrue)
                    .help("Have requests go through it then"),
            ),
        of_one("activate", "Have requests go through a version of a plugin")
            .arg(argument("digest", "DIGEST", "The version: sha256:…").required(true)),
        of_one("deactivate", "Have requests go through a plugin no more"),
        of_one("delete", "Delete a plugin of a tenant with all its versions"),
        of_one("config", "Show the configuration of a plugin, or give it another").arg(argument(
            "file",
            "FILE",
            "A JSON object; - for standard input",
        )),
    ]
}

pub(super) async fn run(name: &str, flags: &ArgMatches) -> Result<(), AdminError> {
    let client = AdminClient::of(flags)?;
    let given = |flag: &str| flags.try_get_one::<String>(flag).ok().flatten().map(String::as_str);
    let all = ["tenants", given("tenant").unwrap_or_default(), "plugins"];
    let one = [&all[..], &[given("name").unwrap_or_default()]].concat();
    let at = |last: &'static str| [&one[..], &[last]].concat();
    let answer = match (name, given("file")) {
        ("list", _) => {
            let line = |it: &_| print::line(it, &["name", "activeDigest", "modified"]);
            return pages::print(&client, &all, &[], flags, line).await;
        }
        ("upload", file) => upload(&client, &one, file.unwrap_or_default(), flags).await?,
        ("activate", _) => {
            client.create(&at("activate"), &json!({ "digest": given("digest") })).await?
        }
        ("deactivate", _) => client.post(&at("deactivate"), &[]).await?,
        ("delete", _) => client.delete(&one).await?,
        ("config", Some(file)) => client.put(&at("config"), &print::json_in(file)?).await?,
        ("config", None) => client.get(&at("config"), &[]).await?,
        _ => client.get(&one, &[]).await?,
    };
    print::answer(&answer, flags)
}

/// The version that was uploaded, or the plugin, where that is active then.
async fn upload(
    client: &AdminClient,
    plugin: &[&str],
    file: &str,
    flags: &ArgMatches,
) -> Result<Value, AdminError> {
    let component = std::fs::read(file)
        .map_err(|error| AdminError::File { path: file.to_owned(), reason: error.to_string() })?;
    let version = client.upload(plugin, component).await?;
    if !flags.get_flag("activate") {
        return Ok(version);
    }
    let digest = version.get("digest").ok_or_else(|| client.unlike(plugin, &version))?;
    client.create(&[plugin, &["activate"]].concat(), &json!({ "digest": digest })).await
}
