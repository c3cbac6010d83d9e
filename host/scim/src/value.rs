//! How values are compared: strings folded unless exact, dates as instants, absence as one.

use std::borrow::Cow;

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{
    Date, OffsetDateTime, PrimitiveDateTime, UtcOffset, format_description::FormatItem, macros,
};

use crate::schema::Attribute;

const LOCAL: &[FormatItem<'_>] = macros::format_description!(
    "[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]"
);

/// Whether a value counts as absent: null and the empty array are the same as no value
/// (RFC 7643 §2.5), and so is an object without members.
#[must_use]
pub fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// RFC 7644 §3.4.2.2, "pr": "a non-empty or non-null value, or … a non-empty node for complex
/// attributes".
#[must_use]
pub fn is_present(value: &Value) -> bool {
    !is_unassigned(value) && value.as_str() != Some("")
}

/// The form in which a string of this attribute is compared: itself where case counts, folded
/// where it does not (RFC 7643 §2.2).
#[must_use]
pub fn normalized<'a>(attribute: &Attribute, text: &'a str) -> Cow<'a, str> {
    if attribute.compares_exactly() { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

/// The instant that an `xsd:dateTime` names. One without an offset is taken as UTC.
#[must_use]
pub fn instant(text: &str) -> Option<OffsetDateTime> {
    // XML Schema has neither the space nor the small letters that RFC 3339 allows.
    if text.as_bytes().get(10) != Some(&b'T') || text.ends_with('z') {
        return None;
    }
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .or_else(|| PrimitiveDateTime::parse(text, LOCAL).ok().map(PrimitiveDateTime::assume_utc))
        // The last hours of year 9999, west of Greenwich, are in no year of four digits.
        .and_then(|instant| instant.checked_to_offset(UtcOffset::UTC))
}

/// An instant on the wire: UTC, milliseconds, `2008-01-23T04:56:22.000Z`. Every instant has the
/// same width, so that text sorts as time does.
#[must_use]
pub fn timestamp(instant: OffsetDateTime) -> String {
    let utc = instant.checked_to_offset(UtcOffset::UTC).unwrap_or(instant);
    let date: Date = utc.date();
    let mut text = String::with_capacity("2011-05-13T04:42:34.000Z".len());
    let mut push = |number: u32, digits: u32, end: char| {
        for place in (0..digits).rev() {
            text.extend(char::from_digit(number / 10_u32.pow(place) % 10, 10));
        }
        text.push(end);
    };
    // No clock tells a year before the first.
    push(date.year().unsigned_abs(), 4, '-');
    push(u8::from(date.month()).into(), 2, '-');
    push(date.day().into(), 2, 'T');
    push(utc.hour().into(), 2, ':');
    push(utc.minute().into(), 2, ':');
    push(utc.second().into(), 2, '.');
    push(utc.millisecond().into(), 3, 'Z');
    text
}

/// Whether this is base64 with padding (RFC 4648 §4, as RFC 7643 §2.3.6 asks).
#[must_use]
pub fn is_base64(text: &str) -> bool {
    let data = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - data.len() <= 2
        && data.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

/// Whether this can be a URI, relative or not (RFC 7643 §2.3.7, RFC 3986 §4.1). Letters beyond
/// ASCII may be there, as in an IRI (RFC 3987).
#[must_use]
pub fn is_uri_reference(text: &str) -> bool {
    let is_excluded = |c| matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`');
    !text.chars().any(|c| c.is_control() || c.is_whitespace() || is_excluded(c))
}

/// A text that is the same for equal values, whatever the order of their members.
#[must_use]
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members: Vec<_> = members
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(values) => {
            format!("[{}]", values.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        simple => simple.to_string(),
    }
}

/// What kind of JSON value this is, in an error's words.
#[must_use]
pub const fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn null_and_the_empty_array_are_unassigned_and_false_is_not() {
        for value in [json!(null), json!([]), json!({})] {
            assert!(is_unassigned(&value), "{value}");
        }
        for value in [json!(false), json!(0), json!(""), json!([null])] {
            assert!(!is_unassigned(&value), "{value}");
        }
    }

    #[test]
    fn the_same_instant_is_read_from_any_offset() {
        let expected = datetime!(2011-05-13 04:42:34 UTC);
        for text in [
            "2011-05-13T04:42:34Z",
            "2011-05-13T06:42:34+02:00",
            "2011-05-13T04:42:34.000Z",
            "2011-05-13T04:42:34",
        ] {
            assert_eq!(instant(text), Some(expected), "{text}");
        }
        for text in [
            "2011-05-13",
            "yesterday",
            "2011-13-01T00:00:00Z",
            "",
            "2011-05-13 04:42:34Z",
            "2011-05-13T04:42:34z",
            "9999-12-31T23:59:59-23:59",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn a_timestamp_has_milliseconds_and_is_read_again() {
        let at = datetime!(2008-01-23 04:56:22.007 UTC);
        assert_eq!(timestamp(at), "2008-01-23T04:56:22.007Z");
        assert_eq!(instant(&timestamp(at)), Some(at));
    }

    #[test]
    fn a_reference_may_be_relative_and_has_no_space() {
        for text in ["https://example.com/a?b=c#d", "../Users/26", "urn:x:y", "", "/büro", "a%20b"]
        {
            assert!(is_uri_reference(text), "{text}");
        }
        for text in ["a b", "a\u{a0}b", "a\nb", "<a>", "\"a\"", "{a}", "a|b", "a\\b", "^", "`"] {
            assert!(!is_uri_reference(text), "{text}");
        }
    }

    #[test]
    fn base64_needs_its_padding() {
        assert!(is_base64("MIIB") && is_base64("MII=") && is_base64("MI==") && is_base64(""));
        assert!(!is_base64("MII") && !is_base64("M===") && !is_base64("MI_-"));
    }
}
