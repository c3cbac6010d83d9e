//! `tenon plugin list` and others: the plugins of a tenant. What their authors need is in `plugin_build`,
//! `plugin_check` and `plugin_replay`.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::admin::{self, AdminClient, AdminError};
use super::{pages, print};

/// How often is asked how far something is.
const INTERVAL: Duration = Duration::from_millis(500);

/// The subcommands that ask a server.
pub(super) fn commands() -> Vec<Command> {
    let plugin = || {
        let plugin = Arg::new("name").value_name("NAME").required(true);
        plugin.value_parser(admin::name).help("The plugin, by its name at the tenant")
    };
    let subcommand = |name: &'static str, about: &'static str| {
        Command::new(name).about(about).args(admin::flags()).arg(admin::tenant_flag())
    };
    let of_one = |name: &'static str, about: &'static str| {
        subcommand(name, about).arg(plugin()).arg(pages::json_flag())
    };
    let argument = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id).value_name(name).help(help)
    };
    let switch = |id: &'static str, help: &'static str| {
        Arg::new(id).long(id).action(ArgAction::SetTrue).help(help)
    };
    let several = |id: &'static str, name: &'static str, help: &'static str| {
        let flag = Arg::new(id).long(id).value_name(name).action(ArgAction::Append);
        flag.help(format!("{help}; may be given several times"))
    };
    let digest = || argument("digest", "DIGEST", "The version: sha256:…");
    let confirm = || {
        let confirm = Arg::new("confirm").long("confirm").value_name("CHANGES");
        confirm.help("What the refusal of a breaking change names it by")
    };
    vec![
        subcommand("list", "List the plugins of a tenant").args(pages::flags()),
        of_one("show", "Show a plugin of a tenant with its versions"),
        of_one("upload", "Upload a component as a version of a plugin")
            .arg(argument("file", "FILE", "The component").required(true))
            .visible_alias("push")
            .arg(switch("activate", "Have requests go through it then")),
        of_one("activate", "Have requests go through a version of a plugin")
            .arg(digest().required(true))
            .arg(confirm()),
        of_one("rollback", "Have requests go through the version that was active before")
            .arg(confirm()),
        of_one("shadow", "Run a version beside the active one, or show what came of it")
            .arg(digest())
            .arg(switch("stop", "Run it no more").conflicts_with("digest")),
        of_one("impact", "Run a version over the stored resources, and wait for what comes of it")
            .arg(digest().required(true)),
        subcommand("order", "Show the order in which plugins are called, or change it")
            .arg(argument("names", "NAME", "All plugins, in their new order").num_args(1..))
            .arg(pages::json_flag()),
        subcommand("logs", "List what a plugin wrote and how its calls failed, the newest first")
            .arg(plugin())
            .args(pages::flags()),
        of_one("record", "Have the next calls of a hook be recorded, for replay")
            .arg(argument("hook", "HOOK", "The hook, such as validation").required(true))
            .arg(
                Arg::new("calls")
                    .long("calls")
                    .value_name("COUNT")
                    .value_parser(value_parser!(u32).range(1..))
                    .default_value("1")
                    .help("How many"),
            )
            .arg(several("redact", "PATH", "An attribute whose values are replaced"))
            .arg(several("header", "NAME", "A header that a resolver's recording shows")),
        subcommand("recordings", "List what is recorded, or print the file of one call")
            .arg(plugin())
            .args(pages::flags())
            .arg(argument("call", "CALL", "The call, by its id"))
            .arg(switch("delete", "Delete the call, or all recordings of the plugin")),
        of_one("deactivate", "Have requests go through a plugin no more"),
        of_one("delete", "Delete a plugin of a tenant with all its versions")
            .visible_alias("remove"),
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
            let line = |it: &_| print::line(it, &["position", "name", "activeDigest", "modified"]);
            return pages::print(&client, &all, &[], flags, line).await;
        }
        ("upload", file) => upload(&client, &one, file.unwrap_or_default(), flags).await?,
        ("activate", _) => {
            let body = json!({ "digest": given("digest"), "confirm": given("confirm") });
            client.create(&at("activate"), &body).await?
        }
        ("rollback", _) => {
            client.create(&at("rollback"), &json!({ "confirm": given("confirm") })).await?
        }
        ("shadow", _) if flags.get_flag("stop") => client.delete(&at("shadow")).await?,
        ("shadow", _) => match given("digest") {
            Some(digest) => client.create(&at("shadow"), &json!({ "digest": digest })).await?,
            None => client.get(&at("shadow"), &[]).await?,
        },
        ("impact", _) => {
            impact(&client, &at("impact"), given("digest").unwrap_or_default()).await?
        }
        ("order", _) => {
            let order = [&all[..], &["order"]].concat();
            match flags.get_many::<String>("names") {
                Some(names) => {
                    let names: Vec<&String> = names.collect();
                    client.put(&order, &json!({ "order": names })).await?
                }
                None => client.get(&order, &[]).await?,
            }
        }
        ("logs", _) => {
            let line = |it: &_| print::line(it, &["at", "level", "hook", "requestId", "message"]);
            return pages::print(&client, &at("logs"), &[], flags, line).await;
        }
        ("record", _) => client.create(&at("recordings"), &wanted(flags)).await?,
        ("recordings", _) => {
            let path: Vec<&str> = at("recordings").into_iter().chain(given("call")).collect();
            match given("call") {
                _ if flags.get_flag("delete") => client.delete(&path).await?,
                Some(_) => return client.download(&path, &[], &mut std::io::stdout()).await,
                None => return pages::print(&client, &path, &[], flags, recording).await,
            }
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

/// What is to be recorded.
fn wanted(flags: &ArgMatches) -> Value {
    let all = |flag: &str| -> Vec<&String> {
        flags.get_many(flag).map(Iterator::collect).unwrap_or_default()
    };
    json!({
        "hook": flags.get_one::<String>("hook"),
        "calls": flags.get_one::<u32>("calls"),
        "redact": all("redact"),
        "headers": all("header"),
    })
}

/// A recording, and below it a line for each of its calls.
fn recording(it: &Value) -> String {
    let words = ["hook", "state", "recorded", "left", "dropped"];
    let words = words.map(|name| format!("{name} {}", print::line(it, &[name]))).join("  ");
    let calls = it.get("calls").and_then(Value::as_array).into_iter().flatten();
    let calls = calls.map(|it| print::line(it, &["id", "at", "requestId", "outcome"]));
    calls.fold(words, |lines, call| format!("{lines}\n  {call}"))
}

/// Begins with a version and waits for the end, with a bar on a terminal.
async fn impact(client: &AdminClient, path: &[&str], digest: &str) -> Result<Value, AdminError> {
    let mut latest = client.create(path, &json!({ "digest": digest })).await?;
    let number = |it: &Value, name: &str| it.get(name).and_then(Value::as_u64).unwrap_or_default();
    let bar = ProgressBar::new(number(&latest, "total"));
    while latest.get("state").is_some_and(|state| state == "running") {
        bar.set_position(number(&latest, "done"));
        sleep(INTERVAL).await;
        let all = client.get(path, &[]).await?;
        let items = all.get("items").and_then(Value::as_array).into_iter().flatten();
        let mut items = items.filter(|it| it.get("digest").is_some_and(|it| it == digest));
        latest = items.next().cloned().ok_or_else(|| client.unlike(path, &all))?;
    }
    bar.finish_and_clear();
    Ok(latest)
}
