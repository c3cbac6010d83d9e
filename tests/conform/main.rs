//! `conform`: runs the scenarios of `tests/vectors` against any SCIM server.
//!
//! Ends with 0 if none failed, 1 if one did (with `--no-skips` also if one was skipped), 2 if they
//! could not be run.

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use tenon_tests::conform::{Dialect, Report, Runner, Vector};

fn command() -> Command {
    Command::new("conform")
        .about("Runs the scenarios of tests/vectors against a SCIM server")
        .after_help("Scenarios create resources and delete them again.")
        .arg(
            Arg::new("url").long("url").value_name("URL").required(true).help(
                "The base URL of the SCIM service: http://127.0.0.1:8080/tenants/acme/scim/v2",
            ),
        )
        .arg(
            Arg::new("token")
                .long("token")
                .value_name("TOKEN")
                .required(true)
                .help("The bearer token"),
        )
        .arg(
            Arg::new("dialect")
                .long("dialect")
                .value_parser(Dialect::ALL.map(Dialect::name))
                .default_value(Dialect::Rfc.name())
                .help("Which scenarios"),
        )
        .arg(Arg::new("only").long("only").value_name("NAME").help("This scenario alone"))
        .arg(
            Arg::new("no-skips")
                .long("no-skips")
                .action(ArgAction::SetTrue)
                .help("Fail if the server does not offer what a scenario needs"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print one JSON object at the end rather than a line for each scenario"),
        )
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = command().get_matches();
    let may_skip = !arguments.get_flag("no-skips");
    match run(&arguments).await {
        Ok(report) if report.failed() == 0 && (may_skip || report.skipped() == 0) => {
            ExitCode::SUCCESS
        }
        Ok(_) => ExitCode::from(1),
        Err(problem) => {
            eprintln!("conform: {problem}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &ArgMatches) -> Result<Report, String> {
    let vectors = chosen(arguments)?;
    let runner = Runner::connect(text(arguments, "url"), text(arguments, "token")).await?;
    let as_json = arguments.get_flag("json");
    let mut report = Report::default();
    for vector in vectors {
        let outcome = runner.run(&vector).await;
        if !as_json {
            println!("{outcome}");
        }
        report.outcomes.push(outcome);
    }
    if as_json {
        println!("{:#}", report.to_json());
    } else {
        println!("{report}");
    }
    Ok(report)
}

fn chosen(arguments: &ArgMatches) -> Result<Vec<Vector>, String> {
    let dialect = text(arguments, "dialect");
    let mut vectors = Vector::load(Dialect::named(dialect).ok_or("no such dialect")?)?;
    let Some(only) = arguments.get_one::<String>("only") else { return Ok(vectors) };
    vectors.retain(|vector| vector.name == *only);
    if vectors.is_empty() {
        return Err(format!("there is no scenario \"{only}\" in tests/vectors/{dialect}"));
    }
    Ok(vectors)
}

fn text<'a>(arguments: &'a ArgMatches, name: &str) -> &'a str {
    arguments.get_one::<String>(name).map(String::as_str).unwrap_or_default()
}
