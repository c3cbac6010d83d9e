//! Requests that depend on the version of a resource: `If-Match`, `If-None-Match` and the
//! `version` of a bulk operation (RFC 7644 §3.14, RFC 9110 §13.1).

/// On which versions of a resource a request depends. The default is on none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// The version is one of these (RFC 9110 §13.1.1).
    pub if_match: Option<EntityTags>,
    /// The version is none of these (RFC 9110 §13.1.2).
    pub if_none_match: Option<EntityTags>,
}

/// The value of `If-Match` or `If-None-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`: any version.
    Any,
    /// These versions, by what stands between the quotes.
    List(Vec<String>),
}

/// Text that is neither `*` nor a list of entity-tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name} must be \"*\" or a list of entity-tags such as W/\"1\", \"2\"; \"{found}\" is neither"
)]
pub struct Malformed {
    /// The header, or the member of a bulk operation.
    pub name: &'static str,
    /// What was sent.
    pub found: String,
}

/// The stored version is not one on which the request depends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// It is another than the client knows.
    #[error(
        "the resource is at version {current}, which the request does not expect: see If-Match, \
         or \"version\" in a bulk operation"
    )]
    IfMatch {
        /// The ETag of the stored version.
        current: String,
    },
    /// It is one that the client ruled out.
    #[error("the resource is at version {current}, which If-None-Match rules out")]
    IfNoneMatch {
        /// The ETag of the stored version.
        current: String,
    },
}

impl Preconditions {
    /// Whether a resource of this ETag may be read or written.
    ///
    /// # Errors
    /// It may not. `If-Match` has precedence (RFC 9110 §13.2.2).
    pub fn check(&self, etag: &str) -> Result<(), Failed> {
        if self.if_match.as_ref().is_some_and(|tags| !tags.name(etag)) {
            return Err(Failed::IfMatch { current: etag.to_owned() });
        }
        if self.if_none_match.as_ref().is_some_and(|tags| tags.name(etag)) {
            return Err(Failed::IfNoneMatch { current: etag.to_owned() });
        }
        Ok(())
    }

    /// Whether the request goes ahead whatever the version is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }
}

impl EntityTags {
    /// Reads `"*" / #entity-tag`; `name` is that of the header, for the error.
    ///
    /// An empty list is one: `If-Match` with it holds for no version.
    ///
    /// # Errors
    /// The text is something else. It is not taken for a list without the tag: the client is to
    /// hear that it is the header that is wrong, and not that the resource has changed.
    pub fn parse(name: &'static str, text: &str) -> Result<Self, Malformed> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let malformed = || Malformed { name, found: text.to_owned() };
        let mut tags = Vec::new();
        // RFC 9110 §5.6.1.2: "A recipient MUST parse and ignore a reasonable number of empty list
        // elements".
        let mut rest = text.trim_start_matches([',', ' ', '\t']);
        while !rest.is_empty() {
            let (tag, after) = entity_tag(rest).ok_or_else(malformed)?;
            tags.push(tag.to_owned());
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(malformed());
            }
            rest = rest.trim_start_matches([',', ' ', '\t']);
        }
        Ok(Self::List(tags))
    }

    /// Whether this ETag is among them. Tags are compared weakly (RFC 9110 §8.8.3.2), for
    /// `If-Match` too: RFC 7644 §3.14 has weak ETags guard writes.
    fn name(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::List(tags) => {
                entity_tag(etag).is_some_and(|(current, _)| tags.iter().any(|tag| tag == current))
            }
        }
    }
}

/// Reads one `entity-tag` (RFC 9110 §8.8.3): what stands between the quotes, and what follows.
fn entity_tag(text: &str) -> Option<(&str, &str)> {
    let quoted = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"')?;
    let (opaque, after) = quoted.split_once('"')?;
    let is_etagc = |c: char| !c.is_ascii_control() && c != ' ';
    opaque.chars().all(is_etagc).then_some((opaque, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "W/\"3\"";

    fn if_match(header: &str) -> Result<(), Failed> {
        let if_match = Some(EntityTags::parse("If-Match", header).unwrap());
        Preconditions { if_match, ..Preconditions::default() }.check(ETAG)
    }

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        for header in
            ["W/\"3\"", "\"3\"", "*", " * ", "W/\"1\", W/\"3\"", "\"1\",\"3\"", ",, \"3\" ,"]
        {
            assert_eq!(if_match(header), Ok(()), "{header}");
        }
        for header in ["W/\"33\"", "\"\"", "", ",", "W/\"1\",\"2\""] {
            assert_eq!(if_match(header), Err(Failed::IfMatch { current: ETAG.into() }), "{header}");
        }
    }

    #[test]
    fn a_comma_between_quotes_is_part_of_the_tag() {
        let tags = EntityTags::parse("If-Match", "\"a,b\", W/\",\"").unwrap();
        assert_eq!(tags, EntityTags::List(vec!["a,b".into(), ",".into()]));
    }

    #[test]
    fn what_is_no_list_of_tags_is_not_taken_for_one() {
        for header in [
            "3",
            "W/3",
            "\"3",
            "3\"",
            "w/\"3\"",
            "\"3\" \"4\"",
            "\"3\"4",
            "\"a b\"",
            "*, \"3\"",
            "\"3\", *",
            "\"3\";",
        ] {
            let error = EntityTags::parse("If-Match", header).unwrap_err();
            assert!(error.to_string().contains("If-Match must be"), "{error}");
        }
    }

    #[test]
    fn if_none_match_rules_versions_out() {
        let check = |header: &str| {
            let if_none_match = Some(EntityTags::parse("If-None-Match", header).unwrap());
            Preconditions { if_none_match, ..Preconditions::default() }.check(ETAG)
        };
        assert_eq!(check("\"1\""), Ok(()));
        assert_eq!(check(""), Ok(()));
        for header in ["*", "\"1\", \"3\""] {
            assert_eq!(check(header), Err(Failed::IfNoneMatch { current: ETAG.into() }));
        }
    }

    #[test]
    fn if_match_is_looked_at_first() {
        let preconditions = Preconditions {
            if_match: Some(EntityTags::List(vec!["1".into()])),
            if_none_match: Some(EntityTags::Any),
        };
        assert!(matches!(preconditions.check(ETAG), Err(Failed::IfMatch { .. })));
        assert!(!preconditions.is_empty() && Preconditions::default().is_empty());
    }
}
