//! Compares what was found with what is expected.
//!
//! An object matches one that has at least its members; an array one of the same length, element
//! by element; anything else its equal. An object with one member whose name is an operator's is
//! a rule: see [`OPERATORS`].

use serde_json::{Map, Value};

/// The operator whose text is a pattern.
pub(super) const PATTERN: &str = "$matches";

/// The operators, as `tests/vectors/README.md` tells them.
const OPERATORS: [&str; 10] = [
    "$any",
    "$absent",
    "$unassigned",
    PATTERN,
    "$type",
    "$contains",
    "$unordered",
    "$not",
    "$atLeast",
    "$atMost",
];

/// All differences, each with its path; none where it matches. `found` is `None` where the member
/// or the body is not there.
pub(super) fn differences(expected: &Value, found: Option<&Value>, path: &str) -> Vec<String> {
    if let Some((operator, operand)) = rule(expected) {
        return by_rule(operator, operand, found, path);
    }
    let Some(found) = found else { return vec![format!("{path}: expected {expected}, not there")] };
    match (expected, found) {
        (Value::Object(members), Value::Object(found)) => members
            .iter()
            .flat_map(|(name, expected)| {
                differences(expected, found.get(name), &format!("{path}.{name}"))
            })
            .collect(),
        (Value::Array(elements), Value::Array(found)) if elements.len() == found.len() => elements
            .iter()
            .zip(found)
            .enumerate()
            .flat_map(|(at, (expected, found))| {
                differences(expected, Some(found), &format!("{path}[{at}]"))
            })
            .collect(),
        _ if expected == found => Vec::new(),
        _ => vec![format!("{path}: expected {expected}, found {found}")],
    }
}

/// Whether an expectation can be read: its operators are known and have the operands they take.
pub(super) fn check(expected: &Value) -> Result<(), String> {
    match expected {
        Value::Array(elements) => elements.iter().try_for_each(check),
        Value::Object(members) => match rule(expected) {
            Some((operator, operand)) => check_operand(operator, operand),
            None => members.iter().try_for_each(|(name, value)| {
                // "$ref" is an attribute's name.
                if name.starts_with('$') && name != "$ref" {
                    return Err(format!("{expected}: \"{name}\" is no operator, or not alone"));
                }
                check(value)
            }),
        },
        _ => Ok(()),
    }
}

fn check_operand(operator: &str, operand: &Value) -> Result<(), String> {
    let good = match operator {
        "$any" | "$absent" | "$unassigned" => *operand == Value::Bool(true),
        // Variables are replaced by text that is escaped, so any text will do for them here.
        PATTERN => operand.as_str().is_some_and(|it| {
            regex_lite::Regex::new(&it.replace("{{", "").replace("}}", "")).is_ok()
        }),
        "$type" => operand.as_str().is_some_and(is_type),
        "$contains" | "$unordered" => operand.is_array(),
        "$atLeast" | "$atMost" => operand.is_number() || operand.is_string(),
        _ => true,
    };
    if !good {
        return Err(format!("{operator} does not take {operand}"));
    }
    match operator {
        "$contains" | "$unordered" | "$not" => check(operand),
        _ => Ok(()),
    }
}

fn rule(expected: &Value) -> Option<(&str, &Value)> {
    let members: &Map<String, Value> = expected.as_object()?;
    let (name, operand) = members.iter().next()?;
    (members.len() == 1 && OPERATORS.contains(&name.as_str())).then_some((name, operand))
}

