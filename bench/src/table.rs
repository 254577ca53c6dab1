//! What was measured, beside what was promised.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value as Json, json};

/// Why something could not be measured.
pub(crate) type Problem = Box<dyn std::error::Error>;

/// Rows and raw runs.
pub(crate) struct Report {
    folder: PathBuf,
    begun: Instant,
    rows: Vec<[String; 4]>,
    raw: Vec<Json>,
}

impl Report {
    pub(crate) fn new(folder: &str) -> Self {
        Report { folder: folder.into(), begun: Instant::now(), rows: Vec::new(), raw: Vec::new() }
    }

    /// A line on stderr, so that whoever waits sees where it is.
    pub(crate) fn say(&self, line: &str) {
        let _ = writeln!(io::stderr(), "{:>4} s  {line}", self.begun.elapsed().as_secs());
    }

    /// A figure, what it may be at most, and its unit.
    pub(crate) fn row(&mut self, what: &str, measured: f64, goal: f64, unit: &str) {
        let verdict = if measured <= goal { "" } else { " (missed)" };
        let ratio = if goal > 0.0 { format!("{:.2}{verdict}", measured / goal) } else { verdict.trim().to_owned() };
        self.rows.push([what.to_owned(), figure(measured, unit), format!("≤ {}", figure(goal, unit)), ratio]);
        self.say(&format!("   {what}: {}", figure(measured, unit)));
    }

    /// A figure beside that of another provider.
    pub(crate) fn beside(&mut self, what: &str, ours: f64, theirs: f64, unit: &str) {
        let ratio = format!("{:.2}", ours / theirs);
        self.rows.push([what.to_owned(), figure(ours, unit), format!("peer: {}", figure(theirs, unit)), ratio]);
        self.say(&format!("   {what}: {}; peer: {}", figure(ours, unit), figure(theirs, unit)));
    }

    /// A figure without a goal.
    pub(crate) fn note(&mut self, what: &str, measured: &str) {
        self.rows.push([what.to_owned(), measured.to_owned(), String::new(), String::new()]);
        self.say(&format!("   {what}: {measured}"));
    }

    /// A row that could not be measured.
    pub(crate) fn failed(&mut self, what: &str, why: &str) {
        let why = why.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        self.note(what, &format!("not measured: {why}"));
    }

    /// The single runs behind a figure.
    pub(crate) fn raw(&mut self, what: &str, unit: &str, runs: &[f64]) {
        self.raw.push(json!({ "what": what, "unit": unit, "runs": runs }));
    }

    /// Prints the table and keeps everything.
    pub(crate) fn finish(&self) {
        let mut text = String::from("| what | measured | goal | measured ÷ goal |\n| --- | --- | --- | --- |\n");
        for [what, measured, goal, ratio] in &self.rows {
            let _ = writeln!(text, "| {what} | {measured} | {goal} | {ratio} |");
        }
        let _ = writeln!(text, "\n{}; took {} s.", machine(), self.begun.elapsed().as_secs());
        let _ = io::stdout().write_all(text.as_bytes());
        let raw = json!({ "machine": machine(), "rows": self.rows, "runs": self.raw });
        let kept = fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(self.folder.join("table.md"), &text))
            .and_then(|()| fs::write(self.folder.join("runs.json"), raw.to_string()));
        if let Err(error) = kept {
            self.say(&format!("the table could not be kept in {}: {error}", self.folder.display()));
        }
    }
}

fn figure(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        _ if value.fract() == 0.0 => 0,
        0.0..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}").trim_end().to_owned()
}

/// The middle one.
pub(crate) fn median(runs: &[f64]) -> f64 {
    quantile(runs, 0.5)
}

/// The one that so large a part of all is not above.
pub(crate) fn quantile(runs: &[f64], part: f64) -> f64 {
    let mut sorted = runs.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let place = ((sorted.len().saturating_sub(1)) as f64 * part).round() as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("unknown system");
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!("{processors} processors, {}, load {load} at the end", system.trim_matches('"'))
}
