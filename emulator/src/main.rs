//! The emulator as a program: prints one JSON line when it is ready and serves until it is told to stop.

use std::io::Write;
use std::net::IpAddr;
use std::process::ExitCode;

use huaweidb_emulator::{Emulator, Options};
use tokio::signal::unix::{SignalKind, signal};

const HELP: &str = "Stand-in for the database backup APIs of Huawei Cloud, on loopback.

Usage: huaweidb-emulator [OPTIONS]

Prints one JSON line with endpoints and keys when it is ready, then serves until SIGTERM or SIGINT.

Options:
  --host ADDRESS        loopback address to listen on [default: 127.0.0.1]
  --region NAME         region whose project is the default one [default: eu-de]
  --backup-seconds N    seconds a backup takes [default: 3]
  --latency-ms N        milliseconds each answer is held back [default: 0]
  --help                print this text
";

/// What the command line asks for; nothing for help.
fn options(arguments: impl IntoIterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        if name == "--help" || name == "-h" {
            return Ok(None);
        }
        let mut value = || inline.clone().or_else(|| arguments.next()).ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--host" => {
                let text = value()?;
                let text = if text == "localhost" { "127.0.0.1" } else { &text };
                options.host = text.parse::<IpAddr>().map_err(|_| format!("{text:?} is not an IP address"))?;
            }
            "--region" => options.region = value()?,
            "--backup-seconds" => options.pace.backup_seconds = number(&name, &value()?)?,
            "--latency-ms" => {
                let text = value()?;
                options.pace.latency_ms = text.parse().map_err(|_| format!("{name} {text:?} is not a whole number"))?;
            }
            _ => return Err(format!("unknown option {name:?}; see --help")),
        }
    }
    Ok(Some(options))
}

fn number(name: &str, text: &str) -> Result<f64, String> {
    let wrong = || format!("{name} {text:?} is not a number of seconds");
    text.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds >= 0.0).ok_or_else(wrong)
}

fn run(options: &Options) -> std::io::Result<()> {
    let signals = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    signals.block_on(async {
        // Before the line is printed: whoever reads it may stop us at once.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let emulator = Emulator::start_now(options)?;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{}", emulator.ready())?;
        stdout.flush()?;
        std::future::poll_fn(|context| {
            if terminate.poll_recv(context).is_ready() || interrupt.poll_recv(context).is_ready() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        Ok(())
    })
}

fn main() -> ExitCode {
    let failed = |text: String, code: u8| {
        // Nothing is left to do if even stderr is closed.
        let _ = writeln!(std::io::stderr(), "huaweidb-emulator: {text}");
        ExitCode::from(code)
    };
    match options(std::env::args().skip(1)) {
        Ok(None) => {
            let _ = write!(std::io::stdout(), "{HELP}");
            ExitCode::SUCCESS
        }
        Err(text) => failed(text, 2),
        Ok(Some(options)) => match run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(error.to_string(), 1),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<Options>, String> {
        options(line.split_whitespace().map(ToOwned::to_owned))
    }

    #[test]
    fn the_command_line_is_read() {
        let given = read("--host=127.0.0.1 --backup-seconds 0.5 --latency-ms 50 --region eu-nl");
        let given = given.expect("valid").expect("options");
        assert_eq!((given.pace.latency_ms, given.region.as_str()), (50, "eu-nl"));
        assert!((given.pace.backup_seconds - 0.5).abs() < f64::EPSILON);
        assert!(read("--help").expect("valid").is_none());
        for wrong in [
            "--host",
            "--host example.org",
            "--backup-seconds soon",
            "--backup-seconds -1",
            "--latency-ms 1.5",
            "--port 1",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
