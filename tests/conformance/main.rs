//! `make conformance`: scim2-cli, a conformance client that others wrote, and `conform` with the
//! scenarios of `tests/vectors`, each as its users run it, against a real server.
//!
//! And `openapi-spec-validator` on the description of its API. The arguments are the paths of the programs
//! `scim2` and `openapi-spec-validator`. Ends with 0 if all passed and nothing was
//! left out.

mod openapi;
mod scim2;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::json;
use tenon_tests::conform::Dialect;
use tenon_tests::{Options, Server, Tenant, artifacts};

/// A check's failure, in words.
type Failure = String;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let programs = (arguments.next(), arguments.next(), arguments.next());
    let (Some(scim2), Some(validator), None) = programs else {
        eprintln!("conformance: the arguments are the paths of scim2 and openapi-spec-validator");
        return ExitCode::from(2);
    };
    let component = artifacts::cost_center();
    let server = Server::start(Options::default());
    let mut failures = scim2_checks(&server, Path::new(&scim2), component).await;
    failures.extend(openapi::test(Path::new(&validator), &server).await.err());
    for dialect in Dialect::ALL {
        failures.extend(vectors(&server, dialect).await.err());
    }
    if failures.is_empty() {
        println!("\nconformance: all passed");
        return ExitCode::SUCCESS;
    }
    for failure in failures {
        eprintln!("conformance: {failure}");
    }
    ExitCode::FAILURE
}

/// scim2-cli on a tenant with no plugin, and on one whose users have an extension of a plugin's.
async fn scim2_checks(server: &Server, scim2: &Path, component: &[u8]) -> Vec<Failure> {
    let plain = server.tenant("plain").await;
    let extended = server.tenant("extended").await;
    // scim2-cli makes up its values, so that any cost centre has to pass.
    extended.activate("cost-center", component, json!({ "pattern": ".*" })).await;
    let tenants = [("with no plugin", plain), ("with the plugin cost-center", extended)];
    let check = |(what, tenant): (&str, Tenant)| {
        println!("\n== scim2-cli on a tenant {what}");
        scim2::test(scim2, &tenant.scim).err().map(|failure| format!("scim2-cli {what}: {failure}"))
    };
    tenants.into_iter().filter_map(check).collect()
}

/// `conform` on a tenant of the dialect.
async fn vectors(server: &Server, dialect: Dialect) -> Result<(), Failure> {
    let name = dialect.name();
    println!("\n== the scenarios of tests/vectors/{name}");
    let tenant = server.tenant(name).await;
    // A new tenant speaks the RFCs' dialect.
    if dialect != Dialect::Rfc {
        let answer = tenant.admin.patch("", json!({ "dialect": name })).await;
        if answer.status != 200 {
            return Err(format!("a tenant cannot have the dialect {name}: {:#}", answer.body));
        }
    }
    let status = Command::new(beside("conform"))
        .args(["--url", &tenant.scim.base, "--token", &tenant.scim.token])
        .args(["--dialect", name, "--no-skips"])
        .status()
        .map_err(|error| format!("conform: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the scenarios of {name}: {status}")) }
}

/// A program that was built with this one.
fn beside(name: &str) -> PathBuf {
    std::env::current_exe().expect("a program knows its path").with_file_name(name)
}
