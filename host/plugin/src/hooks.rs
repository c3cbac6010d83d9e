//! The hooks of a plugin, one file each: what goes in, what comes out, and the call.

mod after_commit;
mod after_read;
mod before_delete;
mod before_query;
mod before_write;
mod resolver;
mod schema;
mod validation;

use tenon_scim::patch;
use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre, Resource};

pub use self::after_commit::Event;
pub use self::before_query::QueryDecision;
pub use self::before_write::WriteDecision;
pub use self::resolver::{Claim, RequestHead};

use crate::bindings::exports::tenon::plugin as exports;
use crate::bindings::tenon::plugin::types::{Context, Failure};
use crate::call::{Call, Capability, Document};
use crate::error::CallError;
use crate::imports::interface;
use crate::limits::Limits;
use crate::state::State;
use crate::{Plugin, fault};

/// A change to a resource that a plugin asks for, as an operation of a PATCH request.
pub type Edit = patch::Operation;

/// Where a component has its hooks. Found from the component, with no instance started.
pub(crate) struct Hooks {
    schema: Option<exports::schema::GuestIndices>,
    validation: Option<exports::validation::GuestIndices>,
    before_write: Option<exports::before_write::GuestIndices>,
    before_delete: Option<exports::before_delete::GuestIndices>,
    before_query: Option<exports::before_query::GuestIndices>,
    after_read: Option<exports::after_read::GuestIndices>,
    after_commit: Option<exports::after_commit::GuestIndices>,
    resolver: Option<exports::resolver::GuestIndices>,
}

impl Hooks {
    /// Those that the component exports.
    pub(crate) fn of(
        component: &Component,
        instance: &InstancePre<State>,
    ) -> wasmtime::Result<Hooks> {
        macro_rules! indices {
            ($interface:ident, $capability:ident) => {
                is_exported(component, Capability::$capability)
                    .then(|| exports::$interface::GuestIndices::new(instance))
                    .transpose()?
            };
        }
        Ok(Hooks {
            schema: indices!(schema, Schema),
            validation: indices!(validation, Validation),
            before_write: indices!(before_write, BeforeWrite),
            before_delete: indices!(before_delete, BeforeDelete),
            before_query: indices!(before_query, BeforeQuery),
            after_read: indices!(after_read, AfterRead),
            after_commit: indices!(after_commit, AfterCommit),
            resolver: indices!(resolver, Resolver),
        })
    }

    /// Looks at the types of all hooks, which only an instance tells.
    pub(crate) fn check_types(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> wasmtime::Result<()> {
        macro_rules! check {
            ($($hook:ident),+) => {
                $(if let Some(indices) = &self.$hook {
                    indices.load(&mut *store, instance)?;
                })+
            };
        }
        check!(
            schema,
            validation,
            before_write,
            before_delete,
            before_query,
            after_read,
            after_commit,
            resolver
        );
        Ok(())
    }
}

/// Whether a component exports this capability.
pub(crate) fn is_exported(component: &Component, capability: Capability) -> bool {
    component.get_export_index(None, interface(capability.as_str())).is_some()
}

impl Plugin {
    fn lacks(&self, capability: Capability) -> CallError {
        CallError::NoSuchHook { digest: *self.digest(), capability }
    }
}

/// What a hook is told of its call.
fn context(call: &Call) -> Context {
    Context {
        request_id: call.request_id.to_string(),
        resource_type: call.resource_type.to_string(),
        operation: call.operation.to_string(),
        actor: call.actor.to_string(),
    }
}

/// What a hook answered, out of the two ways in which it may not have.
fn answered<T>(
    answer: wasmtime::Result<Result<T, Failure>>,
    store: &Store<State>,
    limits: &Limits,
) -> Result<T, CallError> {
    answer
        .map_err(|error| fault::call(error, store.data(), limits, limits.fuel))?
        .map_err(|failure| fault::reported(&failure.message))
}

/// Puts a document into the store, for the length of the call, and gives out a handle that the
/// guest can use but not keep.
fn lend(store: &mut Store<State>, document: Document) -> Result<Resource<Document>, CallError> {
    let owned = store.data_mut().table.push(document).map_err(|error| fault::link(error.into()))?;
    Ok(Resource::new_borrow(owned.rep()))
}

/// Puts a document into the store, and gives the guest a handle of its own. It is as good as lent:
/// nothing of the guest outlives the call.
fn give(store: &mut Store<State>, document: Document) -> Result<Resource<Document>, CallError> {
    store.data_mut().table.push(document).map_err(|error| fault::link(error.into()))
}
