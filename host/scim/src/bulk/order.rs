//! In which order operations are carried out: each after those it refers to.
//!
//! RFC 7644 §3.7: a server that changes the sequence "MUST ensure that the client's intent is
//! preserved". Only a POST can be referred to, so PUT, PATCH and DELETE keep their order; a POST
//! moves forward to where it is needed first, and no further.

use std::collections::HashMap;

/// The steps in which operations are carried out, by their places in the request: an operation
/// alone, or all that a circular reference ties together. `references` has for each operation
/// those it refers to.
///
/// These are the strongly connected components, by Tarjan's algorithm, which finds each after
/// those it refers to.
pub(super) fn steps(references: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search =
        Search { references, numbers: HashMap::new(), open: Vec::new(), steps: Vec::new() };
    for operation in 0..references.len() {
        search.visit(operation);
    }
    search.steps
}

struct Search<'a> {
    references: &'a [Vec<usize>],
    /// In which order operations were visited; [`PLANNED`] for those of a step.
    numbers: HashMap<usize, usize>,
    /// Visited, and in no step yet.
    open: Vec<usize>,
    steps: Vec<Vec<usize>>,
}

const PLANNED: usize = usize::MAX;

impl Search<'_> {
    /// The smallest number that can be reached from an operation. It calls itself as often as
    /// there are operations at the most, which [`MAX_OPERATIONS`](super::MAX_OPERATIONS) bounds.
    fn visit(&mut self, operation: usize) -> usize {
        if let Some(&number) = self.numbers.get(&operation) {
            return number;
        }
        let number = self.numbers.len();
        self.numbers.insert(operation, number);
        let above = self.open.len();
        self.open.push(operation);
        let mut smallest = number;
        for &referred in self.references.get(operation).into_iter().flatten() {
            smallest = smallest.min(self.visit(referred));
        }
        // Nothing before this operation is reached: what is open above it refers to it, too.
        if smallest == number {
            let mut step = self.open.split_off(above);
            step.sort_unstable();
            self.numbers.extend(step.iter().map(|&it| (it, PLANNED)));
            self.steps.push(step);
        }
        smallest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_steps(references: &[&[usize]], expected: &[&[usize]]) {
        let references: Vec<Vec<usize>> = references.iter().map(|it| it.to_vec()).collect();
        assert_eq!(steps(&references), expected);
    }

    #[test]
    fn without_references_the_order_is_that_of_the_request() {
        assert_steps(&[&[], &[], &[]], &[&[0], &[1], &[2]]);
        assert_steps(&[], &[]);
    }

    #[test]
    fn what_is_referred_to_comes_first() {
        assert_steps(&[&[2], &[], &[3], &[]], &[&[3], &[2], &[0], &[1]]);
        assert_steps(&[&[], &[0], &[0, 1]], &[&[0], &[1], &[2]]);
    }

    #[test]
    fn a_circle_is_one_step() {
        assert_steps(&[&[1], &[0]], &[&[0, 1]]);
        assert_steps(&[&[0]], &[&[0]]);
        assert_steps(&[&[3], &[2], &[3, 4], &[1], &[]], &[&[4], &[1, 2, 3], &[0]]);
    }

    #[test]
    fn circles_that_share_an_operation_are_one_step_and_others_are_not() {
        assert_steps(&[&[1], &[0, 2], &[1]], &[&[0, 1, 2]]);
        assert_steps(&[&[1], &[0, 2], &[3], &[2]], &[&[2, 3], &[0, 1]]);
    }

    #[test]
    fn the_longest_chain_is_ordered() {
        let last = super::super::MAX_OPERATIONS - 1;
        let chain: Vec<Vec<usize>> =
            (0..=last).map(|it| if it < last { vec![it + 1] } else { Vec::new() }).collect();
        let expected: Vec<Vec<usize>> = (0..=last).rev().map(|it| vec![it]).collect();
        assert_eq!(steps(&chain), expected);
    }
}
