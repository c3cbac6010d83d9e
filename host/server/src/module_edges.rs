//! The rooms of this crate know each other in one direction only; this is where that is checked.

use std::path::{Path, PathBuf};

/// Which rooms a room may name after `crate::`. `cli` and `serve` put everything together, and
/// `clock`, `config`, `keyring` and `telemetry` are tools.
const ALLOWED: [(&str, &[&str]); 4] = [
    ("http", &["service", "store", "tenant", "clock", "keyring"]),
    ("service", &["store", "tenant", "clock", "keyring"]),
    ("tenant", &["store", "clock", "keyring"]),
    ("store", &["keyring"]),
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

/// Work that is no request of a tenant's, and so is done as the owner of the tables.
const OF_THE_OWNER: &[(&str, &str)] = &[
    ("audit.rs", "administration, and seals in the background"),
    ("condition.rs", "administration"),
    ("deliveries.rs", "plugins are told in the background, and administration"),
    ("hooks/after_commit.rs", "plugins are told in the background"),
    ("housekeeping.rs", "looks at all tenants"),
    ("indexing.rs", "builds indexes in the background"),
    ("indexes.rs", "administration"),
    ("moves.rs", "administration, and work in the background"),
    ("plugins.rs", "administration"),
    ("plugins/impact.rs", "administration, and work in the background"),
    ("plugins/life_cycle.rs", "administration"),
    ("plugins/log.rs", "of the server, for all tenants"),
    ("plugins/recordings.rs", "administration, and calls in the background"),
    ("plugins/schema_change.rs", "administration"),
    ("plugins/shadow.rs", "administration, and sums in the background"),
    ("removal.rs", "takes a tenant away"),
    ("request_log.rs", "of the server, for all tenants"),
    ("shares.rs", "administration"),
    ("shares/follow.rs", "copies in the background from one tenant to another"),
    ("substrings.rs", "of the server, and of no tenant"),
];

#[test]
fn requests_of_tenants_work_under_the_second_lock() {
    let service = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/service");
    let mut locked = 0;
    for file in files_below(&service) {
        let text = std::fs::read_to_string(&file).unwrap();
        locked += text.matches("_for(").count();
        let name = file.strip_prefix(&service).unwrap();
        if OF_THE_OWNER.iter().any(|(of_the_owner, _)| name == Path::new(of_the_owner)) {
            continue;
        }
        for open in ["read", "begin", "snapshot", "autocommit"] {
            let found = text.contains(&format!("database.{open}()"));
            let found = found || text.contains(&format!("database.{open}_at("));
            let found = found || text.contains(&format!("database.{open}_data_at("));
            assert!(!found, "{}: use {open}_for(place), or name the file here", name.display());
        }
        let direct = ["lanes.rows(", "lanes.row("].iter().any(|it| text.contains(it));
        assert!(!direct, "{}: use rows_for(place, …)", name.display());
    }
    assert!(locked > 15, "only {locked} places were found");
}
