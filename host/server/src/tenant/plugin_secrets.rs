//! Secrets in the configuration of a plugin. Where a tenant writes `{"$secret": "value"}`, the value is
//! stored encrypted, shown as `{"$secret": true}`, and given to the plugin as the text that it is. What is
//! written as `{"$secret": true}` stays as it was.

use serde_json::{Value, json};
use tenon_scim::Object;

use crate::keyring::{Context, Keyring, KeyringError};
use crate::store::TenantId;

/// The member that makes an object a secret.
const MARK: &str = "$secret";

/// Why a configuration with secrets is not stored.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It cannot be encrypted.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// An object with the mark that is no secret.
    #[error(
        "\"{path}\": a secret is written as {{\"{MARK}\": \"value\"}}, and as {{\"{MARK}\": true}} \
         where it is to stay as it is; an object with \"{MARK}\" has no other member"
    )]
    Form {
        /// Where in the configuration.
        path: String,
    },
    /// One that is to stay, where there is none.
    #[error(
        "\"{path}\": there is no secret here that could stay as it is; write \
         {{\"{MARK}\": \"value\"}}"
    )]
    NoneHere {
        /// Where in the configuration.
        path: String,
    },
}

/// The configuration as it is stored. `stored` is the one before it, whose secrets may stay.
///
/// # Errors
/// A secret has not the form of one, is to stay where there is none, or cannot be encrypted.
pub fn sealed(
    keyring: &Keyring,
    tenant: TenantId,
    config: Object,
    stored: &Object,
) -> Result<Object, SecretError> {
    let sealing = Sealing { keyring, tenant };
    let seal = |(name, value): (String, Value)| {
        let value = sealing.value(&name, value, stored.get(&name))?;
        Ok((name, value))
    };
    config.into_iter().map(seal).collect()
}

/// The configuration as the plugin is given it.
///
/// # Errors
/// A secret cannot be decrypted.
pub fn opened(
    keyring: &Keyring,
    tenant: TenantId,
    stored: &Object,
) -> Result<Object, KeyringError> {
    mapped(stored, &|sealed| text_of(keyring, tenant, sealed).map(Value::String))
}

fn text_of(keyring: &Keyring, tenant: TenantId, sealed: &Value) -> Result<String, KeyringError> {
    let opened = keyring.open(context(tenant), sealed.as_str().unwrap_or_default())?;
    String::from_utf8(opened).map_err(|_| KeyringError::Forged)
}

/// The secrets of the configuration, in clear.
///
/// # Errors
/// One of them cannot be decrypted.
pub fn secrets(
    keyring: &Keyring,
    tenant: TenantId,
    stored: &Object,
) -> Result<Vec<String>, KeyringError> {
    let secrets = std::cell::RefCell::new(Vec::new());
    mapped(stored, &|sealed| {
        let opened = text_of(keyring, tenant, sealed)?;
        secrets.borrow_mut().push(opened);
        Ok(Value::Null)
    })?;
    Ok(secrets.into_inner())
}

/// The configuration without its secrets.
#[must_use]
pub fn shown(stored: &Object) -> Object {
    let shown: Result<_, std::convert::Infallible> = mapped(stored, &|_| Ok(json!({ MARK: true })));
    shown.unwrap_or_else(|never| match never {})
}

const fn context(tenant: TenantId) -> Context {
    Context { purpose: "plugin-config", owner: tenant.0 }
}

struct Sealing<'k> {
    keyring: &'k Keyring,
    tenant: TenantId,
}

impl Sealing<'_> {
    fn value(
        &self,
        path: &str,
        value: Value,
        stored: Option<&Value>,
    ) -> Result<Value, SecretError> {
        match value {
            Value::Object(object) if object.contains_key(MARK) => {
                self.secret(path, &object, stored)
            }
            Value::Object(object) => {
                let seal = |(name, value): (String, Value)| {
                    let before = stored.and_then(|stored| stored.get(&name));
                    let value = self.value(&format!("{path}.{name}"), value, before)?;
                    Ok((name, value))
                };
                object.into_iter().map(seal).collect::<Result<_, _>>().map(Value::Object)
            }
            Value::Array(values) => {
                let seal = |(index, value)| {
                    let before = stored.and_then(|stored| stored.get(index));
                    self.value(&format!("{path}[{index}]"), value, before)
                };
                values.into_iter().enumerate().map(seal).collect::<Result<_, _>>().map(Value::Array)
            }
            other => Ok(other),
        }
    }

    fn secret(
        &self,
        path: &str,
        object: &Object,
        stored: Option<&Value>,
    ) -> Result<Value, SecretError> {
        let path = || path.to_owned();
        match object.get(MARK) {
            Some(Value::String(plain)) if object.len() == 1 => {
                let sealed = self.keyring.seal(context(self.tenant), plain.as_bytes())?;
                Ok(json!({ MARK: sealed }))
            }
            Some(Value::Bool(true)) if object.len() == 1 => {
                let kept = stored.filter(|stored| stored.get(MARK).is_some()).cloned();
                kept.ok_or_else(|| SecretError::NoneHere { path: path() })
            }
            _ => Err(SecretError::Form { path: path() }),
        }
    }
}

