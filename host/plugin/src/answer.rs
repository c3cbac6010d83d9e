//! What a plugin answers, bounded and made plain before anyone else sees it.

use std::fmt;

use serde_json::Value;
use tenon_scim::ScimType;

use crate::bindings::exports::tenon::plugin::resolver::Claim as RawClaim;
use crate::bindings::tenon::plugin::types::{Edit as RawEdit, Issue as RawIssue};
use crate::call::Issue;
use crate::error::{CallError, Refusal};
use crate::hooks::{Claim, Edit};
use crate::limits::Limits;
use crate::text::plain;

/// Bytes of a path in an issue.
const PATH_BYTES: usize = 256;
/// Bytes of what is told of an edit.
const MESSAGE_BYTES: usize = 1_000;
/// Permissions of a claim.
const CLAIM_PERMISSIONS: usize = 64;
/// Bytes of a name in a claim.
const NAME_BYTES: usize = 256;

/// The issues as a client may see them. Those past the limit are counted in one more issue: the
/// refusal stands however many there are.
pub(crate) fn issues(raw: Vec<RawIssue>, limits: &Limits) -> Vec<Issue> {
    let left_out = raw.len().saturating_sub(limits.issues);
    let mut issues: Vec<Issue> =
        raw.into_iter().take(limits.issues).map(|raw| issue(&raw, limits)).collect();
    if left_out > 0 {
        issues.push(Issue {
            path: None,
            scim_type: None,
            detail: format!("{left_out} more issues were found and left out here."),
        });
    }
    issues
}

/// The issues of a rejection, of which there has to be one: who is refused is told why.
pub(crate) fn rejection(raw: Vec<RawIssue>, limits: &Limits) -> Result<Vec<Issue>, CallError> {
    if raw.is_empty() {
        return Err(unusable("it rejects and gives no issue; a rejection says what is wrong"));
    }
    Ok(issues(raw, limits))
}

/// The edits of one document.
pub(crate) fn edits(raw: Vec<RawEdit>, limits: &Limits) -> Result<Vec<Edit>, CallError> {
    edits_of_each(vec![raw], 1, limits).map(|edits| edits.into_iter().flatten().collect())
}

/// The edits of so many documents.
pub(crate) fn edits_of_each(
    raw: Vec<Vec<RawEdit>>,
    documents: usize,
    limits: &Limits,
) -> Result<Vec<Vec<Edit>>, CallError> {
    if raw.len() != documents {
        let lists = raw.len();
        return Err(unusable(format!("{lists} lists of edits for {documents} documents")));
    }
    let bytes: usize = raw.iter().flatten().map(bytes).sum();
    if bytes > limits.edit_bytes {
        let limit = limits.edit_bytes;
        return Err(unusable(format!("edits of {bytes} bytes, the limit is {limit}")));
    }
    raw.into_iter().map(|raw| edits_of_one(raw, limits)).collect()
}

fn edits_of_one(raw: Vec<RawEdit>, limits: &Limits) -> Result<Vec<Edit>, CallError> {
    if raw.len() > limits.edits {
        let (found, limit) = (raw.len(), limits.edits);
        return Err(unusable(format!("{found} edits of one document, the limit is {limit}")));
    }
    raw.into_iter().enumerate().map(|(index, raw)| edit(index, raw)).collect()
}

fn edit(index: usize, raw: RawEdit) -> Result<Edit, CallError> {
    let wrong = |found: &dyn fmt::Display| {
        unusable(plain(&format!("edit {}: {found}", index + 1), MESSAGE_BYTES))
    };
    let value = raw.value.map(|value| serde_json::from_str(&value)).transpose();
    let value = value.map_err(|error| wrong(&format_args!("its value is no JSON ({error})")))?;
    Edit::of(&raw.op, raw.path, value).map_err(|error| wrong(&error))
}

fn bytes(edit: &RawEdit) -> usize {
    edit.path.as_ref().map_or(0, String::len) + edit.value.as_ref().map_or(0, String::len)
}

/// The filter that narrows a query.
pub(crate) fn filter(filter: String, limits: &Limits) -> Result<String, CallError> {
    if filter.len() > limits.filter_bytes {
        let (found, limit) = (filter.len(), limits.filter_bytes);
        return Err(unusable(format!("a filter of {found} bytes, the limit is {limit}")));
    }
    Ok(filter)
}

/// A resolver's claim.
pub(crate) fn claim(raw: RawClaim) -> Result<Claim, CallError> {
    let RawClaim { tenant, subject, permissions } = raw;
    let names = subject.iter().chain(&permissions).chain([&tenant]);
    if permissions.len() > CLAIM_PERMISSIONS || names.into_iter().any(|it| it.len() > NAME_BYTES) {
        return Err(unusable(format!(
            "a claim has at most {CLAIM_PERMISSIONS} permissions and no name of more than \
             {NAME_BYTES} bytes"
        )));
    }
    let subject = subject.map(|subject| plain(&subject, NAME_BYTES));
    Ok(Claim { tenant, subject, permissions })
}

fn unusable(message: impl Into<String>) -> CallError {
    CallError::InvalidOutput { message: message.into() }
}

/// The documents of `describe`, each a JSON object.
pub(crate) fn documents(texts: &[String], limits: &Limits) -> Result<Vec<Value>, Refusal> {
    if texts.len() > limits.describe_documents {
        return Err(Refusal::BadDescription {
            found: format!("{} documents", texts.len()),
            expected: format!("at most {} are taken", limits.describe_documents),
        });
    }
    let bytes: usize = texts.iter().map(String::len).sum();
    if bytes > limits.describe_bytes {
        return Err(Refusal::BadDescription {
            found: format!("{bytes} bytes"),
            expected: format!("at most {} are taken", limits.describe_bytes),
        });
    }
    texts.iter().enumerate().map(|(index, text)| document(index, text)).collect()
}

