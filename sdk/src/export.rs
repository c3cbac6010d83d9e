//! The line that makes a type a plugin.

/// Exports a plugin: the type, and the capabilities that it implements.
///
/// ```
/// # use tenon_sdk::prelude::*;
/// # struct Badge;
/// # impl Schema for Badge { fn describe() -> Description { Description::extension("urn:example:badge", "Badge") } }
/// tenon_sdk::export!(Badge: schema);
/// # fn main() {}
/// ```
///
/// | capability | trait | may use |
/// |------------|-------|---------|
/// | `schema` | [`crate::Schema`] | nothing |
/// | `validation` | [`crate::Validation`] | [`config`](crate::config), [`log`](crate::log), [`directory`](crate::directory), [`clock`](crate::clock), [`random`](crate::random) |
/// | `before_write` | [`crate::BeforeWrite`] | the same |
/// | `before_delete` | [`crate::BeforeDelete`] | the same |
/// | `before_query` | [`crate::BeforeQuery`] | the same |
/// | `after_read` | [`crate::AfterRead`] | `config`, `log`, `clock` |
/// | `after_commit` | [`crate::AfterCommit`] | the same |
/// | `resolver` | [`crate::Resolver`] | `config`, `log`, `clock` |
///
/// The component exports these capabilities and no other; the server finds them there. On other
/// targets than `wasm32` nothing is exported, but a missing trait is a compile error there too.
#[macro_export]
macro_rules! export {
    ($plugin:ty: $($capability:ident),+ $(,)?) => {
        $($crate::__export_capability!($plugin, $capability);)+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_capability {
    ($plugin:ty, schema) => {
        $crate::__export_hook!($plugin, schema, Schema, describe);
    };
    ($plugin:ty, validation) => {
        $crate::__export_hook!($plugin, validation, Validation, validate);
    };
    ($plugin:ty, before_write) => {
        $crate::__export_hook!($plugin, before_write, BeforeWrite, before_write);
    };
    ($plugin:ty, before_delete) => {
        $crate::__export_hook!($plugin, before_delete, BeforeDelete, before_delete);
    };
    ($plugin:ty, before_query) => {
        $crate::__export_hook!($plugin, before_query, BeforeQuery, before_query);
    };
    ($plugin:ty, after_read) => {
        $crate::__export_hook!($plugin, after_read, AfterRead, after_read);
    };
    ($plugin:ty, after_commit) => {
        $crate::__export_hook!($plugin, after_commit, AfterCommit, after_commit);
    };
    ($plugin:ty, resolver) => {
        $crate::__export_hook!($plugin, resolver, Resolver, resolve);
    };
    ($plugin:ty, $other:ident) => {
        ::core::compile_error!(::core::concat!(
            "no capability `",
            ::core::stringify!($other),
            "`; there are `schema`, `validation`, `before_write`, `before_delete`, \
             `before_query`, `after_read`, `after_commit` and `resolver`"
        ));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_hook {
    ($plugin:ty, $world:ident, $trait:ident, $function:ident) => {
        const _: () = {
            #[cfg(target_arch = "wasm32")]
            type Exported = $crate::glue::Exported<$plugin>;
            #[cfg(target_arch = "wasm32")]
    $crate::glue::$world::export!(Exported with_types_in $crate::glue::$world);
            #[cfg(not(target_arch = "wasm32"))]
            let _ = <$plugin as $crate::$trait>::$function;
        };
    };
}
