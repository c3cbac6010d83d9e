//! Members of the source's groups.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use tenon_scim::Object;
use tenon_scim::membership::{member_types, members_of};
use tenon_scim::precondition::Preconditions;
use tenon_scim::schema::ResourceType;
use uuid::Uuid;

use super::line::MembersOf;
use super::{Imported, Mode, Outcome, Refusal, RefusedMember, ids, references};
use crate::service::{Error, Request, Services};
use crate::store::members::{self, Sighting};
use crate::tenant::access::Permission;

/// A member of the source, and the ids that it may have in the tenant.
struct Candidate {
    value: String,
    ids: Vec<Uuid>,
}

impl Services {
    /// Adds members to a group. Those that are none in the tenant are left out and told.
    pub(super) async fn import_members(
        &self,
        request: &Request,
        line: &MembersOf,
        mode: Mode,
    ) -> Result<Imported, Refusal> {
        let name = &line.resource_type;
        let resource_type = request.tenant.registry.resource_type(name);
        let resource_type = resource_type
            .ok_or_else(|| Refusal::Line(format!("the tenant has no resource type \"{name}\"")))?;
        let types = members_of(resource_type).map(member_types);
        let types = types.ok_or_else(|| {
            Refusal::Line(format!("resources of type \"{name}\" have no members"))
        })?;
        request.require(Permission::Update, Some(resource_type))?;
        let group = ids::local(request.tenant.id, name, &line.group);
        let candidates: Vec<Candidate> =
            line.values.iter().map(|it| candidate(request, types, it)).collect::<Result<_, _>>()?;
        let seen = self.seen(request, group, &candidates).await?;
        // Else whoever names a resource would be told whether it is a member.
        let is_told = request.may_know_members(resource_type);
        let (mut added, mut refused) = (Vec::new(), Vec::new());
        for candidate in candidates {
            match candidate.chosen(&seen, types) {
                Ok(found) if found.is_member && is_told => {}
                Ok(found) => added.push(found.named.id),
                Err(detail) => refused.push(RefusedMember { value: candidate.value, detail }),
            }
        }
        let outcome = if added.is_empty() { Outcome::Unchanged } else { Outcome::Updated };
        if outcome == Outcome::Updated && mode != Mode::DryRun {
            let patch = request.parse_patch(&addition(resource_type, &added)).await?;
            let (id, any) = (group.to_string(), Preconditions::default());
            self.patch(request, resource_type, &id, &patch, &any).await?;
        }
        Ok(Imported { outcome, id: group, ignored: Vec::new(), refused })
    }

    async fn seen(
        &self,
        request: &Request,
        group: Uuid,
        candidates: &[Candidate],
    ) -> Result<HashMap<Uuid, Sighting>, Error> {
        let ids: HashSet<Uuid> = candidates.iter().flat_map(|it| it.ids.iter().copied()).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let mut conn = self.database.read_for(request.tenant.place).await?;
        let seen =
            members::sightings(&mut conn, request.tenant.id, &vec![group; ids.len()], &ids).await?;
        Ok(seen.into_iter().map(|it| (it.named.id, it)).collect())
    }
}

impl Candidate {
    /// The one resource of the tenant that is meant.
    fn chosen<'s>(
        &self,
        seen: &'s HashMap<Uuid, Sighting>,
        types: &[String],
    ) -> Result<&'s Sighting, String> {
        let may_be = |it: &&Sighting| types.contains(&it.named.resource_type);
        let mut found = self.ids.iter().filter_map(|id| seen.get(id)).filter(may_be);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(format!(
                "the tenant has no {} of this id: it was refused, or the source has none either",
                types.join(" or ")
            )),
            (Some(_), Some(_)) => Err(format!(
                "it may be a {}: the source says neither \"type\" nor \"$ref\"",
                types.join(" or a ")
            )),
        }
    }
}

fn candidate(request: &Request, types: &[String], member: &Object) -> Result<Candidate, Refusal> {
    let value = member.get("value").and_then(Value::as_str).filter(|it| !it.is_empty());
    let value = value.ok_or_else(|| Refusal::Line("a member has no \"value\"".to_owned()))?;
    let local = |name: &str| ids::local(request.tenant.id, name, value);
    let ids = match (ids::kept(value), references::told(request, types, member)) {
        (Some(id), _) => vec![id],
        (None, Some(told)) => vec![local(&told.name)],
        (None, None) => types.iter().map(|name| local(name)).collect(),
    };
    Ok(Candidate { value: value.to_owned(), ids })
}

/// The body of the PATCH that adds members (RFC 7644 §3.5.2.1).
fn addition(resource_type: &ResourceType, members: &[Uuid]) -> Object {
    let name = members_of(resource_type).map_or("members", |it| &it.name);
    let values: Vec<Value> = members.iter().map(|id| json!({ "value": id.to_string() })).collect();
    let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]);
    let operations = json!([{ "op": "add", "path": name, "value": values }]);
    Object::from_iter([("schemas".to_owned(), schemas), ("Operations".to_owned(), operations)])
}
