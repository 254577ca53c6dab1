//! The files of a release, installed as a user without internet would, and the files for a public forge.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use huaweidb_dist::{Build, Entry, NAME, SOURCE, archive, components, h1, licences, mirrors, sbom, sums};
use huaweidb_emulator::{Emulator, Options};
use serde_json::Value as Json;
use yaml_rust2::{Yaml, YamlLoader};

use crate::docs::files;
use crate::support::cli::{Workspace, cli};
use crate::support::host::BINARY;
use crate::support::shelf::Shelf;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn this_platform() -> Build {
    let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let arch = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    Build { version: env!("CARGO_PKG_VERSION").to_owned(), os: os.to_owned(), arch: arch.to_owned() }
}

/// A release of this program, in a folder.
fn release(folder: &Path, program: &Path) -> Build {
    let build = this_platform();
    let entry = |name: &str, file: &Path, runs| Entry { name: name.to_owned(), bytes: fs::read(file).unwrap(), runs };
    let packed =
        archive(vec![entry(&build.binary_name(), program, true), entry("LICENSE", &root().join("LICENSE"), false)]);
    fs::write(folder.join(build.archive_name()), packed.unwrap()).unwrap();
    let manifest = fs::read(root().join("terraform-registry-manifest.json")).unwrap();
    sums(folder, &build.version, &manifest).unwrap();
    build
}

/// Where a release of this program lies, with its mirrors.
struct Release {
    folder: tempfile::TempDir,
    build: Build,
}

impl Release {
    fn packed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let build = release(folder.path(), Path::new(BINARY));
        mirrors(folder.path(), &build.version).unwrap();
        Release { folder, build }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A clean home whose CLI installs providers so, with the quickstart.
    fn workspace(emulator: &Emulator, installation: &str) -> Workspace {
        let mut workspace = Workspace::new(emulator);
        let home = workspace.path(".");
        workspace.set("HOME", &home);
        workspace.set("TF_VAR_region", &emulator.region());
        workspace.set("TF_VAR_instance_id", &emulator.instance("dds"));
        workspace.write("cli.tfrc", &format!("provider_installation {{\n{installation}\n}}\n"));
        workspace.write("main.tf", &fs::read_to_string(root().join("examples/quickstart/main.tf")).unwrap());
        workspace
    }

    /// What `init` says and writes down, whichever way the provider came.
    fn init(&self, workspace: &Workspace) {
        let says = format!("Installed localhost/huaweidb/huaweidb v{}", self.build.version);
        workspace.run(&["init"]).succeeded().says(&says);
        let lock = workspace.read(".terraform.lock.hcl");
        let packed = fs::read(self.path(&self.build.archive_name())).unwrap();
        assert!(lock.contains(&h1(&packed).unwrap()), "{lock}");
        workspace.run(&["init", "-lockfile=readonly"]).succeeded();
    }
}

#[test]
fn a_release_is_installed_from_a_mirror_into_a_clean_home_and_applies_the_quickstart() {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.3)).expect("the emulator starts");
    let release = Release::packed();
    let mirror = release.path("mirror");
    let workspace = Release::workspace(&emulator, &format!("  filesystem_mirror {{\n    path = {mirror:?}\n  }}"));
    release.init(&workspace);
    workspace.apply();
    assert_eq!(emulator.backups().len(), 1);
    workspace.nothing_to_do();
    workspace.destroy();
    assert!(emulator.backups().is_empty());
}

#[test]
fn the_same_folder_behind_a_web_server_is_a_network_mirror() {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.3)).expect("the emulator starts");
    let release = Release::packed();
    let shelf = Shelf::serve(&release.path("mirror"), &release.path("oci"), REPOSITORY);
    let url = format!("https://{}/", shelf.address);
    let mut workspace = Release::workspace(&emulator, &format!("  network_mirror {{\n    url = {url:?}\n  }}"));
    workspace.write("authority.pem", &shelf.authority);
    let authority = workspace.path("authority.pem");
    workspace.set("SSL_CERT_FILE", &authority);
    release.init(&workspace);
    let asked = shelf.asked();
    for file in ["index.json".to_owned(), format!("{}.json", release.build.version), release.build.archive_name()] {
        assert!(asked.contains(&format!("/{SOURCE}/{file}")), "{file}: {asked:?}");
    }
    workspace.apply();
    workspace.destroy();

    // An archive that is not the listed one is refused.
    fs::write(release.path("mirror").join(SOURCE).join(release.build.archive_name()), "no archive").unwrap();
    fs::remove_dir_all(workspace.path(".terraform")).unwrap();
    workspace.run(&["init"]).failed();
}

