//! Where tenants' services are: `/tenants/{tenant}/scim/v2`, `{tenant}.scim.example.com`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// What stands for the tenant.
const PLACE: &str = "{tenant}";

/// The path of every tenant's service. The tenant is a segment of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    /// `/tenants/`
    before: String,
    /// `/scim/v2`, or nothing.
    after: String,
}

/// The host name of every tenant's service. The tenant is its first label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostTemplate {
    /// `.scim.example.com`
    after: String,
}

/// A path that a template stands for the beginning of, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Matched<'p> {
    /// The tenant, decoded; `None` where that is no text.
    pub tenant: Option<Cow<'p, str>>,
    /// What is below it: nothing, or what begins with a slash.
    pub rest: &'p str,
}

impl PathTemplate {
    /// The template of what is before the tenant and after it.
    pub(super) fn new(before: &str, after: &str) -> Self {
        Self { before: before.to_owned(), after: after.to_owned() }
    }

    /// Reads a template.
    ///
    /// # Errors
    /// What a template has to be, where it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const SHAPE: &str = "must be a path such as /tenants/{tenant}/scim/v2, in which {tenant} is \
                             one segment and the others are of a-z, A-Z, 0-9, \"-\", \"_\", \".\" and \"~\"";
        let (before, after) = text.split_once(PLACE).ok_or(SHAPE)?;
        let is_plain = |path: &str| {
            let mut segments = path.split('/');
            segments.next() == Some("") && segments.all(is_segment)
        };
        let is_template = before.strip_suffix('/').is_some_and(|it| it.is_empty() || is_plain(it))
            && (after.is_empty() || is_plain(after));
        if !is_template {
            return Err(SHAPE);
        }
        let reserved =
            ["/admin/", "/health/", "/ready/", "/metrics/", "/.well-known/", "/scim/v2/"];
        if reserved.iter().any(|it| before.starts_with(it)) {
            return Err(
                "must not begin with /admin, /health, /ready, /metrics, /.well-known or /scim/v2",
            );
        }
        Ok(Self::new(before, after))
    }

    /// The path, if the template stands for its beginning.
    #[must_use]
    pub fn matched<'p>(&self, path: &'p str) -> Option<Matched<'p>> {
        let tail = path.strip_prefix(self.before.as_str())?;
        let (tenant, tail) = tail.split_at(tail.find('/').unwrap_or(tail.len()));
        let rest = tail.strip_prefix(self.after.as_str())?;
        if tenant.is_empty() || !(rest.is_empty() || rest.starts_with('/')) {
            return None;
        }
        Some(Matched { tenant: percent_decode_str(tenant).decode_utf8().ok(), rest })
    }

    /// Whether paths below a prefix are those of tenants' services.
    #[must_use]
    pub fn has_below(&self, prefix: &str) -> bool {
        self.before != "/" && format!("{prefix}/").starts_with(&self.before)
    }

    /// The path of a tenant's service.
    #[must_use]
    pub fn of(&self, tenant: &str) -> String {
        format!("{}{tenant}{}", self.before, self.after)
    }

    /// The template as it is written.
    #[must_use]
    pub fn text(&self) -> String {
        self.of(PLACE)
    }
}

impl HostTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// What a template has to be, where it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let after = text.strip_prefix(PLACE).and_then(|it| it.strip_prefix('.'));
        let after = after.filter(|it| is_host(it)).ok_or(
            "must be a host name such as {tenant}.scim.example.com, in lower case, of which \
             {tenant} is the first label",
        )?;
        Ok(Self { after: format!(".{after}") })
    }

    /// The tenant that a host name (in lower case, without a port) names.
    #[must_use]
    pub fn tenant<'h>(&self, host: &'h str) -> Option<&'h str> {
        let tenant = host.strip_suffix(self.after.as_str())?;
        (!tenant.is_empty() && !tenant.contains('.')).then_some(tenant)
    }
}

/// A segment of a path that is written in one way only.
fn is_segment(segment: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    !segment.is_empty() && segment.bytes().all(plain) && segment != "." && segment != ".."
}

/// A prefix of paths: `/eu`, `/eu/scim`.
#[must_use]
pub fn is_prefix(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|path| path.split('/').all(is_segment))
}

/// A host name in lower case: letters, digits and `-`, in labels (RFC 1123 §2.1).
#[must_use]
pub fn is_host(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> PathTemplate {
        PathTemplate::parse(text).unwrap()
    }

    #[test]
    fn a_path_is_taken_apart_where_the_template_ends() {
        let template = path("/tenants/{tenant}/scim/v2");
        let matched = template.matched("/tenants/a%63me/scim/v2/Users/1").unwrap();
        assert_eq!(matched.tenant.as_deref(), Some("acme"));
        assert_eq!(matched.rest, "/Users/1");
        assert_eq!(template.matched("/tenants/acme/scim/v2").unwrap().rest, "");
        assert_eq!(template.matched("/tenants/acme/scim/v2/").unwrap().rest, "/");
        assert_eq!(template.matched("/tenants/%ff/scim/v2/").unwrap().tenant, None);
        for other in [
            "/tenants/acme",
            "/tenants//scim/v2",
            "/tenants/acme/scim/v20/Users",
            "/x/tenants/acme/scim/v2",
            "/scim/v2/Users",
        ] {
            assert_eq!(template.matched(other), None, "{other}");
        }
        assert!(template.has_below("/tenants") && template.has_below("/tenants/acme"));
        assert!(!template.has_below("/tenant") && !template.has_below("/eu"));
        assert_eq!(template.of("acme"), "/tenants/acme/scim/v2");
        assert_eq!(template.text(), "/tenants/{tenant}/scim/v2");
    }

    #[test]
    fn a_template_may_end_with_the_tenant() {
        let template = path("/scim/endpoints/{tenant}");
        let matched = template.matched("/scim/endpoints/acme/Users").unwrap();
        assert_eq!((matched.tenant.as_deref(), matched.rest), (Some("acme"), "/Users"));
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in [
            "tenants/{tenant}",
            "/tenants",
            "/x-{tenant}",
            "/{tenant}x/scim",
            "/t/{tenant}/{tenant}",
            "/a//{tenant}",
            "/a b/{tenant}",
            "/t/{tenant}/",
            "/t/../{tenant}",
            "/admin/v1/{tenant}",
            "/health/{tenant}",
            "/scim/v2/{tenant}",
        ] {
            assert!(PathTemplate::parse(text).is_err(), "{text}");
        }
        for text in [
            "scim.example.com",
            "{tenant}",
            "{tenant}.",
            "x.{tenant}.example.com",
            "{tenant}.A.com",
        ] {
            assert!(HostTemplate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_names_its_tenant_by_the_first_label() {
        let template = HostTemplate::parse("{tenant}.scim.example.com").unwrap();
        assert_eq!(template.tenant("acme.scim.example.com"), Some("acme"));
        for other in [
            "scim.example.com",
            ".scim.example.com",
            "a.b.scim.example.com",
            "acme.scim.example.org",
        ] {
            assert_eq!(template.tenant(other), None, "{other}");
        }
    }
}
