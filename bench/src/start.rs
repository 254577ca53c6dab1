//! The binary by itself: how large it is and how soon it is there.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PKCS_ECDSA_P521_SHA512};

use crate::table::{Problem, Report, median, quantile};

const STARTS: usize = 200;

/// From the start of the process to its handshake line, with mutual TLS as Terraform asks for it.
pub(crate) fn start(report: &mut Report, binary: &Path) -> Result<(), Problem> {
    let certificate = certificate()?;
    let mut runs = Vec::new();
    let mut nothing = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let mut child = Command::new(binary)
            .env_clear()
            .env("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_CLIENT_CERT", &certificate)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
        let took = begun.elapsed();
        child.kill()?;
        child.wait()?;
        if !line.starts_with("1|6|unix|") {
            return Err(format!("{line:?} is no handshake").into());
        }
        runs.push(took.as_secs_f64() * 1000.0);
        let begun = Instant::now();
        Command::new("/bin/true").env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).output()?;
        nothing.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    report.raw("start to handshake", "ms", &runs);
    report.raw("start and end of /bin/true", "ms", &nothing);
    report.row("start to handshake line, median", median(&runs), 2.0, "ms");
    report.row("the same, 95th percentile", quantile(&runs, 0.95), 4.0, "ms");
    report.note("for comparison: start and end of `/bin/true`, median", &format!("{:.2} ms", median(&nothing)));
    Ok(())
}

/// The binary, and what a zip makes of it.
pub(crate) fn size(report: &mut Report, binary: &Path) -> Result<(), Problem> {
    let bytes = fs::read(binary)?;
    let mut zip = DeflateEncoder::new(Vec::new(), Compression::best());
    zip.write_all(&bytes)?;
    let zipped = zip.finish()?.len();
    report.row("binary, stripped", megabytes(bytes.len()), 8.0, "MB");
    report.row("zipped", megabytes(zipped), 3.5, "MB");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a size in megabytes needs no more")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// A client certificate like the one Terraform makes for every plugin it starts.
fn certificate() -> Result<String, Problem> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512)?;
    let mut wanted = CertificateParams::new(["localhost".to_owned()])?;
    wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(wanted.self_signed(&key)?.pem())
}
