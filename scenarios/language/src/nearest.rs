//! The known name nearest to a misspelt one.

/// The entry of `known` that `word` most likely meant, if one is near enough to be worth saying.
///
/// Case, `_` and `-` do not count. Near enough is a third of the word's length in edits; a word that begins another
/// is near it as well.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = plain(word);
    let reach = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| {
            let plain_name = plain(name);
            let begins = word.len() >= 3 && plain_name.starts_with(&word);
            (if begins { 1.min(reach) } else { distance(&word, &plain_name) }, name)
        })
        .filter(|&(edits, _)| edits <= reach)
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, name)| name)
}

/// `label` of a diagnostic for an unknown word: the nearest known one, or all of them if they are few.
pub fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "there are none".into(),
        None if known.len() <= 12 => format!("known: {}", known.join(", ")),
        None => "no such name".into(),
    }
}

fn plain(word: &str) -> String {
    word.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// Edits (insert, delete, replace, swap of neighbours) from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut current = vec![i];
        for j in 1..=b.len() {
            let replaced = previous[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(previous[j] + 1).min(current[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_wins_and_far_ones_are_not_offered() {
        let known = ["brokers", "controllers", "flush", "min_insync"];
        assert_eq!(nearest("brokerz", known), Some("brokers"));
        assert_eq!(nearest("borkers", known), Some("brokers"));
        assert_eq!(nearest("min-insync", known), Some("min_insync"));
        assert_eq!(nearest("contr", known), Some("controllers"));
        assert_eq!(nearest("zookeeper", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("lost-write", "lost-wrtie"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
