//! Compiles `proto/` and nothing else. A compiler written in Rust reads the definitions, so no `protoc` is needed.
//!
//! The library gets the server half. The client half and the plain descriptors are for the test suite: its
//! hand-written host speaks through code the shipped binary does not contain.

use std::error::Error;
use std::path::PathBuf;
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
            .out_dir(&folder)
            .compile_fds(descriptors.clone())?;
    }
    Ok(())
}
