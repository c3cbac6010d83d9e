//! An export of the audit log, held against its seals without a server.

use std::fs::File;
use std::io::{BufRead, BufReader};

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::admin::AdminError;
use crate::service::audit::chain::{Link, Verifier};
use crate::store::audit::Record;
use crate::store::audit_seals::Seal;

/// A line of an export.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    Start(Start),
    Record(Box<Record>),
    Seal(Seal),
    End(End),
}

#[derive(Deserialize)]
struct Start {
    format: u32,
    tenant: Uuid,
    after: Head,
}

#[derive(Deserialize)]
struct End {
    records: i64,
    head: Head,
}

#[derive(Deserialize, PartialEq)]
struct Head {
    n: i64,
    hash: String,
}

/// What is found of the log in a file, as a server tells it of its own. One that begins after a seal is
/// complete only for who knows the hash of that seal, `after`.
pub(super) fn verify(path: &str, after: Option<&str>) -> Result<Value, AdminError> {
    let failed = |reason: String| AdminError::File { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut lines = BufReader::new(file).lines().enumerate().map(|(place, line)| {
        let read = line.map_err(|error| error.to_string()).and_then(|line| {
            serde_json::from_str::<Line>(&line).map_err(|error| error.to_string())
        });
        read.map_err(|error| failed(format!("line {}: {error}", place + 1)))
    });
    let Some(Line::Start(start)) = lines.next().transpose()? else {
        return Err(failed("no export of an audit log: it has no first line".to_owned()));
    };
    if after.is_some_and(|after| after != start.after.hash) {
        return Err(failed(format!("it begins after another seal: {}", start.after.hash)));
    }
    let is_complete = start.after.n == 0 || after.is_some();
    let mut verifier = Verifier::after(beginning(&start).map_err(&failed)?);
    for line in lines {
        match line? {
            Line::Record(record) => verifier.record(&record),
            Line::Seal(seal) => verifier.seal(&seal),
            Line::End(end) => {
                let found = whole(&verifier, &end).map_err(failed)?;
                return Ok(told(&verifier, &start.after, is_complete, &found));
            }
            Line::Start(_) => return Err(failed("it has two beginnings".to_owned())),
        }
    }
    Err(failed("it has no last line: the export is not whole".to_owned()))
}

fn beginning(start: &Start) -> Result<Link, String> {
    if start.format != 1 {
        return Err(format!("format {} is not known to this version", start.format));
    }
    if start.after.n == 0 && start.after.hash != start.tenant.to_string() {
        return Err("its beginning is not that of the tenant's log".to_owned());
    }
    Ok(Link { n: start.after.n, hash: start.after.hash.clone(), up_to: Uuid::nil() })
}

/// The end of the chain, where the last line names it.
fn whole(verifier: &Verifier, end: &End) -> Result<Head, String> {
    let head = Head { n: verifier.head.n, hash: verifier.head.hash.clone() };
    if verifier.records != end.records || head != end.head {
        return Err("its last line does not fit: lines were added or taken out".to_owned());
    }
    Ok(head)
}

fn told(verifier: &Verifier, after: &Head, is_complete: bool, head: &Head) -> Value {
    json!({
        "intact": verifier.problems.is_empty(),
        "complete": is_complete,
        "seals": verifier.seals,
        "records": verifier.records,
        "unsealed": verifier.unsealed(),
        "after": { "n": after.n, "hash": after.hash },
        "head": { "n": head.n, "hash": head.hash },
        "problems": verifier.problems,
    })
}
