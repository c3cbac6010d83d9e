//! The command line.

mod admin;
mod audit;
mod audit_file;
mod bench_seed;
mod credentials;
mod explain;
mod export;
mod fields;
mod import;
mod index;
mod issuer;
mod pages;
mod patience;
mod plugin;
mod plugin_build;
mod plugin_check;
mod plugin_host;
mod plugin_replay;
mod print;
mod realm;
mod requests;
mod share;
mod tenant;
mod tenant_move;

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use tokio::runtime::Builder;

use crate::config::{self, Config, Database};
use crate::serve::{self, COMPILE_SUBCOMMAND};
use crate::telemetry;

/// What was asked is wrong; standard error says what to do.
const EXIT_USAGE: u8 = 2;
/// It was right, and failed.
const EXIT_FAILED: u8 = 1;

/// Runs the command of this process.
#[must_use]
pub fn run() -> ExitCode {
    // Before anything else is started: this process is about to be limited.
    if std::env::args().nth(1).as_deref() == Some(COMPILE_SUBCOMMAND) {
        return tenon_plugin::compile_child_main();
    }
    let matches = command().get_matches();
    match matches.subcommand() {
        Some(("serve", flags)) => with_config(flags, serve::serve),
        Some(("migrate", flags)) => with_config(flags, migrate),
        Some(("bench", matches)) => match matches.subcommand() {
            Some(("seed", flags)) => {
                with_config(flags, async |config| bench_seed::run(config, flags).await)
            }
            _ => ExitCode::from(EXIT_USAGE),
        },
        Some(("tenant", matches)) => with_runtime(1, tenant::run(matches)),
        Some(("token", matches)) => with_runtime(1, credentials::run_token(matches)),
        Some(("client", matches)) => with_runtime(1, credentials::run_client(matches)),
        Some(("issuer", matches)) => with_runtime(1, issuer::run(matches)),
        Some(("realm", matches)) => with_runtime(1, realm::run_realm(matches)),
        Some(("entry-point", matches)) => with_runtime(1, realm::run_entry_point(matches)),
        Some(("index", matches)) => with_runtime(1, index::run(matches)),
        Some(("audit", matches)) => with_runtime(1, audit::run(matches)),
        Some(("import", flags)) => with_runtime(1, import::run(flags)),
        Some(("export", flags)) => with_runtime(1, export::run(flags)),
        Some(("requests", flags)) => with_runtime(1, requests::run(flags)),
        Some(("share", matches)) => with_runtime(1, share::run(matches)),
        Some(("explain", flags)) => with_runtime(1, explain::run(flags)),
        Some(("plugin", matches)) => match matches.subcommand() {
            Some(("build", flags)) => finish(plugin_build::run(flags), EXIT_FAILED),
            Some(("check", flags)) => finish(plugin_check::run(flags), EXIT_FAILED),
            Some(("replay", flags)) => with_runtime(1, plugin_replay::run(flags)),
            Some((name, flags)) => with_runtime(1, plugin::run(name, flags)),
            None => ExitCode::from(EXIT_USAGE),
        },
        _ => ExitCode::from(EXIT_USAGE),
    }
}

fn command() -> Command {
    let plugin = Command::new("plugin")
        .about("Work on plugins, and see and change those of a tenant")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("build")
                .about("Build a plugin written in Rust into a component")
                .arg(
                    Arg::new("dir")
                        .value_name("DIR")
                        .default_value(".")
                        .help("The folder of the plugin's Cargo.toml"),
                )
                .arg(
                    Arg::new("out")
                        .long("out")
                        .value_name("FILE")
                        .help("Where to write the component [default: NAME.wasm in DIR/target or the workspace's]"),
                ),
        )
        .subcommand(
            Command::new("check")
                .about("Tell whether a component would be accepted by an upload")
                .arg(Arg::new("file").value_name("FILE").required(true).help("The component"))
                .arg(
                    Arg::new("runtime-tier")
                        .long("runtime-tier")
                        .action(ArgAction::SetTrue)
                        .help("As at a tenant that may upload the runtime of a language (JavaScript, Python)"),
                ),
        )
        .subcommand(plugin_replay::command())
        .subcommands(plugin::commands());
    Command::new("tenon")
        .about("A multi-tenant SCIM 2.0 server that every tenant extends with WebAssembly plugins")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("serve").about("Run the server").args(config::flags()))
        .subcommand(
            Command::new("migrate")
                .about("Bring the database to the schema of this version, and end")
                .args(config::flags()),
        )
        .subcommand(tenant::command())
        .subcommand(credentials::token_command())
        .subcommand(credentials::client_command())
        .subcommand(issuer::command())
        .subcommand(realm::realm_command())
        .subcommand(realm::entry_point_command())
        .subcommand(index::command())
        .subcommand(explain::command())
        .subcommand(audit::command())
        .subcommand(import::command())
        .subcommand(export::command())
        .subcommand(requests::command())
        .subcommand(share::command())
        .subcommand(plugin)
        .subcommand(
            Command::new("bench")
                .about("Measure: fill a database with people")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(bench_seed::command()),
        )
}

fn with_config<E: std::fmt::Display>(
    flags: &ArgMatches,
    run: impl AsyncFnOnce(Config) -> Result<(), E>,
) -> ExitCode {
    let config = match Config::load(flags, |name| std::env::var_os(name)) {
        Ok(config) => config,
        Err(error) => return finish(Err(error), EXIT_USAGE),
    };
    telemetry::start(&config.log, config.log_format);
    for variable in config::unknown_variables(std::env::vars_os().map(|(name, _)| name)) {
        tracing::warn!(variable, "an environment variable looks like a setting and is none");
    }
    let workers = workers(&config);
    with_runtime(workers, run(config))
}

/// A database of our own has half of the processors; a database elsewhere has its own.
fn workers(config: &Config) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    match config.database {
        Database::Embedded { .. } => (processors / 2).max(1),
        Database::External(_) => processors,
    }
}

fn with_runtime<E: std::fmt::Display>(
    workers: usize,
    work: impl Future<Output = Result<(), E>>,
) -> ExitCode {
    match Builder::new_multi_thread().worker_threads(workers).enable_all().build() {
        Ok(runtime) => finish(runtime.block_on(work), EXIT_FAILED),
        Err(error) => finish(Err(error), EXIT_FAILED),
    }
}

async fn migrate(config: Config) -> Result<(), serve::ServeError> {
    let database = serve::open_database(&config).await?;
    tracing::info!("the database has the schema of this version");
    database.close().await;
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the last word of a command is for the terminal")]
fn finish<E: std::fmt::Display>(result: Result<(), E>, code: u8) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tenon: {error}");
            ExitCode::from(code)
        }
    }
}