fn by_rule(operator: &str, operand: &Value, found: Option<&Value>, path: &str) -> Vec<String> {
    let elements = || found.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_array = found.is_some_and(Value::is_array);
    let wanted = operand.as_array().map(Vec::as_slice).unwrap_or_default();
    let holds = match operator {
        "$any" => found.is_some_and(|found| !found.is_null()),
        "$absent" => found.is_none(),
        "$unassigned" => is_unassigned(found),
        PATTERN => found.is_some_and(|found| matches_pattern(operand, found)),
        "$type" => found.is_some_and(|found| has_type(operand, found)),
        "$contains" => is_array && wanted.iter().all(|wanted| any_matches(wanted, elements())),
        "$unordered" => is_array && pair_up(wanted, elements()),
        "$not" => !matches(operand, found),
        "$atLeast" => compare(found, operand).is_some_and(|(found, bound)| found >= bound),
        "$atMost" => compare(found, operand).is_some_and(|(found, bound)| found <= bound),
        _ => false,
    };
    if holds {
        return Vec::new();
    }
    let found = found.map_or_else(|| "not there".to_owned(), |found| format!("found {found}"));
    vec![format!("{path}: expected {operator} {operand}, {found}")]
}

fn matches(expected: &Value, found: Option<&Value>) -> bool {
    differences(expected, found, "").is_empty()
}

fn any_matches(expected: &Value, elements: &[Value]) -> bool {
    elements.iter().any(|element| matches(expected, Some(element)))
}

/// Whether each expectation has an element of its own, and no element is left.
fn pair_up(expected: &[Value], elements: &[Value]) -> bool {
    let Some((first, rest)) = expected.split_first() else { return elements.is_empty() };
    expected.len() == elements.len()
        && elements.iter().enumerate().any(|(at, element)| {
            let others = || [&elements[..at], &elements[at + 1..]].concat();
            matches(first, Some(element)) && pair_up(rest, &others())
        })
}

/// RFC 7643 §2.5: "Unassigned attributes, the null value, or an empty array (in the case of a
/// multi-valued attribute) SHALL be considered to be equivalent in "state"."
fn is_unassigned(found: Option<&Value>) -> bool {
    match found {
        None | Some(Value::Null) => true,
        Some(Value::Array(elements)) => elements.is_empty(),
        Some(_) => false,
    }
}

fn matches_pattern(pattern: &Value, found: &Value) -> bool {
    let pattern = pattern.as_str().and_then(|pattern| regex_lite::Regex::new(pattern).ok());
    pattern.zip(found.as_str()).is_some_and(|(pattern, found)| pattern.is_match(found))
}

fn is_type(name: &str) -> bool {
    ["string", "integer", "boolean", "array", "object"].contains(&name)
}

fn has_type(name: &Value, found: &Value) -> bool {
    match name.as_str() {
        Some("string") => found.is_string(),
        Some("integer") => found.is_i64() || found.is_u64(),
        Some("boolean") => found.is_boolean(),
        Some("array") => found.is_array(),
        Some("object") => found.is_object(),
        _ => false,
    }
}