const REPOSITORY: &str = "providers/huaweidb/huaweidb";

/// Follows the layout through a registry as OpenTofu does: tags, index, manifest, layer. With OpenTofu on the PATH it
/// installs from there as well.
#[test]
fn the_image_layout_leads_to_the_archive() {
    let release = Release::packed();
    let shelf = Shelf::serve(&release.path("mirror"), &release.path("oci"), REPOSITORY);
    tokio::runtime::Runtime::new().unwrap().block_on(follow(&release, &shelf));
    if cli() == "tofu" {
        let template = format!("{}/providers/${{namespace}}/${{type}}", shelf.address);
        let mirror = format!(
            "  oci_mirror {{\n    repository_template = \"{template}\"\n    include = [\"localhost/*/*\"]\n  }}"
        );
        let emulator = Emulator::start_now(&Options::with_backups_of(0.3)).expect("the emulator starts");
        let mut workspace = Release::workspace(&emulator, &mirror);
        workspace.write("authority.pem", &shelf.authority);
        let authority = workspace.path("authority.pem");
        workspace.set("SSL_CERT_FILE", &authority);
        release.init(&workspace);
        workspace.apply();
        workspace.destroy();
    }
}

/// From the tag to the archive, as the distribution protocol goes.
async fn follow(release: &Release, shelf: &Shelf) {
    let authority = reqwest::Certificate::from_pem(shelf.authority.as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([authority]).build().unwrap();
    let base = format!("https://{}/v2/{REPOSITORY}", shelf.address);
    let get = async |path: String| {
        let answer = client.get(format!("{base}{path}")).send().await.unwrap().error_for_status().unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, answer.bytes().await.unwrap().to_vec())
    };
    let json = async |path: String| -> (String, Json) {
        let (kind, bytes) = get(path).await;
        (kind, serde_json::from_slice(&bytes).unwrap())
    };
    let (_, tags) = json("/tags/list".to_owned()).await;
    assert_eq!(tags["tags"], serde_json::json!([release.build.version]));
    let (kind, index) = json(format!("/manifests/{}", release.build.version)).await;
    assert_eq!(kind, "application/vnd.oci.image.index.v1+json");
    assert_eq!(index["artifactType"], "application/vnd.opentofu.provider");
    let manifests = index["manifests"].as_array().unwrap();
    assert_eq!(manifests.len(), 1, "one for each platform");
    let platform = serde_json::json!({ "os": release.build.os, "architecture": release.build.arch });
    assert_eq!(manifests[0]["platform"], platform);
    assert_eq!(manifests[0]["artifactType"], "application/vnd.opentofu.provider-target");
    let (kind, manifest) = json(format!("/manifests/{}", manifests[0]["digest"].as_str().unwrap())).await;
    assert_eq!(
        (kind.as_str(), &manifest["mediaType"]),
        ("application/vnd.oci.image.manifest.v1+json", &Json::from(kind.clone()))
    );
    assert_eq!(manifest["artifactType"], manifests[0]["artifactType"]);
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!((layers.len(), layers[0]["mediaType"].as_str()), (1, Some("archive/zip")));
    let (_, packed) = get(format!("/blobs/{}", layers[0]["digest"].as_str().unwrap())).await;
    assert_eq!(layers[0]["size"], packed.len());
    assert_eq!(packed, fs::read(release.path(&release.build.archive_name())).unwrap());
    for part in [&manifest["config"], &manifests[0]] {
        let digest = part["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let blob = fs::read(release.path("oci/blobs/sha256").join(digest)).unwrap();
        assert_eq!(
            (huaweidb_dist::sha256(&blob).as_str(), blob.len() as u64),
            (digest, part["size"].as_u64().unwrap())
        );
    }
}

#[test]
fn the_sums_cover_every_file_and_the_manifest_is_the_registries() {
    let folder = tempfile::tempdir().unwrap();
    let build = release(folder.path(), &root().join("Cargo.lock"));
    let sums = fs::read_to_string(folder.path().join(format!("{NAME}_{}_SHA256SUMS", build.version))).unwrap();
    let named: Vec<_> = sums.lines().map(|line| line.split_once("  ").unwrap()).collect();
    assert_eq!(named.len(), 2, "{sums}");
    for (sum, name) in named {
        assert_eq!(sum, huaweidb_dist::sha256(&fs::read(folder.path().join(name)).unwrap()));
    }
    let manifest = fs::read(folder.path().join(format!("{NAME}_{}_manifest.json", build.version))).unwrap();
    let manifest: Json = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["version"], 1);
    assert_eq!(manifest["metadata"]["protocol_versions"], serde_json::json!(["6.0"]));
}

