//! Puts other values in the place of those that a recording must not hold: of the same length and shape, equal
//! ones for equal ones, and wherever they stand.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;

/// Bytes from which on a value is replaced inside longer texts too. A shorter one stands in too many that have
/// nothing to do with it.
const INSIDE: usize = 4;

/// The values that are replaced, with what is put in their place.
pub(super) struct Substitutes {
    key: Key,
    by_value: HashMap<String, String>,
}

/// The same, ready to be looked for.
pub(super) struct Substitution {
    whole: HashMap<String, String>,
    inside: AhoCorasick,
    /// What is put in the place of each pattern of `inside`.
    by_pattern: Vec<String>,
}

/// The key of one recording, which nobody keeps.
struct Key([u8; 32]);

impl Key {
    /// Another text of the same length and shape: a letter for a letter, a digit for a digit, and everything
    /// else as it is.
    fn shaped_like(&self, text: &str) -> String {
        let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return "*".repeat(text.len());
        };
        hmac.update(text.as_bytes());
        let bytes = hmac.finalize().into_bytes();
        text.chars()
            .zip(bytes.iter().cycle())
            .map(|(char, byte)| shaped_like(char, *byte))
            .collect()
    }
}

fn shaped_like(char: char, byte: u8) -> char {
    let of = |first: u8, count: u8| char::from(first + byte % count);
    match char {
        'a'..='z' => of(b'a', 26),
        'A'..='Z' => of(b'A', 26),
        // Never zero, so that a number has as many digits as before.
        '0'..='9' => of(b'1', 9),
        other if other.is_ascii() || !other.is_alphanumeric() => other,
        other => match other.len_utf8() {
            2 => 'é',
            3 => '字',
            _ => '𠀀',
        },
    }
}

impl Substitutes {
    /// None yet.
    pub(super) fn new() -> Result<Substitutes, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self::with(Key(key)))
    }

    fn with(key: Key) -> Substitutes {
        Substitutes { key, by_value: HashMap::new() }
    }

    /// Has all scalars in a value replaced, but for `true`, `false` and `null`.
    pub(super) fn add(&mut self, value: &Value) {
        match value {
            Value::String(text) if !text.is_empty() => {
                let shaped = || self.key.shaped_like(text);
                self.by_value.entry(text.clone()).or_insert_with(shaped);
            }
            Value::Number(number) => {
                let text = number.to_string();
                let shaped = self.key.shaped_like(&text);
                self.by_value.entry(text).or_insert(shaped);
            }
            Value::Array(values) => values.iter().for_each(|value| self.add(value)),
            Value::Object(members) => members.values().for_each(|value| self.add(value)),
            _ => {}
        }
    }

    /// Has a secret replaced, by a mark of the same length.
    pub(super) fn add_secret(&mut self, secret: &str) {
        if !secret.is_empty() {
            self.by_value.insert(secret.to_owned(), "*".repeat(secret.len()));
        }
    }

    pub(super) fn ready(self) -> Result<Substitution, BuildError> {
        let mut inside: Vec<(String, String)> = Vec::new();
        for (value, other) in self.by_value.iter().filter(|(value, _)| value.len() >= INSIDE) {
            // A text may hold JSON, with the value as it is escaped there.
            let (escaped, other_escaped) = (escaped(value), escaped(other));
            if escaped != *value {
                inside.push((escaped, other_escaped));
            }
            inside.push((value.clone(), other.clone()));
        }
        let (patterns, by_pattern): (Vec<_>, Vec<_>) = inside.into_iter().unzip();
        let automaton =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns)?;
        Ok(Substitution { whole: self.by_value, inside: automaton, by_pattern })
    }
}

fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.trim_start_matches('"').strip_suffix('"').unwrap_or(&quoted).to_owned()
}

impl Substitution {
    pub(super) fn text(&self, text: &mut String) {
        if let Some(other) = self.whole.get(text) {
            text.clone_from(other);
        } else if self.inside.is_match(&*text) {
            *text = self.inside.replace_all(text, &self.by_pattern);
        }
    }

    pub(super) fn object(&self, members: &mut Map<String, Value>) {
        members.values_mut().for_each(|value| self.value(value));
    }

    pub(super) fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Number(number) => {
                let other = self.whole.get(&number.to_string());
                if let Some(other) = other.and_then(|other| serde_json::from_str(other).ok()) {
                    *value = other;
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            Value::Object(members) => self.object(members),
            Value::Null | Value::Bool(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn substitution(values: &Value, secrets: &[&str]) -> Substitution {
        let mut substitutes = Substitutes::with(Key([7; 32]));
        substitutes.add(values);
        secrets.iter().for_each(|secret| substitutes.add_secret(secret));
        substitutes.ready().unwrap()
    }

    #[test]
    fn another_value_has_the_length_and_shape_of_the_first_and_is_the_same_everywhere() {
        let substitution = substitution(&json!(["Ada.L@example.com", 4711]), &[]);
        let mut value = json!({
            "userName": "Ada.L@example.com", "title": "mail Ada.L@example.com, please",
            "number": 4711, "other": 12, "active": true
        });
        substitution.value(&mut value);
        let name = value["userName"].as_str().unwrap();
        assert_eq!(name.len(), "Ada.L@example.com".len());
        assert_eq!((&name[3..4], &name[5..6], &name[13..14]), (".", "@", "."), "{name}");
        assert!(!name.contains("example") && name.starts_with(char::is_uppercase), "{name}");
        assert_eq!(value["title"], format!("mail {name}, please"));
        assert_eq!(value["number"].to_string().len(), 4);
        assert_ne!(value["number"], 4711);
        assert_eq!((&value["other"], &value["active"]), (&json!(12), &json!(true)));
    }

    #[test]
    fn a_secret_is_a_mark_also_in_json_that_is_text() {
        let substitution = substitution(&json!([]), &["a\"bcd", "xy"]);
        let mut value = json!(["a\"bcd", "xy", "xyz", json!({ "key": "a\"bcd" }).to_string()]);
        substitution.value(&mut value);
        assert_eq!(value, json!(["*****", "**", "xyz", r#"{"key":"*****"}"#]));
    }

    #[test]
    fn letters_of_other_scripts_keep_their_bytes() {
        let key = Key([7; 32]);
        for text in ["Ängström", "日本", "𝒳-9", ""] {
            assert_eq!(key.shaped_like(text).len(), text.len(), "{text}");
        }
    }
}
