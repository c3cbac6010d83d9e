//! A host in a directory of its own, and the components of `tests/hostile`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tenon_plugin::{
    Budget, Call, CallError, Checked, Compiler, Document, HostSettings, Issue, Limits, Outcome,
    Plugin, PluginHost, Refusal, Tier,
};
use tenon_scim::Registry;

/// A host and its cache directory.
pub(crate) struct Fixture {
    pub(crate) host: PluginHost,
    pub(crate) dir: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        Fixture::with(limits())
    }

    pub(crate) fn with(limits: Limits) -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let host = host(dir.path(), compiler(), limits);
        Fixture { host, dir }
    }

    /// Uploads one of `tests/hostile`.
    pub(crate) async fn check(&self, name: &str) -> Result<Checked, Refusal> {
        self.host.check(&hostile(name), Tier::Standard).await
    }

    pub(crate) async fn plugin(&self, name: &str) -> Arc<Plugin> {
        self.check(name).await.unwrap_or_else(|refusal| panic!("{name}: {refusal}")).plugin
    }

    /// Uploads it and has it judge a user that is to replace another.
    pub(crate) async fn validate(&self, name: &str) -> Outcome<Vec<Issue>> {
        validate(&*self.plugin(name).await).await
    }

    /// How a validation by it fails.
    pub(crate) async fn failure(&self, name: &str) -> CallError {
        self.validate(name).await.result.unwrap_err()
    }
}

/// The default limits, but for the deadline: however busy the machine is, a call ends by what it
/// does, and by the clock only in tests of the clock.
pub(crate) fn limits() -> Limits {
    Limits { deadline: Duration::from_secs(3_600), ..Limits::default() }
}

pub(crate) fn host(dir: &Path, compiler: Compiler, limits: Limits) -> PluginHost {
    PluginHost::new(HostSettings { cache_dir: dir.to_owned(), compiler, limits }).unwrap()
}

/// The compile child of this crate.
pub(crate) fn compiler() -> Compiler {
    program(env!("CARGO_BIN_EXE_tenon-compile-plugin"), &[])
}

pub(crate) fn program(program: &str, args: &[&str]) -> Compiler {
    Compiler { program: PathBuf::from(program), args: args.iter().map(Into::into).collect() }
}

/// One of `tests/hostile`, in binary form.
pub(crate) fn hostile(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/hostile/{name}.wat", env!("CARGO_MANIFEST_DIR"));
    wat::parse_file(path).unwrap()
}

pub(crate) fn call(tenant: &str) -> Call {
    Call {
        tenant: tenant.into(),
        plugin: "plugin".into(),
        request_id: "request".into(),
        resource_type: "User".into(),
        operation: "replace".into(),
        actor: "token:1".into(),
        config: Arc::default(),
        directory: None,
        now: 0,
        seed: [0; 32],
        budget: Budget::default(),
        recorder: None,
    }
}

pub(crate) fn user(user: Value) -> Document {
    let Value::Object(value) = user else { panic!("a user is an object") };
    let resource_type = Registry::core().resource_type("User").unwrap().clone();
    Document { resource_type, value: Arc::new(value) }
}

pub(crate) async fn validate(plugin: &Plugin) -> Outcome<Vec<Issue>> {
    let document = user(json!({ "userName": "ada" }));
    plugin.validate(&call("tenant"), document.clone(), Some(document)).await
}
