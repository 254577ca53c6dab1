//! Errors and warnings for the person at the keyboard.

use std::fmt;

use super::proto::tfplugin6 as wire;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The operation did not do what was asked.
    Error,
    /// It did, and there is something to know.
    Warning,
}

/// One step into a value, outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into an object attribute or a nested block, by name.
    Attribute(String),
    /// Into a map element, by key.
    Key(String),
    /// Into a list element, counted from 0.
    Index(i64),
}

/// Where in a block a diagnostic points. Set elements cannot be addressed: stop at the set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The path of a top-level attribute or block.
    pub fn attribute(name: impl Into<String>) -> Self {
        Path(vec![Step::Attribute(name.into())])
    }

    /// One step further, by attribute name.
    #[must_use]
    pub fn then(mut self, name: impl Into<String>) -> Self {
        self.0.push(Step::Attribute(name.into()));
        self
    }

    /// One step further, by map key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.push(Step::Key(key.into()));
        self
    }

    /// One step further, by list index.
    #[must_use]
    pub fn index(mut self, index: i64) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    pub(super) fn into_wire(self) -> wire::AttributePath {
        use wire::attribute_path::step::Selector;
        let steps = self.0.into_iter().map(|step| {
            let selector = match step {
                Step::Attribute(name) => Selector::AttributeName(name),
                Step::Key(key) => Selector::ElementKeyString(key),
                Step::Index(index) => Selector::ElementKeyInt(index),
            };
            wire::attribute_path::Step { selector: Some(selector) }
        });
        wire::AttributePath { steps: steps.collect() }
    }
}

/// The way a user writes it, as in `rule[0].ports["web"]`.
impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if at == 0 => out.write_str(name)?,
                Step::Attribute(name) => write!(out, ".{name}")?,
                Step::Key(key) => write!(out, "[{key:?}]")?,
                Step::Index(index) => write!(out, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Such as `"region"`: an attribute of the block itself.
impl From<&str> for Path {
    fn from(name: &str) -> Self {
        Path::attribute(name)
    }
}

/// One error or warning.
///
/// The summary says what did not happen, constant per situation and without ids; the detail says what the other side
/// said, what exists now and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub summary: String,
    /// As many lines as it takes.
    pub detail: String,
    /// The argument to blame, if one is.
    pub path: Option<Path>,
}

impl Diagnostic {
    /// An error about the block as a whole.
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Error, summary: summary.into(), detail: detail.into(), path: None }
    }

    /// A warning about the block as a whole.
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, summary: summary.into(), detail: detail.into(), path: None }
    }

    /// The same, pointing at an argument.
    #[must_use]
    pub fn at(mut self, path: impl Into<Path>) -> Self {
        self.path = Some(path.into());
        self
    }

    pub(super) fn into_wire(self) -> wire::Diagnostic {
        let severity = match self.severity {
            Severity::Error => wire::diagnostic::Severity::Error,
            Severity::Warning => wire::diagnostic::Severity::Warning,
        };
        wire::Diagnostic {
            severity: severity.into(),
            summary: bearable(&self.summary),
            detail: bearable(&self.detail),
            attribute: self.path.map(Path::into_wire),
        }
    }
}

/// A text that people can bear to read: of a very long line, as a value may be that it repeats, only the beginning and the
/// end. Lines are left out only where they would not fit what hosts and terminals hold: each may name something that was
/// begun.
pub(super) fn bearable(text: &str) -> String {
    const BEGINNING_BYTES: usize = 6000;
    const END_BYTES: usize = 1500;
    /// Some thousand lines, each with an id and a name.
    const TEXT_BYTES: usize = 512 * 1024;
    let bearable = |line: &str| {
        if line.len() <= BEGINNING_BYTES + END_BYTES {
            return line.to_owned();
        }
        let end = line.floor_char_boundary(BEGINNING_BYTES);
        let rest = line.ceil_char_boundary(line.len() - END_BYTES);
        format!("{}… ({} bytes are left out here) …{}", &line[..end], rest - end, &line[rest..])
    };
    let lines = text.split('\n').map(bearable).collect::<Vec<_>>();
    let mut room = TEXT_BYTES;
    let mut fits = |line: &&String| room.checked_sub(line.len() + 1).map(|left| room = left).is_some();
    // The end says what to do next, so that it comes first.
    let end = lines.iter().rev().take(lines.len().min(10)).take_while(&mut fits).count();
    let (beginning, end) = lines.split_at(lines.len() - end);
    let shown = beginning.iter().take_while(&mut fits).count();
    let left_out = match beginning.len() - shown {
        0 => None,
        left_out => Some(format!("… ({left_out} lines are left out here) …")),
    };
    let shown = beginning[..shown].iter().chain(&left_out).chain(end);
    shown.map(String::as_str).collect::<Vec<_>>().join("\n")
}

