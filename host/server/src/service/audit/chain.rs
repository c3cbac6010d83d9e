//! What a seal stands for, and whether it still does: the same for what is stored and for an export.
//!
//! The hash of a seal is the SHA-256 of lines that end with a line feed: the hash of the seal before it (the
//! id of the tenant, where it is the first), then each record as JSON with its members in the order of their
//! names and without spaces, as `jq -cS` writes it.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::store::TenantId;
use crate::store::audit::Record;
use crate::store::audit_seals::Seal;

/// Problems that are told at the most.
const TOLD: usize = 100;

/// The place in a chain after which something comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The number of the seal; 0 is before the first.
    pub n: i64,
    /// Its hash.
    pub hash: String,
    /// The last of its records.
    pub up_to: Uuid,
}

impl Link {
    /// The place before the first seal of a tenant.
    #[must_use]
    pub fn first(tenant: TenantId) -> Self {
        Self { n: 0, hash: tenant.to_string(), up_to: Uuid::nil() }
    }
}

impl From<&Seal> for Link {
    fn from(seal: &Seal) -> Self {
        Self { n: seal.n, hash: seal.hash.clone(), up_to: seal.up_to }
    }
}

/// Records that are being put under one seal.
#[derive(Debug)]
pub struct Sealing {
    digest: Sha256,
    /// How many there are.
    pub records: i64,
    /// The last of them.
    pub up_to: Uuid,
}

impl Sealing {
    /// None yet.
    #[must_use]
    pub fn after(link: &Link) -> Self {
        let digest = Sha256::new().chain_update(&link.hash).chain_update("\n");
        Self { digest, records: 0, up_to: link.up_to }
    }

    /// One more.
    pub fn add(&mut self, record: &Record) {
        let mut text = String::new();
        write_sorted(&serde_json::json!(record), &mut text);
        self.digest.update(text);
        self.digest.update("\n");
        self.records += 1;
        self.up_to = record.id;
    }

    /// The hash of the seal.
    #[must_use]
    pub fn hash(self) -> String {
        self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn write_sorted(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (place, (name, value)) in members.into_iter().enumerate() {
                text.push_str(if place > 0 { "," } else { "" });
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_sorted(value, text);
            }
            text.push('}');
        }
        Value::Array(values) => {
            text.push('[');
            for (place, value) in values.iter().enumerate() {
                text.push_str(if place > 0 { "," } else { "" });
                write_sorted(value, text);
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The number of the seal that does not fit.
    pub seal: i64,
    /// What is wrong.
    pub detail: String,
}

/// Goes through records and seals in their order.
#[derive(Debug)]
pub struct Verifier {
    /// The last seal.
    pub head: Link,
    /// Seals that were looked at.
    pub seals: i64,
    /// Records that were looked at, those under no seal among them.
    pub records: i64,
    /// What is wrong; the first of it.
    pub problems: Vec<Problem>,
    sealing: Sealing,
}

impl Verifier {
    /// After a seal whose hash is trusted.
    #[must_use]
    pub fn after(link: Link) -> Self {
        let sealing = Sealing::after(&link);
        Self { head: link, seals: 0, records: 0, problems: Vec::new(), sealing }
    }

    /// Records after the last seal.
    #[must_use]
    pub const fn unsealed(&self) -> i64 {
        self.sealing.records
    }

    /// The next record.
    pub fn record(&mut self, record: &Record) {
        if record.id <= self.sealing.up_to {
            self.tell(self.head.n + 1, format!("record {} is not in its place", record.id));
        }
        self.records += 1;
        self.sealing.add(record);
    }

    /// The next seal.
    pub fn seal(&mut self, seal: &Seal) {
        if seal.n != self.head.n + 1 {
            let detail =
                format!("it comes after seal {}: what was in between is missing", self.head.n);
            self.tell(seal.n, detail);
        }
        let next = Link::from(seal);
        let sealing = std::mem::replace(&mut self.sealing, Sealing::after(&next));
        let (records, up_to) = (sealing.records, sealing.up_to);
        if records != seal.records {
            let detail = format!(
                "it stands for {} records, and there are {records}: some were added or removed",
                seal.records
            );
            self.tell(seal.n, detail);
        } else if sealing.hash() != seal.hash || up_to != seal.up_to {
            self.tell(seal.n, "its records, or the seal before it, were changed".to_owned());
        }
        self.seals += 1;
        self.head = next;
    }

    fn tell(&mut self, seal: i64, detail: String) {
        if self.problems.len() < TOLD {
            self.problems.push(Problem { seal, detail });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn record(number: u128) -> Record {
        Record {
            id: Uuid::from_u128(number),
            at: datetime!(2026-01-02 03:04:05.000006 UTC),
            actor: "operator".to_owned(),
            action: "create".to_owned(),
            resource_type: None,
            resource_id: None,
            version_before: None,
            version_after: Some(1),
            subject: None,
            details: Some(json!({ "b": [1, { "d": "\"", "c": null }], "a": true })),
            request_id: "r".to_owned(),
        }
    }

    fn seal(n: i64, before: &Link, records: &[Record]) -> Seal {
        let mut sealing = Sealing::after(before);
        records.iter().for_each(|it| sealing.add(it));
        let (records, up_to) = (sealing.records, sealing.up_to);
        let sealed = datetime!(2026-01-02 03:05 UTC);
        Seal { n, up_to, records, hash: sealing.hash(), sealed }
    }

    fn problems(items: &[(&[Record], &Seal)]) -> Vec<i64> {
        let mut verifier = Verifier::after(Link::first(TenantId(Uuid::nil())));
        for (records, seal) in items {
            records.iter().for_each(|it| verifier.record(it));
            verifier.seal(seal);
        }
        verifier.problems.iter().map(|it| it.seal).collect()
    }

    #[test]
    fn a_hash_is_that_of_lines_as_jq_writes_them() {
        let lines = "00000000-0000-0000-0000-000000000000\n\
            {\"action\":\"create\",\"actor\":\"operator\",\"at\":\"2026-01-02T03:04:05.000006Z\",\
            \"details\":{\"a\":true,\"b\":[1,{\"c\":null,\"d\":\"\\\"\"}]},\
            \"id\":\"00000000-0000-0000-0000-000000000001\",\"requestId\":\"r\",\"versionAfter\":1}\n";
        let expected: String =
            Sha256::digest(lines).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(seal(1, &Link::first(TenantId(Uuid::nil())), &[record(1)]).hash, expected);
    }

    #[test]
    fn whatever_is_changed_does_not_fit_to_its_seal() {
        let all: Vec<Record> = (1..=4).map(record).collect();
        let first = seal(1, &Link::first(TenantId(Uuid::nil())), &all[..2]);
        let second = seal(2, &Link::from(&first), &all[2..]);
        assert_eq!(problems(&[(&all[..2], &first), (&all[2..], &second)]), [0_i64; 0]);

        let changed = [Record { actor: "token:1".to_owned(), ..record(1) }, record(2)];
        assert_eq!(problems(&[(&changed, &first), (&all[2..], &second)]), [1]);
        assert_eq!(problems(&[(&all[..1], &first), (&all[2..], &second)]), [1]);
        assert_eq!(problems(&[(&all[..2], &first), (&all[1..], &second)]), [2, 2]);
        assert_eq!(problems(&[(&all[2..], &second)]), [2, 2]);
        let forged = seal(1, &Link::first(TenantId(Uuid::nil())), &changed);
        assert_eq!(problems(&[(&changed, &forged), (&all[2..], &second)]), [2]);
    }
}
