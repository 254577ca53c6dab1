//! The files of a release, installed as a user without internet would, and the files for a public forge.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use huaweidb_dist::{Build, Entry, NAME, archive, components, licences, sbom, sums};
use huaweidb_emulator::{Emulator, Options};
use serde_json::Value as Json;
use yaml_rust2::{Yaml, YamlLoader};

use crate::docs::files;
use crate::support::cli::{Workspace, cli};
use crate::support::host::BINARY;

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

#[test]
fn a_release_is_installed_from_a_mirror_into_a_clean_home_and_applies_the_quickstart() {
    let emulator = Emulator::start_now(&Options::with_backups_of(0.3)).expect("the emulator starts");
    let home = tempfile::tempdir().unwrap();
    let mirror = home.path().join("mirror");
    let folder = mirror.join("localhost/huaweidb/huaweidb");
    fs::create_dir_all(&folder).unwrap();
    let build = release(&folder, Path::new(BINARY));

    let mut workspace = Workspace::new(&emulator);
    workspace.set("HOME", home.path().to_str().unwrap());
    workspace.set("TF_VAR_region", &emulator.region());
    workspace.set("TF_VAR_instance_id", &emulator.instance("dds"));
    workspace.write(
        "cli.tfrc",
        &format!("provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n"),
    );
    workspace.write("main.tf", &fs::read_to_string(root().join("examples/quickstart/main.tf")).unwrap());
    workspace.run(&["init"]).succeeded().says(&format!("Installed localhost/huaweidb/huaweidb v{}", build.version));
    assert!(workspace.read(".terraform.lock.hcl").contains("localhost/huaweidb/huaweidb"));
    workspace.apply();
    assert_eq!(emulator.backups().len(), 1);
    workspace.nothing_to_do();
    workspace.destroy();
    assert!(emulator.backups().is_empty());
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
    for dev in ["huaweidb-emulator", "insta", "proptest", "protox", "yaml-rust2"] {
        assert!(!names.contains(&dev), "{dev} is not shipped");
    }
    for one in parts.iter().skip(1) {
        assert!(one.sha256.is_some(), "{} has no checksum", one.name);
        assert_ne!(one.licence, "NOASSERTION", "{}", one.name);
    }
    let bill: Json = serde_json::from_str(&sbom(&parts)).unwrap();
    assert_eq!(bill["components"].as_array().unwrap().len(), parts.len() - 1);
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
            if let Some(before) = content["needs"].as_str() {
                assert!(jobs.contains_key(&Yaml::String(before.to_owned())), "{name}: {before} is no job");
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
                    let there = ["rustup", "sudo", "cargo", "gh", "for"];
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
