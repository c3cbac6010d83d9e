//! What finds the candidates of a filter, in the words of its author.

use super::operand::Test;
use super::planner::TypePlan;
use super::sets::{LookedFor, Set, Valued};

impl TypePlan<'_> {
    /// What finds the candidates, such as `userName eq, by its unique value`; empty where nothing
    /// does, and all resources of the type are candidates.
    #[must_use]
    pub fn found_by(&self) -> Vec<String> {
        self.set.as_ref().map(Set::words).unwrap_or_default()
    }
}

impl Set<'_> {
    fn words(&self) -> Vec<String> {
        match self {
            Self::Empty => vec!["a term that no resource can satisfy".to_owned()],
            Self::One(_) => vec!["id eq, by the id".to_owned()],
            Self::Valued(valued) => vec![valued.words()],
            Self::GroupsOf(_) => vec!["the groups that have the member, by memberships".to_owned()],
            Self::Within(_) => {
                vec!["the members of the group and of those in it, by memberships".to_owned()]
            }
            Self::Union(sets) => {
                let mut words: Vec<String> = Vec::new();
                for of_set in sets.iter().flat_map(Set::words) {
                    if !words.contains(&of_set) {
                        words.push(of_set);
                    }
                }
                words
            }
        }
    }
}

impl Valued<'_> {
    fn words(&self) -> String {
        let values = if self.unique { "its unique values" } else { "the index of its values" };
        let (op, how) = match &self.looked_for {
            LookedFor::Anything => ("pr", format!("by {values}")),
            LookedFor::Key(_) if self.unique => ("eq", "by its unique value".to_owned()),
            LookedFor::Key(_) => ("eq", format!("by {values}")),
            LookedFor::Test(Test::Contains(_) | Test::Ends(_), comparison) => {
                (comparison.op.as_str(), format!("by {}", self.parts(values)))
            }
            LookedFor::Test(_, comparison) => {
                (comparison.op.as_str(), format!("by a range of {values}"))
            }
        };
        format!("{} {op}, {how}", self.target.path())
    }

    /// The order of values says nothing of their parts.
    fn parts(&self, values: &str) -> String {
        if !self.unique && self.target.leaf().has_indexed_substrings() {
            return format!("{values}, by their parts where \"tenon index substrings\" is on");
        }
        format!("all of {values}")
    }
}
