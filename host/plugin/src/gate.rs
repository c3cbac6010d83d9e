//! What an uploaded component must pass before it is compiled, the cheapest check first.
//!
//! The rest of the gate follows in `host.rs`: compiling in a child process, linking, `describe`.

use wasmtime::{Engine, Precompiled};

use crate::call::Capability;
use crate::error::Refusal;
use crate::imports::{self, PACKAGE, VERSION};
use crate::limits::UploadLimits;
use crate::shape::{self, Shape};
use crate::text::plain;

mod names;

use self::names::advice;

/// What to do about files, sockets and the like.
const WASI_ADVICE: &str = "no plugin has files, sockets or HTTP; build for \
    `wasm32-unknown-unknown` (`tenon plugin build` does), which needs no WASI, or leave out what \
    uses them";

/// Bytes of a name that a refusal repeats.
const NAME_BYTES: usize = 120;

/// The checks that need nothing but the bytes.
pub(crate) fn check(component: &[u8], limits: &UploadLimits) -> Result<(), Refusal> {
    size(component, limits)?;
    format(component)?;
    let shape = shape::read(component)?;
    complexity(&shape, limits)?;
    api_version(&shape)?;
    let capabilities = exports(&shape)?;
    imports(&shape, &capabilities)
}

fn size(component: &[u8], limits: &UploadLimits) -> Result<(), Refusal> {
    if component.len() > limits.component_bytes {
        return Err(Refusal::TooLarge { limit: limits.component_bytes, found: component.len() });
    }
    Ok(())
}

