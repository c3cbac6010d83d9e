use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::store::TenantId;

fn resolver(public_url: &str) -> Resolver {
    let host = Some(HostTemplate::parse("{tenant}.scim.example.com").unwrap());
    let settings = EntrySettings { host, ..EntrySettings::default() };
    Resolver::new(settings, public_url)
}

fn arrival<'r>(path: &'r str, host: &str) -> Arrival<'r> {
    Arrival { path, host: Host::parse(host), scheme: None, prefix: None, headers: Vec::new() }
}

fn base_url(resolver: &Resolver, arrival: &Arrival<'_>) -> String {
    resolver.judge(arrival, &Found::default()).unwrap().entry.base_url.to_string()
}

/// Nothing is bound of what a request with so many headers has used.
fn unbound(headers: usize) -> Found {
    Found { headers: vec![None; headers], ..Found::default() }
}

fn named(name: &str) -> Claim {
    Claim::Named(name.into())
}

#[test]
fn all_claims_are_collected() {
    let resolver = resolver("https://scim.example.com");
    let claims = |arrival: &Arrival<'_>| {
        let found = unbound(arrival.headers.len());
        resolver.judge(arrival, &found).unwrap().entry.claims.named
    };
    assert_eq!(claims(&arrival("/scim/v2/Users", "scim.example.com")), []);
    let path = "/scim/endpoints/acme/Users";
    assert_eq!(claims(&arrival(path, "scim.example.com")), [named("acme")]);
    let mut both = arrival(path, "globex.scim.example.com");
    assert_eq!(claims(&both), [named("acme"), named("globex")]);
    both.headers = vec![("x-tenant-id", "initech")];
    assert_eq!(claims(&both), [named("acme"), named("globex"), named("initech")]);
    both.headers = vec![("x-tenant-id", "")];
    assert_eq!(resolver.judge(&both, &unbound(1)).unwrap_err(), NoEntry::Nobody);
}

#[test]
fn what_is_below_a_service_is_left_over() {
    let resolver = resolver("https://scim.example.com");
    let rest = |path| resolver.judge(&arrival(path, ""), &Found::default()).map(|it| it.rest);
    assert_eq!(rest("/scim/v2/Users/1"), Ok("/Users/1"));
    assert_eq!(rest("/scim/v2"), Ok(""));
    assert_eq!(rest("/tenants/acme/scim/v2/"), Ok("/"));
    for path in ["/", "/scim/v20/Users", "/tenants/acme", "/Users"] {
        assert_eq!(rest(path), Err(NoEntry::Nothing), "{path}");
    }
    assert_eq!(rest("/tenants/%ff/scim/v2"), Err(NoEntry::Nobody));
}

#[test]
fn a_base_url_has_the_host_if_it_is_known() {
    let resolver = resolver("https://scim.example.com/idm");
    let base = |host| base_url(&resolver, &arrival("/scim/v2/Users", host));
    assert_eq!(base("SCIM.example.com"), "https://scim.example.com/idm/scim/v2");
    assert_eq!(base("scim.example.com:8443"), "https://scim.example.com:8443/idm/scim/v2");
    assert_eq!(base("acme.scim.example.com"), "https://acme.scim.example.com/scim/v2");
    for host in ["evil.example", "", "a.b.scim.example.com"] {
        assert_eq!(base(host), "https://scim.example.com/idm/scim/v2", "{host}");
    }
}

#[test]
fn a_base_url_has_what_a_proxy_tells() {
    let resolver = resolver("http://127.0.0.1:8080");
    let told = |host| Arrival {
        scheme: Some("https"),
        prefix: Some("/idm"),
        ..arrival("/tenants/a%63me/scim/v2/Users", host)
    };
    let known = base_url(&resolver, &told("acme.scim.example.com:443"));
    assert_eq!(known, "https://acme.scim.example.com/idm/tenants/a%63me/scim/v2");
    let unknown = base_url(&resolver, &told("evil.example"));
    assert_eq!(unknown, "http://127.0.0.1:8080/idm/tenants/a%63me/scim/v2");
}

