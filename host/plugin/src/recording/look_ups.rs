//! Look-ups in the directory: noted while a call is recorded, and answered from the record when it is made
//! once more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::directory::{Directory, LookUp, LookUpError};

/// One look-up: what was asked, and what was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LookedUp {
    #[serde(flatten)]
    pub(super) asked: Asked,
    #[serde(flatten)]
    pub(super) told: Told,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "function", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub(super) enum Asked {
    Get { resource_type: String, id: String },
    Find { resource_type: String, filter: String, limit: u32 },
    Count { resource_type: String, filter: Option<String> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Told {
    /// A resource or `null`, an array of resources, or a number.
    Found(Value),
    Refused(String),
    Unavailable(String),
}

impl Asked {
    fn get(resource_type: &str, id: &str) -> Self {
        Self::Get { resource_type: resource_type.to_owned(), id: id.to_owned() }
    }

    fn find(resource_type: &str, filter: &str, limit: u32) -> Self {
        let (resource_type, filter) = (resource_type.to_owned(), filter.to_owned());
        Self::Find { resource_type, filter, limit }
    }

    fn count(resource_type: &str, filter: Option<&str>) -> Self {
        let filter = filter.map(str::to_owned);
        Self::Count { resource_type: resource_type.to_owned(), filter }
    }
}

/// A directory whose look-ups are noted, in their order.
pub(super) struct LookUps {
    directory: Arc<dyn Directory>,
    noted: Arc<Mutex<Vec<LookedUp>>>,
}

impl LookUps {
    pub(super) fn of(
        directory: Arc<dyn Directory>,
        noted: Arc<Mutex<Vec<LookedUp>>>,
    ) -> Arc<dyn Directory> {
        Arc::new(LookUps { directory, noted })
    }

    fn note<T>(&self, asked: Asked, told: &Result<T, LookUpError>, json: impl Fn(&T) -> Value) {
        let told = match told {
            Ok(found) => Told::Found(json(found)),
            Err(LookUpError::Refused(reason)) => Told::Refused(reason.clone()),
            Err(LookUpError::Unavailable(reason)) => Told::Unavailable(reason.clone()),
        };
        locked(&self.noted).push(LookedUp { asked, told });
    }
}

impl Directory for LookUps {
    fn get<'a>(&'a self, resource_type: &'a str, id: &'a str) -> LookUp<'a, Option<String>> {
        Box::pin(async move {
            let found = self.directory.get(resource_type, id).await;
            let asked = Asked::get(resource_type, id);
            self.note(asked, &found, |found| found.as_deref().map_or(Value::Null, json_of));
            found
        })
    }

    fn find<'a>(
        &'a self,
        resource_type: &'a str,
        filter: &'a str,
        limit: u32,
    ) -> LookUp<'a, Vec<String>> {
        Box::pin(async move {
            let found = self.directory.find(resource_type, filter, limit).await;
            let asked = Asked::find(resource_type, filter, limit);
            self.note(asked, &found, |found| found.iter().map(|text| json_of(text)).collect());
            found
        })
    }

    fn count<'a>(&'a self, resource_type: &'a str, filter: Option<&'a str>) -> LookUp<'a, u64> {
        Box::pin(async move {
            let found = self.directory.count(resource_type, filter).await;
            let asked = Asked::count(resource_type, filter);
            self.note(asked, &found, |found| Value::from(*found));
            found
        })
    }
}

/// A directory that knows what was recorded, and nothing else.
pub(super) struct Recorded(Mutex<Vec<LookedUp>>);

impl Recorded {
    pub(super) fn of(look_ups: &[LookedUp]) -> Arc<dyn Directory> {
        Arc::new(Recorded(Mutex::new(look_ups.to_vec())))
    }

    /// What was told at this look-up. The answers of equal ones are given in their order, and the last of
    /// them for good.
    fn told(&self, asked: &Asked) -> Result<Value, LookUpError> {
        let mut left = locked(&self.0);
        let mut equal = left.iter().enumerate().filter(|(_, it)| it.asked == *asked);
        let (first, another) = (equal.next().map(|(at, _)| at), equal.next().is_some());
        let told = match first {
            Some(at) if another => Some(left.remove(at)),
            Some(at) => left.get(at).cloned(),
            None => None,
        };
        match told.map(|it| it.told) {
            Some(Told::Found(found)) => Ok(found),
            Some(Told::Refused(reason)) => Err(LookUpError::Refused(reason)),
            Some(Told::Unavailable(reason)) => Err(LookUpError::Unavailable(reason)),
            None => {
                let asked = serde_json::to_string(asked).unwrap_or_default();
                Err(LookUpError::Unavailable(format!("the recording has no look-up {asked}")))
            }
        }
    }
}

impl Directory for Recorded {
    fn get<'a>(&'a self, resource_type: &'a str, id: &'a str) -> LookUp<'a, Option<String>> {
        let asked = Asked::get(resource_type, id);
        Box::pin(async move {
            Ok(Some(self.told(&asked)?).filter(|found| !found.is_null()).map(|it| it.to_string()))
        })
    }

    fn find<'a>(
        &'a self,
        resource_type: &'a str,
        filter: &'a str,
        limit: u32,
    ) -> LookUp<'a, Vec<String>> {
        let asked = Asked::find(resource_type, filter, limit);
        Box::pin(async move {
            let found = self.told(&asked)?;
            let found = found.as_array().ok_or_else(|| damaged("a list"))?;
            Ok(found.iter().map(Value::to_string).collect())
        })
    }

    fn count<'a>(&'a self, resource_type: &'a str, filter: Option<&'a str>) -> LookUp<'a, u64> {
        let asked = Asked::count(resource_type, filter);
        Box::pin(async move { self.told(&asked)?.as_u64().ok_or_else(|| damaged("a number")) })
    }
}

/// The resources of a directory are JSON, whose text is the same when it was read and is written again.
fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn damaged(expected: &str) -> LookUpError {
    LookUpError::Unavailable(format!("the recording is damaged: {expected} was expected here"))
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
