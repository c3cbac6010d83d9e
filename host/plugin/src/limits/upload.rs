//! What a component may be that is uploaded, and what compiling it may take.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Which limits hold for a tenant's uploads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// Components of languages that compile to WebAssembly, such as Rust.
    #[default]
    Standard,
    /// Components that bring the runtime of their language, such as JavaScript or Python. They are
    /// large, and take seconds to compile: the operator opens this tier to a tenant.
    Runtime,
}

/// Limits on one upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadLimits {
    /// Bytes of the component.
    pub component_bytes: usize,
    /// Components nested in each other, the outermost included.
    pub nesting: usize,
    /// Core and component instances that one instantiation makes.
    pub instances: usize,
    /// What it imports and exports, by name.
    pub names: usize,
    /// Functions of all core modules.
    pub functions: usize,
    /// Bytes of the largest function body. Compile time grows faster than the body.
    pub function_bytes: usize,
    /// Address space of the compiling child process, in bytes.
    pub compile_memory_bytes: u64,
    /// Wall time of the compiling child process; its processor time is held to the same.
    pub compile_time: Duration,
    /// Bytes of compiled code.
    pub compiled_bytes: usize,
}

impl UploadLimits {
    /// What an operator starts from.
    pub const STANDARD: UploadLimits = UploadLimits {
        component_bytes: 4 * MIB,
        nesting: 4,
        instances: 64,
        names: 256,
        functions: 20_000,
        function_bytes: 64 * KIB,
        compile_memory_bytes: 2 * 1024 * MIB as u64,
        compile_time: Duration::from_secs(20),
        compiled_bytes: 64 * MIB,
    };

    /// What JavaScript and Python need.
    pub const RUNTIME: UploadLimits = UploadLimits {
        component_bytes: 24 * MIB,
        nesting: 4,
        instances: 160,
        names: 256,
        functions: 60_000,
        function_bytes: 512 * KIB,
        compile_memory_bytes: 4 * 1024 * MIB as u64,
        compile_time: Duration::from_secs(120),
        compiled_bytes: 192 * MIB,
    };
}
