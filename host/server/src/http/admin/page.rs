//! Lists that are read page by page: `limit` and `cursor`, and what narrows them down.

use std::str::FromStr;

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};
use tenon_scim::value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::error::Problem;
use super::invalid;
use crate::store::page::first_id_at;
use crate::store::page::{InOrder, Page, Part};

const DEFAULT_LIMIT: i64 = 100;
const MAX_LIMIT: i64 = 1_000;

/// What a cursor must be.
const CURSOR: &str = "a nextCursor of this list";

/// The parameters of a URL.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Of a query, which has no others than these, and each once.
    pub(super) fn of(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut given: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                let known = known.join(", ");
                let detail = format!("parameter \"{name}\" is not known here; there are {known}");
                return Err(invalid(detail));
            }
            if given.iter().any(|(it, _)| *it == name) {
                return Err(invalid(format!("parameter \"{name}\" must be given once")));
            }
            if value.contains('\0') {
                return Err(invalid(format!("parameter \"{name}\" has a NUL")));
            }
            given.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(given))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| &**value)
    }

    /// Read as something; an error says what it must be.
    pub(super) fn read<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let wrong = || invalid(format!("parameter \"{name}\" must be {expected}, not \"{text}\""));
        read(text).map(Some).ok_or_else(wrong)
    }

    /// The first id of an instant: `since`, `until`.
    pub(super) fn id_at(&self, name: &str) -> Result<Option<Uuid>, Problem> {
        let read = |text: &str| value::instant(text).filter(|it| *it >= OffsetDateTime::UNIX_EPOCH);
        Ok(self.read(name, "a date and time such as 2030-01-31T12:00:00Z", read)?.map(first_id_at))
    }

    /// How many items a page has at the most.
    pub(super) fn limit(&self) -> Result<i64, Problem> {
        let read = |text: &str| text.parse().ok().filter(|it| (1..=MAX_LIMIT).contains(it));
        let expected = format!("a number from 1 to {MAX_LIMIT}");
        Ok(self.read("limit", &expected, read)?.unwrap_or(DEFAULT_LIMIT))
    }

    /// The part of a list that is in the order of a key.
    pub(super) fn part<K: FromStr>(&self) -> Result<Part<K>, Problem> {
        let read = |text: &str| {
            let key = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            // PostgreSQL's text has no U+0000, so that no key has it.
            if key.contains('\0') { None } else { key.parse().ok() }
        };
        let after = self.read("cursor", CURSOR, read)?;
        Ok(Part { after, limit: self.limit()? })
    }

    /// Before which id the page is.
    pub(super) fn cursor(&self) -> Result<Option<Uuid>, Problem> {
        let read = |text: &str| Uuid::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
        self.read("cursor", CURSOR, read)
    }
}

/// The part of a list in the order of a key that a query asks for, which has no other parameters.
pub(super) fn part<K: FromStr>(query: Option<&str>) -> Result<Part<K>, Problem> {
    Parameters::of(query, &["limit", "cursor"])?.part()
}

/// A part of a list as it is shown; there is a `nextCursor` unless it is the last one.
pub(super) fn in_order<T, K: ToString>(
    part: &InOrder<T>,
    key: impl Fn(&T) -> K,
    shown: impl Fn(&T) -> Result<Value, Problem>,
) -> Result<Response, Problem> {
    let items: Vec<Value> = part.items.iter().map(shown).collect::<Result<_, _>>()?;
    let mut page = json!({ "items": items });
    let last = part.items.last().filter(|_| part.has_more);
    if let (Some(page), Some(last)) = (page.as_object_mut(), last) {
        let cursor = URL_SAFE_NO_PAD.encode(key(last).to_string());
        page.insert("nextCursor".to_owned(), cursor.into());
    }
    Ok(Json(page).into_response())
}

/// A page as it is shown; there is a `nextCursor` unless it is the last one.
pub(super) fn shown<T: Serialize>(page: &Page<T>) -> Value {
    let mut shown = json!({ "items": page.items });
    if let (Some(shown), Some(before)) = (shown.as_object_mut(), page.before) {
        shown.insert("nextCursor".to_owned(), URL_SAFE_NO_PAD.encode(before.as_bytes()).into());
    }
    shown
}
