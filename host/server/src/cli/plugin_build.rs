//! `tenon plugin build`: cargo, then the component encoder.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ArgMatches;
use serde_json::Value;
use tenon_plugin::{Digest, PackageError};

const TARGET: &str = "wasm32-unknown-unknown";

/// A small stack makes a small memory, and that a quick start: most of the cost of a call is the
/// memory of a fresh instance.
const STACK: &str = "-Clink-arg=-zstack-size=65536";

/// The settings of the build. They are given here rather than in a profile of the plugin's, so
/// that every plugin has them.
const PROFILE: [(&str, &str); 5] = [
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_STRIP", "debuginfo"),
];

#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error("`cargo` cannot be run: {0}; install Rust from https://rustup.rs")]
    NoCargo(std::io::Error),
    #[error("{}: no plugin to build: {message}", .dir.display())]
    NoPlugin { dir: PathBuf, message: String },
    #[error(
        "cargo did not build the plugin; where it says that the target is missing, \
         `rustup target add {TARGET}` installs it"
    )]
    Cargo,
    #[error("cargo built no {0}; a plugin needs crate-type = [\"cdylib\"] under [lib]")]
    NoModule(PathBuf),
    #[error("the built module is no component: {0}")]
    Package(#[from] PackageError),
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

/// What cargo knows of the plugin.
struct Package {
    name: String,
    target_dir: PathBuf,
}

/// Builds the plugin and prints the component's path, size and digest.
pub(super) fn run(flags: &ArgMatches) -> Result<(), BuildError> {
    let dir = flags.get_one::<String>("dir").map_or(".", String::as_str);
    let dir = PathBuf::from(dir);
    let package = package_in(&dir)?;
    compile(&dir)?;
    let module_name = format!("{}.wasm", package.name.replace('-', "_"));
    let module = package.target_dir.join(TARGET).join("release").join(module_name);
    let module_bytes = std::fs::read(&module).map_err(|_| BuildError::NoModule(module.clone()))?;
    let component = tenon_plugin::encode(&module_bytes)?;
    let out = flags
        .get_one::<String>("out")
        .map_or_else(|| package.target_dir.join(format!("{}.wasm", package.name)), PathBuf::from);
    let io = |source| BuildError::Io { path: out.clone(), source };
    std::fs::write(&out, &component).map_err(io)?;
    let mut terminal = std::io::stdout().lock();
    writeln!(terminal, "{}\n{} bytes, {}", out.display(), component.len(), Digest::of(&component))
        .map_err(io)
}

fn package_in(dir: &Path) -> Result<Package, BuildError> {
    let no_plugin = |message: String| BuildError::NoPlugin { dir: dir.to_owned(), message };
    let manifest = dir.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(no_plugin("there is no Cargo.toml".to_owned()));
    }
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"])
        .arg(&manifest)
        .stderr(Stdio::inherit())
        .output()
        .map_err(BuildError::NoCargo)?;
    if !output.status.success() {
        return Err(BuildError::Cargo);
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| no_plugin(format!("cargo metadata: {error}")))?;
    let manifest = manifest.canonicalize().map_err(|error| no_plugin(error.to_string()))?;
    let is_it = |package: &&Value| {
        let path = package.get("manifest_path").and_then(Value::as_str);
        path.is_some_and(|path| Path::new(path) == manifest)
    };
    let package = metadata.get("packages").and_then(Value::as_array);
    let package = package.and_then(|packages| packages.iter().find(is_it));
    let name = package.and_then(|package| package.get("name")).and_then(Value::as_str);
    let target_dir = metadata.get("target_directory").and_then(Value::as_str);
    match (name, target_dir) {
        (Some(name), Some(target_dir)) => {
            Ok(Package { name: name.to_owned(), target_dir: target_dir.into() })
        }
        _ => Err(no_plugin("its Cargo.toml has no [package]".to_owned())),
    }
}

fn compile(dir: &Path) -> Result<(), BuildError> {
    let status = cargo()
        .args(["build", "--release", "--lib", "--target", TARGET, "--manifest-path"])
        .arg(dir.join("Cargo.toml"))
        .envs(PROFILE)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", STACK)
        .status()
        .map_err(BuildError::NoCargo)?;
    if status.success() { Ok(()) } else { Err(BuildError::Cargo) }
}

/// The cargo that runs us, where one does.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
