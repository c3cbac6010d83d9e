//! Scheme, host and port of URLs in answers.

use std::fmt;

/// A host, and the port if one is written (RFC 3986 §3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// In lower case, without a dot at the end; an IPv6 address in brackets.
    pub name: String,
    port: Option<u16>,
}

/// How clients reach the server where nothing else is known: `https://scim.example.com/idm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    url: String,
    /// `https`
    pub scheme: String,
    host: Option<Host>,
    /// How long scheme, host and port are in the URL.
    origin: usize,
}

/// `https://scim.example.com:8443`
pub struct Origin<'o> {
    /// `http` or `https`.
    pub scheme: &'o str,
    /// Host and port.
    pub host: &'o Host,
}

impl Host {
    /// Reads the value of a `Host` header; `None` where it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let end_of_name = match text.starts_with('[') {
            true => text.find(']')? + 1,
            false => text.find(':').unwrap_or(text.len()),
        };
        let (name, port) = text.split_at(end_of_name);
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return None,
            Some("") => None,
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some(port.parse().ok()?),
            Some(_) => return None,
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let in_brackets = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
        let is_name = match name.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            Some(address) => address.bytes().all(in_brackets),
            None => name.bytes().all(plain),
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        (is_name && !name.is_empty()).then_some(Self { name, port })
    }
}

impl PublicUrl {
    /// Of a URL without a slash at the end, as the settings have it.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let authority = rest.find('/').unwrap_or(rest.len());
        let host = rest.get(..authority).and_then(Host::parse);
        let origin = url.len() - (rest.len() - authority);
        Self { url: url.to_owned(), scheme: scheme.to_owned(), host, origin }
    }

    /// Whether it is this host, whatever the port.
    #[must_use]
    pub fn is_at(&self, host: &Host) -> bool {
        self.host.as_ref().is_some_and(|it| it.name == host.name)
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.url.get(..self.origin).unwrap_or(&self.url)
    }

    /// What comes after them: nothing, or a path without a slash at the end.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.get(self.origin..).unwrap_or_default()
    }
}

/// Without the port where it is the scheme's own.
impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = if self.scheme == "https" { 443 } else { 80 };
        write!(f, "{}://{}", self.scheme, self.host.name)?;
        match self.host.port {
            Some(port) if port != own => write!(f, ":{port}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_and_written_in_one_way() {
        let cases = [
            ("SCIM.Example.com", "https://scim.example.com"),
            ("scim.example.com.:443", "https://scim.example.com"),
            ("scim.example.com:80", "https://scim.example.com:80"),
            ("scim.example.com:", "https://scim.example.com"),
            ("127.0.0.1:8080", "https://127.0.0.1:8080"),
            ("[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
            ("[::1]", "https://[::1]"),
        ];
        for (text, shown) in cases {
            let host = Host::parse(text).unwrap();
            assert_eq!(Origin { scheme: "https", host: &host }.to_string(), shown);
        }
        for text in
            ["", ":80", "a b", "a/b", "a@b", "a:b", "a:99999", "[::1", "[::1]x", "a:1:2", "é"]
        {
            assert_eq!(Host::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_public_url_is_an_origin_and_a_path() {
        let url = PublicUrl::new("https://scim.example.com:8443/idm");
        assert_eq!((url.origin(), url.path()), ("https://scim.example.com:8443", "/idm"));
        assert!(url.is_at(&Host::parse("scim.example.com").unwrap()));
        assert!(!url.is_at(&Host::parse("example.com").unwrap()));
        let url = PublicUrl::new("http://127.0.0.1:8080");
        assert_eq!((url.origin(), url.path()), ("http://127.0.0.1:8080", ""));
    }
}
