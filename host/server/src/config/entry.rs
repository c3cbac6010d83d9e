//! How requests name their tenant: the settings that say so.

use axum::http::HeaderName;

use super::ConfigError;
use super::values::{Given, Values};
use crate::tenant::resolve::template::{HostTemplate, PathTemplate};
use crate::tenant::resolve::{EntrySettings, TrustedProxies};

/// Headers that have a meaning of their own.
const TAKEN: [&str; 3] = ["authorization", "host", "forwarded"];

impl Values {
    pub(super) fn entry(&self) -> Result<EntrySettings, ConfigError> {
        let default = EntrySettings::default();
        let forwarded = self.parsed("forwarded", "\"x-forwarded\" or \"rfc7239\"")?;
        Ok(EntrySettings {
            paths: self.tenant_paths()?.unwrap_or(default.paths),
            host: self.tenant_host()?,
            headers: self.tenant_headers()?,
            trusted_proxies: self.trusted_proxies()?,
            forwarded: forwarded.unwrap_or_default(),
            certificate_header: self.certificate_header()?,
            default_tenant: self.get("default_tenant").map(|given| given.text.as_str().into()),
        })
    }

    fn tenant_paths(&self) -> Result<Option<Vec<PathTemplate>>, ConfigError> {
        let Some(given) = self.get("tenant_paths") else { return Ok(None) };
        let template = |text| {
            let invalid = |why| given.invalid(format!("\"{text}\" {why}"));
            PathTemplate::parse(text).map_err(invalid)
        };
        let templates = listed(given).map(template).collect::<Result<Vec<_>, _>>()?;
        if templates.is_empty() {
            return Err(given.invalid("must have one path at the least"));
        }
        Ok(Some(templates))
    }

    fn tenant_host(&self) -> Result<Option<HostTemplate>, ConfigError> {
        let Some(given) = self.get("tenant_host") else { return Ok(None) };
        let invalid = |why| given.invalid(format!("{why}, not \"{}\"", given.text));
        HostTemplate::parse(&given.text).map(Some).map_err(invalid)
    }

    fn tenant_headers(&self) -> Result<Vec<String>, ConfigError> {
        let Some(given) = self.get("tenant_headers") else { return Ok(Vec::new()) };
        let mut headers: Vec<String> = Vec::new();
        for text in listed(given) {
            let name = HeaderName::try_from(text).map(|name| name.as_str().to_owned());
            let name = name.ok().filter(|name| {
                !TAKEN.contains(&name.as_str()) && !name.starts_with("x-forwarded-")
            });
            let name = name.filter(|name| !headers.contains(name));
            headers.push(name.ok_or_else(|| {
                given.invalid(format!(
                    "must be names of headers such as x-tenant-id, each once and none with another \
                     meaning; \"{text}\" is not such a name"
                ))
            })?);
        }
        // Without proxies to send them they would silently have no effect.
        if !headers.is_empty() && self.get("trusted_proxies").is_none() {
            return Err(given.invalid("needs trusted_proxies: the headers of others do not count"));
        }
        Ok(headers)
    }

    fn certificate_header(&self) -> Result<Option<String>, ConfigError> {
        let Some(given) = self.get("certificate_header") else { return Ok(None) };
        let name = HeaderName::try_from(&given.text).map(|name| name.as_str().to_owned());
        let name = name.ok().filter(|name| !TAKEN.contains(&name.as_str()));
        let name = name.ok_or_else(|| {
            let text = &given.text;
            given.invalid(format!(
                "must be the name of a header such as client-cert, not \"{text}\""
            ))
        })?;
        if self.get("trusted_proxies").is_none() {
            return Err(given.invalid("needs trusted_proxies: the headers of others do not count"));
        }
        Ok(Some(name))
    }

    fn trusted_proxies(&self) -> Result<TrustedProxies, ConfigError> {
        let Some(given) = self.get("trusted_proxies") else { return Ok(TrustedProxies::default()) };
        TrustedProxies::parse(&given.text).map_err(|wrong| {
            given.invalid(format!(
                "must be addresses and networks such as 10.0.0.0/8, with commas in between, not \"{wrong}\""
            ))
        })
    }
}

/// The values of a setting that has several, with commas in between.
fn listed(given: &Given) -> impl Iterator<Item = &str> {
    given.text.split(',').map(str::trim).filter(|it| !it.is_empty())
}
