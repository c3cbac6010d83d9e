//! The audit log as JSON Lines, made while it is sent: a line that says where it begins, one for each
//! record and each seal, and one at the end, without which it is not whole.

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, SendError, Sender};
use serde_json::{Value, json};
use tracing::Instrument;

use crate::service::audit::{AuditLog, Item};
use crate::store::{Database, StoreError, TenantId};

const JSON_LINES: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/x-ndjson")];

/// The log from where it is on.
pub(super) fn answer(database: Database, tenant: TenantId, log: AuditLog) -> Response {
    let (mut sender, body) = Channel::<Bytes, StoreError>::new(1);
    let send = async move {
        match send(&mut sender, &database, tenant, log).await {
            Ok(()) => {}
            Err(Stop::ClientGone) => tracing::debug!("the client has gone before the last record"),
            Err(Stop::Failed(error)) => {
                tracing::error!(%error, "an export ends before the last record");
                sender.abort(error);
            }
        }
    };
    tokio::spawn(send.in_current_span());
    (JSON_LINES, Body::new(body)).into_response()
}

/// Why an export has no end.
enum Stop {
    ClientGone,
    Failed(StoreError),
}

impl From<SendError> for Stop {
    fn from(_: SendError) -> Self {
        Self::ClientGone
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

async fn send(
    sender: &mut Sender<Bytes, StoreError>,
    database: &Database,
    tenant: TenantId,
    mut log: AuditLog,
) -> Result<(), Stop> {
    let (mut n, mut hash, mut records) = (log.start.n, log.start.hash.clone(), 0_u64);
    let after = json!({ "n": n, "hash": hash });
    let start = json!({ "start": { "format": 1, "tenant": tenant, "after": after } });
    sender.send_data(line(&start).into()).await?;
    loop {
        // Nothing is held while a slow client reads.
        let items = {
            let mut conn = database.read_at(tenant).await?;
            log.next(&mut conn).await?
        };
        if items.is_empty() {
            break;
        }
        let mut text = String::new();
        for item in items {
            match item {
                Item::Record(record) => {
                    records += 1;
                    text.push_str(&line(&json!({ "record": record })));
                }
                Item::Seal(seal) => {
                    text.push_str(&line(&json!({ "seal": seal })));
                    (n, hash) = (seal.n, seal.hash);
                }
            }
        }
        sender.send_data(text.into()).await?;
    }
    let end = json!({ "end": { "records": records, "head": { "n": n, "hash": hash } } });
    Ok(sender.send_data(line(&end).into()).await?)
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}
