//! The author's types out of the generated ones, and back.

use super::after_commit::exports::tenon::plugin::after_commit as event;
use super::resolver::exports::tenon::plugin::resolver;
use super::types;
use crate::answer::{Claim, Failure, Issue};
use crate::context::{Context, Event, RequestHead};
use crate::edit::Edit;

impl From<types::Context> for Context {
    fn from(context: types::Context) -> Context {
        Context {
            request_id: context.request_id,
            resource_type: context.resource_type,
            operation: context.operation.into(),
            actor: context.actor,
        }
    }
}

impl From<event::Event> for Event {
    fn from(event: event::Event) -> Event {
        Event {
            id: event.id,
            operation: event.operation.into(),
            resource_type: event.resource_type,
            resource_id: event.resource_id,
            version: event.version,
            at: event.at,
        }
    }
}

impl From<resolver::RequestHead> for RequestHead {
    fn from(head: resolver::RequestHead) -> RequestHead {
        let resolver::RequestHead { method, path, host, headers, client } = head;
        RequestHead { method, path, host, headers, client }
    }
}

impl From<Claim> for resolver::Claim {
    fn from(claim: Claim) -> resolver::Claim {
        let Claim { tenant, subject, permissions } = claim;
        resolver::Claim { tenant, subject, permissions }
    }
}

impl From<Edit> for types::Edit {
    fn from(edit: Edit) -> types::Edit {
        types::Edit {
            op: edit.op.to_owned(),
            path: edit.path,
            value: edit.value.map(|value| value.to_string()),
        }
    }
}

impl From<Issue> for types::Issue {
    fn from(issue: Issue) -> types::Issue {
        let Issue { path, scim_type, detail } = issue;
        types::Issue { path, scim_type, detail }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> types::Failure {
        types::Failure { message: failure.message }
    }
}
