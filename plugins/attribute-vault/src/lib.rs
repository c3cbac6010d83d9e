//! An attribute that is stored sealed and shown masked.
//!
//! An example of `before-write` and `after-read` together. The national id of a user is sealed
//! with a key of the tenant's configuration before it is written, and clients see its last four
//! characters. See `README.md`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use tenon_sdk::prelude::*;

/// The extension's URN. The attribute is `<URN>:nationalId`.
const EXTENSION: &str = "urn:example:params:scim:schemas:extension:vault:2.0:User";

/// What sealed values begin with.
const SEALED: &str = "sealed:";
/// What the masked part of a value is shown as.
const MASK: &str = "****";
/// Characters that are shown.
const SHOWN: usize = 4;
/// Bytes of a nonce of XChaCha20.
const NONCE: u32 = 24;

struct AttributeVault;

tenon_sdk::export!(AttributeVault: schema, before_write, after_read);

impl Schema for AttributeVault {
    fn describe() -> Description {
        Description::extension(EXTENSION, "Vault")
            .description("What is stored sealed.")
            .of("User")
            .attribute(
                Attribute::string("nationalId")
                    .description("Shown masked; stored sealed.")
                    .case_exact(),
            )
    }
}

impl BeforeWrite for AttributeVault {
    fn before_write(
        _: &Context,
        candidate: &Document,
        current: Option<&Document>,
    ) -> Result<WriteDecision, Failure> {
        let Some(given) = national_id(candidate)? else { return Ok(WriteDecision::Proceed) };
        let stored = current.map(national_id).transpose()?.flatten();
        if stored.as_ref() == Some(&given) {
            return Ok(WriteDecision::Proceed);
        }
        if given.starts_with(SEALED) {
            let issue = Issue::new("A national id does not begin with \"sealed:\".").at(path());
            return Ok(WriteDecision::Reject(vec![issue]));
        }
        let vault = Vault::open()?;
        // A client that replaces a user sends back what it was shown: the value stays.
        if let Some(stored) = stored
            && masked(&vault.unseal(&stored)?) == given
        {
            return Ok(WriteDecision::Amend(vec![Edit::replace(path(), stored)]));
        }
        Ok(WriteDecision::Amend(vec![Edit::replace(path(), vault.seal(&given)?)]))
    }
}

impl AfterRead for AttributeVault {
    fn after_read(_: &Context, documents: &[Document]) -> Result<Vec<Vec<Edit>>, Failure> {
        let mut vault = None;
        let mut edits = Vec::with_capacity(documents.len());
        for document in documents {
            edits.push(match national_id(document)? {
                Some(stored) => {
                    let vault = match &mut vault {
                        Some(vault) => vault,
                        none => none.insert(Vault::open()?),
                    };
                    vec![Edit::replace(path(), masked(&vault.unseal(&stored)?))]
                }
                None => vec![],
            });
        }
        Ok(edits)
    }
}

fn path() -> String {
    format!("{EXTENSION}:nationalId")
}

/// Resources of other types have no such attribute.
fn national_id(document: &Document) -> Result<Option<String>, Failure> {
    match document.get::<String>(&path()) {
        Ok(value) => Ok(value),
        Err(_) if document.get::<String>("userName").is_err() => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn masked(value: &str) -> String {
    let hidden = value.chars().count().saturating_sub(SHOWN);
    let shown: String = value.chars().skip(hidden.max(SHOWN)).collect();
    format!("{MASK}{shown}")
}

/// Seals and unseals with the tenant's key.
struct Vault(XChaCha20Poly1305);

impl Vault {
    fn open() -> Result<Vault, Failure> {
        let wrong = || Failure::new("the configuration's `key` is to be 32 bytes in base64");
        let key = config::get::<String>("key")?.ok_or_else(wrong)?;
        let key = BASE64_STANDARD.decode(key).map_err(|_| wrong())?;
        XChaCha20Poly1305::new_from_slice(&key).map(Vault).map_err(|_| wrong())
    }

    fn seal(&self, value: &str) -> Result<String, Failure> {
        let nonce = random::bytes(NONCE);
        let sealed = self
            .0
            .encrypt(&nonce_of(&nonce)?, value.as_bytes())
            .map_err(|_| Failure::new("the value cannot be sealed"))?;
        Ok(format!("{SEALED}{}", BASE64_STANDARD.encode([nonce, sealed].concat())))
    }

    fn unseal(&self, stored: &str) -> Result<String, Failure> {
        let wrong = || Failure::new("a stored value was sealed with another key");
        // Values that were stored before the plugin was there are not sealed.
        let Some(text) = stored.strip_prefix(SEALED) else { return Ok(stored.to_owned()) };
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| wrong())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE as usize).ok_or_else(wrong)?;
        let value = self.0.decrypt(&nonce_of(nonce)?, sealed).map_err(|_| wrong())?;
        String::from_utf8(value).map_err(|_| wrong())
    }
}

fn nonce_of(bytes: &[u8]) -> Result<XNonce, Failure> {
    XNonce::try_from(bytes).map_err(|_| Failure::new("a nonce has 24 bytes"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenon_sdk::testing;

    use super::*;

    fn user(national_id: &str) -> Value {
        json!({ "userName": "ada", EXTENSION: { "nationalId": national_id } })
    }

    fn write(given: &str, stored: Option<&str>) -> WriteDecision {
        let context = testing::context(Operation::Replace, "User");
        let candidate = Document::from_json(user(given));
        let current = stored.map(|stored| Document::from_json(user(stored)));
        testing::with_config(config(), || {
            AttributeVault::before_write(&context, &candidate, current.as_ref()).unwrap()
        })
    }

    fn config() -> Value {
        json!({ "key": BASE64_STANDARD.encode([7; 32]) })
    }

    fn sealed(decision: WriteDecision) -> String {
        let WriteDecision::Amend(edits) = decision else { panic!("{decision:?}") };
        edits[0].value.as_ref().unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn a_value_is_sealed_and_shown_masked() {
        let stored = sealed(write("AB-123456", None));
        assert!(stored.starts_with(SEALED) && !stored.contains("123456"), "{stored}");
        let document = Document::from_json(user(&stored));
        let context = testing::context(Operation::Read, "User");
        let edits = testing::with_config(config(), || {
            AttributeVault::after_read(&context, &[document]).unwrap()
        });
        assert_eq!(edits, [[Edit::replace(path(), "****3456")]]);
    }

    #[test]
    fn what_was_shown_and_comes_back_leaves_the_value() {
        let stored = sealed(write("AB-123456", None));
        assert_eq!(sealed(write("****3456", Some(&stored))), stored);
        assert_eq!(write(&stored, Some(&stored)), WriteDecision::Proceed);
    }

    #[test]
    fn a_short_value_is_not_shown_at_all() {
        assert_eq!(masked("1234"), "****");
        assert_eq!(masked("123456"), "****56");
    }

    #[test]
    fn a_client_cannot_write_what_looks_sealed() {
        assert!(matches!(write("sealed:abc", None), WriteDecision::Reject(_)));
    }
}