/// The configuration with something else in the place of each secret.
fn mapped<E>(
    stored: &Object,
    of_secret: &impl Fn(&Value) -> Result<Value, E>,
) -> Result<Object, E> {
    let map =
        |(name, value): (&String, &Value)| Ok((name.clone(), mapped_value(value, of_secret)?));
    stored.iter().map(map).collect()
}

fn mapped_value<E>(
    value: &Value,
    of_secret: &impl Fn(&Value) -> Result<Value, E>,
) -> Result<Value, E> {
    match value {
        Value::Object(object) => match object.get(MARK) {
            Some(sealed) => of_secret(sealed),
            None => mapped(object, of_secret).map(Value::Object),
        },
        Value::Array(values) => {
            let values = values.iter().map(|value| mapped_value(value, of_secret));
            values.collect::<Result<_, _>>().map(Value::Array)
        }
        other => Ok(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::keyring::{EncryptionKey, KEY_BYTES};

    const ACME: TenantId = TenantId(Uuid::from_u128(1));

    fn keyring() -> Keyring {
        Keyring::new(Some(EncryptionKey::new([1; KEY_BYTES])), Vec::new())
    }

    fn object(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn secrets_are_stored_encrypted_shown_as_marks_and_given_in_clear() {
        let written = object(json!({
            "url": "https://example.com", "key": { "$secret": "hunter2" },
            "hops": [{ "name": "a", "password": { "$secret": "swordfish" } }]
        }));
        let stored = sealed(&keyring(), ACME, written, &Object::new()).unwrap();
        let text = Value::Object(stored.clone()).to_string();
        assert!(!text.contains("hunter2") && !text.contains("swordfish"), "{text}");
        let mark = json!({ "$secret": true });
        let expected = json!({
            "url": "https://example.com", "key": mark, "hops": [{ "name": "a", "password": mark }]
        });
        assert_eq!(shown(&stored), object(expected));
        let given = opened(&keyring(), ACME, &stored).unwrap();
        assert_eq!(given["key"], "hunter2");
        assert_eq!(given["hops"][0]["password"], "swordfish");
        assert_eq!(secrets(&keyring(), ACME, &stored).unwrap(), ["hunter2", "swordfish"]);
    }

    #[test]
    fn what_is_written_back_as_it_was_shown_stays() {
        let written = object(json!({ "key": { "$secret": "hunter2" }, "n": 1 }));
        let first = sealed(&keyring(), ACME, written, &Object::new()).unwrap();
        let mut again = shown(&first);
        again.insert("n".to_owned(), json!(2));
        let second = sealed(&keyring(), ACME, again, &first).unwrap();
        assert_eq!(
            opened(&keyring(), ACME, &second).unwrap(),
            object(json!({ "key": "hunter2", "n": 2 }))
        );
    }

    #[test]
    fn what_is_no_secret_is_refused_with_its_place() {
        let refused =
            |config: Value| sealed(&keyring(), ACME, object(config), &Object::new()).unwrap_err();
        let path = "a[1].b".to_owned();
        assert_eq!(
            refused(json!({ "a": [1, { "b": { "$secret": true } }] })),
            SecretError::NoneHere { path: path.clone() }
        );
        for wrong in [json!(1), json!(false), json!(null)] {
            let config = json!({ "a": [1, { "b": { "$secret": wrong } }] });
            assert_eq!(refused(config), SecretError::Form { path: path.clone() });
        }
        let more = json!({ "a": { "$secret": "x", "more": 1 } });
        assert_eq!(refused(more), SecretError::Form { path: "a".to_owned() });
    }

    #[test]
    fn a_secret_of_another_tenant_and_one_without_a_key_are_not_opened() {
        let written = object(json!({ "key": { "$secret": "hunter2" } }));
        let stored = sealed(&keyring(), ACME, written.clone(), &Object::new()).unwrap();
        let other = TenantId(Uuid::from_u128(2));
        assert_eq!(opened(&keyring(), other, &stored), Err(KeyringError::Forged));
        assert!(opened(&Keyring::default(), ACME, &stored).is_err());
        assert_eq!(
            sealed(&Keyring::default(), ACME, written, &Object::new()),
            Err(SecretError::Keyring(KeyringError::NoKey))
        );
    }
}
