//! Parses a filter by recursive descent; `not` binds before `and`, `and` before `or`.

use super::ast::{CompareOp, Filter, Literal, PathText};
use super::lexer::{Token, TokenKind, tokens};
use super::{FilterError, FilterErrorKind};

/// Levels of parentheses, `not` and brackets that a filter may have.
pub const MAX_DEPTH: usize = 32;
/// Comparisons that a filter may have.
pub const MAX_TERMS: usize = 500;
/// Characters that a filter may have.
pub const MAX_LENGTH: usize = 32 * 1024;

/// Parses a filter.
///
/// # Errors
/// The text is not a filter, or passes one of the limits of this module.
pub fn parse(text: &str) -> Result<Filter, FilterError> {
    parse_within(text, MAX_TERMS)
}

/// Parses a filter that may have `max_terms` comparisons, and no more than [`MAX_TERMS`].
///
/// # Errors
/// The text is not a filter, or passes one of the limits.
pub fn parse_within(text: &str, max_terms: usize) -> Result<Filter, FilterError> {
    if text.chars().count() > MAX_LENGTH {
        return Err(FilterError::at(MAX_LENGTH + 1, FilterErrorKind::TooLong));
    }
    let max_terms = max_terms.min(MAX_TERMS);
    let mut parser = Parser { tokens: tokens(text)?, position: 0, depth: 0, terms: 0, max_terms };
    let filter = parser.or()?;
    parser.expect(&TokenKind::End, "\"and\", \"or\" or the end of the filter")?;
    Ok(filter)
}

struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    position: usize,
    depth: usize,
    terms: usize,
    max_terms: usize,
}

impl<'t> Parser<'t> {
    fn or(&mut self) -> Result<Filter, FilterError> {
        self.chain("or", Self::and, Filter::Or)
    }

    fn and(&mut self) -> Result<Filter, FilterError> {
        self.chain("and", Self::term, Filter::And)
    }

    /// One or more `part`s with `operator` between them.
    fn chain(
        &mut self,
        operator: &str,
        part: impl Fn(&mut Self) -> Result<Filter, FilterError>,
        combine: impl Fn(Vec<Filter>) -> Filter,
    ) -> Result<Filter, FilterError> {
        let first = part(self)?;
        if !self.at_keyword(operator) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.at_keyword(operator) {
            self.advance();
            parts.push(part(self)?);
        }
        Ok(combine(parts))
    }

    fn term(&mut self) -> Result<Filter, FilterError> {
        let token = self.peek();
        match token.kind {
            TokenKind::OpenParen => self.grouped(&TokenKind::CloseParen, "\")\""),
            TokenKind::Word(word) if word.eq_ignore_ascii_case("not") => {
                self.advance();
                if self.peek().kind != TokenKind::OpenParen {
                    return Err(self.expected("\"(\" after \"not\""));
                }
                let inner = self.grouped(&TokenKind::CloseParen, "\")\"")?;
                Ok(Filter::Not(Box::new(inner)))
            }
            TokenKind::Word(word) => {
                self.advance();
                self.attribute_expression(PathText { text: word.to_owned(), column: token.column })
            }
            _ => Err(self.expected("an attribute, \"not\" or \"(\"")),
        }
    }

    fn attribute_expression(&mut self, path: PathText) -> Result<Filter, FilterError> {
        self.terms += 1;
        if self.terms > self.max_terms {
            let kind = FilterErrorKind::TooManyTerms { limit: self.max_terms };
            return Err(FilterError::at(path.column, kind));
        }
        if self.peek().kind == TokenKind::OpenBracket {
            let inner = self.grouped(&TokenKind::CloseBracket, "\"]\"")?;
            return self.after_brackets(path, inner);
        }
        let TokenKind::Word(word) = self.peek().kind else {
            return Err(self.expected(OPERATORS));
        };
        if word.eq_ignore_ascii_case("pr") {
            self.advance();
            return Ok(Filter::Present(path));
        }
        let op = CompareOp::from_word(word).ok_or_else(|| self.expected(OPERATORS))?;
        self.advance();
        let value = self.literal()?;
        Ok(Filter::Compare(path, op, value))
    }

    /// `emails[type eq "work"].value eq "…"`, which Entra ID sends, is not in the grammar of the
    /// RFC. It means what it says: one element satisfies both.
    fn after_brackets(&mut self, path: PathText, inner: Filter) -> Result<Filter, FilterError> {
        let token = self.peek();
        let TokenKind::Word(word) = token.kind else {
            return Ok(Filter::Element(path, Box::new(inner)));
        };
        let Some(name) = word.strip_prefix('.') else {
            return Ok(Filter::Element(path, Box::new(inner)));
        };
        self.advance();
        let sub = PathText { text: name.to_owned(), column: token.column + 1 };
        let outer = self.attribute_expression(sub)?;
        let mut terms = match inner {
            Filter::And(terms) => terms,
            other => vec![other],
        };
        terms.push(outer);
        Ok(Filter::Element(path, Box::new(Filter::And(terms))))
    }

