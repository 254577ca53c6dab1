//! What was said, as a page to read: one entry per message, with what differs from run to run taken out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use crate::support::proto::tfplugin6 as tf;
use tf::attribute_path::step::Selector;

/// A page of messages.
#[derive(Default)]
pub(crate) struct Book {
    text: String,
    /// Ids that the emulator made up, in the order they were first seen.
    ids: BTreeMap<String, usize>,
}

impl Book {
    /// Adds what was said in answer to something; it must be something.
    #[track_caller]
    pub(crate) fn add(&mut self, case: &str, said: &[tf::Diagnostic]) {
        assert!(!said.is_empty(), "{case}: nothing was said");
        for one in said {
            let kind = if one.severity() == tf::diagnostic::Severity::Warning { "Warning" } else { "Error" };
            let at = one.attribute.as_ref().map_or(String::new(), |path| format!(" [at {}]", written(path)));
            let text = format!("{}{at}\n{}", one.summary, one.detail);
            proofread(case, &one.summary, &one.detail);
            let text = self.plain(&text);
            let _ = write!(self.text, "## {case}\n{kind}: {text}\n\n");
        }
    }

    /// Adds lines that are no diagnostics: progress, or what a function says.
    pub(crate) fn lines<'a>(&mut self, case: &str, lines: impl IntoIterator<Item = &'a String>) {
        let lines = lines.into_iter().map(|line| self.plain(line)).collect::<Vec<_>>();
        assert!(!lines.is_empty(), "{case}: nothing was said");
        for line in &lines {
            proofread(case, "", line);
        }
        let _ = write!(self.text, "## {case}\n{}\n\n", lines.join("\n"));
    }

    /// Adds a text as it is, such as what a program prints.
    pub(crate) fn text(&mut self, case: &str, text: &str) {
        let text = self.plain(text);
        let _ = write!(self.text, "## {case}\n{text}\n");
    }

    /// Compares the page with the one that was last agreed on.
    #[track_caller]
    pub(crate) fn is(self, name: &str) {
        insta::assert_snapshot!(name, self.text);
    }

    /// Without ids, times, ports and lengths that no two runs share.
    fn plain(&mut self, text: &str) -> String {
        let mut plain = String::new();
        let mut rest = text;
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        while !rest.is_empty() {
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let word = rest[..end].trim_end_matches(['.', ':']);
            if word.is_empty() {
                let next = rest.chars().next().map_or(0, char::len_utf8);
                plain.push_str(&rest[..next]);
                rest = &rest[next..];
                continue;
            }
            let unit = rest[word.len()..].split([' ', '.', ',', ')', '\n']).nth(1).unwrap_or_default();
            plain.push_str(&self.word(word, unit));
            rest = &rest[word.len()..];
        }
        plain
    }

    fn word(&mut self, word: &str, next: &str) -> String {
        let is_hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        if word.len() == 36 && is_hex(&word[..32]) && &word[32..34] == "br" {
            let count = self.ids.len() + 1;
            return format!("<backup {}>", self.ids.entry(word.to_owned()).or_insert(count));
        }
        if word.len() >= 32 && word.len() <= 36 && is_hex(word) {
            return "<id>".to_owned();
        }
        if let Some((begin, ending)) = word.len().checked_sub(22).and_then(|at| word.split_at_checked(at))
            && ending.starts_with("20")
            && ending[..14].bytes().all(|c| c.is_ascii_digit())
            && is_hex(&ending[14..])
        {
            return format!("{begin}<time and digits>");
        }
        if let Some((prefix, digits)) = word.split_once('-')
            && digits.len() == 16
            && is_hex(digits)
        {
            return format!("{prefix}-<digits>");
        }
        // Gateways write `server time:20260528T092752Z`.
        let (before, time) = word.split_once("time:").map_or(("", word), |(_, time)| ("time:", time));
        if time.contains('T') && time.ends_with('Z') && time.parse::<Timestamp>().is_ok() {
            return format!("{before}<time>");
        }
        if word.starts_with("127.0.0.1:") {
            return "127.0.0.1:<port>".to_owned();
        }
        let lengths = ["minute", "minutes", "hour", "hours", "KiB", "MiB", "GiB", "bytes", "ms", "s"];
        if lengths.contains(&next) && word.parse::<f64>().is_ok() {
            return "<n>".to_owned();
        }
        word.to_owned()
    }
}

/// The house rules that a test can check: whole sentences, and no language of machines.
#[track_caller]
fn proofread(case: &str, summary: &str, detail: &str) {
    let block = ["\n\nimport {", "\n\nmoved {"].iter().find_map(|begin| detail.find(begin));
    let prose = &detail[..block.unwrap_or(detail.len())];
    assert!(!summary.ends_with('.') && !summary.contains('\n'), "{case}: {summary}");
    let all = format!("{summary}\n{prose}");
    for word in ["None", "Some(", "null", " nil", "unwrap", "..", "Err(", "{ ", "  ", "\u{1b}", "true)", "gRPC"] {
        assert!(!all.contains(word), "{case}: {word:?} in:\n{all}");
    }
    if !summary.is_empty() {
        assert!(prose.ends_with(['.', ':', '!', '?']), "{case}: does not end:\n{all}");
        assert!(prose.starts_with(|c: char| !c.is_lowercase()) || starts_with_a_name(prose), "{case}:\n{all}");
    }
}

/// Products and arguments keep their small letters.
fn starts_with_a_name(prose: &str) -> bool {
    let first = prose.split([' ', ':', '.', '[']).next().unwrap_or_default();
    ["dds", "geminidb", "taurusdb", "rds", "gaussdb", "ddm", "iam"].contains(&first) || first.contains('_')
}

fn written(path: &tf::AttributePath) -> String {
    let steps = path.steps.iter().map(|step| match step.selector.as_ref().expect("one of the three") {
        Selector::AttributeName(name) => format!(".{name}"),
        Selector::ElementKeyString(key) => format!("[{key:?}]"),
        Selector::ElementKeyInt(index) => format!("[{index}]"),
    });
    steps.collect::<String>().trim_start_matches('.').to_owned()
}
