//! Types and calls generated from `wit/`, for the `host` world. Private: the crate's own types
//! are in `call.rs`.
//!
//! Only the calls into a plugin are used from here. What a plugin may ask of the host is linked
//! by hand in `imports.rs`, since a generated host function cannot reach the store, and so could
//! not charge fuel.

wasmtime::component::bindgen!({
    world: "host",
    path: "../../wit",
    exports: { default: async },
    with: { "tenon:plugin/documents.document": crate::call::Document },
});
