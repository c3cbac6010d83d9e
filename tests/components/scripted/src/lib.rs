//! A plugin for tests that does what its configuration says, good or evil. Each hook has a member:
//!
//! ```json
//! {
//!   "resourceType": "User",
//!   "before-write": { "edits": [{ "op": "replace", "path": "title", "value": "x" }] },
//!   "before-delete": { "reject": "kept" },
//!   "before-query": { "narrow": "active eq true" },
//!   "after-read": { "fail": "broken" },
//!   "validation": { "trap": true, "rejectTitle": "x" }
//! }
//! ```
//!
//! `look` has the host asked, and in `before-write` what it answers becomes the `title`, elsewhere a line of
//! the log: `{"get": ["User", "<id>"]}`, `{"find": ["User", "<filter>"]}`, `{"count": ["User", null]}`,
//! `{"times": 65}`, `{"random": 8}`, `"now"`. A hook without a member does nothing, and so does one for other types than
//! `resourceType`. Each may compute for ever (`"spin": true`) and take memory (`fill`, `take`). `resolver` has no type; its `claim` is `{"tenant": "acme", "permissions": []}`.

use serde::Deserialize;
use serde_json::Value;
use tenon_sdk::prelude::*;

struct Scripted;

tenon_sdk::export!(
    Scripted: validation, before_write, before_delete, before_query, after_read, resolver
);

/// What a hook does.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Script {
    #[serde(default)]
    edits: Vec<Scripts>,
    reject: Option<String>,
    reject_title: Option<String>,
    narrow: Option<String>,
    look: Option<Look>,
    claim: Option<Claims>,
    fail: Option<String>,
    #[serde(default)]
    trap: bool,
    /// Whether it computes for ever.
    #[serde(default)]
    spin: bool,
    /// Bytes of memory that it fills, in many pieces.
    #[serde(default)]
    fill: usize,
    /// Bytes of memory that it takes in one piece.
    #[serde(default)]
    take: usize,
}

#[derive(Deserialize)]
struct Scripts {
    op: String,
    path: Option<String>,
    value: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Look {
    Get(String, String),
    Find(String, String),
    Count(String, Option<String>),
    Times(u32),
    Random(u32),
    Now,
}

#[derive(Deserialize)]
struct Claims {
    tenant: String,
    permissions: Vec<String>,
}

impl Script {
    fn of(hook: &str, context: &Context) -> Result<Script, Failure> {
        let of_type = config::get::<String>("resourceType")?;
        if of_type.is_some_and(|name| name != context.resource_type) {
            return Ok(Script::default());
        }
        Script::for_any(hook)
    }

    fn for_any(hook: &str) -> Result<Script, Failure> {
        let script = config::get::<Script>(hook)?.unwrap_or_default();
        assert!(!script.trap, "the script says so");
        if script.spin {
            loop {
                std::hint::spin_loop();
            }
        }
        fill(script.fill);
        std::hint::black_box(Vec::<u8>::with_capacity(script.take));
        match script.fail {
            Some(message) => Err(Failure::new(message)),
            None => Ok(script),
        }
    }

    fn edits(self) -> Vec<Edit> {
        let op = |name: &str| match name {
            "add" => "add",
            "replace" => "replace",
            "remove" => "remove",
            _ => "no such operation",
        };
        let edit = |it: Scripts| Edit { op: op(&it.op), path: it.path, value: it.value };
        self.edits.into_iter().map(edit).collect()
    }

    /// Asks the host, and writes down what it says.
    fn look(&self) -> Result<(), Failure> {
        if let Some(look) = &self.look {
            log::info(looked_up(look)?.to_string());
        }
        Ok(())
    }

