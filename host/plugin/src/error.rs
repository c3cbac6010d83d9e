//! What can go wrong, in three places: at the start of the host, at an upload, and in a call.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::call::Capability;
use crate::digest::Digest;

/// The host of plugins cannot start. For the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// wasmtime refuses the configuration.
    #[error("the WebAssembly engine does not start with these limits: {source:#}")]
    Engine {
        /// wasmtime's own reason.
        source: wasmtime::Error,
    },
    /// The thread that ticks the epoch could not be started.
    #[error("the thread that stops overlong plugin calls does not start: {source}")]
    Ticker {
        /// The system's reason.
        source: io::Error,
    },
    /// The cache directory cannot be made, read or written.
    #[error("the directory of compiled plugins, {}, is not usable: {source}", path.display())]
    CacheDir {
        /// The directory, or the file in it.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The key that seals compiled code could be read by others, who could then forge code.
    #[error(
        "the key {} has mode {mode:03o}, so that others may read it and forge compiled plugins; \
         remove the file (the server makes a new one) and keep it at 600", path.display()
    )]
    ExposedKey {
        /// The key's file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key's file does not hold a key.
    #[error(
        "the key {} has {found} bytes where {expected} belong; remove it, the server makes a new one",
        path.display()
    )]
    DamagedKey {
        /// The key's file.
        path: PathBuf,
        /// Bytes of a key.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
}

/// A component was not taken. The text is for whoever uploads it: it names what was checked, the
/// limit, what was found, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Larger than the limit.
    #[error(
        "the component has {found} bytes, the limit is {limit}; build it with optimisation and \
         without debug information (`tenon plugin build` does); one that brings the runtime of its \
         language needs the runtime tier, which the operator opens"
    )]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
        /// Bytes uploaded.
        found: usize,
    },
    /// Not a WebAssembly component in binary form.
    #[error("a component in binary form is expected, found {found}; {advice}")]
    NotAComponent {
        /// What the bytes are instead.
        found: &'static str,
        /// How to get a component.
        advice: &'static str,
    },
    /// Native code, which could do anything.
    #[error(
        "the upload is already compiled to machine code, which is never accepted; upload the \
         component itself (`.wasm`), the server compiles it"
    )]
    Precompiled,
    /// The bytes cannot be parsed.
    #[error("the component is damaged at byte {offset}: {message}; build it again")]
    Malformed {
        /// Where in the upload.
        offset: u64,
        /// What is wrong there.
        message: String,
    },
    /// Its structure is larger than a limit, which would cost too much to compile or to start.
    #[error("the component has {found} {what}, the limit is {limit}; {advice}")]
    TooComplex {
        /// What was counted.
        what: &'static str,
        /// How many are allowed.
        limit: u64,
        /// How many there are, or more.
        found: u64,
        /// What to change.
        advice: &'static str,
    },
    /// It was built for another version of the contract.
    #[error(
        "the component was built for version {found} of the contract, this server speaks {}; \
         build it with the SDK of that version",
        crate::imports::VERSION
    )]
    OtherApiVersion {
        /// What it says.
        found: String,
    },
    /// It asks for something that is not offered to its capabilities.
    #[error("the component imports `{import}`, which is not offered here; {advice}")]
    UnknownImport {
        /// The import's name.
        import: String,
        /// What is offered instead.
        advice: String,
    },
    /// It exports a hook that this host does not know, and so would never call.
    #[error("the component exports `{export}`, which this server would never call; {advice}")]
    UnknownExport {
        /// The export's name.
        export: String,
        /// What the server would call.
        advice: String,
    },
    /// It exports nothing that the host could call.
    #[error(
        "the component exports no capability; it has to export at least one of {}. Exports found: {}",
        known.join(", "), listed(found)
    )]
    NoCapability {
        /// The interfaces that the host calls.
        known: Vec<String>,
        /// The exports that it has.
        found: Vec<String>,
    },
    /// An import or an export bears a known name and has another type.
    #[error(
        "the component does not fit the contract of `tenon:plugin@{version}`: {message}; build it \
         against the WIT files of this version", version = crate::imports::VERSION
    )]
    WrongType {
        /// Which item, and in what it differs.
        message: String,
    },
    /// The compiler found the component invalid.
    #[error("the component does not compile: {message}")]
    DoesNotCompile {
        /// The compiler's reason.
        message: String,
    },
    /// The compiler took too long and was killed.
    #[error(
        "compiling the component took longer than {limit:?}; make it smaller, above all its \
         largest functions"
    )]
    CompilerTimedOut {
        /// Wall time allowed.
        limit: Duration,
    },
    /// The compiler died, most likely of the memory or the processor time it may use.
    #[error(
        "compiling the component ended the compiler ({how}), which may use {memory_limit} bytes \
         of memory and {time_limit:?} of processor time; make the component smaller, above all \
         its largest functions"
    )]
    CompilerKilled {
        /// The signal or exit status.
        how: String,
        /// Bytes of address space allowed.
        memory_limit: u64,
        /// Processor time allowed.
        time_limit: Duration,
    },
    /// The compiled code is larger than the limit.
    #[error("the compiled code has more than {limit} bytes, the limit; make the component smaller")]
    CompiledTooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// It needs more memories, tables or instances at its start than a call may have.
    #[error("the component needs more to start than a call may have: {message}")]
    DoesNotFit {
        /// Which limit, and what was found.
        message: String,
    },
    /// No instance of it could be started.
    #[error(
        "starting the component failed: {error}; its start functions have to do with the same limits as a call"
    )]
    DoesNotStart {
        /// How the attempt ended.
        error: CallError,
    },
    /// `describe` was called and failed.
    #[error("calling `describe` failed: {error}; it has to answer from the component alone")]
    DescribeFailed {
        /// How the call ended.
        error: CallError,
    },
    /// `describe` answered with something that is no list of JSON objects within the limits.
    #[error("`describe` returned {found}; {expected}")]
    BadDescription {
        /// What came, and where.
        found: String,
        /// What belongs there.
        expected: String,
    },
    /// Too many uploads at a time. Not the component's fault.
    #[error("{waiting} components are being checked already, which is the limit; try again")]
    Busy {
        /// Checks at a time, the waiting ones included.
        waiting: usize,
    },
    /// A fault of the server, not of the component.
    #[error("the server could not check the component, through no fault of it; try again later")]
    Internal {
        /// For the log.
        message: String,
    },
}

