//! Cuts a filter into tokens. Columns count characters, from 1.

use super::{FilterError, FilterErrorKind};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind<'t>,
    pub(super) column: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind<'t> {
    /// A path, an operator, a keyword or a number.
    Word(&'t str),
    /// A JSON string, unescaped.
    String(String),
    OpenParen,
    CloseParen,
    OpenBracket,
    CloseBracket,
    End,
}

impl TokenKind<'_> {
    /// The token in an error's words.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("\"{word}\""),
            Self::String(text) => format!("the string {}", serde_json::Value::from(text.as_str())),
            Self::OpenParen => "\"(\"".to_owned(),
            Self::CloseParen => "\")\"".to_owned(),
            Self::OpenBracket => "\"[\"".to_owned(),
            Self::CloseBracket => "\"]\"".to_owned(),
            Self::End => "the end of the filter".to_owned(),
        }
    }
}

/// The tokens of a filter, with an [`TokenKind::End`] at the end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, FilterError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut column = 1;
    loop {
        let trimmed = rest.trim_start_matches([' ', '\t']);
        column += rest.len() - trimmed.len();
        rest = trimmed;
        let Some(first) = rest.chars().next() else {
            tokens.push(Token { kind: TokenKind::End, column });
            return Ok(tokens);
        };
        let (kind, length) = match first {
            '(' => (TokenKind::OpenParen, 1),
            ')' => (TokenKind::CloseParen, 1),
            '[' => (TokenKind::OpenBracket, 1),
            ']' => (TokenKind::CloseBracket, 1),
            '"' => string(rest, column)?,
            _ => word(rest, first, column)?,
        };
        tokens.push(Token { kind, column });
        let (consumed, remaining) = rest.split_at(length);
        column += consumed.chars().count();
        rest = remaining;
    }
}

fn word(rest: &str, first: char, column: usize) -> Result<(TokenKind<'_>, usize), FilterError> {
    let length = rest.find(|c| !is_word_character(c)).unwrap_or(rest.len());
    if length == 0 {
        let kind = FilterErrorKind::UnexpectedCharacter { found: first };
        return Err(FilterError::at(column, kind));
    }
    let (word, _) = rest.split_at(length);
    Ok((TokenKind::Word(word), length))
}

/// Names, dots, numbers, and what a URN may have (RFC 8141 §2) that is not an operator here.
fn is_word_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '$' | '+' | '/' | '%' | '~')
}

fn string(rest: &str, column: usize) -> Result<(TokenKind<'_>, usize), FilterError> {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    let bad = |error: String| FilterError::at(column, FilterErrorKind::BadString { error });
    let Some((end, _)) = end else {
        return Err(bad("its closing quote is missing".to_owned()));
    };
    let (literal, _) = rest.split_at(end + 1);
    let text = serde_json::from_str(literal).map_err(|error| bad(error.to_string()))?;
    Ok((TokenKind::String(text), end + 1))
}
