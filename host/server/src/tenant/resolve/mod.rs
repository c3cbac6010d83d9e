//! From what a request looks like to where it belongs: by its path, its host, a header of a proxy.

mod bindings;
pub mod origin;
pub mod template;

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;

use self::bindings::{Bindings, Found, Table};
use self::origin::{Host, Origin, PublicUrl};
use self::template::{HostTemplate, Matched, PathTemplate};
use super::credentials::Credentials;
use super::entry::{Claim, Claims, EntryPoint, Realm};
use crate::store::StoreError;
use crate::store::entry_points::Bound;
use crate::store::lanes::Lanes;

/// Where a service is that its credentials alone tell of.
const PLAIN: &str = "/scim/v2";
/// What has been said to be the id or a name of a tenant is not longer.
const MAX_NAME: usize = 256;

/// How requests name their tenant, as the operator has it.
#[derive(Debug, Clone)]
pub struct EntrySettings {
    /// Paths of services; one at the least, and the first is the one that is told.
    pub paths: Vec<PathTemplate>,
    /// Host names of services.
    pub host: Option<HostTemplate>,
    /// Headers that name the tenant, in lower case, where a trusted proxy sends them.
    pub headers: Vec<String>,
    /// Who may tell of the request as it was sent.
    pub trusted_proxies: TrustedProxies,
    /// How they tell it.
    pub forwarded: Family,
    /// The header in which they tell the certificate of the TLS client, in lower case.
    pub certificate_header: Option<String>,
    /// The name or the id of the tenant of credentials that name none, where nothing else does.
    pub default_tenant: Option<Arc<str>>,
}

/// Networks of proxies whose word counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// The headers in which proxies tell of a request as it was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    /// `X-Forwarded-For`, `-Host`, `-Proto`, `-Prefix`.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Rfc7239,
}

/// What a request looks like, as the client sent it.
#[derive(Debug)]
pub struct Arrival<'r> {
    /// The path, as it is written.
    pub path: &'r str,
    /// Host and port.
    pub host: Option<Host>,
    /// `http` or `https`, where a proxy told it.
    pub scheme: Option<&'r str>,
    /// What a proxy took off the path.
    pub prefix: Option<&'r str>,
    /// The headers that name the tenant: names and values.
    pub headers: Vec<(&'r str, &'r str)>,
}

/// Where a request belongs.
#[derive(Debug)]
pub struct Resolved<'r> {
    /// Where it came in.
    pub entry: EntryPoint,
    /// What it asks for there: nothing, or a path.
    pub rest: &'r str,
}

/// Why a request belongs nowhere.
#[derive(Debug, PartialEq, Eq)]
pub enum NoEntry {
    /// Nothing is at its path, for any tenant.
    Nothing,
    /// What it says is no tenant's.
    Nobody,
}

/// Finds out where requests belong.
#[derive(Debug)]
pub struct Resolver {
    /// As configured.
    pub settings: EntrySettings,
    public_url: PublicUrl,
    bindings: Bindings,
}

impl Resolver {
    /// For the settings, and how clients reach the server where nothing else is known.
    #[must_use]
    pub fn new(settings: EntrySettings, public_url: &str) -> Self {
        Self { settings, public_url: PublicUrl::new(public_url), bindings: Bindings::default() }
    }

