//! Resources in answers: the stored text with what the server adds, and no tree of values where
//! nothing asks for one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tenon_plugin::Capability;
use tenon_scim::Object;
use tenon_scim::membership::Membership;
use tenon_scim::project::{Projection, Splice};
use tenon_scim::resource::{self, Known, MetaText};
use tenon_scim::schema::ResourceType;
use tenon_scim::stored;
use uuid::Uuid;

use super::hooks::Operation;
use super::large::LARGE;
use super::memberships::{self, MAX_LOADED};
use super::read::Resource;
use super::{Error, Request, Services};
use crate::store::StoreError;
use crate::store::replicas::Source;
use crate::store::rows::Row;

/// Bytes of most `meta`.
const META: usize = 384;
/// More memberships than these take long to write.
const MANY_MEMBERSHIPS: usize = 500;

/// How an answer shows the resources of one type.
#[derive(Debug)]
pub struct Rendering<'r> {
    request: &'r Request,
    resource_type: &'r ResourceType,
    splice: Splice<'r>,
    meta: MetaText,
}

/// A resource as text, open at the place of its memberships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around<'r> {
    /// All that comes before.
    pub before: Cow<'r, str>,
    /// All that comes after.
    pub after: String,
}

impl<'r> Rendering<'r> {
    /// What a projection means for the answers to a request.
    #[must_use]
    pub fn new(
        request: &'r Request,
        resource_type: &'r ResourceType,
        projection: Projection,
    ) -> Self {
        let splice = Splice::new(resource_type, projection);
        let meta = MetaText::new(resource_type, &request.base_url);
        Self { request, resource_type, splice, meta }
    }

    /// The type of the resources.
    #[must_use]
    pub const fn resource_type(&self) -> &'r ResourceType {
        self.resource_type
    }

    /// The memberships that the answer shows.
    #[must_use]
    pub fn memberships(&self) -> Option<Membership<'r>> {
        memberships::wanted(self.resource_type, self.splice.projection())
    }

    /// Whether memberships have to be looked up to show a resource.
    #[must_use]
    pub fn loads(&self, row: &Row) -> bool {
        match self.memberships() {
            None => false,
            Some(Membership::Members(_)) => true,
            Some(Membership::Groups(_)) => row.is_member,
        }
    }

    /// Whether the text of a row is shown without being read.
    #[must_use]
    pub const fn passes(&self, row: &Row) -> bool {
        row.shape == self.resource_type.shape()
    }

    /// A resource with the values of its memberships that it shows.
    ///
    /// # Errors
    /// What is stored cannot be read.
    pub fn text(&self, row: &Row, memberships: Vec<Value>) -> Result<String, Error> {
        let before = self.before(row)?;
        let memberships = self.membership_text(memberships)?;
        let mut text = String::with_capacity(before.len() + memberships.len() + META);
        text.extend([&*before, &memberships]);
        self.push_after(&mut text, row)?;
        Ok(text)
    }

    /// A resource without its memberships; [`Self::membership_text`] comes between the parts.
    ///
    /// # Errors
    /// What is stored cannot be read.
    pub fn around<'o>(&self, row: &'o Row) -> Result<Around<'o>, Error> {
        let mut after = String::with_capacity(META);
        self.push_after(&mut after, row)?;
        Ok(Around { before: self.before(row)?, after })
    }

    /// Adds `meta`, as far as it is wanted, and the end.
    fn push_after(&self, text: &mut String, row: &Row) -> Result<(), Error> {
        if self.splice.is_whole() {
            text.push(',');
            self.meta.push(text, &row.meta());
        } else {
            let mut meta = "{".to_owned();
            self.meta.push(&mut meta, &row.meta());
            meta.push('}');
            let wanted = self.splice.members(&meta).map_err(corrupt)?;
            if !wanted.is_empty() {
                text.extend([",", &*wanted]);
            }
        }
        text.push('}');
        Ok(())
    }

    /// `"groups":[…]`, after a comma; nothing where there are none.
    ///
    /// # Errors
    /// None that happens: it is written and read again where only parts are shown.
    pub fn membership_text(&self, values: Vec<Value>) -> Result<String, Error> {
        let Some(membership) = self.memberships().filter(|_| !values.is_empty()) else {
            return Ok(String::new());
        };
        let text = json!({ &membership.attribute().name: values }).to_string();
        let members = self.splice.members(&text).map_err(corrupt)?;
        Ok(if members.is_empty() { String::new() } else { format!(",{members}") })
    }

    /// The body with what is wanted of it, up to its last brace.
    fn before<'o>(&self, row: &'o Row) -> Result<Cow<'o, str>, Error> {
        if !self.passes(row) {
            return self.read(row).map(Cow::Owned);
        }
        let body = row.body.as_str();
        Ok(match self.splice.members(body).map_err(corrupt)? {
            Cow::Borrowed(_) => Cow::Borrowed(body.strip_suffix('}').unwrap_or(body)),
            Cow::Owned(members) => Cow::Owned(format!("{{{members}")),
        })
    }

    /// The whole resource, with the values of its memberships.
    fn whole(&self, row: &Row, memberships: Vec<Value>) -> Result<Object, Error> {
        let Known { mut attributes, .. } =
            stored::read(self.resource_type, &row.body, None).map_err(corrupt)?;
        if let Some(membership) = self.memberships().filter(|_| !memberships.is_empty()) {
            let values = Value::Array(memberships);
            attributes.insert(membership.attribute().name.clone(), values);
        }
        let base_url = &self.request.base_url;
        Ok(resource::assemble(self.resource_type, &attributes, &row.meta(), base_url))
    }

    /// The same of a body that was written under other schemas.
    fn read(&self, row: &Row) -> Result<String, Error> {
        let Known { attributes, .. } =
            stored::read(self.resource_type, &row.body, None).map_err(corrupt)?;
        let base_url = &self.request.base_url;
        let mut shown = resource::assemble(self.resource_type, &attributes, &row.meta(), base_url);
        shown.shift_remove("meta");
        self.splice.projection().apply(self.resource_type, &mut shown);
        let mut text = Value::Object(shown).to_string();
        text.pop();
        Ok(text)
    }
}