fn compare(found: Option<&Value>, bound: &Value) -> Option<(f64, f64)> {
    found.and_then(Value::as_f64).zip(bound.as_f64())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn assert_matches(expected: &Value, found: &Value) {
        assert_eq!(differences(expected, Some(found), "body"), Vec::<String>::new());
    }

    #[track_caller]
    fn assert_differs(expected: &Value, found: &Value, difference: &str) {
        assert_eq!(differences(expected, Some(found), "body"), [difference]);
    }

    #[test]
    fn an_object_matches_one_that_has_more_and_not_one_that_has_less() {
        let expected = json!({ "name": { "givenName": "Babs" } });
        assert_matches(&expected, &json!({ "id": "1", "name": { "givenName": "Babs", "x": 1 } }));
        let wrong = json!({ "name": { "givenName": "babs" } });
        assert_differs(&expected, &wrong, r#"body.name.givenName: expected "Babs", found "babs""#);
        assert_differs(
            &expected,
            &json!({}),
            r#"body.name: expected {"givenName":"Babs"}, not there"#,
        );
    }

    #[test]
    fn an_array_matches_one_of_its_length_in_its_order() {
        assert_matches(&json!([1, { "a": 2 }]), &json!([1, { "a": 2, "b": 3 }]));
        assert_differs(&json!([1, 2]), &json!([1, 3]), "body[1]: expected 2, found 3");
        assert_differs(&json!([1, 2]), &json!([1]), "body: expected [1,2], found [1]");
        assert_differs(&json!([]), &json!([1]), "body: expected [], found [1]");
    }

    #[test]
    fn types_are_not_mixed_up() {
        assert_differs(&json!(1), &json!("1"), r#"body: expected 1, found "1""#);
        assert_differs(&json!("true"), &json!(true), r#"body: expected "true", found true"#);
        assert_differs(&json!(null), &json!([]), "body: expected null, found []");
    }

    #[test]
    fn all_differences_are_told() {
        let found = json!({ "a": 2, "b": 2, "c": 4 });
        assert_eq!(differences(&json!({ "a": 1, "b": 2, "c": 3 }), Some(&found), "").len(), 2);
    }

    #[test]
    fn every_rule_holds_for_some_and_not_for_others() {
        for (rule, good, bad) in [
            (json!({ "$any": true }), json!([false, "", []]), json!([null])),
            (json!({ "$unassigned": true }), json!([null, []]), json!([0, "", {}])),
            (json!({ "$matches": "^a.c$" }), json!(["abc"]), json!(["abcd", 5, null])),
            (json!({ "$type": "integer" }), json!([1, -1]), json!(["1", 1.5, null])),
            (json!({ "$type": "string" }), json!([""]), json!([1, null])),
            (json!({ "$type": "boolean" }), json!([true]), json!(["true"])),
            (json!({ "$type": "array" }), json!([[]]), json!([{}])),
            (json!({ "$type": "object" }), json!([{}]), json!([[]])),
            (json!({ "$contains": [2, 1] }), json!([[1, 2, 3]]), json!([[1, 3], 1, []])),
            (json!({ "$unordered": [1, 2] }), json!([[2, 1]]), json!([[1, 2, 2], [1, 1], [1], 1])),
            (json!({ "$not": 1 }), json!([2, null]), json!([1])),
            (json!({ "$atLeast": 2 }), json!([2, 3]), json!([1, "3", null])),
            (json!({ "$atMost": 2 }), json!([2, 1]), json!([3, "1", null])),
        ] {
            for good in good.as_array().unwrap() {
                assert_matches(&rule, good);
            }
            for bad in bad.as_array().unwrap() {
                assert_eq!(differences(&rule, Some(bad), "x").len(), 1, "{rule} and {bad}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_absent_and_unassigned_and_nothing_else() {
        let holds = |rule: Value| differences(&rule, None, "x").is_empty();
        for rule in ["$absent", "$unassigned"] {
            assert!(holds(json!({ rule: true })), "{rule}");
        }
        assert!(holds(json!({ "$not": 1 })));
        for rule in [json!({ "$any": true }), json!({ "$type": "array" }), json!({ "$atMost": 1 })]
        {
            assert!(!holds(rule.clone()), "{rule}");
        }
        assert!(!holds(json!({ "$contains": [] })) && !holds(json!({ "$unordered": [] })));
        assert_eq!(differences(&json!({ "$absent": true }), Some(&json!(null)), "x").len(), 1);
    }

    #[test]
    fn elements_are_paired_each_with_its_own() {
        let expected = json!({ "$unordered": [{ "$any": true }, { "$type": "string" }] });
        assert_matches(&expected, &json!(["a", 1]));
        assert_matches(&expected, &json!([1, "a"]));
        assert_eq!(differences(&expected, Some(&json!([1, 2])), "x").len(), 1);
    }

    #[test]
    fn an_operator_that_is_unknown_or_misused_is_refused() {
        for bad in [
            json!({ "a": [{ "$mathces": "x" }] }),
            json!({ "$any": true, "more": 1 }),
            json!({ "$matches": "(" }),
            json!({ "$type": "text" }),
            json!({ "$absent": false }),
            json!({ "$contains": 1 }),
            json!({ "$not": { "$nothing": 1 } }),
        ] {
            assert!(check(&bad).is_err(), "{bad}");
        }
        check(&json!({ "$ref": { "$matches": "/Users/{{user.id}}$" } })).unwrap();
    }
}
