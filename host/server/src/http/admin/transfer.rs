//! `/admin/v1/tenants/{tenant}/import` and `/export`: a tenant's resources as lines of JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, Request as HttpRequest, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::App;
use super::super::body::{self, NDJSON_TYPES};
use super::super::error::{Problem, ScimError};
use super::super::json;
use super::{Administrator, ForTenant, invalid, request_to};
use crate::service::Request;
use crate::service::transfer::{ExportPage, Imported, Line, Mode, Outcome, Position, Refusal};

type Answer = Result<Response, Problem>;

/// Lines of one request at the most.
const MAX_LINES: usize = 500;
/// Bytes of one request at the most.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// For how long lines are begun. A request that takes longer than a minute is given up.
const PATIENCE: Duration = Duration::from_secs(40);
/// Of the lines that [`export`] writes.
const VERSION: u32 = 1;

/// Takes lines in their order. The answer has a result for each line that was looked at; what is
/// after the last one is to be sent again.
pub(crate) async fn import(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    RawQuery(query): RawQuery,
    http_request: HttpRequest,
) -> Answer {
    let mode = mode(&query.unwrap_or_default())?;
    let (parts, body) = http_request.into_parts();
    let body = body::bytes(&parts.headers, body, NDJSON_TYPES, MAX_BYTES).await?;
    let lines: Vec<&[u8]> =
        body.split(|byte| *byte == b'\n').filter(|it| !it.trim_ascii().is_empty()).collect();
    if lines.len() > MAX_LINES {
        let detail = format!("a request has at the most {MAX_LINES} lines, not {}", lines.len());
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    let is_operator = administrator.is_operator();
    let request = request_to(&app, &tenant, administrator).await?;
    if !is_operator {
        // The request itself has been counted as one.
        let further = u64::try_from(lines.len()).unwrap_or(u64::MAX).saturating_sub(1);
        app.services.owe(&request.tenant, &request.principal, further);
    }
    let results = take(&app, &request, &lines, mode).await?;
    Ok(Json(json!({ "results": results })).into_response())
}

async fn take(
    app: &App,
    request: &Request,
    lines: &[&[u8]],
    mode: Mode,
) -> Result<Vec<Value>, Problem> {
    let begun = Instant::now();
    let mut results = Vec::with_capacity(lines.len());
    for line in lines {
        if begun.elapsed() > PATIENCE {
            break;
        }
        match take_one(app, request, line, mode).await {
            Ok(imported) => results.push(shown(&imported)),
            // It is the same for what comes after it: the server is busy, or the database away.
            Err(error) if error.status() == StatusCode::SERVICE_UNAVAILABLE => {
                if results.is_empty() {
                    return Err(error.into());
                }
                break;
            }
            Err(error) => {
                results.push(json!({ "outcome": "refused", "error": error.body() }));
            }
        }
    }
    Ok(results)
}

async fn take_one(
    app: &App,
    request: &Request,
    line: &[u8],
    mode: Mode,
) -> Result<Imported, ScimError> {
    let limit = request.tenant.limits.max_body_bytes;
    if line.len() > limit {
        let detail = format!("the line has more than {limit} bytes, the tenant's limit");
        return Err(ScimError::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    let line = json::from_slice(line).map_err(|error| {
        ScimError::new(StatusCode::BAD_REQUEST, format!("the line is not JSON: {error}"))
    })?;
    let line = Line::read(line)?;
    Ok(app.services.import(request, &line, mode).await?)
}

/// What is exported from a position on, one page; the last line of it says where the next begins.
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    ForTenant(tenant): ForTenant,
    administrator: Administrator,
    RawQuery(query): RawQuery,
) -> Answer {
    let position = position(&query.unwrap_or_default())?;
    let is_first = position.is_none();
    let name = tenant.name.clone();
    let request = request_to(&app, &tenant, administrator).await?;
    let page = app.services.export(&request, position).await.map_err(ScimError::from)?;
    let ExportPage { lines, total, next } = page;
    let mut text = String::with_capacity(lines.len() + 256);
    if is_first {
        let about = json!({ "version": VERSION, "tenant": name });
        text.extend([&json!({ "export": about }).to_string(), "\n"]);
    }
    text.push_str(&lines);
    let (resource_type, total) = total.unzip();
    let next = next.map(|it| it.to_string());
    let end = json!({ "next": next, "resourceType": resource_type, "total": total });
    text.extend([&json!({ "position": end }).to_string(), "\n"]);
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}

fn mode(query: &str) -> Result<Mode, Problem> {
    let (mut dry_run, mut overwrite) = (false, false);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "dryRun" => &mut dry_run,
            "overwrite" => &mut overwrite,
            _ => return Err(invalid(format!("parameter \"{name}\" is not known here"))),
        };
        *place = value
            .parse()
            .map_err(|_| invalid(format!("parameter \"{name}\" must be \"true\" or \"false\"")))?;
    }
    match (dry_run, overwrite) {
        (true, true) => Err(invalid("a dry run overwrites nothing".to_owned())),
        (true, false) => Ok(Mode::DryRun),
        (false, overwrite) => Ok(Mode::Write { overwrite }),
    }
}

fn position(query: &str) -> Result<Option<Position>, Problem> {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let Some((name, value)) = parameters.next() else { return Ok(None) };
    if name != "position" || parameters.next().is_some() {
        return Err(invalid("\"position\" is the only parameter, once".to_owned()));
    }
    let wrong = |_| invalid(format!("\"{value}\" is no position of an export"));
    value.parse().map(Some).map_err(wrong)
}

impl From<Refusal> for ScimError {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Request(error) => (*error).into(),
            Refusal::Line(_) => Self::new(StatusCode::BAD_REQUEST, detail),
            Refusal::IdTaken { .. } | Refusal::Newer => Self::new(StatusCode::CONFLICT, detail),
        }
    }
}

fn shown(imported: &Imported) -> Value {
    let outcome = match imported.outcome {
        Outcome::Created => "created",
        Outcome::Updated => "updated",
        Outcome::Unchanged => "unchanged",
    };
    let mut shown = json!({ "outcome": outcome, "id": imported.id });
    if let Some(members) = shown.as_object_mut() {
        if !imported.ignored.is_empty() {
            members.insert("ignored".to_owned(), json!(imported.ignored));
        }
        if !imported.refused.is_empty() {
            let refused = imported.refused.iter();
            let refused: Vec<Value> =
                refused.map(|it| json!({ "value": it.value, "detail": it.detail })).collect();
            members.insert("refused".to_owned(), Value::Array(refused));
        }
    }
    shown
}