fn issue(raw: &RawIssue, limits: &Limits) -> Issue {
    Issue {
        path: raw.path.as_deref().map(|path| plain(path, PATH_BYTES)),
        scim_type: raw.scim_type.as_deref().and_then(ScimType::from_keyword),
        detail: plain(&raw.detail, limits.issue_detail_bytes),
    }
}

fn document(index: usize, text: &str) -> Result<Value, Refusal> {
    let expected = || "each document is one JSON object, a Schema or a ResourceType".to_owned();
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Refusal::BadDescription {
            found: format!("JSON that is no object as document {}", index + 1),
            expected: expected(),
        }),
        Err(error) => Err(Refusal::BadDescription {
            found: format!("no JSON as document {} ({error})", index + 1),
            expected: expected(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(scim_type: Option<&str>, detail: &str) -> RawIssue {
        RawIssue {
            path: Some("user\u{0}Name".to_owned()),
            scim_type: scim_type.map(str::to_owned),
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn issues_are_plain_and_bounded_and_the_rest_is_counted() {
        let limits = Limits { issues: 2, issue_detail_bytes: 5, ..Limits::default() };
        let raw = vec![
            raw(Some("uniqueness"), "twelve bytes"),
            raw(Some("<script>"), "a\nb"),
            raw(None, "three"),
            raw(None, "four"),
        ];
        let issues = issues(raw, &limits);
        assert_eq!(issues.len(), 3);
        assert_eq!(issues[0].path.as_deref(), Some("user\u{fffd}Name"));
        assert_eq!(issues[0].scim_type, Some(ScimType::Uniqueness));
        assert_eq!(issues[0].detail, "twelv");
        assert_eq!(issues[1].scim_type, None);
        assert_eq!(issues[1].detail, "a\u{fffd}b");
        assert_eq!(issues[2].detail, "2 more issues were found and left out here.");
    }

    fn raw_edit(op: &str, value: Option<&str>) -> RawEdit {
        let path = Some("title".to_owned());
        RawEdit { op: op.to_owned(), path, value: value.map(str::to_owned) }
    }

    #[test]
    fn edits_are_operations_and_what_is_none_is_told_by_its_number() {
        let limits = Limits::default();
        let good = vec![raw_edit("Replace", Some("\"x\"")), raw_edit("remove", None)];
        let edits = edits(good, &limits).unwrap();
        assert_eq!(edits[0].value, Some(Value::from("x")));
        assert_eq!(edits[1].value, None);
        for bad in [raw_edit("explode", None), raw_edit("add", None), raw_edit("add", Some("{"))] {
            let error = super::edits(vec![raw_edit("remove", None), bad], &limits).unwrap_err();
            assert_eq!(error.kind(), "invalid-output");
            assert!(error.to_string().contains("edit 2: "), "{error}");
        }
    }

    #[test]
    fn edits_are_bounded_by_their_number_and_bytes_and_there_is_a_list_for_each_document() {
        let limits = Limits { edits: 2, edit_bytes: 20, ..Limits::default() };
        let edit = || raw_edit("add", Some("1"));
        assert!(edits_of_each(vec![vec![edit()], vec![edit()]], 2, &limits).is_ok());
        for (raw, documents) in [
            (
                vec![vec![
                    raw_edit("remove", None),
                    raw_edit("remove", None),
                    raw_edit("remove", None),
                ]],
                1,
            ),
            (vec![vec![raw_edit("add", Some("\"fourteen bytes\""))]], 1),
            (vec![vec![edit()]], 2),
            (vec![vec![edit()], vec![]], 1),
        ] {
            let error = edits_of_each(raw, documents, &limits).unwrap_err();
            assert_eq!(error.kind(), "invalid-output", "{error}");
        }
    }

    #[test]
    fn a_rejection_says_why_and_filters_and_claims_have_a_size() {
        let limits = Limits { filter_bytes: 8, ..Limits::default() };
        assert!(rejection(Vec::new(), &limits).is_err());
        assert!(filter("id pr".to_owned(), &limits).is_ok());
        assert!(filter("title pr or id pr".to_owned(), &limits).is_err());
        let claim_of = |tenant: &str, permissions: usize| RawClaim {
            tenant: tenant.to_owned(),
            subject: Some("a\nb".to_owned()),
            permissions: vec!["scim:read".to_owned(); permissions],
        };
        assert_eq!(claim(claim_of("acme", 1)).unwrap().subject.as_deref(), Some("a\u{fffd}b"));
        assert!(claim(claim_of(&"a".repeat(300), 1)).is_err());
        assert!(claim(claim_of("acme", 65)).is_err());
    }

    #[test]
    fn a_document_that_is_no_object_is_told_by_its_number() {
        let texts = ["{}".to_owned(), "[1]".to_owned()];
        let refusal = documents(&texts, &Limits::default()).unwrap_err();
        assert!(refusal.to_string().contains("no object as document 2"), "{refusal}");
    }

    #[test]
    fn too_many_documents_are_refused() {
        let limits = Limits { describe_documents: 1, ..Limits::default() };
        let texts = ["{}".to_owned(), "{}".to_owned()];
        assert_eq!(documents(&texts, &limits).unwrap_err().check(), "describe");
    }
}
