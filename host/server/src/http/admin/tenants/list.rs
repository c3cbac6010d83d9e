//! The list of tenants.

use std::sync::Arc;

use axum::extract::{RawQuery, State};

use super::super::super::App;
use super::super::page::{self, Parameters};
use super::{Answer, removal, shown};
use crate::store::tenants::{self, Listed, State as TenantState, Wanted};

const KNOWN: [&str; 6] = ["limit", "cursor", "name", "externalKey", "state", "realm"];

pub(crate) async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer {
    let parameters = Parameters::of(query.as_deref(), &KNOWN)?;
    let text = |name: &str| parameters.text(name).map(str::to_owned);
    let state = |text: &str| TenantState::ALL.into_iter().find(|it| it.name() == text);
    let wanted = Wanted {
        name: text("name"),
        external_key: text("externalKey"),
        state: parameters.read("state", "\"active\", \"suspended\" or \"deleting\"", state)?,
        realm: text("realm"),
    };
    let part = parameters.part()?;
    let mut conn = app.services.database.read().await?;
    let page = tenants::page(&mut conn, &wanted, &part).await?;
    page::in_order(&page, Listed::key, |listed| {
        Ok(match listed {
            Listed::Tenant(tenant) => shown(&app, tenant),
            Listed::Deleted(_, progress) => removal::shown(progress),
        })
    })
}
