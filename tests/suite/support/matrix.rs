//! Many small experiments, some at a time, and the one line that tells how they ended.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How the cells ended.
pub(crate) struct Outcome<E> {
    began: Instant,
    counts: BTreeMap<E, usize>,
    /// One line for each cell that ended as it must not.
    bad: String,
    slowest: (Duration, String),
    /// How many were run twice.
    again: usize,
}

/// The cells whose description contains the text in `FAULT_CELL`; all if there is none.
pub(crate) fn chosen<C: Copy>(mut cells: Vec<C>, described: impl Fn(C) -> String) -> Vec<C> {
    let wanted = std::env::var("FAULT_CELL").unwrap_or_default();
    cells.retain(|cell| described(*cell).contains(&wanted));
    cells
}

/// Runs every cell, so many at once. A cell that panics has failed.
///
/// A fault is met within some time, and a machine that is busy with other things may let that pass: a cell that ended otherwise
/// than expected is run once more, beside the few others, at last alone, and that end counts. What a fault must never do (an orphan, a duplicate, a lost
/// backup, a wrong state, a panic) counts at once.
pub(crate) async fn run<C, E, F>(
    cells: &[C],
    at_once: usize,
    described: impl Fn(C) -> String,
    cell: impl Fn(C) -> F,
) -> Outcome<E>
where
    C: Copy + Send + 'static,
    E: Ord + Send + 'static,
    F: Future<Output = Result<E, String>> + Send + 'static,
{
    let began = Instant::now();
    let mut outcome = Outcome {
        began,
        counts: BTreeMap::new(),
        bad: String::new(),
        slowest: (Duration::ZERO, String::new()),
        again: 0,
    };
    let turns = Arc::new(Semaphore::new(at_once));
    let mut running = JoinSet::new();
    for one in cells.iter().copied() {
        let (turns, experiment) = (Arc::clone(&turns), cell(one));
        running.spawn(async move {
            let _turn = turns.acquire_owned().await.expect("it is never closed");
            let began = Instant::now();
            let result = tokio::spawn(experiment).await.unwrap_or_else(|died| Err(format!("panic: {died}")));
            (one, result, began.elapsed())
        });
    }
    let mut again = Vec::new();
    while let Some(ended) = running.join_next().await {
        let (one, result, took) = ended.expect("cells catch their panics");
        if took > outcome.slowest.0 {
            outcome.slowest = (took, described(one));
        }
        match result {
            Err(why) if why.starts_with("unexpected") => again.push(one),
            result => outcome.add(&described(one), result),
        }
    }
    outcome.again = again.len();
    // A few are not as much in each other's way as all were; what still does not hold runs alone.
    let mut together = JoinSet::new();
    for one in again {
        let (turns, experiment) = (Arc::clone(&turns), cell(one));
        together.spawn(async move {
            let _turn = turns.acquire_owned().await.expect("it is never closed");
            (one, tokio::spawn(experiment).await.unwrap_or_else(|died| Err(format!("panic: {died}"))))
        });
    }
    let mut alone = Vec::new();
    while let Some(ended) = together.join_next().await {
        match ended.expect("cells catch their panics") {
            (one, Err(why)) if why.starts_with("unexpected") => alone.push(one),
            (one, result) => outcome.add(&described(one), result),
        }
    }
    for one in alone {
        let result = tokio::spawn(cell(one)).await.unwrap_or_else(|died| Err(format!("panic: {died}")));
        outcome.add(&described(one), result);
    }
    outcome
}

impl<E: Ord> Outcome<E> {
    fn add(&mut self, described: &str, result: Result<E, String>) {
        match result {
            Ok(ended) => *self.counts.entry(ended).or_default() += 1,
            Err(why) => writeln!(self.bad, "{described}: {why}").expect("text takes text"),
        }
    }

    /// How many ended so.
    pub(crate) fn count(&self, ended: &E) -> usize {
        self.counts.get(ended).copied().unwrap_or_default()
    }

    /// Prints the line, and fails if any cell has.
    pub(crate) fn tell(&self, head: &str) {
        let of = |kind: &str| self.bad.lines().filter(|line| line.contains(&format!(": {kind}"))).count();
        let line = format!(
            "{head}; orphans {}, duplicates {}, lost {}, wrong state {}, unexpected {}, panics {}; {} run twice; {:.0} s, \
             slowest {:.0} s ({})",
            of("orphan"),
            of("duplicates"),
            of("lost"),
            of("wrong state"),
            of("unexpected"),
            of("panic"),
            self.again,
            self.began.elapsed().as_secs_f64(),
            self.slowest.0.as_secs_f64(),
            self.slowest.1,
        );
        writeln!(std::io::stderr(), "{line}").expect("stderr is there");
        assert!(self.bad.is_empty(), "{line}\n{}", self.bad);
    }
}
