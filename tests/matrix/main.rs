//! Everything that the provider offers, driven by real CLIs: those that `CLIS` names, separated by spaces, or the one on the
//! PATH. Prints a table of cases and CLIs, keeps it as data, and fails if one case does.
//!
//! It is a test target without the usual harness, because its result has two dimensions. Words among its arguments choose
//! cases by their names.
#![expect(clippy::print_stdout, reason = "it is a program for people")]

mod cases;
#[path = "../suite/support/cli.rs"]
#[expect(dead_code, reason = "the suite uses the rest")]
mod cli;
mod offers;
#[path = "../suite/support/started.rs"]
mod started;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;
use std::{env, fs, thread};

use cases::{CASES, Case};
use offers::Cli;

/// How a case ended with a CLI.
enum Outcome {
    Ok,
    NotOffered,
    Failed(String),
}

/// An outcome, and whose: indices into cases and CLIs.
struct Row {
    case: usize,
    cli: usize,
    outcome: Outcome,
}

thread_local! {
    /// What the last panic of this thread said.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let wanted = |case: &Case| {
        let mut names = words.iter().filter(|word| !word.starts_with('-')).peekable();
        names.peek().is_none() || names.any(|word| case.name.contains(word.as_str()))
    };
    let cases: Vec<&Case> = CASES.iter().filter(|case| wanted(case)).collect();
    if words.iter().any(|word| word == "--list") {
        for case in cases {
            println!("{}: test", case.name);
        }
        return ExitCode::SUCCESS;
    }
    if cases.is_empty() {
        return ExitCode::SUCCESS;
    }
    let named = env::var("CLIS").ok().filter(|paths| !paths.trim().is_empty());
    let paths = named.clone().unwrap_or_else(|| cli::cli().to_owned());
    let clis: Result<Vec<Cli>, String> = paths.split_whitespace().map(|path| Cli::at(Path::new(path))).collect();
    let clis = match clis {
        Ok(clis) => clis,
        Err(why) => {
            println!("{why}");
            return ExitCode::FAILURE;
        }
    };
    std::panic::set_hook(Box::new(|panic| {
        PANIC.set(panic.payload_as_str().unwrap_or("it panicked").to_owned());
    }));
    let rows = run(&cases, &clis);
    println!("\n{}", table(&cases, &clis, &rows));
    if named.is_some() {
        keep(&cases, &clis, &rows);
    }
    if rows.iter().any(|row| matches!(row.outcome, Outcome::Failed(_))) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs every case with every CLI, as many at a time as the tests of the suite, or else as there are cores.
fn run(cases: &[&Case], clis: &[Cli]) -> Vec<Row> {
    let pairs = (0..cases.len()).flat_map(|case| (0..clis.len()).map(move |cli| (case, cli)));
    let waiting: Mutex<VecDeque<(usize, usize)>> = Mutex::new(pairs.collect());
    let done = Mutex::new(Vec::new());
    let cores = || thread::available_parallelism().map_or(2, usize::from);
    let at_a_time = env::var("RUST_TEST_THREADS").ok().and_then(|number| number.parse().ok()).unwrap_or_else(cores);
    let next = || waiting.lock().expect("nobody panics with it").pop_front();
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some((case, cli)) = next() {
                    let outcome = one(cases[case], &clis[cli]);
                    done.lock().expect("nobody panics with it").push(Row { case, cli, outcome });
                }
            });
        }
    });
    let mut rows = done.into_inner().expect("nobody panics with it");
    rows.sort_by_key(|row| (row.case, row.cli));
    rows
}

fn one(case: &Case, cli: &Cli) -> Outcome {
    if !cli.offers(case.needs) {
        return Outcome::NotOffered;
    }
    let began = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| (case.run)(cli)));
    let word = if ended.is_ok() { "ok" } else { "FAILED" };
    println!("{word:6} {:5.1} s  {} {}: {}", began.elapsed().as_secs_f64(), cli.name, cli.version, case.name);
    match ended {
        Ok(()) => Outcome::Ok,
        Err(_) => Outcome::Failed(PANIC.take()),
    }
}

