//! What a proxy says of the request that it forwards: `X-Forwarded-*`, or `Forwarded` (RFC 7239).
//! It counts where the proxy is trusted, and the one family counts that the operator has named: a
//! proxy that sets one passes the other on as the client wrote it.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};

use crate::tenant::resolve::{Family, TrustedProxies};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// What is known of the request as the client sent it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Whose request it is: the nearest address that is no trusted proxy's.
    pub(super) client: Option<IpAddr>,
    /// The host, with its port if it has one.
    pub(super) host: Option<String>,
    /// `http` or `https`.
    pub(super) scheme: Option<String>,
    /// What the proxy has taken off the path.
    pub(super) prefix: Option<String>,
}

/// Reads what trusted proxies say; the last of them, `peer`, is one.
pub(super) fn read(headers: &HeaderMap, family: Family, trusted: &TrustedProxies) -> Sent {
    match family {
        Family::XForwarded => x_forwarded(headers, trusted),
        Family::Rfc7239 => rfc7239(headers, trusted),
    }
}

/// Proxies append to the list of addresses; of the others, most set one value. A list that is as long
/// as that of addresses was appended to by the same proxies.
fn x_forwarded(headers: &HeaderMap, trusted: &TrustedProxies) -> Sent {
    let addresses = list(headers, &X_FORWARDED_FOR);
    let hops = addresses.iter().rev().map(|text| address(text));
    let (client, hop) = nearest(hops, trusted);
    let said = |name: &HeaderName| {
        let values = list(headers, name);
        let of_hop = values.iter().rev().nth(hop).filter(|_| values.len() == addresses.len());
        of_hop.or(values.last()).cloned()
    };
    Sent {
        client,
        host: said(&X_FORWARDED_HOST),
        scheme: said(&X_FORWARDED_PROTO).map(|it| it.to_ascii_lowercase()),
        prefix: said(&X_FORWARDED_PREFIX),
    }
}

/// RFC 7239 §4: each proxy appends an element, with all that it knows of the request it received.
fn rfc7239(headers: &HeaderMap, trusted: &TrustedProxies) -> Sent {
    let mut elements: Vec<Vec<(String, String)>> = Vec::new();
    for value in headers.get_all(FORWARDED) {
        let Some(read) = value.to_str().ok().and_then(elements_of) else {
            // What cannot be read says nothing, and neither does what comes before it.
            elements.clear();
            continue;
        };
        elements.extend(read);
    }
    let said = |element: &Vec<(String, String)>, name: &str| {
        element.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone())
    };
    let hops = elements.iter().rev().map(|it| said(it, "for").and_then(|it| address(&it)));
    let (client, hop) = nearest(hops, trusted);
    let element = elements.iter().rev().nth(hop);
    let said = |name| element.and_then(|element| said(element, name));
    Sent {
        client,
        host: said("host"),
        scheme: said("proto").map(|it| it.to_ascii_lowercase()),
        prefix: list(headers, &X_FORWARDED_PREFIX).pop(),
    }
}

/// From the server outwards: the first address that is no trusted proxy's, and how many hops away
/// it was told. An address that cannot be read is nobody's, and what is behind it is not believed.
fn nearest(
    hops: impl Iterator<Item = Option<IpAddr>>,
    trusted: &TrustedProxies,
) -> (Option<IpAddr>, usize) {
    let mut last = (None, 0);
    for (hop, address) in hops.enumerate() {
        last = (address.or(last.0), hop);
        if !address.is_some_and(|address| trusted.contain(address)) {
            break;
        }
    }
    last
}

/// The values of a header that is a list, over all its lines; without those that are empty.
fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    let values = lines.flat_map(|line| line.split(',')).map(str::trim);
    values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

/// `192.0.2.1`, `192.0.2.1:8080`, `[2001:db8::1]:8080`, `2001:db8::1`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = text.parse().ok().or_else(bare);
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()));
    address.map(|address| address.to_canonical())
}

