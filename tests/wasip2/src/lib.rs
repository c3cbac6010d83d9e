//! Asks WASI for all that the standard library can ask for, and tells what came of it in an issue.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tenon_sdk::prelude::*;

struct Curious;

impl Validation for Curious {
    fn validate(_: &Context, _: &Document, _: Option<&Document>) -> Result<Vec<Issue>, Failure> {
        Ok(vec![Issue::new(found())])
    }
}

#[allow(clippy::disallowed_methods, reason = "it asks for all there is")]
fn found() -> String {
    println!("printed by the guest");
    eprintln!("printed by the guest");
    let flushed = std::io::stdout().flush().is_ok();
    let mut input = Vec::new();
    let read = std::io::stdin().read_to_end(&mut input).map_or(-1, |read| read as i64);
    let (arguments, variables) = (std::env::args().count(), std::env::vars().count());
    let began = Instant::now();
    std::thread::sleep(Duration::from_secs(3_600));
    let passed = began.elapsed().as_nanos();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    // Its keys are seeded by WASI.
    let map: HashMap<_, _> = (0..3).map(|number| (number, number)).collect();
    format!(
        "flushed {flushed}, read {read}, {arguments} arguments, {variables} variables, \
         {passed} ns passed, {} entries, {}now {now}",
        map.len(),
        files()
    )
}

#[cfg(not(feature = "files"))]
fn files() -> String {
    String::new()
}

#[cfg(feature = "files")]
fn files() -> String {
    format!("read a file {}, ", std::fs::read("/etc/passwd").is_ok())
}

tenon_sdk::export!(Curious: validation);
