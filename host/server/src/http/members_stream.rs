//! A group with many members, as a body that is made while it is sent.
//!
//! Each page is read when the one before is on its way, so a client that is slow holds nothing but
//! a page, and one that goes away ends the work. When the database fails in between, so does the
//! connection: no client takes what it has for all members.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, SendError, Sender};
use serde_json::{Value, json};
use tenon_scim::Object;
use tracing::Instrument;

use super::resources::{SCIM_JSON, set_header};
use crate::service::Error;
use crate::service::memberships::MemberPages;

/// A resource as it is shown but for its members: the text before them, and that after them.
pub(super) fn around(mut shown: Object) -> (String, String) {
    let after = match shown.shift_remove("meta") {
        Some(meta) => format!(",\"meta\":{meta}}}"),
        None => "}".to_owned(),
    };
    let mut before = Value::Object(shown).to_string();
    before.pop();
    (before, after)
}

/// The answer with the members in between; `name` is their attribute.
pub(super) fn answer(
    status: StatusCode,
    (before, after): (String, String),
    name: &str,
    pages: MemberPages,
) -> Response {
    let name = json!(name).to_string();
    let (mut sender, body) = Channel::<Bytes, Error>::new(1);
    let send = async move {
        match send(&mut sender, before, &name, pages, after).await {
            Ok(()) => {}
            Err(Stop::ClientGone) => tracing::debug!("the client has gone before the last member"),
            Err(Stop::Failed(error)) => {
                tracing::error!(%error, "an answer ends before the last member");
                sender.abort(error);
            }
        }
    };
    tokio::spawn(send.in_current_span());
    let mut response = (status, Body::new(body)).into_response();
    set_header(&mut response, header::CONTENT_TYPE, SCIM_JSON);
    response
}

/// Why a body has no end.
enum Stop {
    ClientGone,
    Failed(Error),
}

impl From<SendError> for Stop {
    fn from(_: SendError) -> Self {
        Self::ClientGone
    }
}

/// RFC 7643 §2.5: an attribute without values is left out.
async fn send(
    sender: &mut Sender<Bytes, Error>,
    before: String,
    name: &str,
    mut pages: MemberPages,
    after: String,
) -> Result<(), Stop> {
    let (mut text, mut is_open) = (before, false);
    while let Some(members) = pages.next().await.map_err(Stop::Failed)? {
        if members.is_empty() {
            continue;
        }
        if is_open {
            text.push(',');
        } else {
            text.push_str(&format!(",{name}:["));
            is_open = true;
        }
        text.push_str(&members);
        sender.send_data(Bytes::from(std::mem::take(&mut text))).await?;
    }
    if is_open {
        text.push(']');
    }
    text.push_str(&after);
    Ok(sender.send_data(Bytes::from(text)).await?)
}
