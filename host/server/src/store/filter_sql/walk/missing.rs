//! Resources without a value, of which the index knows nothing.

use tenon_scim::sort::MISSING;

use super::{Start, Walk};
use crate::store::filter_sql::binds::Binds;
use crate::store::filter_sql::sort;

impl Walk<'_> {
    /// A condition: the page has a place for resources without a value, and there may be some.
    pub(super) fn reaches_missing(&self, most: &str) -> String {
        let some = match self.filtered {
            None => "(SELECT n FROM missing) > 0",
            Some(_) => {
                "CASE WHEN (SELECT it FROM worth) THEN (SELECT n FROM missing) > 0 ELSE false END"
            }
        };
        match (&self.start, self.missing_is_first()) {
            (Start::Valued { .. }, true) => "false".to_owned(),
            (_, true) => some.to_owned(),
            (_, false) => {
                format!("CASE WHEN (SELECT count(*) FROM v) < {most} THEN {some} ELSE false END")
            }
        }
    }

    /// Rows of the type from the start on, or on its other side, among which are those without a value.
    pub(super) fn without_value(&self, other_side: bool) -> String {
        let (resources, after) = (&self.resources, self.after("resources", other_side));
        let down = if self.backwards == other_side { "" } else { " DESC" };
        format!(
            "SELECT id, type, version, created, modified, display, body, search {resources}{after} \
             ORDER BY type{down}, id{down} LIMIT {}",
            self.documents
        )
    }

    pub(super) fn after(&self, table: &str, other_side: bool) -> String {
        let Start::Missing { id } = &self.start else { return String::new() };
        let compared = match (self.backwards, other_side) {
            (false, false) => ">",
            (true, false) => "<",
            (false, true) => "<=",
            (true, true) => ">=",
        };
        format!(" AND ({table}.type, {table}.id) {compared} ({}, {id})", self.of_type)
    }

    pub(super) fn has_no_value(&self, binds: &mut Binds) -> String {
        let key = sort::of_document(Some(self.sort), self.space, binds);
        let condition = self.filtered.as_ref().map(|it| format!(" AND {}", it.condition));
        format!("{key} = '{MISSING}'{}", condition.unwrap_or_default())
    }
}
