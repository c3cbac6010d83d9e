//! Finds a page among resources that come one by one, and keeps no more of them than it needs.

use std::collections::BTreeSet;

use super::Slice;
use crate::service::cursor::{Bound, Position};

/// The page so far.
pub(super) struct Window<'s> {
    slice: &'s Slice,
    /// Whether resources come in the order of the list.
    in_order: bool,
    /// How many of the first ones are no part of the page, and are kept all the same.
    skip: usize,
    kept: BTreeSet<Position>,
    /// All that came.
    pub(super) total: usize,
    /// Whether some are before the page.
    pub(super) earlier: bool,
    /// Whether some are after it.
    pub(super) later: bool,
}

impl<'s> Window<'s> {
    pub(super) const fn new(slice: &'s Slice, in_order: bool) -> Self {
        let kept = BTreeSet::new();
        Self { slice, in_order, skip: slice.skip, kept, total: 0, earlier: false, later: false }
    }

    /// Takes the position of a resource of the list.
    pub(super) fn offer(&mut self, position: Position) {
        self.total += 1;
        match &self.slice.bound {
            Bound::After(Some(bound)) if position <= *bound => self.earlier = true,
            Bound::Before(Some(bound)) if position >= *bound => self.later = true,
            Bound::After(_) if self.in_order && self.skip > 0 => self.skip -= 1,
            Bound::After(_) => {
                self.kept.insert(position);
                if self.kept.len() > self.slice.take.saturating_add(self.skip) {
                    self.kept.pop_last();
                    self.later = true;
                }
            }
            Bound::Before(_) => {
                self.kept.insert(position);
                if self.kept.len() > self.slice.take {
                    self.kept.pop_first();
                    self.earlier = true;
                }
            }
        }
    }

    /// The positions of the page, in the order of the list.
    pub(super) fn positions(&self) -> impl Iterator<Item = &Position> {
        self.kept.iter().skip(self.skip)
    }
}

#[cfg(test)]
mod tests {
    use tenon_scim::sort::{SortKey, SortOrder};
    use uuid::Uuid;

    use super::*;

    fn position(id: u128) -> Position {
        Position { key: SortKey::missing(SortOrder::Ascending), id: Uuid::from_u128(id) }
    }

    /// The ids of the page, and whether there are earlier and later ones.
    fn page(bound: Bound, skip: usize, offered: &[u128]) -> (Vec<u128>, bool, bool) {
        let slice = Slice { bound, skip, take: 2, may_end_early: false };
        let mut window = Window::new(&slice, offered.is_sorted());
        for id in offered {
            window.offer(position(*id));
        }
        assert_eq!(window.total, offered.len());
        let ids = window.positions().map(|it| it.id.as_u128()).collect();
        (ids, window.earlier, window.later)
    }

    #[test]
    fn a_page_is_the_same_whatever_the_order_in_which_resources_come() {
        for offered in [[1, 2, 3, 4, 5], [5, 3, 1, 2, 4]] {
            let after = |id: u128| Bound::After(Some(position(id)));
            let before = |id: u128| Bound::Before(Some(position(id)));
            assert_eq!(page(Bound::After(None), 0, &offered), (vec![1, 2], false, true));
            assert_eq!(page(Bound::After(None), 2, &offered).0, [3, 4]);
            assert_eq!(page(Bound::After(None), 9, &offered).0, [0; 0]);
            assert_eq!(page(after(2), 0, &offered), (vec![3, 4], true, true));
            assert_eq!(page(after(4), 0, &offered), (vec![5], true, false));
            assert_eq!(page(before(4), 0, &offered), (vec![2, 3], true, true));
            assert_eq!(page(before(3), 0, &offered), (vec![1, 2], false, true));
            assert_eq!(page(Bound::Before(None), 0, &offered), (vec![4, 5], true, false));
        }
    }

    #[test]
    fn a_bound_need_not_be_there_any_more() {
        let gone = Some(position(3));
        let offered = [1, 2, 4, 5];
        assert_eq!(page(Bound::After(gone.clone()), 0, &offered), (vec![4, 5], true, false));
        assert_eq!(page(Bound::Before(gone), 0, &offered), (vec![1, 2], false, true));
        assert_eq!(page(Bound::After(Some(position(9))), 0, &offered), (vec![], true, false));
    }
}
