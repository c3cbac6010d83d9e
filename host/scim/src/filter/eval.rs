//! Evaluates a bound filter on a resource. This is what a filter means: the SQL that answers
//! filters is tested against it.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::ast::CompareOp;
use super::bind::{BoundFilter, Comparison, Operand};
use crate::membership::lead_to_the_same;
use crate::path::AttributeRef;
use crate::value::is_present;
use crate::{Object, value};

impl BoundFilter<'_> {
    /// Whether a resource satisfies the filter.
    #[must_use]
    pub fn matches(&self, resource: &Object) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.matches(resource)),
            Self::Or(terms) => terms.iter().any(|term| term.matches(resource)),
            Self::Not(inner) => !inner.matches(resource),
            Self::Present(target) => target.values(resource).any(is_present),
            Self::Compare(comparison) => comparison.matches(resource),
            Self::Constant(answer) => *answer,
            Self::Element(target, inner) => {
                target.values(resource).any(|value| inner.matches_value(value))
            }
        }
    }

    /// Whether one value of a multi-valued attribute satisfies a filter between brackets.
    #[must_use]
    pub fn matches_value(&self, value: &Value) -> bool {
        match (value.as_object(), self.simple_attribute()) {
            (Some(object), _) => self.matches(object),
            // A simple value stands for itself under the attribute's name.
            (None, Some(name)) => {
                self.matches(&Object::from_iter([(name.to_owned(), value.clone())]))
            }
            (None, None) => false,
        }
    }

    /// The attribute that the first comparison names: under its name a simple value stands for
    /// itself.
    #[must_use]
    pub fn simple_attribute(&self) -> Option<&str> {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.first()?.simple_attribute(),
            Self::Not(inner) => inner.simple_attribute(),
            Self::Present(target) | Self::Element(target, _) => Some(&target.attribute.name),
            Self::Compare(comparison) => Some(&comparison.target.attribute.name),
            Self::Constant(_) => None,
        }
    }
}

impl Comparison<'_> {
    fn matches(&self, resource: &Object) -> bool {
        match (self.op, &self.operand) {
            // `eq null` asks for the absence of a value, `ne null` for its presence.
            (CompareOp::Eq, Operand::Null) => !self.target.values(resource).any(is_present),
            (_, Operand::Null) => self.target.values(resource).any(is_present),
            // No value is not the one that is named; of several, one that differs is enough.
            (CompareOp::Ne, _) => {
                let mut values = self.target.values(resource).peekable();
                values.peek().is_none() || values.any(|value| !self.holds(value, CompareOp::Eq))
            }
            // RFC 7644 §3.4.2.2: a multi-valued attribute matches "if any of the values matches".
            (op, _) => self.target.values(resource).any(|value| self.holds(value, op)),
        }
    }

    fn holds(&self, value: &Value, op: CompareOp) -> bool {
        match (&self.operand, value) {
            (Operand::Bool(operand), Value::Bool(value)) => operand == value,
            (Operand::Number(operand), Value::Number(value)) => {
                ordering_holds(compare_numbers(value, operand), op)
            }
            (Operand::Instant(operand), Value::String(text)) => {
                value::instant(text).is_some_and(|instant| ordering_holds(instant.cmp(operand), op))
            }
            // Equality of references is that of what they lead to, as PATCH has it; the other
            // operators look at their text.
            (Operand::Text(operand), Value::String(text))
                if op == CompareOp::Eq && self.target.leaf().refers_to_resources() =>
            {
                lead_to_the_same(text, operand)
            }
            (Operand::Text(operand), Value::String(text)) => {
                text_holds(&value::normalized(self.target.leaf(), text), operand, op)
            }
            _ => false,
        }
    }
}

impl AttributeRef<'_> {
    /// Whether a resource has a value for the attribute (`pr`).
    #[must_use]
    pub fn is_present(&self, resource: &Object) -> bool {
        self.values(resource).any(is_present)
    }
}

fn text_holds(text: &str, operand: &str, op: CompareOp) -> bool {
    match op {
        CompareOp::Co => text.contains(operand),
        CompareOp::Sw => text.starts_with(operand),
        CompareOp::Ew => text.ends_with(operand),
        _ => ordering_holds(text.cmp(operand), op),
    }
}

fn ordering_holds(ordering: Ordering, op: CompareOp) -> bool {
    match op {
        CompareOp::Eq => ordering.is_eq(),
        CompareOp::Gt => ordering.is_gt(),
        CompareOp::Ge => ordering.is_ge(),
        CompareOp::Lt => ordering.is_lt(),
        CompareOp::Le => ordering.is_le(),
        CompareOp::Ne | CompareOp::Co | CompareOp::Sw | CompareOp::Ew => false,
    }
}

/// Compares numbers by their exact values, which is a total order: compared as doubles, both 2⁵³
/// and 2⁵³ + 1 would be equal to 2⁵³ written with a fraction, and not to each other.
fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => compare_with_double(a, double(b)),
        (None, Some(b)) => compare_with_double(b, double(a)).reverse(),
        (None, None) => double(a).total_cmp(&double(b)),
    }
}

fn compare_with_double(whole: i128, double: f64) -> Ordering {
    // The cast saturates, and a JSON integer is far from the ends of an i128.
    let truncated = double.trunc() as i128;
    whole.cmp(&truncated).then(0_f64.total_cmp(&(double.fract() + 0.0)))
}

