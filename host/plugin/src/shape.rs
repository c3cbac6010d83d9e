//! The structure of an uploaded component, read without validating or compiling it.
//!
//! Some small components cost a compiler minutes and gigabytes: with instances doubled at each
//! level of nesting, two kilobytes unfold to millions of instances. They are counted here first.

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, Encoding, Instance, Parser, Payload,
};

use crate::error::Refusal;

/// The custom section in which a component says what version of the contract it was built for.
pub(crate) const API_SECTION: &str = "tenon:plugin";

/// What the gate judges a component by.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// Names of the root component's imports.
    pub(crate) imports: Vec<String>,
    /// Names of the root component's exports.
    pub(crate) exports: Vec<String>,
    /// What the root's section [`API_SECTION`] says, if it has one.
    pub(crate) api_version: Option<Vec<u8>>,
    /// Instances, core and component, that one instantiation of the root makes.
    pub(crate) instances: u64,
    /// Components nested in each other, the root included.
    pub(crate) nesting: u64,
    /// Functions of all core modules.
    pub(crate) functions: u64,
    /// Bytes of the largest function body.
    pub(crate) largest_function: u64,
}

/// Reads the whole of a component. Time is linear in its bytes.
pub(crate) fn read(component: &[u8]) -> Result<Shape, Refusal> {
    let mut reader = Reader::default();
    for payload in Parser::new(0).parse_all(component) {
        reader.payload(payload.map_err(malformed)?)?;
    }
    Ok(reader.shape)
}

#[derive(Default)]
struct Reader {
    shape: Shape,
    /// The modules and components that are open, the root first.
    open: Vec<Level>,
}

enum Level {
    Module,
    Component(Counts),
}

/// What is counted of one component.
#[derive(Default)]
struct Counts {
    /// For each component in its index space: instances that instantiating it makes.
    components: Vec<u64>,
    instances: u64,
}

impl Reader {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), Refusal> {
        match payload {
            Payload::Version { encoding, .. } => self.enter(encoding),
            Payload::End(_) => self.leave(),
            Payload::CustomSection(section)
                if self.open.len() == 1 && section.name() == API_SECTION =>
            {
                self.shape.api_version = Some(section.data().to_owned());
            }
            Payload::CodeSectionStart { count, .. } => {
                self.shape.functions = self.shape.functions.saturating_add(count.into());
            }
            Payload::CodeSectionEntry(body) => {
                let bytes = body.range().len() as u64;
                self.shape.largest_function = self.shape.largest_function.max(bytes);
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    if let Instance::Instantiate { .. } = instance.map_err(malformed)? {
                        self.count(1);
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    let instance = instance.map_err(malformed)?;
                    if let ComponentInstance::Instantiate { component_index, .. } = instance {
                        let inner = self.component(0, component_index)?;
                        self.count(inner.saturating_add(1));
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    self.alias(alias.map_err(malformed)?)?;
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    let import = import.map_err(malformed)?;
                    if let ComponentTypeRef::Component(_) = import.ty {
                        return Err(component_as_value());
                    }
                    if self.open.len() == 1 {
                        self.shape.imports.push(import.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export.map_err(malformed)?;
                    if export.kind == ComponentExternalKind::Component {
                        return Err(component_as_value());
                    }
                    if self.open.len() == 1 {
                        self.shape.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, encoding: Encoding) {
        self.open.push(match encoding {
            Encoding::Module => Level::Module,
            Encoding::Component => Level::Component(Counts::default()),
        });
        let nesting = self.open.iter().filter(|level| matches!(level, Level::Component(_))).count();
        self.shape.nesting = self.shape.nesting.max(nesting as u64);
    }

    fn leave(&mut self) {
        if let Some(Level::Component(ended)) = self.open.pop() {
            match self.open.last_mut() {
                Some(Level::Component(outer)) => outer.components.push(ended.instances),
                _ => self.shape.instances = ended.instances,
            }
        }
    }

    fn alias(&mut self, alias: ComponentAlias<'_>) -> Result<(), Refusal> {
        match alias {
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                let instances = self.component(count, index)?;
                if let Some(Level::Component(counts)) = self.open.last_mut() {
                    counts.components.push(instances);
                }
                Ok(())
            }
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                Err(component_as_value())
            }
            _ => Ok(()),
        }
    }

    /// Instances that a component makes; `outward` levels up in the nesting.
    fn component(&self, outward: u32, index: u32) -> Result<u64, Refusal> {
        let level = self.open.iter().rev().nth(outward as usize);
        let instances = match level {
            Some(Level::Component(counts)) => counts.components.get(index as usize).copied(),
            _ => None,
        };
        instances.ok_or_else(|| Refusal::Malformed {
            offset: 0,
            message: format!("component {index} is used, which is not defined before"),
        })
    }

    fn count(&mut self, instances: u64) {
        if let Some(Level::Component(counts)) = self.open.last_mut() {
            counts.instances = counts.instances.saturating_add(instances);
        }
    }
}

fn malformed(error: BinaryReaderError) -> Refusal {
    Refusal::Malformed { offset: error.offset() as u64, message: error.message().to_owned() }
}

/// What such a component instantiates can only be known by running it.
fn component_as_value() -> Refusal {
    Refusal::TooComplex {
        what: "components that are imported, exported or taken from an instance",
        limit: 0,
        found: 1,
        advice: "compose the parts into one component before the upload (`wac plug`)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Result<Shape, Refusal> {
        read(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn instances_are_multiplied_through_the_nesting() {
        let shape = shape(
            r#"(component
                (component $inner (core module $m) (core instance (instantiate $m)))
                (component $outer
                    (alias outer 1 $inner (component $again))
                    (instance (instantiate $again)) (instance (instantiate $again)))
                (instance (instantiate $outer)) (instance (instantiate $outer)))"#,
        );
        // Each inner one makes a core instance; an outer one two inner ones, each with itself.
        assert_eq!(shape.as_ref().unwrap().instances, 2 * (1 + 2 * (1 + 1)));
        assert_eq!(shape.unwrap().nesting, 2);
    }

    #[test]
    fn doubling_does_not_take_time_or_overflow() {
        let mut text =
            String::from("(component $c0 (core module $m) (core instance (instantiate $m)))\n");
        for level in 1..100 {
            let below = level - 1;
            text.push_str(&format!(
                "(component $c{level} (alias outer 1 $c{below} (component $b))
                   (instance (instantiate $b)) (instance (instantiate $b)))\n"
            ));
        }
        let bomb = format!("(component {text} (instance (instantiate $c99)))");
        assert_eq!(shape(&bomb).unwrap().instances, u64::MAX);
    }

    #[test]
    fn a_component_passed_as_a_value_is_refused() {
        let refusal = shape(r#"(component (import "c" (component)))"#).unwrap_err();
        assert_eq!(refusal.check(), "complexity");
    }

    #[test]
    fn functions_are_counted_and_the_largest_is_measured() {
        let shape = shape(
            "(component (core module (func) (func (drop (i32.const 1)) (drop (i32.const 1)))) (core module (func)))",
        )
        .unwrap();
        assert_eq!(shape.functions, 3);
        assert!(shape.largest_function > 6, "{}", shape.largest_function);
    }

    #[test]
    fn a_cut_off_component_is_malformed() {
        let whole = wat::parse_str("(component (core module (func)))").unwrap();
        let cut = &whole[..whole.len() - 3];
        assert!(matches!(read(cut), Err(Refusal::Malformed { .. })));
    }
}