/// `for=192.0.2.60;proto=http, for="[2001:db8::1]"`: names in lower case, values without quotes.
fn elements_of(text: &str) -> Option<Vec<Vec<(String, String)>>> {
    let mut elements = vec![Vec::new()];
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value_of(after)?;
        elements.last_mut()?.push((name.trim().to_ascii_lowercase(), value));
        let after = after.trim_start();
        rest = match after.chars().next() {
            None => after,
            Some(';') => after.get(1..)?.trim_start(),
            Some(',') => {
                elements.push(Vec::new());
                after.get(1..)?.trim_start()
            }
            Some(_) => return None,
        };
    }
    Some(elements)
}

/// A token or a quoted string (RFC 9110 §5.6.4), and what comes after it.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',', ' ', '\t']).unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        return Some((value.to_owned(), after));
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted() -> TrustedProxies {
        TrustedProxies::parse("10.0.0.0/8, 2001:db8::/32").unwrap()
    }

    fn said(family: Family, lines: &[(&'static str, &str)]) -> Sent {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        read(&headers, family, &trusted())
    }

    fn client(sent: &Sent) -> String {
        sent.client.map(|it| it.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_client_is_the_nearest_that_is_no_trusted_proxy() {
        let x = |value| client(&said(Family::XForwarded, &[("x-forwarded-for", value)]));
        assert_eq!(x("192.0.2.7"), "192.0.2.7");
        assert_eq!(x("203.0.113.9, 192.0.2.7, 10.1.1.1"), "192.0.2.7");
        assert_eq!(x("192.0.2.7:4711, [2001:db8::5]:80, ::ffff:10.0.0.1"), "192.0.2.7");
        assert_eq!(x("10.1.1.1"), "10.1.1.1");
        assert_eq!(x("203.0.113.9, unknown, 10.1.1.1"), "10.1.1.1");
        let lines = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(client(&said(Family::XForwarded, &lines)), "192.0.2.7");
    }

    #[test]
    fn hosts_and_schemes_are_those_of_the_same_hop() {
        let lines = [
            ("x-forwarded-for", "203.0.113.9, 192.0.2.7, 10.1.1.1"),
            ("x-forwarded-host", "evil.example, scim.example.com, inner:8080"),
            ("x-forwarded-proto", "HTTPS"),
            ("x-forwarded-prefix", "/idm"),
        ];
        let sent = said(Family::XForwarded, &lines);
        assert_eq!(sent.host.as_deref(), Some("scim.example.com"));
        assert_eq!(sent.scheme.as_deref(), Some("https"));
        assert_eq!(sent.prefix.as_deref(), Some("/idm"));
        let lines = [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-host", "evil, real.example")];
        assert_eq!(said(Family::XForwarded, &lines).host.as_deref(), Some("real.example"));
    }

    #[test]
    fn forwarded_is_read_by_its_elements() {
        let lines = [
            ("forwarded", "for=203.0.113.9;host=evil.example"),
            (
                "forwarded",
                "For=\"192.0.2.7:80\" ; Proto=https;host=\"scim.example.com:8443\", for=\"[2001:db8::7]\";host=inner",
            ),
        ];
        let sent = said(Family::Rfc7239, &lines);
        assert_eq!(client(&sent), "192.0.2.7");
        assert_eq!(sent.host.as_deref(), Some("scim.example.com:8443"));
        assert_eq!(sent.scheme.as_deref(), Some("https"));
        let broken = [("forwarded", "host=scim.example.com, for=\"192")];
        assert_eq!(said(Family::Rfc7239, &broken), Sent::default());
    }

    #[test]
    fn one_family_counts() {
        let lines = [("forwarded", "for=192.0.2.7;host=a"), ("x-forwarded-host", "b")];
        assert_eq!(said(Family::Rfc7239, &lines).host.as_deref(), Some("a"));
        assert_eq!(said(Family::XForwarded, &lines).host.as_deref(), Some("b"));
    }
}
