//! The files that settings name: certificates, the shared configuration of KooCLI, and `clouds.yaml`.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path as FilePath, PathBuf};

use super::clouds::{self, Text};
use super::kept::{Kept, Source};
use super::{
    CLOUDS_FILE, ENTRY, PROFILE, ProviderBlock, SECURE_FILE, SHARED_CONFIG_FILE, Surroundings, filled, listed,
};
use crate::cloud::Authorities;
use crate::plugin::{Diagnostic, Path};
use crate::provider::shared_config::Profile;

/// No file of settings or certificates is larger.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The text of a regular file that is not too large. Anything else could keep us for ever, or fill the memory.
pub(super) fn small_text(path: &FilePath) -> io::Result<String> {
    let check = |about: &fs::Metadata| match about {
        about if !about.is_file() => Err(io::Error::other("it is no regular file")),
        about if about.len() > LARGEST_FILE => Err(too_large()),
        _ => Ok(()),
    };
    // Before it is opened: opening a pipe waits for who writes into it.
    check(&fs::metadata(path)?)?;
    let file = fs::File::open(path)?;
    check(&file.metadata()?)?;
    let mut bytes = Vec::new();
    // Those of the system's own directories say that they are empty, and some never end.
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn too_large() -> io::Error {
    io::Error::other("it is larger than 1 MiB")
}

/// Certificate authorities, from a file or as they are.
pub(super) fn certificates(text: &str, around: &Surroundings) -> Result<Authorities, String> {
    if text.contains("-----BEGIN") {
        return Authorities::read(text).map_err(|why| format!("The certificates cannot be used: {why}."));
    }
    let path = expanded(text, around);
    let cannot = |why: &str| format!("The certificates in {} cannot be read: {why}.", path.display());
    let text = (around.file)(&path).map_err(|why| match why.kind() {
        io::ErrorKind::InvalidData => cannot("it is no text; `openssl x509 -inform der` writes such a file as PEM"),
        _ => cannot(&unreadable(&why)),
    })?;
    Authorities::read(&text).map_err(|why| cannot(&why))
}

fn expanded(path: &str, around: &Surroundings) -> PathBuf {
    match path.strip_prefix("~/").zip(around.value(&["HOME", "USERPROFILE"])) {
        Some((rest, home)) => FilePath::new(&home).join(rest),
        None => PathBuf::from(path),
    }
}

/// Why a file cannot be read, without the numbers of the operating system.
fn unreadable(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        io::ErrorKind::InvalidData => "it is no text".to_owned(),
        _ => why.to_string(),
    }
}

/// What the file that was asked for keeps, if one was: a profile of KooCLI or an entry of `clouds.yaml`. An argument comes
/// before the environment.
pub(super) fn kept(block: &ProviderBlock, around: &Surroundings) -> Result<Option<Kept>, Diagnostic> {
    let profile = filled(&block.shared_config_file).is_some() || filled(&block.profile).is_some();
    let profile_around = around.value(SHARED_CONFIG_FILE).is_some() || around.value(PROFILE).is_some();
    let (entry, entry_around) = (block.entry(), around.value(ENTRY));
    match (profile, entry) {
        (true, Some(_)) => Err(clouds::problem(
            "`cloud` names an entry of it, and `shared_config_file` or `profile` a profile of KooCLI. Leave out either.",
        )),
        (true, None) => koo_cli(block, around).map(Some),
        (false, Some(name)) => entry_of_clouds(&name, around).map(Some),
        (false, None) => match (profile_around, entry_around) {
            (true, Some(_)) => Err(clouds::problem(&format!(
                "{} names an entry of it, and {} or {} a profile of KooCLI. Unset either.",
                ENTRY[0], SHARED_CONFIG_FILE[0], PROFILE[0]
            ))),
            (true, None) => koo_cli(block, around).map(Some),
            // Other programs read that variable too: it must not be in the way of credentials that come before it.
            (false, Some(name)) => {
                Ok(Some(entry_of_clouds(&name, around).unwrap_or_else(|why| Kept::of(Source::Entry, Err(why)))))
            }
            (false, None) => Ok(None),
        },
    }
}

/// The KooCLI profile that was asked for.
fn koo_cli(block: &ProviderBlock, around: &Surroundings) -> Result<Kept, Diagnostic> {
    let file = filled(&block.shared_config_file).or_else(|| around.value(SHARED_CONFIG_FILE));
    let name = filled(&block.profile).or_else(|| around.value(PROFILE));
    let path = expanded(file.as_deref().unwrap_or("~/.hcloud/config.json"), around);
    let text = (around.file)(&path).map_err(|why| {
        Diagnostic::error(
            "The shared configuration file cannot be used",
            format!(
                "{} cannot be read: {}. It was asked for by `shared_config_file`, `profile`, {} or {}: correct the path, or \
                 remove what asks for it.",
                path.display(),
                unreadable(&why),
                SHARED_CONFIG_FILE[0],
                PROFILE[0]
            ),
        )
        .at(Path::attribute("shared_config_file"))
    })?;
    let profile = Profile::pick(&text, name.as_deref(), &path.display().to_string())?;
    let credentials = profile.keys();
    Ok(Kept {
        region: profile.region,
        project_id: profile.project_id,
        agency_name: profile.agency_name,
        agency_domain_name: profile.agency_domain_name,
        agency_domain_id: profile.agency_domain_id,
        ..Kept::of(Source::Profile, credentials)
    })
}

/// The entry of `clouds.yaml` with that name. The file is the one that a variable names, else the first one there is.
fn entry_of_clouds(name: &str, around: &Surroundings) -> Result<Kept, Diagnostic> {
    let asked_for = format!("{name:?} was asked for by `cloud` or {}.", ENTRY[0]);
    let Some((path, text)) = first_file(CLOUDS_FILE, "clouds.yaml", around)? else {
        return Err(clouds::problem(&format!(
            "There is none in this folder, in ~/.config/openstack or in /etc/openstack, and {} names none. {asked_for}",
            listed(CLOUDS_FILE)
        )));
    };
    let secure = first_file(SECURE_FILE, "secure.yaml", around)?;
    let secure = secure.as_ref().map(|(path, text)| Text { path, text });
    clouds::pick(&Text { path: &path, text: &text }, secure.as_ref(), name)
}

/// A file of OpenStack: its path and text.
fn first_file(
    variable: &[&'static str],
    name: &str,
    around: &Surroundings,
) -> Result<Option<(String, String)>, Diagnostic> {
    let named = around.value(variable);
    let usual = [name.to_owned(), format!("~/.config/openstack/{name}"), format!("/etc/openstack/{name}")];
    let candidates = named.clone().map_or_else(|| usual.to_vec(), |path| vec![path]);
    for path in candidates {
        let path = expanded(&path, around);
        match (around.file)(&path) {
            Ok(text) => return Ok(Some((path.display().to_string(), text))),
            Err(why) if named.is_none() && why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => {
                let from = named.map_or(String::new(), |_| format!(" {} names it.", listed(variable)));
                let detail = format!("{} cannot be read: {}.{from}", path.display(), unreadable(&why));
                return Err(clouds::problem(&detail));
            }
        }
    }
    Ok(None)
}
