//! `/admin/v1/tenants/{tenant}/requests`: who asked for what, and what came of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};

use super::super::{App, error::Problem};
use super::ForTenant;
use super::page::{self, Parameters};
use crate::store::requests::Wanted;

type Answer = Result<Response, Problem>;

const KNOWN: [&str; 7] = ["limit", "cursor", "since", "until", "actor", "operation", "status"];

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    RawQuery(query): RawQuery,
) -> Answer {
    let parameters = Parameters::of(query.as_deref(), &KNOWN)?;
    let until = parameters.id_at("until")?;
    let text = |name: &str| parameters.text(name).map(str::to_owned);
    let wanted = Wanted {
        from: parameters.id_at("since")?.unwrap_or_default(),
        before: until.into_iter().chain(parameters.cursor()?).min(),
        actor: text("actor"),
        operation: text("operation"),
        status: parameters.read(
            "status",
            "a status such as 409, or a class such as 4xx",
            status,
        )?,
    };
    let page = app.services.requests(tenant.tenant_id(), &wanted, parameters.limit()?).await?;
    Ok(Json(page::shown(&page)).into_response())
}

/// The first and the last status that are meant.
fn status(text: &str) -> Option<(i16, i16)> {
    let (class, is_class) = match text.strip_suffix("xx") {
        Some(class) => (class, true),
        None => (text, false),
    };
    let number: i16 = class.parse().ok()?;
    match is_class {
        true if (1..=5).contains(&number) => Some((number * 100, number * 100 + 99)),
        false if (100..600).contains(&number) => Some((number, number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_or_all_of_a_class() {
        assert_eq!((status("409"), status("4xx")), (Some((409, 409)), Some((400, 499))));
        for wrong in ["", "xx", "4x", "9xx", "32767xx", "-1", "99", "4xxx"] {
            assert_eq!(status(wrong), None, "{wrong}");
        }
    }
}