impl Refusal {
    /// The check that refused, a stable name.
    pub const fn check(&self) -> &'static str {
        match self {
            Refusal::TooLarge { .. } => "size",
            Refusal::NotAComponent { .. } | Refusal::Precompiled | Refusal::Malformed { .. } => {
                "format"
            }
            Refusal::TooComplex { .. } => "complexity",
            Refusal::OtherApiVersion { .. } => "api-version",
            Refusal::UnknownImport { .. } => "imports",
            Refusal::UnknownExport { .. } | Refusal::NoCapability { .. } => "exports",
            Refusal::WrongType { .. } => "types",
            Refusal::DoesNotCompile { .. }
            | Refusal::CompilerTimedOut { .. }
            | Refusal::CompilerKilled { .. }
            | Refusal::CompiledTooLarge { .. } => "compile",
            Refusal::DoesNotFit { .. } => "resources",
            Refusal::DoesNotStart { .. } => "start",
            Refusal::DescribeFailed { .. } | Refusal::BadDescription { .. } => "describe",
            Refusal::Busy { .. } => "busy",
            Refusal::Internal { .. } => "internal",
        }
    }

    /// Whether the server is at fault: an answer 5xx rather than 4xx.
    pub const fn is_internal(&self) -> bool {
        matches!(self, Refusal::Internal { .. })
    }
}

