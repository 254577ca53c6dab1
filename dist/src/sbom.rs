//! What a binary is made of: packages out of `cargo metadata`, as a `CycloneDX` bill of materials.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::sha256;

/// A package that the binary contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as an SPDX expression.
    pub licence: String,
    /// The folder of its sources.
    pub folder: String,
    /// The checksum that the lock file holds, for packages from a registry.
    pub sha256: Option<String>,
    /// The names and versions of the packages it uses.
    pub uses: Vec<String>,
}

impl Component {
    /// The package URL, which names it everywhere.
    pub fn purl(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

/// The packages that `root` is built from and ships: its normal dependencies and theirs, itself first. What only builds
/// or tests need is left out.
pub fn components(metadata: &Json, lock: &str, root: &str) -> Result<Vec<Component>, String> {
    let packages: BTreeMap<&str, &Json> =
        array(metadata, "packages")?.iter().map(|one| (text(one, "id"), one)).collect();
    let nodes: BTreeMap<&str, &Json> =
        array(&metadata["resolve"], "nodes")?.iter().map(|one| (text(one, "id"), one)).collect();
    let root =
        packages.values().find(|one| text(one, "name") == root).ok_or(format!("{root} is not in the metadata"))?;
    let root = text(root, "id");
    let sums = checksums(lock);
    let mut seen = BTreeSet::from([root]);
    let mut waiting = vec![root];
    let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    while let Some(id) = waiting.pop() {
        for used in array(nodes.get(id).ok_or(format!("{id} is not resolved"))?, "deps")? {
            let normal = array(used, "dep_kinds")?.iter().any(|kind| kind["kind"].is_null());
            let used = text(used, "pkg");
            if !normal || is_macro(packages.get(used).copied()) {
                continue;
            }
            edges.entry(id).or_default().push(used);
            if seen.insert(used) {
                waiting.push(used);
            }
        }
    }
    let component = |id: &str| {
        let package = packages.get(id).ok_or(format!("{id} is not in the metadata"))?;
        let (name, version) = (text(package, "name").to_owned(), text(package, "version").to_owned());
        let manifest = text(package, "manifest_path").replace('\\', "/");
        let mut uses: Vec<String> =
            edges.get(id).into_iter().flatten().filter_map(|id| packages.get(id)).map(|one| purl(one)).collect();
        uses.sort();
        uses.dedup();
        Ok(Component {
            licence: package["license"].as_str().unwrap_or("NOASSERTION").replace('/', " OR "),
            folder: manifest.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned(),
            sha256: sums.get(&(name.clone(), version.clone())).cloned(),
            name,
            version,
            uses,
        })
    };
    let mut all = seen.iter().map(|id| component(id)).collect::<Result<Vec<_>, String>>()?;
    let own = component(root)?;
    all.sort_by_key(|one| (*one != own, one.purl()));
    Ok(all)
}

fn purl(package: &Json) -> String {
    format!("pkg:cargo/{}@{}", text(package, "name"), text(package, "version"))
}

/// Whether a package runs inside the compiler only.
fn is_macro(package: Option<&Json>) -> bool {
    let kinds =
        |target: &Json| target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "proc-macro"));
    package.and_then(|package| package["targets"].as_array()).is_some_and(|targets| targets.iter().any(kinds))
}

fn array<'a>(json: &'a Json, key: &str) -> Result<&'a Vec<Json>, String> {
    json[key].as_array().ok_or_else(|| format!("cargo's metadata has no {key}"))
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}

/// The checksums of a lock file by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let begin = format!("{key} = \"");
        block.lines().find_map(|line| line.strip_prefix(&begin)?.strip_suffix('"').map(str::to_owned))
    };
    let blocks = lock.split("[[package]]").skip(1);
    blocks.filter_map(|one| Some(((value(one, "name")?, value(one, "version")?), value(one, "checksum")?))).collect()
}

/// The bill of materials: `CycloneDX` 1.5, without a serial number or a time, so that equal builds have equal bills.
pub fn sbom(components: &[Component]) -> String {
    let described = |one: &Component, kind: &str| {
        let mut json = json!({
            "type": kind,
            "bom-ref": one.purl(),
            "name": one.name,
            "version": one.version,
            "licenses": [{ "expression": one.licence }],
            "purl": one.purl(),
        });
        if let Some(sum) = &one.sha256 {
            json["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
        }
        json
    };
    let (own, rest) = components.split_first().expect("a binary has at least its own package");
    let mut bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": described(own, "application") },
        "components": rest.iter().map(|one| described(one, "library")).collect::<Vec<_>>(),
        "dependencies": components.iter().map(|one| json!({ "ref": one.purl(), "dependsOn": one.uses })).collect::<Vec<_>>(),
    });
    bill["serialNumber"] = json!(serial_number(&bill.to_string()));
    format!("{bill:#}\n")
}

/// A UUID of version 8 (RFC 9562) made from what the bill says: equal builds have equal bills. Forges attest no bill without one.
fn serial_number(bill: &str) -> String {
    let mut digits = sha256(bill.as_bytes()).into_bytes();
    (digits[12], digits[16]) = (b'8', b'8');
    let part = |from: usize, to: usize| String::from_utf8_lossy(&digits[from..to]).into_owned();
    let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
    format!("urn:uuid:{}", parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_shipped_is_counted() {
        let package = |name: &str, kind: &str| {
            json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0",
                "manifest_path": format!("/src/{name}/Cargo.toml"), "targets": [{ "kind": [kind] }] })
        };
        let uses = |name: &str, kind: Json| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [package("app", "bin"), package("lib", "lib"), package("deep", "lib"), package("cc", "lib"),
                package("macros", "proc-macro"), package("tests", "lib")],
            "resolve": { "nodes": [
                { "id": "app", "deps": [uses("lib", Json::Null), uses("cc", json!("build")), uses("tests", json!("dev")),
                    uses("macros", Json::Null)] },
                { "id": "lib", "deps": [uses("deep", Json::Null)] },
                { "id": "deep", "deps": [] },
            ] },
        });
        let lock = "[[package]]\nname = \"lib\"\nversion = \"1.0.0\"\nchecksum = \"abc\"\n";
        let found = components(&metadata, lock, "app").unwrap();
        assert_eq!(found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["app", "deep", "lib"]);
        assert_eq!(found[2].sha256.as_deref(), Some("abc"));
        assert_eq!(found[2].licence, "MIT OR Apache-2.0");
        assert_eq!(found[2].uses, ["pkg:cargo/deep@1.0.0"]);
        let bill: Json = serde_json::from_str(&sbom(&found)).unwrap();
        assert_eq!(bill["components"].as_array().unwrap().len(), 2);
        assert_eq!(bill["metadata"]["component"]["name"], "app");
        assert!(components(&metadata, lock, "nobody").is_err());
    }
}
