//! Where the component's boundary meets the author's traits. Not for authors: the export macro
//! uses it.
//!
//! Each capability has a WIT world of its own. The generated code of a world leaves a section in
//! the module that names its imports, and its `export!` macro one that names its exports, so
//! that a component exports just what its author exported. Imports that no code calls are
//! dropped when the component is made.

use std::marker::PhantomData;

use crate::author::{Context, Failure, Issue};
use crate::document::Document;

/// World `schema-plugin`.
pub mod schema {
    wit_bindgen::generate!({
        world: "schema-plugin",
        path: "wit",
        pub_export_macro: true,
        default_bindings_module: "tenon_sdk::glue::schema",
        runtime_path: "::wit_bindgen::rt",
    });
}

/// World `validation-plugin`.
pub mod validation {
    wit_bindgen::generate!({
        world: "validation-plugin",
        path: "wit",
        pub_export_macro: true,
        default_bindings_module: "tenon_sdk::glue::validation",
        runtime_path: "::wit_bindgen::rt",
    });
}

pub(crate) use validation::tenon::plugin::{config, documents, log};

use validation::tenon::plugin::types;

/// A plugin as the generated code sees it.
pub struct Exported<Plugin>(PhantomData<Plugin>);

impl<Plugin: crate::Schema> schema::exports::tenon::plugin::schema::Guest for Exported<Plugin> {
    fn describe() -> Vec<String> {
        Plugin::describe().into_values().iter().map(ToString::to_string).collect()
    }
}

impl<Plugin: crate::Validation> validation::exports::tenon::plugin::validation::Guest
    for Exported<Plugin>
{
    fn validate(
        context: types::Context,
        candidate: &documents::Document,
        current: Option<&documents::Document>,
    ) -> Result<Vec<types::Issue>, types::Failure> {
        let context = Context::from(context);
        let current = current.map(Document::lent);
        match Plugin::validate(&context, &Document::lent(candidate), current.as_ref()) {
            Ok(issues) => Ok(issues.into_iter().map(types::Issue::from).collect()),
            Err(failure) => Err(failure.into()),
        }
    }
}

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
