//! What a release says about itself.

/// The lines under a version's heading in a change log, up to the next one.
pub fn notes(log: &str, version: &str) -> Option<String> {
    let of = |line: &str| line.strip_prefix("## ").map(|rest| rest.split([' ', '(']).next() == Some(version));
    let mut lines = log.lines().skip_while(|line| of(line) != Some(true));
    lines.next()?;
    let text = lines.take_while(|line| of(line).is_none()).collect::<Vec<_>>().join("\n");
    Some(format!("{}\n", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_tells_what_is_new_in_it_and_nothing_else() {
        let log = "# Changelog\n\n## Unreleased\n\n* later\n\n## 0.2.0 (2026-12-01)\n\nFEATURES:\n\n* this\n\n## 0.1.0\n\n* before\n";
        assert_eq!(notes(log, "0.2.0").as_deref(), Some("FEATURES:\n\n* this\n"));
        assert_eq!(notes(log, "0.1.0").as_deref(), Some("* before\n"));
        assert_eq!(notes(log, "0.2"), None);
        assert_eq!(notes(log, "1.0.0"), None);
    }
}