/// A call of a hook gave no answer. The text is for the tenant's log, not for the client of the
/// request: it may show what the plugin does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// All fuel was used.
    #[error("the plugin used up its {limit} units of fuel")]
    OutOfFuel {
        /// Fuel of the call.
        limit: u64,
    },
    /// The call took too long.
    #[error("the plugin did not answer within {limit:?}")]
    DeadlineExceeded {
        /// Wall time of the call.
        limit: Duration,
    },
    /// Memory was refused and the plugin gave up.
    #[error("the plugin needed {wanted} bytes of memory, the limit is {limit}")]
    MemoryExceeded {
        /// Bytes allowed.
        limit: usize,
        /// Bytes that there would have been.
        wanted: usize,
    },
    /// Table elements were refused and the plugin gave up.
    #[error("the plugin needed {wanted} table elements, the limit is {limit}")]
    TableExceeded {
        /// Elements allowed.
        limit: usize,
        /// Elements that there would have been.
        wanted: usize,
    },
    /// Handles were refused.
    #[error("the plugin held more than {limit} resource handles at a time")]
    HandlesExceeded {
        /// Handles allowed.
        limit: usize,
    },
    /// Host calls moved too much.
    #[error("the plugin moved more than {limit} bytes through host calls")]
    HostCallBytesExceeded {
        /// Bytes allowed.
        limit: usize,
    },
    /// It looked up too often.
    #[error("the plugin looked up more than {limit} times in the directory")]
    LookUpsExceeded {
        /// Look-ups allowed.
        limit: u32,
    },
    /// A look-up failed. Not the plugin's fault.
    #[error("the directory is not available: {message}")]
    DirectoryUnavailable {
        /// Why.
        message: String,
    },
    /// It asked for something that the hook may not have.
    #[error("`{function}` used `{import}`, which is not offered to it; {advice}")]
    NotOffered {
        /// The hook that ran.
        function: &'static str,
        /// The interface.
        import: &'static str,
        /// What the hook may use.
        advice: String,
    },
    /// The plugin crashed: a panic, or an access out of bounds.
    #[error("the plugin trapped: {trap}")]
    Trap {
        /// What kind of trap.
        trap: String,
        /// Where, in the plugin's own functions; for its author.
        backtrace: String,
    },
    /// The plugin said that it could not do its work.
    #[error("the plugin reports a failure: {message}")]
    Failure {
        /// Its own message.
        message: String,
    },
    /// No place for a further call. Not the plugin's fault.
    #[error("{running} calls of {whose} are running, which is the limit")]
    Busy {
        /// `the server` or `the tenant`.
        whose: &'static str,
        /// Calls at a time.
        running: usize,
    },
    /// The fuel of the tenant, or of the plugin at this tenant, is used up for now.
    #[error(
        "the calls of {whose} have used up their {limit} units of fuel a second; there is more in \
         {retry_after:?}"
    )]
    FuelRateExceeded {
        /// `the tenant` or `the plugin`.
        whose: &'static str,
        /// Fuel in a second.
        limit: u64,
        /// When there is fuel again.
        retry_after: Duration,
    },
    /// The hook only failed lately, and is not called for a while.
    #[error("the plugin failed {faults} times in a row, and is called again in {} s", retry_after.as_secs() + 1)]
    BreakerOpen {
        /// Faults in a row.
        faults: u32,
        /// How long it is not called yet.
        retry_after: Duration,
    },
    /// The answer broke the rules of the boundary.
    #[error("the plugin's answer is not usable: {message}")]
    InvalidOutput {
        /// Which rule.
        message: String,
    },
    /// No instance could be made.
    #[error("the plugin does not start: {message}")]
    DoesNotStart {
        /// wasmtime's reason.
        message: String,
    },
    /// It could not be called: the version does not load, or a secret of its configuration cannot be
    /// decrypted.
    #[error("the plugin cannot be called: {message}")]
    NotReady {
        /// Why.
        message: String,
    },
    /// The version has no such hook: the caller did not look at its capabilities.
    #[error("version {digest} has no capability {capability}")]
    NoSuchHook {
        /// The version.
        digest: Digest,
        /// What was called.
        capability: Capability,
    },
}

impl CallError {
    /// What happened, a stable name for metrics and answers.
    pub const fn kind(&self) -> &'static str {
        match self {
            CallError::OutOfFuel { .. } => "out-of-fuel",
            CallError::DeadlineExceeded { .. } => "deadline-exceeded",
            CallError::MemoryExceeded { .. } => "memory-exceeded",
            CallError::TableExceeded { .. } => "table-exceeded",
            CallError::HandlesExceeded { .. } => "handles-exceeded",
            CallError::HostCallBytesExceeded { .. } => "host-call-bytes-exceeded",
            CallError::LookUpsExceeded { .. } => "look-ups-exceeded",
            CallError::DirectoryUnavailable { .. } => "directory-unavailable",
            CallError::NotOffered { .. } => "not-offered",
            CallError::Trap { .. } => "trap",
            CallError::Failure { .. } => "failure",
            CallError::Busy { .. } => "busy",
            CallError::FuelRateExceeded { .. } => "fuel-rate-exceeded",
            CallError::BreakerOpen { .. } => "breaker-open",
            CallError::InvalidOutput { .. } => "invalid-output",
            CallError::DoesNotStart { .. } => "does-not-start",
            CallError::NotReady { .. } => "not-ready",
            CallError::NoSuchHook { .. } => "no-such-hook",
        }
    }

    /// Whether it says something of the plugin, rather than of the server or of how much is asked of it.
    pub const fn is_fault(&self) -> bool {
        !matches!(
            self,
            CallError::Busy { .. }
                | CallError::FuelRateExceeded { .. }
                | CallError::DirectoryUnavailable { .. }
                | CallError::BreakerOpen { .. }
                | CallError::NoSuchHook { .. }
        )
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
