//! Where the component's boundary meets the author's traits. Not for authors: the export macro
//! uses it.
//!
//! Each capability has a WIT world of its own. The generated code of a world leaves a section in
//! the module that names its imports, and its `export!` macro one that names its exports, so
//! that a component exports just what its author exported. Imports that no code calls are
//! dropped when the component is made.

mod convert;
mod exported;

use std::marker::PhantomData;

/// World `before-write-plugin`, which has every import: the other worlds use its types.
pub mod before_write {
    wit_bindgen::generate!({
        world: "before-write-plugin",
        path: "wit",
        pub_export_macro: true,
        default_bindings_module: "tenon_sdk::glue::before_write",
        runtime_path: "::wit_bindgen::rt",
    });
}

/// A further world, and its imports, whose types are those of the first.
macro_rules! world {
    ($module:ident, $world:tt, $path:tt, { $($interface:tt: $import:ident),* }) => {
        #[doc = concat!("World `", $world, "`.")]
        pub mod $module {
            wit_bindgen::generate!({
                world: $world,
                path: "wit",
                pub_export_macro: true,
                default_bindings_module: $path,
                runtime_path: "::wit_bindgen::rt",
                with: { $($interface: crate::glue::before_write::tenon::plugin::$import),* },
            });
        }
    };
}

world!(schema, "schema-plugin", "tenon_sdk::glue::schema", {});

world!(validation, "validation-plugin", "tenon_sdk::glue::validation", {
    "tenon:plugin/types@0.1.0": types,
    "tenon:plugin/documents@0.1.0": documents,
    "tenon:plugin/log@0.1.0": log,
    "tenon:plugin/config@0.1.0": config,
    "tenon:plugin/directory@0.1.0": directory,
    "tenon:plugin/clock@0.1.0": clock,
    "tenon:plugin/random@0.1.0": random
});

world!(before_delete, "before-delete-plugin", "tenon_sdk::glue::before_delete", {
    "tenon:plugin/types@0.1.0": types,
    "tenon:plugin/documents@0.1.0": documents,
    "tenon:plugin/log@0.1.0": log,
    "tenon:plugin/config@0.1.0": config,
    "tenon:plugin/directory@0.1.0": directory,
    "tenon:plugin/clock@0.1.0": clock,
    "tenon:plugin/random@0.1.0": random
});

world!(before_query, "before-query-plugin", "tenon_sdk::glue::before_query", {
    "tenon:plugin/types@0.1.0": types,
    "tenon:plugin/log@0.1.0": log,
    "tenon:plugin/config@0.1.0": config,
    "tenon:plugin/directory@0.1.0": directory,
    "tenon:plugin/clock@0.1.0": clock,
    "tenon:plugin/random@0.1.0": random
});

world!(after_read, "after-read-plugin", "tenon_sdk::glue::after_read", {
    "tenon:plugin/types@0.1.0": types,
    "tenon:plugin/documents@0.1.0": documents,
    "tenon:plugin/log@0.1.0": log,
    "tenon:plugin/config@0.1.0": config,
    "tenon:plugin/clock@0.1.0": clock
});

world!(after_commit, "after-commit-plugin", "tenon_sdk::glue::after_commit", {
    "tenon:plugin/types@0.1.0": types,
    "tenon:plugin/documents@0.1.0": documents,
    "tenon:plugin/log@0.1.0": log,
    "tenon:plugin/config@0.1.0": config,
    "tenon:plugin/directory@0.1.0": directory,
    "tenon:plugin/clock@0.1.0": clock,
    "tenon:plugin/random@0.1.0": random
});

world!(resolver, "resolver-plugin", "tenon_sdk::glue::resolver", {
    "tenon:plugin/types@0.1.0": types,
    "tenon:plugin/log@0.1.0": log,
    "tenon:plugin/config@0.1.0": config,
    "tenon:plugin/clock@0.1.0": clock
});

pub(crate) use before_write::tenon::plugin::{
    clock, config, directory, documents, log, random, types,
};

/// A plugin as the generated code sees it.
pub struct Exported<Plugin>(PhantomData<Plugin>);
