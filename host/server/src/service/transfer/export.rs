//! Pages of an export: all resources, type by type and in the order of their ids, then all members.
//! Nothing is held between two pages. A resource that is changed meanwhile is there in one of its
//! versions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::json;
use tenon_scim::list::Selection;
use tenon_scim::schema::ResourceType;
use uuid::Uuid;

use crate::service::hooks::Operation;
use crate::service::list::Collection;
use crate::service::memberships;
use crate::service::render::Rendering;
use crate::service::{Error, Request, Services};
use crate::store::members;
use crate::store::rows::{self, Bound, Of};
use crate::tenant::access::Permission;

/// Resources or memberships of a page.
const PAGE: usize = 1_000;

/// Where a page of an export begins. As text, `User/<id>` or `members/<group>/<member>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// After the resource of this type and id; the nil UUID is before all.
    Resources(String, Uuid),
    /// After this member of this group.
    Members(Uuid, Uuid),
}

/// A page of an export.
#[derive(Debug)]
pub struct ExportPage {
    /// The lines, each with its end.
    pub lines: String,
    /// What its resources are, and how many of them there are on all pages; none of members.
    pub total: Option<(String, i64)>,
    /// Where the next page begins.
    pub next: Option<Position>,
}

impl Services {
    /// The page of an export from a position on, or from the beginning.
    ///
    /// # Errors
    /// The principal may not see all of it, or the position is of a type that is no more.
    pub async fn export(
        &self,
        request: &Request,
        position: Option<Position>,
    ) -> Result<ExportPage, Error> {
        let types = request.tenant.registry.resource_types();
        for permission in [Permission::List, Permission::Read] {
            request.require_of_all(permission, Collection::Root(types))?;
        }
        for resource_type in types {
            let narrowing = self.narrowing(request, Operation::List, resource_type, None).await?;
            if narrowing.is_some() {
                return Err(Error::NarrowedExport { resource_type: resource_type.name.clone() });
            }
        }
        match position.or_else(|| first_of(types)) {
            Some(Position::Resources(name, after)) => self.resources(request, &name, after).await,
            Some(Position::Members(group, member)) => {
                self.memberships(request, (group, member)).await
            }
            None => Ok(ExportPage { lines: String::new(), total: None, next: None }),
        }
    }

    async fn resources(
        &self,
        request: &Request,
        name: &str,
        after: Uuid,
    ) -> Result<ExportPage, Error> {
        let types = request.tenant.registry.resource_types();
        let place = types.iter().position(|it| it.name == name);
        let (place, resource_type) = place
            .and_then(|place| Some((place, types.get(place)?)))
            .ok_or_else(|| Error::NoResourceType { endpoint: name.to_owned() })?;
        let page = {
            let mut conn = self.database.read_for(request.tenant.place).await?;
            let (tenant, of) = (request.tenant.id, Of::Type(resource_type.name.clone()));
            rows::page_over(&mut conn, tenant, &of, Bound::After(after), PAGE).await?
        };
        let projection = request.projection(resource_type, &Selection::default());
        let rendering = Rendering::new(request, resource_type, projection);
        let mut lines = String::new();
        for row in &page.rows {
            let text = rendering.text(row, Vec::new())?;
            lines.extend(["{\"resource\":", &text, "}\n"]);
        }
        let next = match page.rows.last().filter(|_| page.later) {
            Some(last) => Some(Position::Resources(name.to_owned(), last.id)),
            None => first_of(types.get(place + 1..).unwrap_or_default())
                .or(Some(Position::Members(Uuid::nil(), Uuid::nil()))),
        };
        Ok(ExportPage { lines, total: Some((name.to_owned(), page.total)), next })
    }

    async fn memberships(
        &self,
        request: &Request,
        after: (Uuid, Uuid),
    ) -> Result<ExportPage, Error> {
        let (tenant, limit) = (request.tenant.id, i64::try_from(PAGE).unwrap_or(i64::MAX));
        let mut conn = self.database.read_for(request.tenant.place).await?;
        let pairs = members::page_of_all(&mut conn, tenant, after, limit).await?;
        let groups: Vec<&[(Uuid, Uuid)]> = pairs.chunk_by(|a, b| a.0 == b.0).collect();
        let ids: Vec<Uuid> = groups.iter().filter_map(|it| Some(it.first()?.0)).collect();
        let named = members::named(&mut conn, tenant, &ids).await?;
        drop(conn);
        let mut lines = String::new();
        for of_group in groups {
            let Some((group, _)) = of_group.first() else { continue };
            let name = named.iter().find(|it| it.id == *group).map(|it| &it.resource_type);
            let Some(name) = name.filter(|name| shows_members(request, name)) else { continue };
            let values: Vec<_> =
                of_group.iter().map(|(_, member)| json!({ "value": member })).collect();
            let members = json!({
                "resourceType": name,
                "group": group,
                "values": values,
            });
            lines.extend([&json!({ "members": members }).to_string(), "\n"]);
        }
        let full = pairs.len() >= PAGE;
        let next = pairs.last().filter(|_| full).map(|(g, m)| Position::Members(*g, *m));
        Ok(ExportPage { lines, total: None, next })
    }
}

/// Whether the principal sees the members of resources of this type, which an active plugin or the
/// core defines.
fn shows_members(request: &Request, name: &str) -> bool {
    request.tenant.registry.resource_type(name).is_some_and(|resource_type| {
        let projection = request.projection(resource_type, &Selection::default());
        memberships::wanted(resource_type, &projection).is_some()
            && request.may_know_members(resource_type)
    })
}

fn first_of(types: &[Arc<ResourceType>]) -> Option<Position> {
    types.first().map(|it| Position::Resources(it.name.clone(), Uuid::nil()))
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resources(name, after) => write!(f, "{name}/{after}"),
            Self::Members(group, member) => write!(f, "members/{group}/{member}"),
        }
    }
}

impl FromStr for Position {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        let (before, last) = text.rsplit_once('/').unwrap_or((text, ""));
        let last = last.parse()?;
        match before.strip_prefix("members/") {
            Some(group) => Ok(Self::Members(group.parse()?, last)),
            None => Ok(Self::Resources(before.to_owned(), last)),
        }
    }
}
