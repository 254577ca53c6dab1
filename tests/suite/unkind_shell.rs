//! What a shell, a CI or a developer's account has set is nothing to the tests: some of them once more, in the worst of all.

use std::io;
use std::process::{Command, Stdio};
use std::thread;

use nix::sys::signal::{SigSet, Signal};

/// Those that send signals, meet modes of files, sign in, find settings or drive the CLI.
const TESTS: &[&str] = &[
    "cli::an_apply_may_go_on_before_the_backup_has_completed",
    "cli::line_34_missing_credentials_are_one_error_that_says_what_was_looked_for",
    "doors::no_other_user_can_connect_however_the_provider_listens",
    "doctor::the_doctor_names_every_setting_its_source_and_every_service",
    "protocol::line_20_a_first_signal_in_debug_mode_lets_connected_runs_end_and_a_second_one_does_not",
];

/// Variables that change what the CLI, the provider or the tests' own tools do, where they come through.
const VARIABLES: &[(&str, &str)] = &[
    ("HW_ACCESS_KEY", "somebody"),
    ("OS_CLOUD", "no-such-cloud"),
    ("TF_CLI_ARGS", "-no-such-argument"),
    ("TF_LOG", "TRACE"),
    ("TF_DATA_DIR", "/nowhere/at/all"),
    ("HTTP_PROXY", "http://127.0.0.1:1"),
    ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ("PLUGIN_UNIX_SOCKET_DIR", "/nowhere/at/all"),
    ("HOME", "/nowhere/at/all"),
    ("LANG", "tr_TR.UTF-8"),
    ("LC_ALL", "tr_TR.UTF-8"),
];

#[test]
fn tests_are_the_same_in_any_surroundings() {
    for (what, mask, before) in
        [("blocked", true, "umask 077"), ("ignored", false, "trap '' INT TERM HUP QUIT; umask 000")]
    {
        let run = move || -> io::Result<_> {
            if mask {
                let all = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];
                all.into_iter().collect::<SigSet>().thread_block()?;
            }
            let mut command = Command::new("sh");
            command.args(["-c", &format!("{before}; exec \"$0\" \"$@\"")]).arg(std::env::current_exe()?);
            command.arg("--exact").args(TESTS).envs(VARIABLES.iter().copied()).stdin(Stdio::null()).output()
        };
        // A mask is a thread's own.
        let ran = thread::spawn(run).join().expect("it does not panic").expect("the tests run");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{what}: {said}\n{}", String::from_utf8_lossy(&ran.stderr));
        assert!(said.contains(&format!("{} passed", TESTS.len())), "{what}: {said}");
    }
}