impl Services {
    /// Resources of one type as the client sees them, with their memberships: those of all with one
    /// statement, where there are any. One resource is shown whatever it has.
    ///
    /// # Errors
    /// They have too many memberships together, the database fails, or what is stored cannot be
    /// read.
    pub async fn texts(
        &self,
        rendering: &Rendering<'_>,
        rows: &[&Row],
        source: &Source,
        operation: Operation,
    ) -> Result<Vec<String>, Error> {
        let request = rendering.request;
        let mut values = values(rendering, rows, source).await?;
        self.retain_seen(request, values.values_mut()).await?;
        if request.has_hook(Capability::AfterRead) {
            return self.edited_texts(rendering, rows, values, operation).await;
        }
        let bytes: usize = rows.iter().map(|row| row.body.len()).sum();
        let memberships: usize = values.values().map(Vec::len).sum();
        let text = |row: &&Row| rendering.text(row, values.remove(&row.id).unwrap_or_default());
        let read = rows.iter().any(|row| !rendering.passes(row));
        let large = bytes >= LARGE && read || memberships > MANY_MEMBERSHIPS;
        request.work(large, || rows.iter().map(text).collect()).await
    }

    /// The same, as plugins want the resources shown.
    async fn edited_texts(
        &self,
        rendering: &Rendering<'_>,
        rows: &[&Row],
        mut memberships: HashMap<Uuid, Vec<Value>>,
        operation: Operation,
    ) -> Result<Vec<String>, Error> {
        let request = rendering.request;
        let name = &rendering.resource_type.name;
        let Some(resource_type) = request.tenant.registry.resource_type(name) else {
            return Ok(Vec::new());
        };
        let whole =
            |row: &&Row| rendering.whole(row, memberships.remove(&row.id).unwrap_or_default());
        let mut shown: Vec<Object> = rows.iter().map(whole).collect::<Result<_, _>>()?;
        self.after_read(request, operation, resource_type, &mut shown).await?;
        let projected = |mut shown: Object| {
            rendering.splice.projection().apply(resource_type, &mut shown);
            Value::Object(shown).to_string()
        };
        Ok(shown.into_iter().map(projected).collect())
    }

    /// A resource as the client sees it, in the answer to a write. That is done, and nothing after it
    /// makes it fail: where a plugin fails without which nothing is shown, nothing is but what is
    /// always.
    pub async fn show_written(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        projection: &Projection,
        resource: &Resource,
    ) -> Object {
        let mut shown = [resource.whole(request, resource_type)];
        let edited = self.edit_written(request, resource_type, &mut shown).await;
        let [mut shown] = shown;
        match edited {
            Ok(()) => projection.apply(resource_type, &mut shown),
            Err(error) => {
                tracing::error!(%error, "a resource is written, and answered without attributes");
                Projection::only(resource_type, &["meta".to_owned()])
                    .apply(resource_type, &mut shown);
            }
        }
        shown
    }

    async fn edit_written(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        shown: &mut [Object; 1],
    ) -> Result<(), Error> {
        let [resource] = &mut *shown;
        self.retain_seen_in(request, resource_type, resource).await?;
        if !request.has_hook(Capability::AfterRead) {
            return Ok(());
        }
        self.after_read(request, Operation::Read, resource_type, shown).await
    }
}

async fn values(
    rendering: &Rendering<'_>,
    rows: &[&Row],
    source: &Source,
) -> Result<HashMap<Uuid, Vec<Value>>, Error> {
    let Some(membership) = rendering.memberships() else { return Ok(HashMap::new()) };
    let ids: Vec<Uuid> = rows.iter().filter(|row| rendering.loads(row)).map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let limit = if rows.len() > 1 { MAX_LOADED } else { usize::MAX };
    let mut conn = source.read().await?;
    memberships::values(&mut conn, rendering.request, membership, &ids, limit).await
}

fn corrupt(source: serde_json::Error) -> Error {
    StoreError::Corrupt { what: "resource", source }.into()
}
