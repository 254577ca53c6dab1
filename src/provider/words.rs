//! Lists as people write them.

/// Such as `in01, in03 or in04`, where `last` is `or`.
pub(super) fn series<S: AsRef<str>>(words: impl IntoIterator<Item = S>, last: &str) -> String {
    let words = words.into_iter().collect::<Vec<_>>();
    let words = words.iter().map(AsRef::as_ref).collect::<Vec<_>>();
    match words.split_last() {
        Some((end, before)) if !before.is_empty() => format!("{} {last} {end}", before.join(", ")),
        _ => words.concat(),
    }
}

/// A line for each, for so many at most, and one that says how many more there are.
pub(super) fn lines<S: AsRef<str>>(each: impl IntoIterator<Item = S>, most: usize) -> String {
    let mut each = each.into_iter();
    let mut shown = each.by_ref().take(most).map(|one| one.as_ref().to_owned()).collect::<Vec<_>>();
    let more = each.count();
    shown.extend((more > 0).then(|| format!("and {more} more")));
    shown.iter().flat_map(|one| ["\n- ", one]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_well() {
        for (words, written) in
            [(&[][..], ""), (&["in02"], "in02"), (&["a", "b"], "a or b"), (&["a", "b", "c"], "a, b or c")]
        {
            assert_eq!(series(words, "or"), written);
        }
        assert_eq!(lines(["a", "b"], 2), "\n- a\n- b");
        assert_eq!(lines(["a", "b", "c"], 1), "\n- a\n- and 2 more");
    }
}
