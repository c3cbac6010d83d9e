//! What was most likely meant by a name that nobody knows.

use crate::imports::VERSION;

/// The known name that was most likely meant.
pub(super) fn advice(name: &str, known: &[String]) -> String {
    let without_version = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
    if let Some(other) = known.iter().find(|known| without_version(known) == without_version(name))
    {
        return format!("this server speaks version {VERSION}: `{other}`");
    }
    let nearest = known.iter().min_by_key(|known| distance(name, known));
    match nearest {
        Some(nearest) if distance(name, nearest) <= 3 => format!("did you mean `{nearest}`?"),
        _ if known.is_empty() => "nothing is offered to its capabilities".to_owned(),
        _ => format!("known are {}", known.join(", ")),
    }
}

/// Insertions, deletions and replacements between two names (Levenshtein). Names past 200 bytes
/// are far from everything.
fn distance(left: &str, right: &str) -> usize {
    if left.len() > 200 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, left) in left.bytes().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        let Some((first, rest)) = row.split_first_mut() else { return 0 };
        *first = before;
        for (cell, right) in rest.iter_mut().zip(right.bytes()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            before = replaced.min(before + 1).min(*cell + 1);
            *cell = before;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
