//! The provider's binary. Terraform and OpenTofu start it without arguments.

use std::io::{self, Write};
use std::process::ExitCode;

use huaweidb::plugin;
use huaweidb::provider::HuaweiDb;

/// What `--version` says: everything that a bug report needs.
const VERSION: &str =
    concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), env!("BUILT_FROM"), ", plugin protocol 6.11");

const USAGE: &str = concat!(
    "Usage: ",
    env!("CARGO_PKG_NAME"),
    " [doctor | --debug | --version | --help]

",
    env!("CARGO_PKG_DESCRIPTION"),
    ".

Terraform and OpenTofu start this program themselves, without arguments.

  doctor     show which credentials, region, project and endpoints would be
             used, and what each service allows; `doctor --help`
  --debug    serve in the foreground, for a debugger: prints the value of
             TF_REATTACH_PROVIDERS to set where Terraform runs. Ctrl-C ends it
             when the connected runs have ended, a second Ctrl-C at once. On
             Windows it needs `--open-to-every-user`: its port has no TLS, so
             every user of the machine can act with your credentials
  --version  print the version
  --help     print this
"
);

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Option<Vec<_>> = arguments.iter().map(|word| word.to_str()).collect();
    // One dash or two, as with other providers.
    match words.as_deref() {
        Some([]) => plugin::serve(HuaweiDb),
        Some(["doctor", rest @ ..]) => {
            let report = huaweidb::provider::doctor(rest);
            print(io::stdout(), &report.text, ExitCode::from(report.code))
        }
        Some(["--debug" | "-debug"]) => plugin::debug(HuaweiDb, false),
        Some(["--debug" | "-debug", "--open-to-every-user" | "-open-to-every-user"]) => plugin::debug(HuaweiDb, true),
        Some(["--version" | "-version" | "-V"]) => print(io::stdout(), &format!("{VERSION}\n"), ExitCode::SUCCESS),
        Some(["--help" | "-help" | "-h"]) => print(io::stdout(), USAGE, ExitCode::SUCCESS),
        _ => print(io::stderr(), USAGE, ExitCode::from(2)),
    }
}

/// Prints a text, and ends well only if that worked.
fn print(mut to: impl Write, text: &str, then: ExitCode) -> ExitCode {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Ok(()) => then,
        Err(_) => ExitCode::FAILURE,
    }
}
