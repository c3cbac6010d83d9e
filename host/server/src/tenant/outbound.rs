//! Requests that this server sends to addresses which a tenant's administrator names.
//!
//! They must not lead into the network that the server is in (server-side request forgery). The
//! address is judged where it is resolved, so that it is the one that is connected to: a name that
//! is resolved once to be judged and once to be used may be two addresses.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response, StatusCode, Url};
use rustls::{ClientConfig, RootCertStore};

/// For all of an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer at the most.
const MAX_BYTES: usize = 256 * 1024;

/// Why there is no answer. Told to administrators: nothing in it comes from the other side.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// It is nowhere that this server goes.
    #[error("the address is none that this server asks (setting outbound_allow)")]
    Forbidden,
    /// It does not answer.
    #[error("there is no answer")]
    NoAnswer(#[source] reqwest::Error),
    /// It answers with something else.
    #[error("the answer has the status {0}")]
    Status(StatusCode),
    /// The answer is too long.
    #[error("the answer has more than {MAX_BYTES} bytes")]
    TooLarge,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The body.
    pub body: Vec<u8>,
    /// How long it may be kept, if that was said (RFC 9111 §5.2.2.1).
    pub max_age: Option<Duration>,
}

/// Sends requests to where they may go.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// For https: public addresses, and those that the operator has opened.
    open: Client,
    /// For http: those that the operator has opened.
    inside: Client,
    allowed: Arc<[IpNet]>,
}

impl Outbound {
    /// Requests to public addresses, and to the networks that the operator has opened.
    ///
    /// # Errors
    /// There is no TLS.
    pub fn new(allowed: &[IpNet]) -> Result<Self, reqwest::Error> {
        let allowed: Arc<[IpNet]> = allowed.into();
        let client = |public: bool| {
            let guard = Guard { public, allowed: Arc::clone(&allowed) };
            let builder = || {
                Client::builder()
                    .no_proxy()
                    .redirect(Policy::none())
                    .timeout(PATIENCE)
                    .dns_resolver(guard.clone())
            };
            // Containers often have no certificates of authorities.
            builder().build().or_else(|_| with_known_roots(builder()).build())
        };
        // An error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self { open: client(true)?, inside: client(false)?, allowed })
    }

    /// Whether a URL may be asked, as far as that is known without resolving its name.
    #[must_use]
    pub fn may_ask(&self, url: &Url) -> bool {
        let public = url.scheme() == "https";
        let guard = Guard { public, allowed: Arc::clone(&self.allowed) };
        match address_in(url) {
            Some(address) => guard.admits(address),
            None => public || !self.allowed.is_empty(),
        }
    }

    /// Asks for a document.
    ///
    /// # Errors
    /// It may not be asked for, or does not come.
    pub async fn get(&self, url: &Url) -> Result<Answer, OutboundError> {
        if !self.may_ask(url) {
            return Err(OutboundError::Forbidden);
        }
        let client = if url.scheme() == "https" { &self.open } else { &self.inside };
        let sent = client.get(url.clone()).header("Accept", "application/json").send().await;
        let mut response = sent.map_err(refused_or_lost)?;
        if response.status() != StatusCode::OK {
            return Err(OutboundError::Status(response.status()));
        }
        let max_age = max_age(&response);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(OutboundError::NoAnswer)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(OutboundError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { body, max_age })
    }
}

fn with_known_roots(builder: ClientBuilder) -> ClientBuilder {
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    builder.tls_backend_preconfigured(config)
}

fn max_age(response: &Response) -> Option<Duration> {
    let stated = response.headers().get("Cache-Control")?.to_str().ok()?;
    let seconds = stated.split(',').find_map(|it| it.trim().strip_prefix("max-age="))?;
    seconds.parse().ok().map(Duration::from_secs)
}

fn refused_or_lost(error: reqwest::Error) -> OutboundError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if inner.is::<NoneAdmitted>() {
            return OutboundError::Forbidden;
        }
        cause = inner.source();
    }
    OutboundError::NoAnswer(error)
}

/// The address in a URL that has no name. It is not resolved.
fn address_in(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves names to the addresses that may be connected to.
#[derive(Debug, Clone)]
struct Guard {
    public: bool,
    allowed: Arc<[IpNet]>,
}

impl Guard {
    fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|net| net.contains(&address)) || self.public && is_public(address)
    }
}

/// No address of a name may be connected to.
#[derive(Debug)]
struct NoneAdmitted;

impl fmt::Display for NoneAdmitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no address of this name may be connected to")
    }
}

impl Error for NoneAdmitted {}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let admitted: Vec<SocketAddr> = found.filter(|it| guard.admits(it.ip())).collect();
            if admitted.is_empty() {
                return Err(NoneAdmitted.into());
            }
            Ok::<Addrs, _>(Box::new(admitted.into_iter()))
        })
    }
}

/// Whether an address is one of the internet (IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = matches!(
        address.octets(),
        [0 | 10 | 127 | 224.., ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    );
    !special
}

/// Within 2000::/3, what is not for protocols, for documentation, or around an IPv4 address.
const fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0..=0x01ff, ..]
        | [0x2001, 0x0db8, ..]
        | [0x2002, ..]
        | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbound(allowed: &[&str]) -> Outbound {
        let allowed: Vec<IpNet> = allowed.iter().map(|it| it.parse().unwrap()).collect();
        Outbound::new(&allowed).unwrap()
    }

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for public in ["8.8.8.8", "172.32.0.1", "100.63.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(public.parse::<IpAddr>().unwrap().to_canonical()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::a00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(special.parse::<IpAddr>().unwrap().to_canonical()), "{special}");
        }
    }

    #[test]
    fn what_the_operator_has_opened_may_be_asked() {
        let url = |text: &str| Url::parse(text).unwrap();
        let open = outbound(&["10.1.0.0/16"]);
        for allowed in
            ["https://8.8.8.8/keys", "https://10.1.2.3", "http://10.1.2.3/", "https://idp.example"]
        {
            assert!(open.may_ask(&url(allowed)), "{allowed}");
        }
        for refused in [
            "http://8.8.8.8/",
            "https://10.2.0.1/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://0x7f.1/",
            "https://2130706433/",
        ] {
            assert!(!open.may_ask(&url(refused)), "{refused}");
        }
        assert!(!outbound(&[]).may_ask(&url("http://idp.example/")));
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() {
        for url in ["https://localhost/keys", "http://localhost/keys"] {
            let refused = outbound(&["192.0.2.0/24"]).get(&Url::parse(url).unwrap()).await;
            assert!(matches!(refused, Err(OutboundError::Forbidden)), "{url}: {refused:?}");
        }
    }
}
