//! Flags that say members of a body.

use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Map, Value};

use super::admin::AdminError;

/// A flag, and what it says.
#[derive(Clone, Copy)]
pub(super) struct Field {
    flag: &'static str,
    /// The member, or those on the way to it: `resolution.realm`.
    member: &'static str,
    /// How it is told what is expected.
    value: &'static str,
    help: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// A string; what is empty is null.
    TextOrNull,
    /// A string for each time that the flag is there.
    Texts,
    /// Any JSON.
    Json,
}

/// A field of that kind.
pub(super) const fn field(kind: Kind, [flag, member, value, help]: [&'static str; 4]) -> Field {
    Field { flag, member, value, help, kind }
}

/// The flags of fields.
pub(super) fn args(fields: &[Field]) -> Vec<Arg> {
    let arg = |it: &Field| {
        let arg = Arg::new(it.flag).long(it.flag).value_name(it.value).help(it.help);
        if it.kind == Kind::Texts { arg.action(ArgAction::Append) } else { arg }
    };
    fields.iter().map(arg).collect()
}

/// The members that are said.
pub(super) fn body(fields: &[Field], flags: &ArgMatches) -> Result<Value, AdminError> {
    let mut body = Map::new();
    for field in fields {
        if let Some(value) = value(field, flags)? {
            insert(&mut body, field.member, value);
        }
    }
    Ok(Value::Object(body))
}

fn value(field: &Field, flags: &ArgMatches) -> Result<Option<Value>, AdminError> {
    // A command need not have all of them.
    let given = flags.try_get_many::<String>(field.flag).ok().flatten();
    let Some(mut given) = given else { return Ok(None) };
    if field.kind == Kind::Texts {
        return Ok(Some(given.cloned().collect()));
    }
    let Some(text) = given.next() else { return Ok(None) };
    Ok(Some(match field.kind {
        Kind::TextOrNull if text.is_empty() => Value::Null,
        Kind::Json => serde_json::from_str(text).map_err(|error| AdminError::Flag {
            flag: field.flag,
            reason: format!("must be JSON: {error}"),
        })?,
        _ => text.as_str().into(),
    }))
}

fn insert(body: &mut Map<String, Value>, member: &str, value: Value) {
    match member.split_once('.') {
        None => {
            body.insert(member.to_owned(), value);
        }
        Some((outer, inner)) => {
            let within = body.entry(outer).or_insert_with(|| Map::new().into());
            if let Some(within) = within.as_object_mut() {
                insert(within, inner, value);
            }
        }
    }
}