/// Errors and warnings in the order they were found, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, unless the very same is there already.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    /// Adds a whole-block error.
    pub fn error(&mut self, summary: impl Into<String>, detail: impl Into<String>) {
        self.push(Diagnostic::error(summary, detail));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|one| one.severity == Severity::Error)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same about no argument, for where another block is at hand than the one that they are about.
    #[must_use]
    pub fn without_paths(self) -> Self {
        Diagnostics(self.0.into_iter().map(|one| Diagnostic { path: None, ..one }).collect())
    }

    /// Both, in the order they came.
    #[must_use]
    pub(super) fn and(mut self, more: Diagnostics) -> Self {
        self.extend(more);
        self
    }

    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    pub(super) fn into_wire(self) -> Vec<wire::Diagnostic> {
        self.0.into_iter().map(Diagnostic::into_wire).collect()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Diagnostics(vec![one])
    }
}

impl From<Option<Diagnostic>> for Diagnostics {
    fn from(one: Option<Diagnostic>) -> Self {
        Diagnostics(one.into_iter().collect())
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, more: I) {
        for one in more {
            self.push(one);
        }
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::{Diagnostic, Diagnostics, Path, bearable, wire};

    #[test]
    fn nobody_has_to_read_a_megabyte() {
        let short = "as it is".to_owned();
        assert_eq!(bearable(&short), short);
        let long = bearable(&format!("Value: {}. Do this.", "ä".repeat(500_000)));
        assert!(long.len() < 8000 && long.starts_with("Value: ä") && long.ends_with("ä. Do this."), "{}", long.len());
        assert!(long.contains("left out here"));
    }

    #[test]
    fn whatever_was_begun_is_named_on_a_whole_line() {
        let begun = |count: usize| {
            (0..count).map(|one| format!("- {one:0>60}")).chain(["Do this.".to_owned()]).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(bearable(&begun(5000)), begun(5000));
        let (all, long) = (begun(50_000), bearable(&begun(50_000)));
        assert!(long.len() < 600_000 && long.ends_with("49999\nDo this."), "{}", long.len());
        let strange = long.lines().filter(|line| !all.contains(line)).collect::<Vec<_>>();
        assert!(strange.len() == 1 && strange[0].ends_with("lines are left out here) …"), "{strange:?}");
    }

    #[test]
    fn paths_read_as_written_in_configuration() {
        let path = Path::attribute("rule").index(0).then("ports").key("web \"x\"");
        assert_eq!(path.to_string(), r#"rule[0].ports["web \"x\""]"#);
        let steps = path.into_wire().steps;
        assert_eq!(steps.len(), 4);
        let first = wire::attribute_path::step::Selector::AttributeName("rule".to_owned());
        assert_eq!(steps[0].selector, Some(first));
    }

    #[test]
    fn the_same_diagnostic_is_kept_once() {
        let mut diagnostics = Diagnostics::new();
        diagnostics.push(Diagnostic::warning("a", "b"));
        diagnostics.push(Diagnostic::warning("a", "b"));
        assert!(!diagnostics.has_errors());
        diagnostics.extend([Diagnostic::error("a", "b"), Diagnostic::error("a", "b").at("x")]);
        assert!(diagnostics.has_errors());
        assert_eq!(diagnostics.len(), 3);
        let wire = diagnostics.into_wire();
        assert_eq!(wire.iter().map(|one| one.severity).collect::<Vec<_>>(), [2, 1, 1]);
        assert!(wire[2].attribute.is_some());
    }
}
