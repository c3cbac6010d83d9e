//! Going through the resources of a type, page by page.

use std::collections::HashSet;

use serde_json::Value;

use super::Page;
use super::client::List;

/// How often a list by index is gone through at the most.
const WALKS: u32 = 3;

/// Where a walk is, and what it has seen.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) page: Page,
    /// Ids, over all walks.
    seen: HashSet<String>,
    /// How many resources there were at the first page of this walk.
    first_total: Option<u64>,
    number: u32,
}

/// What comes after a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Another page.
    Page,
    /// Nothing; so many resources were never shown.
    Done { missing: u64 },
}

impl Walk {
    pub(super) fn new(page: Page) -> Self {
        Self { page, seen: HashSet::new(), first_total: None, number: 1 }
    }

    pub(super) fn seen(&self) -> u64 {
        self.seen.len() as u64
    }

    /// Those resources of the page that were not seen before, and what comes after it.
    pub(super) fn take(&mut self, list: List) -> (Vec<Value>, Step) {
        let List { total, next_cursor, resources } = list;
        let (shown, mut fresh) = (resources.len() as u64, resources);
        fresh.retain(|it| match it.get("id").and_then(Value::as_str) {
            Some(id) => self.seen.insert(id.to_owned()),
            // The server says what is wrong with it.
            None => true,
        });
        (fresh, self.step(total, next_cursor, shown))
    }

    fn step(&mut self, total: u64, next_cursor: Option<String>, shown: u64) -> Step {
        let first = *self.first_total.get_or_insert(total);
        match &mut self.page {
            Page::Cursor(cursor) => match next_cursor {
                Some(next) => {
                    *cursor = Some(next);
                    Step::Page
                }
                None => Step::Done { missing: 0 },
            },
            Page::Index(start) => {
                *start += shown;
                if shown > 0 && *start <= total {
                    return Step::Page;
                }
                let missing = total.saturating_sub(self.seen.len() as u64);
                if (missing > 0 || total != first) && self.number < WALKS {
                    *start = 1;
                    (self.number, self.first_total) = (self.number + 1, None);
                    return Step::Page;
                }
                Step::Done { missing }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(total: u64, ids: &[&str]) -> List {
        let resources = ids.iter().map(|id| json!({ "id": id })).collect();
        List { total, next_cursor: None, resources }
    }

    fn ids(fresh: &[Value]) -> Vec<&str> {
        fresh.iter().map(|it| it["id"].as_str().unwrap()).collect()
    }

    #[test]
    fn what_moved_to_a_page_before_is_found_by_going_through_again() {
        let mut walk = Walk::new(Page::Index(1));
        assert_eq!(walk.take(list(4, &["a", "b"])).1, Step::Page);
        // "a" is deleted: "c" is now on the first page.
        let (fresh, step) = walk.take(list(3, &["d"]));
        assert_eq!((ids(&fresh), step), (vec!["d"], Step::Page));
        assert_eq!(walk.page, Page::Index(1));
        let (fresh, step) = walk.take(list(3, &["b", "c"]));
        assert_eq!((ids(&fresh), step), (vec!["c"], Step::Page));
        assert_eq!(walk.take(list(3, &["d"])).1, Step::Done { missing: 0 });
    }

    #[test]
    fn what_is_never_shown_is_told_in_the_end() {
        let mut walk = Walk::new(Page::Index(1));
        for _ in 1..WALKS {
            assert_eq!(walk.take(list(3, &["a", "b", "a"])).1, Step::Page);
        }
        assert_eq!(walk.take(list(3, &["a", "b", "a"])).1, Step::Done { missing: 1 });
    }

    #[test]
    fn a_cursor_leads_on_until_there_is_none() {
        let mut walk = Walk::new(Page::Cursor(None));
        let page = List { next_cursor: Some("x".to_owned()), ..list(9, &["a"]) };
        assert_eq!(walk.take(page).1, Step::Page);
        assert_eq!(walk.page, Page::Cursor(Some("x".to_owned())));
        assert_eq!(walk.take(list(9, &["b"])).1, Step::Done { missing: 0 });
    }
}
