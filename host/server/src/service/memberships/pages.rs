//! The members of one group as text, a page at a time: what is held of them does not grow with the
//! group. Between two pages no connection to the database is held, and no snapshot is kept: a page
//! shows members that are at least as new as the version that was read before.

use std::sync::Arc;

use serde_json::Value;
use tenon_scim::Object;
use tenon_scim::membership::members_of;
use tenon_scim::project::Projection;
use tenon_scim::schema::ResourceType;
use uuid::Uuid;

use super::member_value;
use crate::service::{Error, Request, Services};
use crate::store::members::{self, Named};
use crate::store::replicas::Source;

/// Members of a page.
const PAGE: usize = 1_000;

/// The members of a group that has more than a page of them.
#[derive(Debug)]
pub struct MemberPages {
    services: Services,
    request: Request,
    resource_type: Arc<ResourceType>,
    projection: Projection,
    group: Uuid,
    /// Those that are read, and not yet given out.
    read: Vec<Named>,
}

/// The members of a group.
#[derive(Debug)]
pub enum Members {
    /// All of them, less than a page.
    Few(Vec<Value>),
    /// To be read page by page.
    Many(Box<MemberPages>),
}

impl Services {
    /// The members of a group; its id is that of one. A projection is for the parts of members that
    /// are read page by page.
    ///
    /// # Errors
    /// The database fails.
    pub async fn members(
        &self,
        request: &Request,
        resource_type: &Arc<ResourceType>,
        projection: &Projection,
        group: Uuid,
    ) -> Result<Members, Error> {
        let primary = self.replicas.primary(request.tenant.place);
        let read = page_of_members(request, group, Uuid::nil(), primary).await?;
        if read.len() < PAGE {
            let mut values: Vec<Value> = read.iter().map(|it| member_value(request, it)).collect();
            self.retain_seen(request, [&mut values]).await?;
            return Ok(Members::Few(values));
        }
        Ok(Members::Many(Box::new(MemberPages {
            services: self.clone(),
            request: request.clone(),
            resource_type: Arc::clone(resource_type),
            projection: projection.clone(),
            group,
            read,
        })))
    }
}

impl MemberPages {
    /// The values of the next members with what is wanted of them, as JSON with commas in between;
    /// empty where nothing is wanted of any. `None` after the last.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next(&mut self) -> Result<Option<String>, Error> {
        let Some(last) = self.read.last().map(|it| it.id) else { return Ok(None) };
        let text = self.text().await?;
        self.read = if self.read.len() < PAGE {
            Vec::new()
        } else {
            let read = |source| page_of_members(&self.request, self.group, last, source);
            self.services.read_anywhere(&self.request, read).await?
        };
        Ok(Some(text))
    }

    async fn text(&self) -> Result<String, Error> {
        let Some(attribute) = members_of(&self.resource_type) else { return Ok(String::new()) };
        let mut values = self.read.iter().map(|it| member_value(&self.request, it)).collect();
        self.services.retain_seen(&self.request, [&mut values]).await?;
        let mut shown = Object::from_iter([(attribute.name.clone(), Value::Array(values))]);
        self.projection.apply(&self.resource_type, &mut shown);
        let text = shown.get(&attribute.name).map(Value::to_string).unwrap_or_default();
        let inner = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        Ok(inner.unwrap_or_default().to_owned())
    }
}

async fn page_of_members(
    request: &Request,
    group: Uuid,
    after: Uuid,
    source: Source,
) -> Result<Vec<Named>, Error> {
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let mut conn = source.read().await?;
    Ok(members::page(&mut conn, request.tenant.id, group, after, limit).await?)
}