    /// Where a request belongs, by all that it says of its tenant.
    ///
    /// # Errors
    /// The database fails; in the inner result, it belongs nowhere.
    pub async fn resolve<'r>(
        &self,
        arrival: &Arrival<'r>,
        credentials: &Credentials,
        lanes: &Lanes,
    ) -> Result<Result<Resolved<'r>, NoEntry>, StoreError> {
        let found = self.bindings.find(arrival, credentials.as_of(), lanes).await?;
        Ok(self.judge(arrival, &found))
    }

    fn judge<'r>(&self, arrival: &Arrival<'r>, found: &Found) -> Result<Resolved<'r>, NoEntry> {
        let path = self.path(arrival.path, &found.table).ok_or(NoEntry::Nothing)?;
        let mut named: Vec<Claim> = path.claim?.into_iter().collect();
        let mut bound: Vec<Bound> = path.bound.into_iter().collect();
        match found.host {
            Some(host) => bound.push(host),
            None => named.extend(self.host_claim(arrival)),
        }
        for ((_, value), header) in arrival.headers.iter().zip(&found.headers) {
            match header {
                Some(header) => bound.push(*header),
                None => named.push(header_claim(value)?),
            }
        }
        let realm = realm(&bound)?;
        named.extend(bound.iter().filter_map(|bound| match bound {
            Bound::Tenant(tenant) => Some(Claim::Id(*tenant)),
            Bound::Realm(_) => None,
        }));
        let base_url = format!("{}{}", self.service_root(arrival, found), path.base);
        let otherwise = self.settings.default_tenant.clone().filter(|_| named.is_empty());
        let claims = Claims { realm, named, otherwise };
        let entry = EntryPoint { base_url: base_url.into(), claims };
        Ok(Resolved { entry, rest: path.rest })
    }

    /// A path as the server knows it, of one as clients write it.
    #[must_use]
    pub fn below_public_url<'p>(&self, path: &'p str) -> &'p str {
        below(path, self.public_url.path()).unwrap_or(path)
    }

    /// The URL of a tenant's service, for those who ask for it elsewhere.
    #[must_use]
    pub fn service_url(&self, tenant: &str) -> String {
        let path = self.settings.paths.first().map(|it| it.of(tenant)).unwrap_or_default();
        format!("{}{}{path}", self.public_url.origin(), self.public_url.path())
    }

    /// A service at a path: below the longest prefix that is bound and has one, or below none.
    fn path<'r>(&self, path: &'r str, table: &Table) -> Option<ServicePath<'r>> {
        let prefixes = table.prefixes.iter().map(|(prefix, bound)| (prefix.as_str(), Some(*bound)));
        prefixes.chain([("", None)]).find_map(|(prefix, bound)| {
            let (claim, rest) = self.service(below(path, prefix)?)?;
            let (base, _) = path.split_at(path.len() - rest.len());
            Some(ServicePath { bound, claim, base, rest })
        })
    }

    /// What a path claims, and what is below the service.
    fn service<'r>(&self, path: &'r str) -> Option<(Result<Option<Claim>, NoEntry>, &'r str)> {
        if let Some(rest) = below(path, PLAIN) {
            return Some((Ok(None), rest));
        }
        let Matched { tenant, rest } =
            self.settings.paths.iter().find_map(|template| template.matched(path))?;
        let claim = tenant.map(|tenant| Some(Claim::Named(tenant.into())));
        Some((claim.ok_or(NoEntry::Nobody), rest))
    }

    fn host_claim(&self, arrival: &Arrival<'_>) -> Option<Claim> {
        self.tenant_of(arrival.host.as_ref()?).map(|tenant| Claim::Named(tenant.into()))
    }

    fn tenant_of<'h>(&self, host: &'h Host) -> Option<&'h str> {
        self.settings.host.as_ref()?.tenant(&host.name)
    }

    /// What comes before the path of the service. A host counts if it is known, since anybody may
    /// send any: else links in answers would lead where the sender likes.
    fn service_root(&self, arrival: &Arrival<'_>, found: &Found) -> String {
        let public = &self.public_url;
        let known = |host: &&Host| {
            found.host.is_some() || public.is_at(host) || self.tenant_of(host).is_some()
        };
        let Some(host) = arrival.host.as_ref().filter(known) else {
            let prefix = arrival.prefix.unwrap_or_else(|| public.path());
            return format!("{}{prefix}", public.origin());
        };
        let origin = Origin { scheme: arrival.scheme.unwrap_or(&public.scheme), host };
        let own = if public.is_at(host) { public.path() } else { "" };
        format!("{origin}{}", arrival.prefix.unwrap_or(own))
    }
}

/// A path with a service in it.
struct ServicePath<'r> {
    /// To what its prefix is bound.
    bound: Option<Bound>,
    claim: Result<Option<Claim>, NoEntry>,
    base: &'r str,
    rest: &'r str,
}

/// What is below a path: nothing, or what begins with a slash.
fn below<'p>(path: &'p str, base: &str) -> Option<&'p str> {
    path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Through which realm a request came. What is bound to a tenant is of the tenant's, whichever it is.
fn realm(bound: &[Bound]) -> Result<Realm, NoEntry> {
    let mut realms = bound.iter().filter_map(|bound| match bound {
        Bound::Realm(realm) => Some(*realm),
        Bound::Tenant(_) => None,
    });
    match realms.next() {
        Some(realm) if realms.all(|it| it == realm) => Ok(Realm::Is(Some(realm))),
        Some(_) => Err(NoEntry::Nobody),
        None if bound.is_empty() => Ok(Realm::Is(None)),
        None => Ok(Realm::OfTheTenant),
    }
}

fn header_claim(value: &str) -> Result<Claim, NoEntry> {
    let is_name = (1..=MAX_NAME).contains(&value.len());
    is_name.then(|| Claim::Named(value.into())).ok_or(NoEntry::Nobody)
}

impl TrustedProxies {
    /// Reads networks and addresses, with commas in between: `10.0.0.0/8, 192.0.2.1`.
    ///
    /// # Errors
    /// The first that is none.
    pub fn parse(text: &str) -> Result<Self, &str> {
        let network = |text: &str| {
            let address = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse::<IpNet>().or_else(|_| address()).map_err(|_| ())
        };
        let all = text.split(',').map(str::trim).filter(|it| !it.is_empty());
        all.map(|text| network(text).map_err(|()| text)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an address is one of theirs.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }
}

impl Default for EntrySettings {
    fn default() -> Self {
        Self {
            paths: vec![
                PathTemplate::new("/tenants/", "/scim/v2"),
                PathTemplate::new("/scim/endpoints/", ""),
            ],
            host: None,
            headers: Vec::new(),
            trusted_proxies: TrustedProxies::default(),
            forwarded: Family::default(),
            certificate_header: None,
            default_tenant: None,
        }
    }
}

impl FromStr for Family {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "x-forwarded" => Ok(Self::XForwarded),
            "rfc7239" => Ok(Self::Rfc7239),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests;
