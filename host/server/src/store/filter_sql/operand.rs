//! Comparisons with texts: what is compared as text, and with which text.

use tenon_scim::filter::{CompareOp, Comparison, Operand};
use tenon_scim::index;
use tenon_scim::membership::id_in;

use super::binds::Binds;

/// A comparison with a text, in the order of bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// It holds for no text.
    Never,
    Equals(String),
    /// Both lead to the same resource; this is its id.
    LeadsTo(String),
    Contains(String),
    Begins(String),
    Ends(String),
    /// `>`, `>=`, `<` or `<=`.
    Ordered(&'static str, String),
}

impl Test {
    /// The test of a comparison; `None` where it is not one with a text: with null or a boolean.
    pub(super) fn of(comparison: &Comparison<'_>) -> Option<Self> {
        let operand = match &comparison.operand {
            Operand::Null | Operand::Bool(_) => return None,
            Operand::Number(number) => index::number_key(number),
            Operand::Instant(instant) => index::instant_key(*instant),
            Operand::Text(text) => text.clone(),
        };
        let is_reference = comparison.target.leaf().refers_to_resources();
        Some(match comparison.op {
            // A value differs where it does not equal.
            CompareOp::Eq | CompareOp::Ne if is_reference => {
                Self::LeadsTo(id_in(&operand).to_owned()).possible()
            }
            CompareOp::Eq | CompareOp::Ne => Self::Equals(operand).possible(),
            CompareOp::Co => Self::Contains(operand).possible(),
            CompareOp::Sw => Self::Begins(operand).possible(),
            CompareOp::Ew => Self::Ends(operand).possible(),
            CompareOp::Gt => Self::ordered(">", operand),
            CompareOp::Ge => Self::ordered(">=", operand),
            CompareOp::Lt => Self::ordered("<", operand),
            CompareOp::Le => Self::ordered("<=", operand),
        })
    }

    /// U+0000 is in no stored text, and a database takes none as a value.
    fn possible(self) -> Self {
        let operand = match &self {
            Self::Equals(it)
            | Self::LeadsTo(it)
            | Self::Contains(it)
            | Self::Begins(it)
            | Self::Ends(it) => it,
            Self::Ordered(..) | Self::Never => return self,
        };
        if operand.contains('\0') { Self::Never } else { self }
    }

    /// A stored text is on the same side of `a\0b` as of `a`, and `a` itself is smaller.
    fn ordered(operator: &'static str, operand: String) -> Self {
        match operand.split_once('\0') {
            None => Self::Ordered(operator, operand),
            Some((before, _)) => {
                let operator = if operator.starts_with('>') { ">" } else { "<=" };
                Self::Ordered(operator, before.to_owned())
            }
        }
    }

    /// The condition that `text`, an SQL expression of type text, satisfies.
    pub(super) fn sql(&self, text: &str, binds: &mut Binds) -> String {
        match self {
            Self::Never => "false".to_owned(),
            Self::Equals(operand) => format!("{text} = {}", binds.text(operand)),
            Self::LeadsTo(id) => {
                format!("reverse(split_part(reverse({text}), '/', 1)) = {}", binds.text(id))
            }
            Self::Contains(operand) => format!("strpos({text}, {}) > 0", binds.text(operand)),
            Self::Begins(operand) => {
                let operand = binds.text(operand);
                format!("left({text}, length({operand})) = {operand}")
            }
            Self::Ends(operand) => {
                let operand = binds.text(operand);
                format!("right({text}, length({operand})) = {operand}")
            }
            Self::Ordered(operator, operand) => {
                format!("{text} COLLATE \"C\" {operator} {}", binds.text(operand))
            }
        }
    }
}

/// The first text, in the order of bytes, that is after all that begin with `prefix`; `None` where
/// there is none.
pub(super) fn after_all_with(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // Surrogates are no characters: the one before them is followed by the one after them.
        let next = (u32::from(last) + 1..=0xE000).chain([u32::from(last) + 1]);
        if let Some(next) = next.filter_map(char::from_u32).next() {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_text_without_it() {
        for (prefix, expected) in [
            ("", None),
            ("a", Some("b")),
            ("a\u{7f}", Some("a\u{80}")),
            ("a\u{d7ff}", Some("a\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
        ] {
            assert_eq!(after_all_with(prefix).as_deref(), expected, "{prefix:?}");
        }
    }

    #[test]
    fn a_text_with_a_nul_is_beside_its_beginning() {
        let ordered = |operator, text: &str| Test::ordered(operator, text.to_owned());
        let expected = |operator| Test::Ordered(operator, "a".to_owned());
        assert_eq!(ordered(">=", "a\0b"), expected(">"));
        assert_eq!(ordered("<", "a\0"), expected("<="));
        assert_eq!(ordered("<", "a"), expected("<"));
        assert_eq!(Test::Contains("\0".to_owned()).possible(), Test::Never);
    }
}
