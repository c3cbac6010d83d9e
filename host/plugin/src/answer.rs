//! What a plugin answers, bounded and made plain before anyone else sees it.

use serde_json::Value;
use tenon_scim::ScimType;

use crate::bindings::tenon::plugin::types::Issue as RawIssue;
use crate::call::Issue;
use crate::error::Refusal;
use crate::limits::Limits;
use crate::text::plain;

/// Bytes of a path in an issue.
const PATH_BYTES: usize = 256;

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
