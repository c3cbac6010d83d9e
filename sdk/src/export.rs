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
/// | capability   | trait                 |
/// |--------------|-----------------------|
/// | `schema`     | [`crate::Schema`]     |
/// | `validation` | [`crate::Validation`] |
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
        const _: () = {
            #[cfg(target_arch = "wasm32")]
            type Exported = $crate::glue::Exported<$plugin>;
            #[cfg(target_arch = "wasm32")]
    $crate::glue::schema::export!(Exported with_types_in $crate::glue::schema);
            #[cfg(not(target_arch = "wasm32"))]
            let _ = <$plugin as $crate::Schema>::describe;
        };
    };
    ($plugin:ty, validation) => {
        const _: () = {
            #[cfg(target_arch = "wasm32")]
            type Exported = $crate::glue::Exported<$plugin>;
            #[cfg(target_arch = "wasm32")]
    $crate::glue::validation::export!(Exported with_types_in $crate::glue::validation);
            #[cfg(not(target_arch = "wasm32"))]
            let _ = <$plugin as $crate::Validation>::validate;
        };
    };
    ($plugin:ty, $other:ident) => {
        ::core::compile_error!(::core::concat!(
            "no capability `",
            ::core::stringify!($other),
            "`; there are `schema` and `validation`"
        ));
    };
}
