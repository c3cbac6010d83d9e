//! `scim2 test`: one line for each check, its status first, what was wrong below it.

use std::path::Path;
use std::process::{Command, Stdio};

use tenon_tests::Client;

/// The statuses of scim2-tester that are no success. `scim2` itself ends with 1 for each of them.
const NO_SUCCESS: [&str; 6] =
    ["COMPLIANT", "ACCEPTABLE", "DEVIATION", "ERROR", "CRITICAL", "SKIPPED"];

/// Runs all its checks, and prints those that are no success.
///
/// # Errors
/// It does not run, or a check is no success.
pub(crate) fn test(scim2: &Path, tenant: &Client) -> Result<(), String> {
    let output = Command::new(scim2)
        .args(["--url", &tenant.base, "--header"])
        .arg(format!("Authorization: Bearer {}", tenant.token))
        .args(["test", "--verbose"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", scim2.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (mut successes, mut others, mut shown) = (0, 0, false);
    for line in text.lines() {
        if line.starts_with("SUCCESS ") {
            successes += 1;
            shown = false;
        } else if NO_SUCCESS.iter().any(|status| line.starts_with(&format!("{status} "))) {
            others += 1;
            shown = true;
        }
        if shown {
            println!("{line}");
        }
    }
    println!("{successes} success, {others} other");
    if output.status.success() && others == 0 && successes > 0 {
        return Ok(());
    }
    Err(format!("{successes} success, {others} other, {}", output.status))
}
