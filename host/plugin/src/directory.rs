//! Where a plugin looks up other resources of its tenant. The server brings the resources; the
//! rest of this crate knows none.

use std::future::Future;
use std::pin::Pin;

/// What a look-up gives, some time later.
pub type LookUp<'a, T> = Pin<Box<dyn Future<Output = Result<T, LookUpError>> + Send + 'a>>;

/// The resources of one tenant, to read. Whoever implements it sees to it that no other tenant's
/// are found and that secrets are left out, and bounds what one look-up costs.
///
/// Resources are JSON text: the text is the answer that the plugin gets, byte for byte.
pub trait Directory: Send + Sync {
    /// The resource of this type with this id.
    fn get<'a>(&'a self, resource_type: &'a str, id: &'a str) -> LookUp<'a, Option<String>>;

    /// Up to `limit` resources that match a filter.
    fn find<'a>(
        &'a self,
        resource_type: &'a str,
        filter: &'a str,
        limit: u32,
    ) -> LookUp<'a, Vec<String>>;

    /// How many resources match a filter; all of the type, without one.
    fn count<'a>(&'a self, resource_type: &'a str, filter: Option<&'a str>) -> LookUp<'a, u64>;
}

/// A look-up found nothing that could be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookUpError {
    /// The plugin asked for something that cannot be looked up. It gets this text.
    #[error("{0}")]
    Refused(String),
    /// The directory is not available, through no fault of the plugin. The call ends.
    #[error("the directory is not available: {0}")]
    Unavailable(String),
}
