//! A filter for one value of a unique attribute, `userName eq "bjensen"`: what keeps the value unique
//! finds the resource, with one statement.

use tenon_scim::filter::{self, CompareOp, Filter, Literal};
use tenon_scim::index;
use tenon_scim::list::{self, Paging, Place, Query};
use tenon_scim::path::{self, Target};
use tenon_scim::schema::ResourceType;
use tenon_scim::value::normalized;

use super::{Collection, Slice};
use crate::service::hooks::Operation;
use crate::service::render::Rendering;
use crate::service::{Error, Request, Services};
use crate::store::rows::ByUniqueValue;

/// The value that is wanted of a unique attribute of a type.
pub(super) struct Wanted<'t> {
    pub(super) resource_type: &'t ResourceType,
    pub(super) key: ByUniqueValue,
}

impl Services {
    /// The body of the answer; `None` where the query asks for something else.
    ///
    /// # Errors
    /// The database fails, or what is stored cannot be read.
    pub(super) async fn list_of_unique_value(
        &self,
        request: &Request,
        collection: Collection<'_>,
        query: &Query,
        slice: &Slice,
    ) -> Result<Option<String>, Error> {
        let Paging::Index(start_index) = query.paging else { return Ok(None) };
        let Some(Wanted { resource_type, key }) = wanted(request, collection, query) else {
            return Ok(None);
        };
        let row = self.lookups.by_unique_value(request.tenant.place, key).await?;
        let on_page = row.iter().skip(slice.part.skip).take(slice.part.take);
        let shown: Vec<_> = on_page.collect();
        let rendering = Rendering::new(
            request,
            resource_type,
            request.projection(resource_type, &query.selection),
        );
        let primary = self.replicas.primary(request.tenant.place);
        let texts = self.texts(&rendering, &shown, &primary, Operation::List).await?;
        let total = usize::from(row.is_some());
        Ok(Some(list::response(total, &Place::Index(start_index), &texts)))
    }
}

/// What a query wants, if it asks for one value of a unique attribute that the client may read.
pub(super) fn wanted<'t>(
    request: &Request,
    collection: Collection<'t>,
    query: &Query,
) -> Option<Wanted<'t>> {
    let Collection::Type(resource_type) = collection else { return None };
    let text = query.filter.as_deref().filter(|_| query.sort_by.is_none())?;
    let filter = filter::parse(text).ok()?;
    let read = request.tenant.dialect.filter(resource_type, &filter);
    let Filter::Compare(path, CompareOp::Eq, Literal::String(value)) = &*read.value else {
        return None;
    };
    let Ok(Target::Attribute(target)) = path::resolve(resource_type, &path.text) else {
        return None;
    };
    let fits = index::is_found_by_uniqueness(resource_type, target)
        && read.coercions.is_empty()
        && request.check_visible(resource_type, [target]).is_ok();
    fits.then(|| Wanted {
        resource_type,
        key: ByUniqueValue {
            resource_type: resource_type.name.clone(),
            attr: target.path(),
            val: normalized(target.attribute, value).into_owned(),
        },
    })
}
