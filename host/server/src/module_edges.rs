//! The rooms of this crate know each other in one direction only; this is where that is checked.

use std::path::{Path, PathBuf};

/// Which rooms a room may name after `crate::`. `cli` and `serve` put everything together, and
/// `clock`, `config` and `telemetry` are tools.
const ALLOWED: [(&str, &[&str]); 4] = [
    ("http", &["service", "store", "tenant", "clock"]),
    ("service", &["store", "tenant", "clock"]),
    ("tenant", &["store", "clock"]),
    ("store", &[]),
];

#[test]
fn every_room_names_only_those_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    for (room, allowed) in ALLOWED {
        for file in files_below(&source.join(room)) {
            let text = std::fs::read_to_string(&file).unwrap();
            for named in rooms_named(&text) {
                seen += 1;
                assert!(
                    named == room || allowed.contains(&named),
                    "{} names crate::{named}, but {room} may name {allowed:?} alone",
                    file.display()
                );
            }
        }
    }
    assert!(seen > 20, "only {seen} uses of `crate::` were found");
}

fn rooms_named(text: &str) -> impl Iterator<Item = &str> {
    text.split("crate::").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        rest.get(..end).filter(|name| !name.is_empty())
    })
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
