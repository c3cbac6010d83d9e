//! Answers of the admin API, for people and for programs.

use std::fs;
use std::io::{Read, Write};

use clap::ArgMatches;
use serde_json::Value;

use super::admin::AdminError;

/// Prints what was answered: a line of JSON, or a line for each member. Nothing was, where all is said
/// by the success.
pub(super) fn answer(answer: &Value, flags: &ArgMatches) -> Result<(), AdminError> {
    let mut out = std::io::stdout().lock();
    match answer {
        Value::Null => Ok(()),
        Value::Object(members) if !flags.get_flag("json") => {
            let width = members.keys().map(String::len).max().unwrap_or_default();
            for (name, value) in members {
                writeln!(out, "{name:width$}  {}", word(value))?;
            }
            Ok(())
        }
        other => Ok(writeln!(out, "{other}")?),
    }
}

/// The members of an item that it has, in one line.
pub(super) fn line(item: &Value, members: &[&str]) -> String {
    let words = members.iter().filter_map(|name| item.get(name));
    let words = words.filter(|value| !value.is_null()).map(word);
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("  ")
}

/// Strings without their quotes, and several of them with commas.
fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.iter().all(Value::is_string) => {
            values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// The JSON in a file, or `-` for standard input.
pub(super) fn json_in(path: &str) -> Result<Value, AdminError> {
    let wrong = |reason: String| AdminError::File { path: path.to_owned(), reason };
    let text = match path {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        path => fs::read_to_string(path),
    };
    let text = text.map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(format!("must be JSON: {error}")))
}
