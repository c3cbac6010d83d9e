//! What has to be built: the server's binary, plugins. Each is built once by the process that
//! first asks, with cargo, which does nothing where it is built already.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

/// The root of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace")
}

/// The binary `tenon`, built in the profile of this process.
#[must_use]
pub fn tenon() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let mut build = cargo();
        // The whole workspace is named so that its crates have the features they were just built
        // with: nothing is compiled twice.
        build.args(["build", "--workspace", "--bin", "tenon"]);
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        if profile == "release" {
            build.arg("--release");
        }
        let status = build.status().expect("cargo runs");
        assert!(status.success(), "`tenon` does not build");
        target_dir().join(profile).join("tenon")
    })
}

/// The component of `plugins/cost-center`, built by `tenon plugin build` as its README says.
#[must_use]
pub fn cost_center() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| built("plugins/cost-center"))
}

/// The component of `plugins/naming-policy`.
#[must_use]
pub fn naming_policy() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| built("plugins/naming-policy"))
}

/// The component of `plugins/attribute-vault`.
#[must_use]
pub fn attribute_vault() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| built("plugins/attribute-vault"))
}

/// The component of `plugins/audit-tap`.
#[must_use]
pub fn audit_tap() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| built("plugins/audit-tap"))
}

/// The component of `plugins/realm-resolver`.
#[must_use]
pub fn realm_resolver() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| built("plugins/realm-resolver"))
}

/// The component of `plugins/row-level`.
#[must_use]
pub fn row_level() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| built("plugins/row-level"))
}

/// The component of `tests/components/scripted`, which does what its configuration says.
#[must_use]
pub fn scripted() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| built("tests/components/scripted"))
}

fn built(dir: &str) -> Vec<u8> {
    let built = outside_cargo(&mut Command::new(tenon()))
        .args(["plugin", "build", dir])
        .current_dir(workspace())
        .stderr(Stdio::inherit())
        .output()
        .expect("tenon runs");
    assert!(built.status.success(), "{dir} does not build");
    let output = String::from_utf8(built.stdout).expect("the output is text");
    let path = output.lines().next().expect("the first line is the component's path");
    std::fs::read(path).expect("the component is there")
}

/// The component of `tests/wasip2` with these features, built by cargo alone.
#[must_use]
pub fn wasip2_guest(features: &[&str]) -> Vec<u8> {
    const TARGET: &str = "wasm32-wasip2";
    // Both are written to one place, and cargo builds one at a time.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut build = cargo();
    build.args(["build", "--release", "--package", "wasip2-guest", "--target", TARGET]);
    let status = build.args(["--features", &features.join(",")]).status().expect("cargo runs");
    assert!(status.success(), "tests/wasip2 does not build; `rustup target add {TARGET}`?");
    let path = target_dir().join(TARGET).join("release/wasip2_guest.wasm");
    std::fs::read(path).expect("the component is there")
}

/// The component of a plugin in another language, as `make plugins-js plugins-py` has built it.
#[must_use]
pub fn foreign(name: &str) -> Vec<u8> {
    let path = target_dir().join("plugins").join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; make it", path.display()))
}

/// The machine code of a component, by the compiler of the server.
#[must_use]
pub fn compiled(component: &[u8]) -> Vec<u8> {
    let mut compiler = outside_cargo(&mut Command::new(tenon()))
        .arg("compile-plugin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tenon runs");
    let mut stdin = compiler.stdin.take().expect("it is piped");
    // Small enough for a pipe: the compiler reads all of it before it writes.
    stdin.write_all(component).expect("the compiler reads");
    drop(stdin);
    let compiled = compiler.wait_with_output().expect("the compiler ends");
    assert!(compiled.status.success(), "the component does not compile");
    compiled.stdout
}

/// A component of `tests/hostile`, by its name without `.wat`.
#[must_use]
pub fn hostile(name: &str) -> Vec<u8> {
    text_component("tests/hostile", name)
}

/// A component of `tests/components`, by its name without `.wat`.
#[must_use]
pub fn component(name: &str) -> Vec<u8> {
    text_component("tests/components", name)
}

fn text_component(dir: &str, name: &str) -> Vec<u8> {
    let path = workspace().join(dir).join(format!("{name}.wat"));
    wat::parse_file(path).expect("a component in text form")
}

/// The same component as another version of it: with a custom section that nobody reads.
///
/// # Panics
/// The tag is longer than a byte tells.
#[must_use]
pub fn tagged(component: &[u8], tag: &str) -> Vec<u8> {
    let size = u8::try_from(tag.len() + 2).ok().filter(|size| *size < 128).expect("a short tag");
    [component, &[0, size, 1, b'x'], tag.as_bytes()].concat()
}

/// A component that describes these Schema and ResourceType documents, and does nothing else.
#[must_use]
pub fn describing(documents: &[Value]) -> Vec<u8> {
    const LIST: usize = 16;
    const STRINGS: usize = 32;
    let texts: Vec<String> = documents.iter().map(Value::to_string).collect();
    let mut place = STRINGS + 8 * texts.len();
    let mut strings = Vec::new();
    for text in &texts {
        strings.extend([word(place), word(text.len())].concat());
        place += text.len();
    }
    let pages = place / 65_536 + 1;
    let list = [word(STRINGS), word(texts.len())].concat();
    let data = |bytes: &[u8]| bytes.iter().map(|b| format!("\\{b:02x}")).collect::<String>();
    let (list, strings) = (data(&list), data(&[strings, texts.concat().into_bytes()].concat()));
    let component = format!(
        r#"(component
          (core module $plugin
            (memory (export "memory") {pages})
            (data (i32.const {LIST}) "{list}")
            (data (i32.const {STRINGS}) "{strings}")
            (func (export "describe") (result i32) i32.const {LIST}))
          (core instance $plugin (instantiate $plugin))
          (alias core export $plugin "memory" (core memory $memory))
          (func $describe (result (list string))
            (canon lift (core func $plugin "describe") (memory $memory)))
          (instance $schema (export "describe" (func $describe)))
          (export "tenon:plugin/schema@0.1.0" (instance $schema)))"#
    );
    wat::parse_str(component).expect("a component in text form")
}

/// A number in a component's memory.
fn word(number: usize) -> Vec<u8> {
    u32::try_from(number).expect("a small number").to_le_bytes().to_vec()
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    outside_cargo(&mut cargo).current_dir(workspace()).stdin(Stdio::null());
    cargo
}

/// Without what cargo tells a test of its package: build scripts look at it, that of `ring` among
/// them, and would run again, and all that depends on them be compiled again.
fn outside_cargo(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Where cargo builds: this program is in `<target>/<profile>` or `<target>/<profile>/deps`.
fn target_dir() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its path");
    let mut dir = program.parent().expect("it is in a directory");
    if dir.ends_with("deps") {
        dir = dir.parent().expect("deps is in the profile's directory");
    }
    dir.parent().expect("the profile's directory is in the target directory").to_owned()
}