#[test]
fn the_bill_of_materials_lists_every_shipped_package_with_a_licence() {
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform"])
        .arg(this_platform().triple().unwrap().replace("musl", "gnu"))
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let metadata: Json = serde_json::from_slice(&told.stdout).unwrap();
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let parts = components(&metadata, &lock, NAME).unwrap();
    assert_eq!(parts[0].name, NAME);
    let names: Vec<_> = parts.iter().map(|one| one.name.as_str()).collect();
    for shipped in ["rustls", "aws-lc-rs", "hyper", "tokio"] {
        assert!(names.contains(&shipped), "{shipped} is not in {names:?}");
    }
    for dev in ["huaweidb-emulator", "insta", "proptest", "protox"] {
        assert!(!names.contains(&dev), "{dev} is not shipped");
    }
    for one in parts.iter().skip(1) {
        assert!(one.sha256.is_some(), "{} has no checksum", one.name);
        assert_ne!(one.licence, "NOASSERTION", "{}", one.name);
    }
    let bill: Json = serde_json::from_str(&sbom(&parts)).unwrap();
    assert_eq!(bill["components"].as_array().unwrap().len(), parts.len() - 1);
    // What the forge's attestation wants to see of a bill.
    assert_eq!((bill["bomFormat"].as_str(), bill["specVersion"].as_str()), (Some("CycloneDX"), Some("1.5")));
    let serial = bill["serialNumber"].as_str().unwrap().strip_prefix("urn:uuid:").unwrap();
    assert_eq!(serial.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{serial}");
    assert!(serial.chars().all(|c| c == '-' || matches!(c, '0'..='9' | 'a'..='f')), "{serial}");
    assert_eq!(sbom(&parts), sbom(&components(&metadata, &lock, NAME).unwrap()));
    let texts = licences(&parts);
    assert!(texts.contains("rustls") && texts.contains("Permission is hereby granted"), "{}", &texts[..200]);
}

fn yaml(path: &Path) -> Yaml {
    let text = fs::read_to_string(path).unwrap();
    let mut documents = YamlLoader::load_from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    assert_eq!(documents.len(), 1, "{}", path.display());
    documents.remove(0)
}

/// What stands between `${{` and `}}` in a step.
fn expressions(step: &Yaml) -> Vec<String> {
    let mut found = Vec::new();
    match step {
        Yaml::String(text) => {
            let inner = text.split("${{").skip(1).filter_map(|rest| rest.split("}}").next());
            found.extend(inner.map(|inner| inner.trim().to_owned()));
        }
        Yaml::Array(list) => found.extend(list.iter().flat_map(expressions)),
        Yaml::Hash(members) => found.extend(members.values().flat_map(expressions)),
        _ => {}
    }
    found
}

/// Whether something sets what an expression reads.
fn is_known(expression: &str, job: &Yaml, workflow: &Yaml) -> bool {
    let words = expression.split('.').collect::<Vec<_>>();
    match words.as_slice() {
        ["secrets", name] => ["GPG_PRIVATE_KEY", "GPG_PASSPHRASE"].contains(name),
        ["github", name] => ["token", "ref"].contains(name),
        ["env", name] => !workflow["env"][*name].is_badvalue(),
        ["steps", id, "outputs", _] => {
            job["steps"].as_vec().unwrap().iter().any(|step| step["id"].as_str() == Some(id))
        }
        ["matrix", path @ ..] => {
            let matrix = &job["strategy"]["matrix"];
            let rows = matrix["include"].as_vec().or(matrix[path[0]].as_vec());
            rows.is_some_and(|rows| {
                rows.iter().all(|row| match path {
                    [_] if row.as_str().is_some() => true,
                    [name] | [_, name] => row[*name].as_str().is_some(),
                    _ => false,
                })
            })
        }
        _ => false,
    }
}

#[test]
fn the_test_matrix_has_versions_of_both_clis_and_the_release_is_signed() {
    let test = yaml(&root().join(".github/workflows/test.yml"));
    let all = test["jobs"]["test"]["strategy"]["matrix"]["terraform"].as_vec().unwrap();
    let versions = all.iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>();
    assert!(versions.contains(&"1.11.4") && versions.iter().any(|one| one.starts_with("1.14.")), "{versions:?}");
    let older = test["jobs"]["demo"]["strategy"]["matrix"]["cli"].as_vec().unwrap();
    for name in ["terraform", "opentofu"] {
        let versions = older.iter().filter(|row| row["name"].as_str() == Some(name)).count();
        assert!(versions >= 3, "{name}");
    }
    let release = yaml(&root().join(".github/workflows/release.yml"));
    assert_eq!(release["permissions"]["contents"].as_str(), Some("read"));
    let publish = &release["jobs"]["publish"];
    assert_eq!(publish["permissions"]["contents"].as_str(), Some("write"));
    let runs = publish["steps"].as_vec().unwrap().iter().filter_map(|step| step["run"].as_str()).collect::<Vec<_>>();
    let at = |what: &str| runs.iter().position(|run| run.contains(what)).unwrap_or_else(|| panic!("no {what}"));
    assert!(at("sums target/dist") < at("--detach-sign") && at("--detach-sign") < at("gh release create"));
    assert!(at("SECURITY.md") < at("--detach-sign"), "signed with the key that people know");
    assert!(runs[at("gh release create")].contains("--draft") && at("gh release create") < at("--draft=false"));
    assert!(runs[at("gh release create")].contains("--notes-file target/notes.md"), "of this version only");
    let needs = |job: &Yaml| -> Vec<String> {
        let needs = &job["needs"];
        let all = needs.as_vec().map_or(std::slice::from_ref(needs), Vec::as_slice);
        all.iter().filter_map(|job| job.as_str().map(str::to_owned)).collect()
    };
    assert_eq!(needs(publish), ["again", "bills"]);
    assert_eq!(needs(&release["jobs"]["bills"]), ["again"], "attested is only what was built twice");
    assert_eq!(needs(&release["jobs"]["again"]), ["build"]);
    let attested = |job: &str, action: &str| {
        let steps = release["jobs"][job]["steps"].as_vec().unwrap();
        let step = steps.iter().find(|step| step["uses"].as_str().is_some_and(|uses| uses.starts_with(action)));
        step.unwrap_or_else(|| panic!("{job} attests nothing"))["with"]["subject-path"].as_str().unwrap().to_owned()
    };
    assert_eq!(attested("bills", "actions/attest-sbom@"), "target/dist/*.zip");
    assert_eq!(attested("publish", "actions/attest-build-provenance@"), "target/dist/*", "each file");
    let uses: Vec<_> = publish["steps"]
        .as_vec()
        .unwrap()
        .iter()
        .map(|step| step["uses"].as_str().or(step["run"].as_str()).unwrap())
        .collect();
    let at = |what: &str| uses.iter().position(|step| step.contains(what)).unwrap();
    assert!(
        at("--detach-sign") < at("attest-build-provenance") && at("attest-build-provenance") < at("gh release create")
    );
    let targets = |job: &str| -> BTreeSet<String> {
        let matrix = &release["jobs"][job]["strategy"]["matrix"];
        let rows = matrix["include"].as_vec().or(matrix["target"].as_vec()).unwrap();
        rows.iter().map(|row| row["target"].as_str().or(row.as_str()).unwrap().to_owned()).collect()
    };
    assert_eq!(targets("bills"), targets("build"), "a bill for each platform");
    assert_eq!(needs(&release["jobs"]["build"]), ["check"], "nothing is built in vain");
    let checks = release["jobs"]["check"]["steps"].as_vec().unwrap().iter().filter_map(|step| step["run"].as_str());
    let checks = checks.collect::<Vec<_>>().join("\n");
    assert!(checks.contains("GITHUB_REF_NAME") && checks.contains("Cargo.toml"), "the tag is the version: {checks}");
    assert!(checks.contains("SECURITY.md"), "the key is known: {checks}");
}

#[test]
fn the_forge_files_are_yaml_of_the_right_form_and_say_that_they_are_not_run_here() {
    let folder = root().join(".github/workflows");
    let workflows = files(&folder, &folder);
    assert!(workflows.len() >= 2);
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    for (name, path) in &workflows {
        assert!(
            fs::read_to_string(path).unwrap().contains("has not been run where the project is developed"),
            "{name}"
        );
        let workflow = yaml(path);
        assert!(workflow["permissions"].as_hash().is_some(), "{name} names no permissions");
        assert!(!workflow["on"].is_badvalue(), "{name}");
        let jobs = workflow["jobs"].as_hash().unwrap_or_else(|| panic!("{name} has no jobs"));
        for (job, content) in jobs {
            let before = content["needs"].as_vec().map_or(std::slice::from_ref(&content["needs"]), Vec::as_slice);
            for before in before.iter().filter(|before| !before.is_badvalue()) {
                assert!(jobs.contains_key(before), "{name}: {before:?} is no job");
            }
            assert!(content["runs-on"].as_str().is_some(), "{name}: {job:?}");
            for needs in expressions(&content["runs-on"]).into_iter().chain(expressions(&content["env"])) {
                assert!(is_known(&needs, content, &workflow), "{name}: nothing sets {needs}");
            }
            assert!(content["timeout-minutes"].as_i64().is_some(), "{name}: {job:?} may run for hours");
            let steps = content["steps"].as_vec().unwrap_or_else(|| panic!("{name}: {job:?} has no steps"));
            for step in steps {
                let (uses, run) = (step["uses"].as_str(), step["run"].as_str());
                assert!(uses.is_some() != run.is_some(), "{name}: a step either uses or runs: {step:?}");
                if uses.is_some_and(|uses| uses.starts_with("actions/checkout@")) {
                    let kept = step["with"]["persist-credentials"].as_bool();
                    assert_eq!(kept, Some(false), "{name}: {job:?} leaves a token in the checkout");
                }
                for key in step.as_hash().unwrap().keys() {
                    let key = key.as_str().unwrap();
                    assert!(["uses", "run", "with", "if", "id", "env", "name"].contains(&key), "{name}: {key:?}");
                }
                for needs in expressions(step) {
                    assert!(is_known(&needs, content, &workflow), "{name}: nothing sets {needs}");
                }
                let Some(run) = run else { continue };
                let script = Command::new("bash").args(["-n", "-c", run]).output().expect("bash runs");
                assert!(script.status.success(), "{name}: {run}");
                for command in run.split(" && ") {
                    if let Some(target) = command.strip_prefix("make ") {
                        assert!(makefile.contains(&format!("\n{target}:")), "{name}: there is no `make {target}`");
                        continue;
                    }
                    if let Some(script) = command.strip_prefix("bash ") {
                        assert!(root().join(script).is_file(), "{name}: there is no {script}");
                        continue;
                    }
                    let words = command.split([' ', ';']).collect::<Vec<_>>();
                    // What the runners bring, or a step before has installed.
                    let there =
                        ["rustup", "sudo", "cargo", "gh", "for", "cp", "cd", "grep", "sha256sum", "go", "pipx", "if"];
                    assert!(there.contains(&words[0]), "{name}: who has {command:?}?");
                    if words[0] == "cargo" && words[1] != "install" && words[1] != "deny" {
                        assert!(words.contains(&"--locked"), "{name}: {command:?} may take other versions");
                    }
                }
            }
        }
        // A comment is no part of YAML, but the reader of a commit needs it.
        for line in fs::read_to_string(path).unwrap().lines().filter(|line| line.contains("uses: ")) {
            let pinned = line.split_once('@').and_then(|(_, rest)| rest.split_once(" # v"));
            let (commit, version) = pinned.unwrap_or_else(|| panic!("{name}: no commit, or no version: {line}"));
            assert!(commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()), "{name}: {line}");
            assert!(version.split('.').count() == 3, "{name}: {line}");
        }
    }
    let templates = root().join(".github/ISSUE_TEMPLATE");
    for (name, path) in files(&templates, &templates) {
        let template = yaml(&path);
        assert!(name == "config.yml" || template["body"].as_vec().is_some_and(|body| !body.is_empty()), "{name}");
    }
    assert!(["terraform", "tofu"].contains(&cli()));
}

#[test]
fn the_targets_of_the_release_workflow_are_those_that_are_packed() {
    let release = yaml(&root().join(".github/workflows/release.yml"));
    let rows = release["jobs"]["build"]["strategy"]["matrix"]["include"].as_vec().unwrap();
    let targets: BTreeMap<_, _> =
        rows.iter().map(|row| (row["target"].as_str().unwrap(), row["runner"].as_str().unwrap())).collect();
    let script = fs::read_to_string(root().join("dist/dist.sh")).unwrap();
    let platforms = ["linux", "darwin", "windows"].into_iter().flat_map(|os| [(os, "amd64"), (os, "arm64")]);
    assert_eq!(targets.len(), platforms.clone().count());
    for (os, arch) in platforms {
        let build = Build { version: "1.0.0".to_owned(), os: os.to_owned(), arch: arch.to_owned() };
        let triple = build.triple().unwrap();
        assert!(targets.contains_key(triple), "{os}_{arch}");
        let begin = triple.rsplit_once('-').unwrap().0;
        let packed = script
            .lines()
            .any(|line| line.trim_start().starts_with(begin) && line.contains(&format!("os={os} arch={arch}")));
        assert!(packed, "dist.sh does not know {triple}");
    }
}