fn format(component: &[u8]) -> Result<(), Refusal> {
    const BUILD: &str = "make one with `tenon plugin build`";
    if let Some(Precompiled::Component | Precompiled::Module) =
        Engine::detect_precompiled(component)
    {
        return Err(Refusal::Precompiled);
    }
    let (found, advice) = match component {
        [] => ("an empty body", BUILD),
        // The version is 13 and the layer 1 for every component; the number is WebAssembly's
        // own and has nothing to do with ours.
        [0, b'a', b's', b'm', 13, 0, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => (
            "a core module",
            "wrap it into a component with `tenon plugin build` or `wasm-tools component new`",
        ),
        [0, b'a', b's', b'm', ..] => ("another version of WebAssembly", BUILD),
        [b'(', ..] => ("text", "turn it into binary form with `wasm-tools parse`"),
        _ => ("something that is no WebAssembly", BUILD),
    };
    Err(Refusal::NotAComponent { found, advice })
}

fn complexity(shape: &Shape, limits: &UploadLimits) -> Result<(), Refusal> {
    let counts = [
        (
            "components nested in each other",
            shape.nesting,
            limits.nesting,
            "compose it of fewer layers",
        ),
        (
            "instances that it makes of its modules and components",
            shape.instances,
            limits.instances,
            "compose it of fewer parts",
        ),
        (
            "imports and exports",
            (shape.imports.len().saturating_add(shape.exports.len())) as u64,
            limits.names,
            "import and export the interfaces of the contract alone",
        ),
        ("functions", shape.functions, limits.functions, "leave out dependencies"),
        (
            "bytes in its largest function",
            shape.largest_function,
            limits.function_bytes,
            "split the function, or build with less inlining (`opt-level = \"s\"`); a component that \
             brings the runtime of its language needs the runtime tier, which the operator opens",
        ),
    ];
    for (what, found, limit, advice) in counts {
        let limit = limit as u64;
        if found > limit {
            return Err(Refusal::TooComplex { what, limit, found, advice });
        }
    }
    Ok(())
}

/// What a component says of itself is believed where it says that it does not fit. That it fits is
/// seen from the names and types of its imports and exports.
fn api_version(shape: &Shape) -> Result<(), Refusal> {
    match shape.api_version.as_deref() {
        Some(found) if found != VERSION.as_bytes() => Err(Refusal::OtherApiVersion {
            found: plain(&String::from_utf8_lossy(found), NAME_BYTES),
        }),
        _ => Ok(()),
    }
}

/// The capabilities that it exports, by name.
fn exports(shape: &Shape) -> Result<Vec<Capability>, Refusal> {
    let mut capabilities = Vec::new();
    for export in &shape.exports {
        let known = Capability::ALL
            .into_iter()
            .find(|capability| imports::interface(capability.as_str()) == *export);
        match known {
            Some(capability) => capabilities.push(capability),
            // An export of another package is the plugin's own business.
            None if !is_ours(export) => {}
            None => {
                return Err(Refusal::UnknownExport {
                    export: plain(export, NAME_BYTES),
                    advice: advice(export, &hooks()),
                });
            }
        }
    }
    if capabilities.is_empty() {
        return Err(Refusal::NoCapability {
            known: hooks(),
            found: shape.exports.iter().take(8).map(|name| plain(name, NAME_BYTES)).collect(),
        });
    }
    Ok(capabilities)
}

fn imports(shape: &Shape, capabilities: &[Capability]) -> Result<(), Refusal> {
    let offered: Vec<String> =
        capabilities.iter().flat_map(|capability| offered(*capability)).collect();
    for import in &shape.imports {
        if offered.contains(import) || imports::wasi::is_offered(import) {
            continue;
        }
        let others: Vec<String> = Capability::ALL
            .into_iter()
            .filter(|capability| self::offered(*capability).any(|offer| offer == *import))
            .map(|capability| format!("`{}`", imports::interface(capability.as_str())))
            .collect();
        let advice = match &*others {
            [] if import.starts_with("wasi:") => WASI_ADVICE.to_owned(),
            [] => advice(import, &offered),
            others => format!(
                "{} may not have it, it is offered to components that export {}",
                named(capabilities),
                others.join(" or ")
            ),
        };
        return Err(Refusal::UnknownImport { import: plain(import, NAME_BYTES), advice });
    }
    Ok(())
}

/// The interfaces that components with this capability may import.
fn offered(capability: Capability) -> impl Iterator<Item = String> {
    capability.imports().iter().map(|name| imports::interface(name))
}

fn named(capabilities: &[Capability]) -> String {
    let names: Vec<_> = capabilities.iter().map(|each| format!("`{each}`")).collect();
    names.join(" and ")
}

fn hooks() -> Vec<String> {
    Capability::ALL.map(|capability| imports::interface(capability.as_str())).to_vec()
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix(PACKAGE).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Refusal {
        check(&wat::parse_str(text).unwrap(), &UploadLimits::STANDARD).unwrap_err()
    }

    fn with(import: &str, export: &str) -> String {
        format!(
            r#"(component
                (import "{import}" (instance))
                (instance $i) (export "{export}" (instance $i)))"#
        )
    }

    const SCHEMA: &str = "tenon:plugin/schema@0.1.0";
    const VALIDATION: &str = "tenon:plugin/validation@0.1.0";

    #[test]
    fn each_format_is_told_from_a_component() {
        for (bytes, found) in [
            (&b""[..], "an empty body"),
            (b"(component)", "text"),
            (b"\0asm\x01\0\0\0", "a core module"),
            (b"\0asm\x0a\0\x01\0", "another version of WebAssembly"),
            (b"MZ", "something that is no WebAssembly"),
        ] {
            let refusal = check(bytes, &UploadLimits::STANDARD).unwrap_err();
            assert!(refusal.to_string().contains(found), "{refusal}");
            assert_eq!(refusal.check(), "format");
        }
    }

    #[test]
    fn machine_code_is_refused_as_such() {
        let engine = crate::engine::compiling_engine().unwrap();
        let component = wat::parse_str("(component)").unwrap();
        let code = engine.precompile_component(&component).unwrap();
        assert!(matches!(check(&code, &UploadLimits::STANDARD), Err(Refusal::Precompiled)));
    }

    #[test]
    fn size_is_checked_before_anything_else() {
        let limits = UploadLimits { component_bytes: 3, ..UploadLimits::STANDARD };
        let refusal = check(b"\0asm", &limits).unwrap_err();
        assert!(matches!(refusal, Refusal::TooLarge { limit: 3, found: 4 }));
    }

    #[test]
    fn a_misspelt_import_is_told_its_neighbour() {
        let refusal = refusal(&with("tenon:plugin/document@0.1.0", VALIDATION)).to_string();
        assert!(refusal.contains("did you mean `tenon:plugin/documents@0.1.0`?"), "{refusal}");
    }

    #[test]
    fn another_version_is_told_ours() {
        let refusal = refusal(&with("tenon:plugin/log@0.2.0", VALIDATION)).to_string();
        assert!(refusal.contains("speaks version 0.1.0"), "{refusal}");
    }

    #[test]
    fn a_component_that_says_it_is_of_another_version_is_believed() {
        let says = |version: &str| {
            let text = format!(
                r#"(component (@custom "tenon:plugin" "{version}")
                    (instance $i) (export "{SCHEMA}" (instance $i)))"#
            );
            check(&wat::parse_str(text).unwrap(), &UploadLimits::STANDARD)
        };
        says("0.1.0").unwrap();
        let refusal = says("0.2.0").unwrap_err();
        assert_eq!(refusal.check(), "api-version");
        assert!(refusal.to_string().contains("0.2.0"), "{refusal}");
    }

    #[test]
    fn a_name_for_each_of_ten_thousand_imports_is_refused_by_their_number() {
        let imports: String =
            (0..10_000).map(|number| format!("(import \"i{number}\" (instance))")).collect();
        let refusal = refusal(&format!("(component {imports})"));
        assert_eq!(refusal.check(), "complexity");
        assert!(refusal.to_string().contains("10000 imports and exports"), "{refusal}");
    }

    #[test]
    fn wasi_is_told_the_target_that_does_without() {
        for import in
            ["wasi:filesystem/types@0.2.6", "wasi:sockets/tcp@0.2.6", "wasi:cli/stdin@0.3.0"]
        {
            let refusal = refusal(&with(import, VALIDATION)).to_string();
            assert!(refusal.contains(import), "{refusal}");
            assert!(refusal.contains("wasm32-unknown-unknown"), "{refusal}");
        }
        let inert = wat::parse_str(with("wasi:cli/stdin@0.2.6", VALIDATION)).unwrap();
        check(&inert, &UploadLimits::STANDARD).unwrap();
    }

    #[test]
    fn a_schema_plugin_can_ask_for_nothing() {
        let refusal = refusal(&with("tenon:plugin/config@0.1.0", SCHEMA)).to_string();
        assert!(refusal.contains("`schema` may not have it"), "{refusal}");
        assert!(refusal.contains("export `tenon:plugin/validation@0.1.0`"), "{refusal}");
    }

    #[test]
    fn each_hook_is_refused_what_it_may_not_have() {
        for (hook, import) in [
            ("before-query", "documents"),
            ("after-read", "directory"),
            ("after-read", "random"),
            ("resolver", "documents"),
            ("resolver", "directory"),
            ("resolver", "random"),
        ] {
            let full = |name: &str| imports::interface(name);
            let refusal = refusal(&with(&full(import), &full(hook)));
            assert_eq!(refusal.check(), "imports", "{hook}, {import}");
            let said = format!("`{hook}` may not have it");
            assert!(refusal.to_string().contains(&said), "{hook}, {import}: {refusal}");
        }
    }

    #[test]
    fn a_hook_that_would_never_be_called_is_refused() {
        let refusal = refusal(&with("tenon:plugin/types@0.1.0", "tenon:plugin/validations@0.1.0"));
        assert_eq!(refusal.check(), "exports");
        assert!(refusal.to_string().contains("did you mean"), "{refusal}");
    }
}
