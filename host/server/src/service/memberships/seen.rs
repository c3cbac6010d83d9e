//! Memberships where plugins narrow what a client sees: it sees those whose other side it does, can
//! add no others, and leaves the others alone.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::Value;
use tenon_plugin::Capability;
use tenon_scim::Object;
use tenon_scim::membership;
use tenon_scim::schema::ResourceType;
use uuid::Uuid;

use super::set_values;
use crate::service::hooks::Operation;
use crate::service::{Error, Request, Services, parse_uuid};
use crate::store::members;

/// Resources that one statement looks for.
const AT_A_TIME: usize = 200;

/// Members of a stored group that the client does not see. To it they are no members and nobody, and
/// what it does to the members leaves them alone.
#[derive(Debug, Default)]
pub(in crate::service) struct Unseen {
    values: Vec<Value>,
    ids: HashSet<Uuid>,
    named: HashSet<Uuid>,
}

impl Unseen {
    /// Puts them into what the client makes of the group.
    pub(in crate::service) fn put_back(
        &mut self,
        resource_type: &ResourceType,
        attributes: &mut Object,
    ) {
        let Some(attribute) = membership::members_of(resource_type) else { return };
        if self.values.is_empty() {
            return;
        }
        let mut values = match attributes.shift_remove(&attribute.name) {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        };
        self.named = values.iter().filter_map(id_of).filter(|id| self.has(*id)).collect();
        values.append(&mut self.values);
        set_values(attributes, attribute, values);
    }

    pub(super) fn has(&self, id: Uuid) -> bool {
        self.ids.contains(&id)
    }

    /// Whether it is one of them, and the client names it all the same.
    pub(super) fn is_named(&self, id: Uuid) -> bool {
        self.named.contains(&id)
    }
}

impl Services {
    /// Those of the resources that plugins leave the client; `None` where they leave it all.
    pub(super) async fn seen_of(
        &self,
        request: &Request,
        ids: &[Uuid],
    ) -> Result<Option<HashSet<Uuid>>, Error> {
        if !request.has_hook(Capability::BeforeQuery) || ids.is_empty() {
            return Ok(None);
        }
        let named = {
            let mut conn = self.database.read_for(request.tenant.place).await?;
            members::named(&mut conn, request.tenant.id, ids).await?
        };
        let mut by_type: HashMap<String, Vec<Uuid>> = HashMap::new();
        for named in named {
            by_type.entry(named.resource_type).or_default().push(named.id);
        }
        let mut seen = HashSet::with_capacity(ids.len());
        for (name, ids) in by_type {
            let Some(resource_type) = request.tenant.registry.resource_type(&name) else {
                // Of a type that no active plugin defines, of which plugins know nothing.
                seen.extend(ids);
                continue;
            };
            let operation = Operation::Read;
            match self.narrowing(request, operation, resource_type, None).await? {
                None => seen.extend(ids),
                Some(narrowed) => {
                    for ids in ids.chunks(AT_A_TIME) {
                        let found = self.matching(request, resource_type, ids, narrowed.clone());
                        seen.extend(found.await?);
                    }
                }
            }
        }
        Ok(Some(seen))
    }

    /// A stored group as the client sees it, and who is missing.
    pub(in crate::service) async fn without_unseen<'o>(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        stored: &'o Object,
    ) -> Result<(Cow<'o, Object>, Unseen), Error> {
        let whole = (Cow::Borrowed(stored), Unseen::default());
        let Some(attribute) = membership::members_of(resource_type) else { return Ok(whole) };
        let Some(Value::Array(members)) = stored.get(&attribute.name) else { return Ok(whole) };
        let ids: Vec<Uuid> = members.iter().filter_map(id_of).collect();
        let Some(seen) = self.seen_of(request, &ids).await? else { return Ok(whole) };
        let ids: HashSet<Uuid> = ids.into_iter().filter(|id| !seen.contains(id)).collect();
        if ids.is_empty() {
            return Ok(whole);
        }
        let is_unseen = |value: &Value| id_of(value).is_some_and(|id| ids.contains(&id));
        let (values, shown) = members.iter().cloned().partition(is_unseen);
        let mut group = stored.clone();
        set_values(&mut group, attribute, shown);
        Ok((Cow::Owned(group), Unseen { values, ids, named: HashSet::new() }))
    }

    /// Takes those values of memberships away whose other side the client does not see.
    pub(in crate::service) async fn retain_seen<'v>(
        &self,
        request: &Request,
        values: impl IntoIterator<Item = &'v mut Vec<Value>>,
    ) -> Result<(), Error> {
        if !request.has_hook(Capability::BeforeQuery) {
            return Ok(());
        }
        let mut values: Vec<_> = values.into_iter().collect();
        let ids: HashSet<Uuid> = values.iter().flat_map(|it| it.iter().filter_map(id_of)).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let Some(seen) = self.seen_of(request, &ids).await? else { return Ok(()) };
        for values in &mut values {
            values.retain(|value| id_of(value).is_some_and(|id| seen.contains(&id)));
        }
        Ok(())
    }

    /// The same, of a whole resource.
    pub(in crate::service) async fn retain_seen_in(
        &self,
        request: &Request,
        resource_type: &ResourceType,
        shown: &mut Object,
    ) -> Result<(), Error> {
        let Some(membership) = membership::of(resource_type) else { return Ok(()) };
        let name = &membership.attribute().name;
        let Some(Value::Array(values)) = shown.get_mut(name) else { return Ok(()) };
        self.retain_seen(request, [&mut *values]).await?;
        if values.is_empty() {
            shown.shift_remove(name);
        }
        Ok(())
    }
}

/// The id that a value of a membership names.
fn id_of(value: &Value) -> Option<Uuid> {
    value.get("value").and_then(Value::as_str).and_then(parse_uuid)
}