/// The value of a number that is no integer. Minus zero is zero.
fn double(number: &Number) -> f64 {
    number.as_f64().unwrap_or_default() + 0.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Registry;
    use crate::filter::parse;

    fn bjensen() -> serde_json::Value {
        json!({
            "schemas": [
                "urn:ietf:params:scim:schemas:core:2.0:User",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
            ],
            "id": "2819c223-7f76-453a-919d-413861904646",
            "externalId": "701984",
            "userName": "bjensen@example.com",
            "name": { "familyName": "Jensen", "givenName": "Barbara" },
            "userType": "Employee",
            "active": false,
            "emails": [
                { "value": "bjensen@example.com", "type": "work", "primary": true },
                { "value": "babs@jensen.org", "type": "home" }
            ],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                "employeeNumber": "701984",
                "manager": {
                    "value": "26118915-6090-4610-87e4-49d8ca9f808d",
                    "$ref": "https://x.example/Users/26118915-6090-4610-87e4-49d8ca9f808d"
                }
            },
            "meta": { "resourceType": "User", "lastModified": "2011-05-13T04:42:34.000Z" }
        })
    }

    fn matches(filter: &str) -> bool {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let filter = parse(filter).unwrap().bind(user).unwrap();
        filter.matches(bjensen().as_object().unwrap())
    }

    #[test]
    fn each_operator_says_yes_and_no() {
        let yes = [
            r#"userName eq "BJensen@example.com""#,
            r#"externalId eq "701984""#,
            r#"userName ne "x""#,
            r#"nickName ne "x""#,
            r#"emails.value ne "babs@jensen.org""#,
            r#"emails[type ne "work"]"#,
            r#"name.familyName co "ENS""#,
            r#"userName sw "bj""#,
            r#"emails.value ew ".org""#,
            r#"emails co "jensen.org""#,
            "active eq false",
            "active pr",
            "not (nickName pr)",
            "nickName eq null",
            "userName ne null",
            r#"meta.lastModified eq "2011-05-13T06:42:34+02:00""#,
            r#"meta.lastModified ge "2011-05-13T04:42:34Z""#,
            r#"meta.lastModified lt "2011-05-13T04:42:35Z""#,
            r#"emails[type eq "work" and value ew "example.com"]"#,
            r#"emails.type eq "home" and emails.value eq "bjensen@example.com""#,
            r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "701984""#,
            r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "26118915-6090-4610-87e4-49d8ca9f808d""#,
            r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
        ];
        for filter in yes {
            assert!(matches(filter), "{filter}");
        }
        let no = [
            r#"externalId eq "701984 ""#,
            r#"id eq "2819C223-7F76-453A-919D-413861904646""#,
            r#"emails[type eq "home" and value eq "bjensen@example.com"]"#,
            r#"userName ne "BJENSEN@example.com""#,
            r#"userName co "%""#,
            "active eq true",
            "nickName pr",
            r#"nickName co """#,
            r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
            r#"not (userName pr) or nickName pr"#,
        ];
        for filter in no {
            assert!(!matches(filter), "{filter}");
        }
    }

    #[test]
    fn references_are_equal_where_they_lead_to_the_same_resource() {
        let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.$ref";
        let id = "26118915-6090-4610-87e4-49d8ca9f808d";
        for (comparison, expected) in [
            (format!("eq \"../Users/{id}\""), true),
            (format!("ne \"../Users/{id}\""), false),
            (format!("eq \"../Users/{id}0\""), false),
            (format!("ne \"../Users/{id}0\""), true),
            ("sw \"https://x.example/\"".to_owned(), true),
            ("sw \"../Users\"".to_owned(), false),
            (format!("ge \"https://y.example/Users/{id}\""), false),
        ] {
            assert_eq!(matches(&format!("{manager} {comparison}")), expected, "{comparison}");
        }
    }

    #[test]
    fn a_comparison_that_makes_no_sense_is_refused() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let cases = [
            (r#"active gt true"#, "does not apply"),
            (r#"active eq "true""#, "of type boolean"),
            (r#"userName eq 1"#, "of type string"),
            (r#"meta.created gt "yesterday""#, "of type dateTime"),
            (r#"name eq "x""#, "is complex"),
            (r#"colour eq "x""#, "has no attribute \"colour\""),
            (r#"emails[colour eq "x"]"#, "has no sub-attribute \"colour\""),
            (r#"userName[value eq "x"]"#, "neither multi-valued nor complex"),
            (r#"password sw "a""#, "cannot be searched"),
            (r#"x509Certificates.value gt "AA==""#, "does not apply"),
            (r#"userName gt null"#, "does not apply"),
        ];
        for (filter, message) in cases {
            let error = parse(filter).unwrap().bind(user).unwrap_err();
            assert!(error.to_string().contains(message), "{filter}: {error}");
        }
    }

    #[test]
    fn numbers_are_compared_by_their_exact_values() {
        let number = |text: &str| serde_json::from_str::<Number>(text).unwrap();
        // 2⁵³ is the last of the whole numbers that a double all holds.
        let ascending = [
            "-1e300",
            "-9007199254740993",
            "-9007199254740992.0",
            "-1.5",
            "-1",
            "-0.5",
            "0",
            "0.5",
            "1",
            "9007199254740992.0",
            "9007199254740993",
            "18446744073709551615",
            "1e300",
        ];
        for (place, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                let ordering = compare_numbers(&number(a), &number(b));
                assert_eq!(ordering, place.cmp(&other), "{a} and {b}");
            }
        }
        for (a, b) in [("1", "1.0"), ("0", "-0.0"), ("0.0", "-0.0"), ("1e2", "100")] {
            assert_eq!(compare_numbers(&number(a), &number(b)), Ordering::Equal, "{a} and {b}");
        }
    }

    #[test]
    fn a_decimal_is_read_to_its_last_bit() {
        let filter = "a eq 2.3576681132085155e+260";
        assert_eq!(parse(filter).unwrap().to_string(), filter);
    }
}
