//! The description of the API, judged by a validator that others wrote.

use std::path::Path;
use std::process::Command;

use tenon_tests::Server;

use super::Failure;

/// Runs `openapi-spec-validator` on the description that a server gives.
pub(super) async fn test(validator: &Path, server: &Server) -> Result<(), Failure> {
    println!("\n== openapi-spec-validator on /admin/v1/openapi.json");
    let answer = server.admin().get("/openapi.json").await;
    if answer.status != 200 {
        return Err(format!("there is no description of the API: {:#}", answer.body));
    }
    let failed = |error: std::io::Error| format!("openapi-spec-validator: {error}");
    let directory = tempfile::tempdir().map_err(failed)?;
    let file = directory.path().join("openapi.json");
    std::fs::write(&file, answer.body.to_string()).map_err(failed)?;
    let status = Command::new(validator).arg(&file).status().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(format!("openapi-spec-validator: {status}")) }
}
