//! `{{names}}` in requests and expectations.

use serde_json::{Map, Value};

use super::matching::PATTERN;

/// What the steps so far have made known.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    known: Map<String, Value>,
}

impl Variables {
    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.known.insert(name.to_owned(), value);
    }

    /// A text with its variables replaced.
    ///
    /// # Errors
    /// A variable that is not known, or that is no text, number or boolean.
    pub(super) fn text(&self, text: &str) -> Result<String, String> {
        self.replace(text, str::to_owned)
    }

    /// A value with its variables replaced. A text that is nothing but a variable becomes its
    /// value, of whatever type. `{"$repeat": item, "times": n}` in an array becomes `n` items, in
    /// which `{{index}}` counts from 0.
    ///
    /// # Errors
    /// As [`Variables::text`].
    pub(super) fn fill(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => match whole(text) {
                Some(name) => self.value(name)?.clone(),
                None => Value::String(self.text(text)?),
            },
            Value::Array(elements) => {
                let mut filled = Vec::with_capacity(elements.len());
                for element in elements {
                    match element.get("$repeat") {
                        Some(item) => self.repeat(item, &element["times"], &mut filled)?,
                        None => filled.push(self.fill(element)?),
                    }
                }
                Value::Array(filled)
            }
            Value::Object(members) => {
                let mut filled = Map::with_capacity(members.len());
                for (name, value) in members {
                    let value = match value.as_str() {
                        // What a variable holds is text, not a pattern.
                        Some(pattern) if name == PATTERN => {
                            Value::String(self.replace(pattern, regex_lite::escape)?)
                        }
                        _ => self.fill(value)?,
                    };
                    filled.insert(self.text(name)?, value);
                }
                Value::Object(filled)
            }
            other => other.clone(),
        })
    }

    fn repeat(&self, item: &Value, times: &Value, filled: &mut Vec<Value>) -> Result<(), String> {
        let times = self.fill(times)?;
        let times = times.as_u64().ok_or_else(|| format!("\"times\" is {times}, not a number"))?;
        let mut with_index = self.clone();
        for index in 0..times {
            with_index.set("index", Value::from(index));
            filled.push(with_index.fill(item)?);
        }
        Ok(())
    }

    fn replace(&self, text: &str, write: impl Fn(&str) -> String) -> Result<String, String> {
        let (mut replaced, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, name, after)) = next(rest) {
            replaced.push_str(before);
            match self.value(name)? {
                Value::String(text) => replaced.push_str(&write(text)),
                value @ (Value::Number(_) | Value::Bool(_)) => {
                    replaced.push_str(&write(&value.to_string()));
                }
                other => return Err(format!("{{{{{name}}}}} is {other}, which is no text")),
            }
            rest = after;
        }
        replaced.push_str(rest);
        Ok(replaced)
    }

    /// `user.emails.0.value`: members by name, elements by number.
    fn value(&self, path: &str) -> Result<&Value, String> {
        let mut parts = path.split('.');
        let first = parts.next().and_then(|name| self.known.get(name));
        let found = parts.fold(first, |value, part| match value? {
            Value::Array(elements) => part.parse().ok().and_then(|n: usize| elements.get(n)),
            other => other.get(part),
        });
        found.ok_or_else(|| format!("{{{{{path}}}}} is not known"))
    }
}

/// The name, if the text is one variable and nothing else.
fn whole(text: &str) -> Option<&str> {
    let name = text.strip_prefix("{{")?.strip_suffix("}}")?;
    (!name.contains("{{")).then_some(name)
}

/// The text up to the first variable, its name, and the text after it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        variables.set("unique", json!("u1"));
        variables.set("user", json!({ "id": "a.b", "emails": [{ "value": "x@y" }], "n": 3 }));
        variables
    }

    #[test]
    fn a_variable_is_replaced_within_a_text_and_keeps_its_type_alone() {
        let filled = variables().fill(&json!({
            "path": "/Users/{{user.id}}?n={{user.n}}",
            "number": "{{user.n}}",
            "first": "{{user.emails.0}}",
            "two": "{{unique}}{{unique}}",
            "{{unique}}": true
        }));
        assert_eq!(
            filled.unwrap(),
            json!({
                "path": "/Users/a.b?n=3", "number": 3, "first": { "value": "x@y" },
                "two": "u1u1", "u1": true
            })
        );
    }

    #[test]
    fn what_is_not_known_is_told_and_not_sent() {
        for text in ["{{nobody.id}}", "x{{user.name}}", "{{user.emails.1}}"] {
            let error = variables().fill(&json!(text)).unwrap_err();
            assert!(error.contains("is not known"), "{error}");
        }
        assert!(variables().text("x{{user.emails}}").unwrap_err().contains("no text"));
    }

    #[test]
    fn a_variable_in_a_pattern_is_text() {
        let filled = variables().fill(&json!({ "$matches": "^/Users/{{user.id}}$" })).unwrap();
        assert_eq!(filled, json!({ "$matches": "^/Users/a\\.b$" }));
    }

    #[test]
    fn an_item_is_repeated_within_its_array() {
        let array = json!([{ "$repeat": "{{unique}}-{{index}}", "times": "{{user.n}}" }, "last"]);
        let filled = variables().fill(&array).unwrap();
        assert_eq!(filled, json!(["u1-0", "u1-1", "u1-2", "last"]));
        let error = variables().fill(&json!([{ "$repeat": 1, "times": "many" }])).unwrap_err();
        assert!(error.contains("not a number"), "{error}");
    }
}
