//! What seeding took, in time and in bytes.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::store::load::Size;

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) users: u64,
    pub(super) groups: u64,
    pub(super) members: u64,
    /// How long the users took, indexes included.
    pub(super) loading: Duration,
    /// How much each table and index has grown.
    pub(super) sizes: Vec<Size>,
}

impl Report {
    /// To standard output, for people or for programs.
    pub(super) fn print(&self, as_json: bool) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if as_json {
            return writeln!(out, "{:#}", self.json());
        }
        writeln!(
            out,
            "{} users in {:.1?} ({:.0} a second), {} groups with {} members\n",
            self.users,
            self.loading,
            self.users_per_second(),
            self.groups,
            self.members
        )?;
        writeln!(out, "{:<16} {:<32} {:>14} {:>10}", "table", "index", "bytes", "per row")?;
        for size in &self.sizes {
            writeln!(
                out,
                "{:<16} {:<32} {:>14} {:>10.0}",
                size.table,
                size.index.as_deref().unwrap_or(""),
                size.bytes,
                self.per_row(size)
            )?;
        }
        writeln!(out, "\nper row: of a membership for group_members, else of a user")
    }

    fn json(&self) -> Value {
        let sizes: Vec<Value> = self
            .sizes
            .iter()
            .map(|size| {
                json!({
                    "table": size.table, "index": size.index, "bytes": size.bytes,
                    "perRow": self.per_row(size),
                })
            })
            .collect();
        json!({
            "users": self.users, "groups": self.groups, "members": self.members,
            "seconds": self.loading.as_secs_f64(), "usersPerSecond": self.users_per_second(),
            "sizes": sizes,
        })
    }

    fn users_per_second(&self) -> f64 {
        self.users as f64 / self.loading.as_secs_f64().max(f64::EPSILON)
    }

    /// Bytes of a user, or of a membership in their table. Groups are few beside either.
    fn per_row(&self, size: &Size) -> f64 {
        let rows = if size.table == "group_members" { self.members } else { self.users };
        size.bytes as f64 / rows.max(1) as f64
    }
}
