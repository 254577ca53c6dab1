//! What surrounds every program that a test starts: the same, whoever runs the tests, from wherever.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::{Once, mpsc};
use std::{env, fs, process, thread};

use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use tokio::signal::unix::{SignalKind, signal};

/// A program that finds nothing of the developer's around it: where programs are, and a folder for all that it keeps.
pub(crate) fn program(path: impl AsRef<OsStr>, folder: &Path) -> Command {
    take_defaults();
    let mut command = Command::new(path);
    command.env_clear().env("LANG", "C").env("HOME", folder).env("TMPDIR", folder);
    command.envs(env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

/// Lets what this thread starts from now on hear every signal, and make files with the usual mode. A shell that starts
/// something in the background, `nohup` and some CI have it ignore or block signals, and so would every program of a test.
pub(crate) fn take_defaults() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        umask(Mode::from_bits_truncate(0o022));
        listen();
    });
    SigSet::empty().thread_set_mask().expect("any thread can hear all signals");
}

/// What a process listens to, its children have at its default, even if the process was started so that it ignores it.
fn listen() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    let ignored = ignored();
    for kind in kinds {
        let (listens, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut heard = signal(kind).expect("it can be listened to");
                listens.send(()).expect("the test waits");
                // As it would have gone without us.
                while heard.recv().await.is_some() {
                    if ignored & (1 << (kind.as_raw_value() - 1)) == 0 {
                        process::exit(128 + kind.as_raw_value());
                    }
                }
            });
        });
        told.recv().expect("the thread listens");
    }
}

/// The signals that this process was started to ignore, a bit for each; where that cannot be seen, none.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}