    fn issues(&self) -> Vec<Issue> {
        self.reject.iter().map(Issue::new).collect()
    }
}

/// Takes so many bytes in pieces of all sizes, gives each other piece back, takes as many bytes again, and looks
/// whether each piece is still as it was written.
fn fill(bytes: usize) {
    let mut first = pieces(bytes, 1);
    first.retain(|piece| piece.len() % 2 == 0);
    let second = pieces(bytes, 2);
    for (pieces, seed) in [(first, 1), (second, 2)] {
        let is_whole =
            |piece: &Vec<u8>| piece.iter().all(|byte| *byte == byte_of(piece.len(), seed));
        assert!(pieces.iter().all(is_whole), "a piece was written over");
    }
}

fn pieces(bytes: usize, seed: u8) -> Vec<Vec<u8>> {
    let mut left = bytes;
    let sizes = (1..).map(|number: usize| number * number % 5_000 + 1);
    let taken = sizes.map_while(|size| {
        left = left.checked_sub(size)?;
        Some(vec![byte_of(size, seed); size])
    });
    taken.collect()
}

fn byte_of(size: usize, seed: u8) -> u8 {
    seed.wrapping_add(size as u8)
}

impl Validation for Scripted {
    fn validate(
        context: &Context,
        candidate: &Document,
        _: Option<&Document>,
    ) -> Result<Vec<Issue>, Failure> {
        let script = Script::of("validation", context)?;
        script.look()?;
        if let Some(title) = &script.reject_title
            && candidate.get::<String>("title")?.as_ref() == Some(title)
        {
            return Ok(vec![Issue::new("this title is refused").at("title")]);
        }
        Ok(script.issues())
    }
}

impl BeforeWrite for Scripted {
    fn before_write(
        context: &Context,
        candidate: &Document,
        _: Option<&Document>,
    ) -> Result<WriteDecision, Failure> {
        let script = Script::of("before-write", context)?;
        log::info(format!("{} sees {}", context.actor, candidate.json::<Value>()?));
        if script.reject.is_some() {
            return Ok(WriteDecision::Reject(script.issues()));
        }
        if let Some(look) = &script.look {
            let title = match looked_up(look) {
                Ok(found) => found.to_string(),
                Err(failure) => failure.message,
            };
            return Ok(WriteDecision::Amend(vec![Edit::replace("title", title)]));
        }
        Ok(WriteDecision::Amend(script.edits()))
    }
}

fn looked_up(look: &Look) -> Result<Value, Failure> {
    Ok(match look {
        Look::Get(of, id) => directory::get::<Value>(of, id)?.unwrap_or(Value::Null),
        Look::Find(of, filter) => Value::from(directory::find::<Value>(of, filter, 10)?),
        Look::Count(of, filter) => Value::from(directory::count(of, filter.as_deref())?),
        Look::Times(times) => {
            // Of a type that is not there: it is counted, and waits for nothing.
            for _ in 0..*times {
                let _refused = directory::count("Nothing", None);
            }
            Value::Null
        }
        Look::Random(count) => Value::from(random::bytes(*count)),
        Look::Now => Value::from(clock::now()),
    })
}

impl BeforeDelete for Scripted {
    fn before_delete(context: &Context, _: &Document) -> Result<Vec<Issue>, Failure> {
        let script = Script::of("before-delete", context)?;
        script.look()?;
        Ok(script.issues())
    }
}

impl BeforeQuery for Scripted {
    fn before_query(context: &Context, _: Option<&str>) -> Result<QueryDecision, Failure> {
        let script = Script::of("before-query", context)?;
        script.look()?;
        Ok(match &script.narrow {
            _ if script.reject.is_some() => QueryDecision::Reject(script.issues()),
            Some(filter) => QueryDecision::Narrow(filter.clone()),
            None => QueryDecision::Proceed,
        })
    }
}

impl AfterRead for Scripted {
    fn after_read(context: &Context, documents: &[Document]) -> Result<Vec<Vec<Edit>>, Failure> {
        let script = Script::of("after-read", context)?;
        script.look()?;
        let edits = script.edits();
        Ok(documents.iter().map(|_| edits.clone()).collect())
    }
}

impl Resolver for Scripted {
    fn resolve(_: &RequestHead) -> Result<Option<Claim>, Failure> {
        let script = Script::for_any("resolver")?;
        script.look()?;
        let claim =
            |it: Claims| Claim { tenant: it.tenant, subject: None, permissions: it.permissions };
        Ok(script.claim.map(claim))
    }
}