#[test]
fn proxies_are_trusted_by_their_networks() {
    let proxies = TrustedProxies::parse("10.0.0.0/8, 192.0.2.1,2001:db8::/32").unwrap();
    let contains = |text: &str| proxies.contain(text.parse().unwrap());
    for address in ["10.255.0.1", "192.0.2.1", "2001:db8::1", "::ffff:10.0.0.1"] {
        assert!(contains(address), "{address}");
    }
    for address in ["11.0.0.1", "192.0.2.2", "2001:db9::1", "::ffff:11.0.0.1"] {
        assert!(!contains(address), "{address}");
    }
    assert_eq!(TrustedProxies::parse("10.0.0.0/8, here"), Err("here"));
    assert_eq!(TrustedProxies::parse(""), Ok(TrustedProxies::default()));
}

#[test]
fn what_is_bound_says_the_realm() {
    let (eu, us) = (Bound::Realm(Uuid::now_v7()), Bound::Realm(Uuid::now_v7()));
    let (acme, globex) = (TenantId(Uuid::now_v7()), TenantId(Uuid::now_v7()));
    let Bound::Realm(eu_id) = eu else { unreachable!() };
    assert_eq!(realm(&[]), Ok(Realm::Is(None)));
    assert_eq!(realm(&[eu, eu, Bound::Tenant(acme)]), Ok(Realm::Is(Some(eu_id))));
    assert_eq!(realm(&[Bound::Tenant(acme), Bound::Tenant(globex)]), Ok(Realm::OfTheTenant));
    assert_eq!(realm(&[eu, Bound::Tenant(acme), us]), Err(NoEntry::Nobody));
}

#[test]
fn the_longest_prefix_with_a_service_below_it_counts() {
    let resolver = resolver("https://scim.example.com");
    let (eu, west) = (Bound::Realm(Uuid::now_v7()), Bound::Realm(Uuid::now_v7()));
    let table = || Arc::new(Table::of(&[("/eu/west", west), ("/eu", eu)]));
    let of = |bound| match bound {
        Bound::Realm(realm) => Realm::Is(Some(realm)),
        Bound::Tenant(_) => Realm::OfTheTenant,
    };
    let cases = [
        ("/eu/scim/v2/Users", of(eu), "/eu/scim/v2"),
        ("/eu/west/tenants/acme/scim/v2/Users", of(west), "/eu/west/tenants/acme/scim/v2"),
        ("/scim/v2/Users", Realm::Is(None), "/scim/v2"),
    ];
    for (path, realm, base) in cases {
        let found = Found { table: table(), ..Found::default() };
        let resolved = resolver.judge(&arrival(path, ""), &found).unwrap();
        assert_eq!(resolved.entry.claims.realm, realm, "{path}");
        assert_eq!(&*resolved.entry.base_url, format!("https://scim.example.com{base}"));
        assert_eq!(resolved.rest, "/Users");
    }
    let found = Found { table: table(), ..Found::default() };
    for path in ["/europe/scim/v2", "/eu", "/eu/east/scim/v2"] {
        let nothing = resolver.judge(&arrival(path, ""), &found).unwrap_err();
        assert_eq!(nothing, NoEntry::Nothing, "{path}");
    }
}

#[test]
fn a_bound_host_is_known_and_names_what_it_is_bound_to() {
    let resolver = resolver("https://scim.example.com");
    let acme = TenantId(Uuid::now_v7());
    let found = Found { host: Some(Bound::Tenant(acme)), ..Found::default() };
    let resolved = resolver.judge(&arrival("/scim/v2", "Login.Acme.example"), &found).unwrap();
    assert_eq!(&*resolved.entry.base_url, "https://login.acme.example/scim/v2");
    let claims =
        Claims { realm: Realm::OfTheTenant, named: vec![Claim::Id(acme)], otherwise: None };
    assert_eq!(resolved.entry.claims, claims);
}
