//! `make bench`: every figure the provider promises, measured in one go against the emulator and against the floor, which
//! is the same run with built-in resources and no provider. The environment variable `PEER` names a binary of the official
//! provider; then the same work is done with it too. Prints one table and keeps it with the raw runs under
//! `target/bench/`. It judges, but it never fails a build.

mod cli;
mod peer;
mod rows;
mod start;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use table::{Problem, Report};

/// Measures what belongs together and writes it into the report.
type Row = fn(&mut Report, &std::path::Path) -> Result<(), Problem>;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let binary = arguments.next().map_or_else(|| "target/release/terraform-provider-huaweidb".into(), PathBuf::from);
    let only: Vec<String> = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
    let mut report = Report::new("target/bench");
    let rows: [(&str, Row); 10] = [
        ("start", start::start),
        ("validate", rows::validate),
        ("size", start::size),
        ("refresh", rows::refresh),
        ("destroy", rows::destroy),
        ("create", rows::creates),
        ("wait", rows::overshoot),
        ("growth", rows::growth),
        ("load", rows::load),
        ("peer", peer::peer),
    ];
    for (name, row) in rows {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        report.say(&format!("… {name}"));
        // A row that cannot be measured is a line in the table, not the end of the others.
        if let Err(problem) = row(&mut report, &binary) {
            report.failed(name, &problem.to_string());
        }
    }
    report.finish();
    ExitCode::SUCCESS
}
