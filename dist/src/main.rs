//! `huaweidb-dist`: packs one platform, or sums up a folder. `dist/dist.sh` runs it.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs, io};

use huaweidb_dist::{Build, Entry, NAME, archive, broken, components, licences, mirrors, notes, sbom, site, sums};

const USAGE: &str = "Usage, in the folder of the sources:
  huaweidb-dist pack BINARY OS ARCH FOLDER   archive and bill of materials of one platform
  huaweidb-dist sums FOLDER                  manifest and SHA256SUMS of what is in the folder
  huaweidb-dist mirrors FOLDER               mirror/ and oci/ of the archives in the folder
  huaweidb-dist notes VERSION                the lines of CHANGELOG.md that are about that version
  huaweidb-dist site FOLDER                  what mdBook needs to make pages of the documents
  huaweidb-dist links FOLDER                 whether all links of the pages in the folder lead somewhere
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["pack", binary, os, arch, folder] => pack(Path::new(binary), os, arch, Path::new(folder)),
        ["sums", folder] => fs::read("terraform-registry-manifest.json")
            .and_then(|manifest| sums(Path::new(folder), env!("CARGO_PKG_VERSION"), &manifest))
            .map(|path| path.display().to_string())
            .map_err(Into::into),
        ["mirrors", folder] => mirrors(Path::new(folder), env!("CARGO_PKG_VERSION"))
            .map(|()| format!("{folder}/mirror and {folder}/oci"))
            .map_err(Into::into),
        ["site", folder] => site(Path::new("."), Path::new(folder)).map(|()| (*folder).to_owned()).map_err(Into::into),
        ["links", folder] => links(Path::new(folder)),
        ["notes", version] => {
            let text = fs::read_to_string("CHANGELOG.md").map_err(Into::into);
            match text.and_then(|text| notes(&text, version).ok_or(format!("CHANGELOG.md has no {version}").into())) {
                Ok(lines) => {
                    let _ = write!(io::stdout(), "{lines}");
                    return ExitCode::SUCCESS;
                }
                Err(error) => Err::<String, Box<dyn Error>>(error),
            }
        }
        _ => {
            let _ = write!(io::stderr(), "{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(line) => {
            let _ = writeln!(io::stdout(), "   wrote {line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "huaweidb-dist: {error}");
            ExitCode::FAILURE
        }
    }
}

fn links(folder: &Path) -> Result<String, Box<dyn Error>> {
    let (checked, wrong) = broken(&fs::canonicalize(folder)?)?;
    if wrong.is_empty() {
        return Ok(format!("nothing: {checked} links lead somewhere"));
    }
    Err(format!("these links lead nowhere:\n{}", wrong.join("\n")).into())
}

fn pack(binary: &Path, os: &str, arch: &str, folder: &Path) -> Result<String, Box<dyn Error>> {
    let build = Build { version: env!("CARGO_PKG_VERSION").to_owned(), os: os.to_owned(), arch: arch.to_owned() };
    let triple = build.triple().ok_or(format!("no release is made for {os}_{arch}"))?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let told = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", triple])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !told.status.success() {
        return Err("cargo metadata failed".into());
    }
    let parts = components(&serde_json::from_slice(&told.stdout)?, &fs::read_to_string("Cargo.lock")?, NAME)?;
    let entry = |name: &str, bytes: Vec<u8>, runs| Entry { name: name.to_owned(), bytes, runs };
    let packed = archive(vec![
        entry(&build.binary_name(), fs::read(binary)?, true),
        entry("LICENSE", fs::read("LICENSE")?, false),
        entry("CHANGELOG.md", fs::read("CHANGELOG.md")?, false),
        entry("README.md", fs::read("README.md")?, false),
        entry("THIRD-PARTY-LICENCES.txt", licences(&parts).into_bytes(), false),
    ])?;
    fs::create_dir_all(folder)?;
    fs::write(folder.join(build.sbom_name()), sbom(&parts))?;
    let path = folder.join(build.archive_name());
    fs::write(&path, &packed)?;
    Ok(format!("{} ({} bytes)", path.display(), packed.len()))
}