    fn grouped(
        &mut self,
        close: &TokenKind<'static>,
        expected: &'static str,
    ) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(FilterError::at(self.peek().column, FilterErrorKind::TooDeep));
        }
        self.advance();
        let inner = self.or()?;
        self.expect(close, expected)?;
        self.depth -= 1;
        Ok(inner)
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        const EXPECTED: &str = "a value: a quoted string, a number, true, false or null";
        let token = self.peek();
        let literal = match token.kind {
            TokenKind::String(text) => Literal::String(text),
            // RFC 7644 §3.4.2.2, "compValue = false / null / true / number / string".
            TokenKind::Word("true") => Literal::Bool(true),
            TokenKind::Word("false") => Literal::Bool(false),
            TokenKind::Word("null") => Literal::Null,
            TokenKind::Word(word) => match serde_json::from_str(word) {
                Ok(number) => Literal::Number(number),
                Err(_) => return Err(self.expected(EXPECTED)),
            },
            _ => return Err(self.expected(EXPECTED)),
        };
        self.advance();
        Ok(literal)
    }

    fn peek(&self) -> Token<'t> {
        self.tokens.get(self.position).cloned().unwrap_or(Token { kind: TokenKind::End, column: 1 })
    }

    fn at_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek().kind, TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn advance(&mut self) {
        if self.position + 1 < self.tokens.len() {
            self.position += 1;
        }
    }

    fn expect(&mut self, kind: &TokenKind<'_>, what: &'static str) -> Result<(), FilterError> {
        if self.peek().kind != *kind {
            return Err(self.expected(what));
        }
        self.advance();
        Ok(())
    }

    fn expected(&self, expected: &'static str) -> FilterError {
        let token = self.peek();
        let found = token.kind.describe();
        FilterError::at(token.column, FilterErrorKind::Expected { expected, found })
    }
}

const OPERATORS: &str = "an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr) or \"[\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read_and_printed_again() {
        // RFC 7644 §3.4.2.2, figure 2.
        let examples = [
            r#"userName eq "bjensen""#,
            r#"name.familyName co "O'Malley""#,
            r#"userName sw "J""#,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
            "title pr",
            r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
            r#"title pr and userType eq "Employee""#,
            r#"title pr or userType eq "Intern""#,
            r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
            r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
            r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
            r#"userType eq "Employee" and (emails.type eq "work")"#,
            r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#,
            r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
        ];
        for example in examples {
            let filter = parse(example).unwrap();
            assert_eq!(parse(&filter.to_string()).unwrap(), filter, "{example}");
        }
    }

    #[test]
    fn and_binds_before_or_and_not_before_both() {
        let filter = parse("a pr or b pr and not (c pr)").unwrap();
        assert_eq!(filter, parse("a pr or (b pr and (not (c pr)))").unwrap());
        assert_ne!(filter, parse("(a pr or b pr) and not (c pr)").unwrap());
    }

    #[test]
    fn operators_and_keywords_are_read_without_regard_to_case() {
        assert_eq!(
            parse("a EQ 1 AND NOT (b Pr)").unwrap(),
            parse("a eq 1 and not (b pr)").unwrap()
        );
    }

    #[test]
    fn a_sub_attribute_after_brackets_binds_the_same_element() {
        assert_eq!(
            parse(r#"emails[type eq "work"].value eq "a""#).unwrap(),
            parse(r#"emails[type eq "work" and value eq "a"]"#).unwrap()
        );
    }

    #[test]
    fn an_error_points_at_its_column() {
        let cases = [
            ("userName", 9, "expected an operator"),
            (r#"userName equals "x""#, 10, "found \"equals\""),
            ("userName eq", 12, "expected a value"),
            ("userName eq bjensen", 13, "found \"bjensen\""),
            (r#"a eq "é" and"#, 13, "found the end of the filter"),
            (r#"userName eq "x" title pr"#, 17, "\"and\", \"or\""),
            ("(a pr", 6, "expected \")\""),
            ("a pr)", 5, "found \")\""),
            ("not a pr", 5, "\"(\" after \"not\""),
            (r#"a eq "x"#, 6, "closing quote"),
            ("a eq 'x'", 6, "unexpected character '\\''"),
            ("", 1, "found the end of the filter"),
        ];
        for (text, column, message) in cases {
            let error = parse(text).unwrap_err();
            assert_eq!(error.column, column, "{text}: {error}");
            assert!(error.to_string().contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn limits_hold() {
        let deep = format!("{}a pr{}", "(".repeat(MAX_DEPTH + 1), ")".repeat(MAX_DEPTH + 1));
        assert_eq!(parse(&deep).unwrap_err().kind, FilterErrorKind::TooDeep);
        let wide = vec!["a pr"; MAX_TERMS + 1].join(" or ");
        assert_eq!(
            parse(&wide).unwrap_err().kind,
            FilterErrorKind::TooManyTerms { limit: MAX_TERMS }
        );
        let kind = parse_within("a pr or b pr", 1).unwrap_err().kind;
        assert_eq!(kind, FilterErrorKind::TooManyTerms { limit: 1 });
        let long = format!("a eq \"{}\"", "x".repeat(MAX_LENGTH));
        assert_eq!(parse(&long).unwrap_err().kind, FilterErrorKind::TooLong);
        let level = format!("{}a pr{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
        assert_eq!(parse(&level).unwrap(), parse("a pr").unwrap());
    }
}
