//! Memberships where plugins narrow what a client sees: it sees those whose other side it does, can
//! add no others, and leaves the others alone.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use tenon_plugin::Capability;
use tenon_scim::Object;
use tenon_scim::membership;
use tenon_scim::schema::ResourceType;
use uuid::Uuid;

use crate::service::hooks::Operation;
use crate::service::{Error, Request, Services, parse_uuid};
use crate::store::members;

/// Resources that one statement looks for.
const AT_A_TIME: usize = 200;

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
