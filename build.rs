//! Compiles `proto/`, and names the commit that a release is built from. Nothing else.
//!
//! A compiler written in Rust reads the definitions, so no `protoc` is needed. The library gets the server half. The
//! client half and the plain descriptors are for the test suite: its hand-written host speaks through code the shipped
//! binary does not contain.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use prost::Message;

const DEFINITIONS: &[&str] = &["tfplugin6.proto", "plugin.proto", "health.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let descriptors = protox::compile(DEFINITIONS, ["proto"])?;
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    for (half, server) in [("server", true), ("client", false)] {
        let folder = out.join(half);
        fs::create_dir_all(&folder)?;
        tonic_prost_build::configure()
            .build_server(server)
            .build_client(!server)
            .build_transport(false)
            .generate_default_stubs(true)
            .btree_map(".") // sorted, so that equal messages are equal bytes
            .out_dir(&folder)
            .compile_fds(descriptors.clone())?;
    }
    let built_from = if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        commit().map(|commit| format!(" ({commit})")).unwrap_or_default()
    } else {
        " (development build)".to_owned()
    };
    println!("cargo::rustc-env=BUILT_FROM={built_from}");
    Ok(())
}

/// The commit that is checked out; `None` outside a checkout. For releases only, because naming it costs everybody a
/// rebuild after each commit.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    // Only if this folder is the checkout itself: unpacked inside another one, that one's commit would be a lie.
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}