/// What a person wants to read first of a failure: the CLI's own error, or what was expected.
fn first_line(text: &str) -> &str {
    let error = text.lines().find_map(|line| line.find("Error: ").map(|at| &line[at..]));
    error.or_else(|| text.lines().find(|line| !line.trim().is_empty())).unwrap_or_default()
}

/// Cases down, CLIs across; failures are numbered and follow below.
fn table(cases: &[&Case], clis: &[Cli], rows: &[Row]) -> String {
    let width = cases.iter().map(|case| case.name.chars().count()).max().unwrap_or_default();
    let heads: Vec<String> = clis.iter().map(|cli| format!("{} {}", cli.name, cli.version)).collect();
    let mut text = String::new();
    let mut failures = String::new();
    let mut failed = 0;
    for (nth, head) in heads.iter().enumerate() {
        let _ = writeln!(text, "{:width$} {}╷ {head}", "", "│      ".repeat(nth));
    }
    for (nth, case) in cases.iter().enumerate() {
        let _ = write!(text, "{:width$} ", case.name);
        for row in rows.iter().filter(|row| row.case == nth) {
            let word = match &row.outcome {
                Outcome::Ok => "ok".to_owned(),
                Outcome::NotOffered => "–".to_owned(),
                Outcome::Failed(why) => {
                    failed += 1;
                    let (head, line) = (&heads[row.cli], first_line(why));
                    let _ = writeln!(failures, "\nF{failed}  {head}: {}: {line}\n\n{why}", case.name);
                    format!("F{failed}")
                }
            };
            let _ = write!(text, "{word:7}");
        }
        text.push('\n');
    }
    let _ = write!(text, "\n–: not offered by this CLI; {failed} failed\n{failures}");
    text
}

/// One line of the data: CLI, version, date, feature, case, result.
type Line = [String; 6];

const HEAD: &str = "cli\tversion\tdate\tfeature\tcase\tresult\n";

/// The same as data: in `target`, and, where `KEEP` is set, among what earlier runs left in `tests/data`, from which the
/// compatibility page is written.
fn keep(cases: &[&Case], clis: &[Cli], rows: &[Row]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lines = lines(cases, clis, rows);
    write(&root.join("target/matrix.tsv"), &lines);
    if env::var_os("KEEP").is_none_or(|value| value.is_empty()) {
        return;
    }
    let kept = root.join("tests/data/matrix.tsv");
    let text = fs::read_to_string(&kept).unwrap_or_default();
    let older = text.lines().skip(1).filter_map(|line| {
        let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        Line::try_from(fields).ok()
    });
    write(&kept, &merged(older, lines));
}

fn lines(cases: &[&Case], clis: &[Cli], rows: &[Row]) -> Vec<Line> {
    let today = jiff::Timestamp::now().to_string();
    let today = today.split('T').next().unwrap_or_default();
    let line = |row: &Row| {
        let (case, cli) = (cases[row.case], &clis[row.cli]);
        let result = match row.outcome {
            Outcome::Ok => "ok",
            Outcome::NotOffered => "not offered",
            Outcome::Failed(_) => "failed",
        };
        [cli.name, &cli.version, today, case.needs, case.name, result].map(str::to_owned)
    };
    rows.iter().map(line).collect()
}

/// What this run found instead of what an earlier one did; of cases that are no more, nothing.
fn merged(older: impl Iterator<Item = Line>, new: Vec<Line>) -> Vec<Line> {
    let place = |line: &Line| CASES.iter().position(|case| case.name == line[4]);
    let is_new = |old: &Line| new.iter().any(|line| (&line[0], &line[1], &line[4]) == (&old[0], &old[1], &old[4]));
    let older: Vec<Line> = older.filter(|old| place(old).is_some() && !is_new(old)).collect();
    let mut all = [older, new].concat();
    all.sort_by_cached_key(|line| (line[0] == "opentofu", offers::parts(&line[1]), line[1].clone(), place(line)));
    all
}

fn write(path: &Path, lines: &[Line]) {
    let text = lines.iter().fold(HEAD.to_owned(), |text, line| text + &line.join("\t") + "\n");
    match fs::create_dir_all(path.with_file_name("")).and_then(|()| fs::write(path, text)) {
        Ok(()) => println!("as data: {}", path.display()),
        Err(why) => println!("{} cannot be written: {why}", path.display()),
    }
}
