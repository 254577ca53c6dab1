//! The same archives as people without internet get them: a folder that is a filesystem mirror and, behind any web server,
//! a network mirror; and an OCI image layout, as OpenTofu 1.10 and later take providers from registries of containers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use zip::ZipArchive;

use crate::{NAME, sha256};

/// The provider's address: what a configuration has as `source`.
pub const SOURCE: &str = "localhost/huaweidb/huaweidb";

/// An archive of a release: platform (`linux_amd64`), file name, content.
struct Archive {
    os: String,
    arch: String,
    name: String,
    bytes: Vec<u8>,
}

/// Writes `mirror/` and `oci/` into a folder, made of the archives of one version that lie there.
pub fn mirrors(folder: &Path, version: &str) -> io::Result<()> {
    let archives = archives(folder, version)?;
    if archives.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{} holds no archives", folder.display())));
    }
    let (mirror, oci) = (folder.join("mirror"), folder.join("oci"));
    for place in [&mirror, &oci] {
        if place.exists() {
            fs::remove_dir_all(place)?;
        }
    }
    network(&mirror.join(SOURCE), version, &archives)?;
    layout(&oci, version, &archives)
}

/// The archives in a folder, by name.
fn archives(folder: &Path, version: &str) -> io::Result<Vec<Archive>> {
    let begin = format!("{NAME}_{version}_");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let platform = name.strip_prefix(&begin).and_then(|rest| rest.strip_suffix(".zip"));
        let Some((os, arch)) = platform.and_then(|platform| platform.split_once('_')) else { continue };
        let (os, arch) = (os.to_owned(), arch.to_owned());
        found.insert(name.clone(), Archive { os, arch, name, bytes: fs::read(&path)? });
    }
    Ok(found.into_values().collect())
}

/// The files of the mirror: the archives, which versions there are, and where each platform's archive of a version is.
fn network(folder: &Path, version: &str, archives: &[Archive]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut each = serde_json::Map::new();
    for archive in archives {
        fs::write(folder.join(&archive.name), &archive.bytes)?;
        let hashes = [h1(&archive.bytes)?, format!("zh:{}", sha256(&archive.bytes))];
        each.insert(format!("{}_{}", archive.os, archive.arch), json!({ "hashes": hashes, "url": archive.name }));
    }
    fs::write(folder.join("index.json"), text(&json!({ "versions": { version: {} } })))?;
    fs::write(folder.join(format!("{version}.json")), text(&json!({ "archives": each })))
}

/// The hash of an archive's files, as lock files have it: the sum of the sorted list that `sha256sum` would print of them.
pub fn h1(archive: &[u8]) -> io::Result<String> {
    let mut zip = ZipArchive::new(Cursor::new(archive))?;
    let mut lines = BTreeMap::new();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        lines.insert(file.name()?.into_owned(), sha256(&bytes));
    }
    let list = lines.into_iter().fold(String::new(), |mut list, (name, sum)| {
        let _ = writeln!(list, "{sum}  {name}");
        list
    });
    Ok(format!("h1:{}", STANDARD.encode(digest(&SHA256, list.as_bytes()))))
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const PROVIDER: &str = "application/vnd.opentofu.provider";
const TARGET: &str = "application/vnd.opentofu.provider-target";

/// The image layout: one index for the version, tagged with it, and in it one manifest for each platform, whose only layer
/// is the archive.
fn layout(folder: &Path, version: &str, archives: &[Archive]) -> io::Result<()> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let keep = |kind: &str, bytes: &[u8]| -> io::Result<Json> {
        let sum = sha256(bytes);
        fs::write(blobs.join(&sum), bytes)?;
        Ok(json!({ "mediaType": kind, "digest": format!("sha256:{sum}"), "size": bytes.len() }))
    };
    let nothing = keep("application/vnd.oci.empty.v1+json", b"{}")?;
    let mut manifests = Vec::new();
    for archive in archives {
        let mut layer = keep("archive/zip", &archive.bytes)?;
        layer["annotations"] = json!({ "org.opencontainers.image.title": archive.name });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": TARGET, "config": nothing, "layers": [layer],
        });
        let mut kept = keep(MANIFEST, text(&manifest).as_bytes())?;
        kept["artifactType"] = json!(TARGET);
        kept["platform"] = json!({ "os": archive.os, "architecture": archive.arch });
        manifests.push(kept);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "artifactType": PROVIDER, "manifests": manifests });
    let mut tagged = keep(INDEX, text(&index).as_bytes())?;
    tagged["artifactType"] = json!(PROVIDER);
    // A tag cannot hold a plus sign; OpenTofu reads an underscore as one.
    tagged["annotations"] = json!({ "org.opencontainers.image.ref.name": version.replace('+', "_") });
    let top = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [tagged] });
    fs::write(folder.join("index.json"), text(&top))?;
    fs::write(folder.join("oci-layout"), text(&json!({ "imageLayoutVersion": "1.0.0" })))
}

fn text(json: &Json) -> String {
    format!("{json:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, archive};

    #[test]
    fn the_hash_of_an_archive_is_that_of_its_files_whatever_their_order() {
        let entry = |name: &str, text: &str| Entry { name: name.to_owned(), bytes: text.into(), runs: false };
        let packed = archive(vec![entry("b", "hello\n"), entry("a/c", "")]).unwrap();
        // printf 'e3b0…b855  a/c\n5891…be03  b\n' | sha256sum | xxd -r -p | base64
        assert_eq!(h1(&packed).unwrap(), "h1:uj4xAfAhxObRtZfNJG6mmIl4D4uVRsYwJW5EAYcaso4=");
        assert!(h1(b"no archive").is_err());
    }

    #[test]
    fn a_folder_without_archives_is_an_error() {
        let folder = std::env::temp_dir();
        assert!(mirrors(&folder, "0.0.0-none").is_err());
    }
}
