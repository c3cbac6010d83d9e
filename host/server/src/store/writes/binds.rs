//! What the statements of writes are given.

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use tenon_scim::index::Entry;
use tenon_scim::resource::UniqueValue;

use super::Version;
use crate::store::TenantId;

/// A statement with the values of a version, `$1` to `$10`.
pub(super) fn of_version<'q>(
    tenant: TenantId,
    new: &'q Version<'_>,
    statement: &'static str,
) -> Query<'q, Postgres, PgArguments> {
    sqlx::query(statement)
        .bind(tenant.0)
        .bind(new.id)
        .bind(new.resource_type)
        .bind(new.version)
        .bind(new.at)
        .bind(&new.document.body)
        .bind(&new.document.secrets)
        .bind(&new.document.search)
        .bind(new.document.shape)
        .bind(new.display)
}

/// Unique values as columns.
pub(super) struct Pairs<'k> {
    pub(super) attrs: Vec<&'k str>,
    pub(super) vals: Vec<&'k str>,
}

impl<'k> Pairs<'k> {
    pub(super) fn of(values: &'k [UniqueValue]) -> Self {
        let attrs = values.iter().map(|it| it.path.as_str()).collect();
        Self { attrs, vals: values.iter().map(|it| it.value.as_str()).collect() }
    }
}

/// Entries as columns.
pub(super) struct Columns<'k> {
    pub(super) attrs: Vec<&'k str>,
    pub(super) vals: Vec<&'k str>,
    pub(super) elems: Vec<i16>,
    pub(super) substrings: Vec<bool>,
}

impl<'k> Columns<'k> {
    pub(super) fn of(entries: &'k [Entry]) -> Self {
        Self {
            attrs: entries.iter().map(|it| it.attr.as_str()).collect(),
            vals: entries.iter().map(|it| it.val.as_str()).collect(),
            elems: entries.iter().map(|it| it.elem).collect(),
            substrings: entries.iter().map(|it| it.substrings).collect(),
        }
    }
}
