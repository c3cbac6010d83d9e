//! Scenarios as they are written down.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::matching;

/// One scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// Its name, which is that of its file.
    pub name: String,
    /// Which kind of client or server it is about.
    pub dialect: Dialect,
    /// The clause or the source that it comes from.
    pub why: String,
    /// What ServiceProviderConfig must offer, by path: `bulk`, `pagination.cursor`.
    #[serde(default)]
    pub needs: Vec<String>,
    /// The requests, in order. The first that is not answered as expected ends the scenario.
    pub(super) steps: Vec<Step>,
}

/// The directories of the vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// RFC 7643, 7644, 9865.
    Rfc,
    /// What Entra ID sends.
    Entra,
    /// What Okta sends.
    Okta,
    /// The interoperability profile.
    Interop,
}

/// A request and what its answer must be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// Why this answer, where the scenario's `why` does not say it.
    #[serde(default, rename = "why")]
    _why: Option<String>,
    pub(super) send: Send,
    pub(super) expect: Expect,
    /// The name under which later steps, and this one's expectations, know the answer's body.
    #[serde(rename = "as")]
    pub(super) known_as: Option<String>,
}

/// A request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    pub(super) method: String,
    /// Below the base URL, query included if it is simple.
    pub(super) path: String,
    /// Query parameters, which are encoded here.
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    /// Headers beside the usual ones; null leaves a usual one out.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Option<String>>,
    pub(super) body: Option<Value>,
    /// A body that is not JSON.
    pub(super) text: Option<String>,
}

/// What an answer must be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) status: Statuses,
    #[serde(default)]
    pub(super) headers: Map<String, Value>,
    /// The pattern of the body; nothing is asked of it where there is none.
    pub(super) body: Option<Value>,
}

/// The statuses that will do.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Statuses {
    One(u16),
    Any(Vec<u16>),
}

impl Statuses {
    pub(super) fn allow(&self, status: u16) -> bool {
        match self {
            Self::One(one) => *one == status,
            Self::Any(any) => any.contains(&status),
        }
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(one) => write!(f, "{one}"),
            Self::Any(any) => {
                let any: Vec<String> = any.iter().map(u16::to_string).collect();
                write!(f, "{}", any.join(" or "))
            }
        }
    }
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rfc, Self::Entra, Self::Okta, Self::Interop];

    /// The name of the directory, and of a tenant's dialect.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc => "rfc",
            Self::Entra => "entra",
            Self::Okta => "okta",
            Self::Interop => "interop",
        }
    }

    /// The dialect of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}

impl Vector {
    /// All scenarios of a dialect, by name.
    ///
    /// # Errors
    /// A file cannot be read or is not a scenario; the text names it.
    pub fn load(dialect: Dialect) -> Result<Vec<Self>, String> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(dialect.name());
        let named = |error: &dyn fmt::Display| format!("{}: {error}", dir.display());
        let mut vectors = Vec::new();
        for entry in std::fs::read_dir(&dir).map_err(|error| named(&error))? {
            let path = entry.map_err(|error| named(&error))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                vectors.push(Self::read(&path, dialect)?);
            }
        }
        vectors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(vectors)
    }

    fn read(path: &Path, dialect: Dialect) -> Result<Self, String> {
        let named = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
        let vector = Self::parse(&text).map_err(|error| named(&error))?;
        if path.file_stem().is_none_or(|stem| *stem != *vector.name) {
            return Err(named(&format!("its \"name\" is \"{}\"", vector.name)));
        }
        if vector.dialect != dialect {
            return Err(named(&format!("its \"dialect\" is \"{}\"", vector.dialect.name())));
        }
        Ok(vector)
    }

    /// Reads a scenario.
    ///
    /// # Errors
    /// It is not one, or one that asks nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let vector: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if vector.steps.is_empty() {
            return Err("it has no steps".to_owned());
        }
        for (index, step) in vector.steps.iter().enumerate() {
            let patterns = step.expect.body.iter().chain(step.expect.headers.values());
            for pattern in patterns {
                matching::check(pattern).map_err(|error| format!("step {}: {error}", index + 1))?;
            }
        }
        Ok(vector)
    }
}
