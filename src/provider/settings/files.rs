//! The files that settings name: certificates, the shared configuration of KooCLI, and `clouds.yaml`.

use std::io;

use super::check::wrong;
use super::clouds::{self, Text};
use super::kept::Kept;
use super::places::{Found, Place, Places};
use super::profile;
use super::surroundings::{Surroundings, unreadable};
use super::table::setting;
use crate::cloud::Authorities;
use crate::plugin::{Diagnostic, Path};

/// Certificate authorities, from a file or as they are.
pub(super) fn certificates(found: &Found, around: &Surroundings) -> Result<Authorities, Diagnostic> {
    let Found { value, from, .. } = found;
    let cannot = |detail: String| wrong(Path::attribute("cacert_file"), detail);
    if value.contains("-----BEGIN") {
        return Authorities::read(value)
            .map_err(|why| cannot(format!("The certificates in {from} cannot be used: {why}.")));
    }
    let path = around.expanded(value);
    let cannot = |why: &str| cannot(format!("{} cannot be read: {why}. {from} names it.", path.display()));
    let text = (around.file)(&path).map_err(|why| cannot(&unreadable(&why)))?;
    // Comments may be in any encoding.
    if text.contains(char::REPLACEMENT_CHARACTER) && !text.contains("-----BEGIN") {
        return Err(cannot("it is not text; `openssl x509 -inform der` writes such a file as PEM"));
    }
    Authorities::read(&text).map_err(|why| {
        let detail = format!("The certificates in {} cannot be used: {why}. {from} names it.", path.display());
        wrong(Path::attribute("cacert_file"), detail)
    })
}

/// What the file that was asked for keeps, if one was: a profile of KooCLI or an entry of `clouds.yaml`. An argument comes
/// before the environment.
pub(super) fn kept(places: &Places<'_>) -> Result<Option<Kept>, Diagnostic> {
    let asked = |place| {
        let profile = ["shared_config_file", "profile"].iter().find_map(|name| places.within(place, name));
        (profile, places.within(place, "clouds_entry"))
    };
    let around = Place::Variables("");
    let (place, asked) = match asked(Place::Block) {
        (None, None) => (around, asked(around)),
        written => (Place::Block, written),
    };
    let (found, names) = match asked {
        (Some(profile), Some(entry)) => {
            return Err(clouds::problem(
                "clouds.yaml",
                &format!(
                    "{} names an entry of it, and {} a profile of KooCLI. Remove one of them.",
                    entry.from, profile.from
                ),
            ));
        }
        (Some(_), None) => (koo_cli(places), ["shared_config_file", "profile"].as_slice()),
        (None, Some(entry)) => {
            (entry_of_clouds(&entry.value, places), ["clouds_entry", "clouds_file", "secure_file"].as_slice())
        }
        (None, None) => return Ok(None),
    };
    let told = |problem: Diagnostic| {
        let asked = names.iter().filter_map(|name| Some(places.find(name)?.from.to_string())).collect::<Vec<_>>();
        Diagnostic { detail: format!("{} It was asked for by {}.", problem.detail, asked.join(" and ")), ..problem }
    };
    match found.map_err(told) {
        Ok(kept) => Ok(Some(Kept { unusable: kept.unusable.map(told), ..kept })),
        // Other programs read `OS_CLOUD` too: it must not be in the way of credentials that come before it.
        Err(why) if place == around && names.contains(&"clouds_entry") => Ok(Some(Kept::broken("cloud", why))),
        Err(why) => Err(why),
    }
}

/// The KooCLI profile that was asked for.
fn koo_cli(places: &Places<'_>) -> Result<Kept, Diagnostic> {
    let file = places.find("shared_config_file");
    let name = places.find("profile");
    let path = places.around.expanded(file.as_ref().map_or("~/.hcloud/config.json", |file| &file.value));
    let text = places.around.settings(&path).map_err(|why| {
        let detail = format!(
            "{} cannot be read: {}. Correct the path, or remove what asks for it.",
            path.display(),
            unreadable(&why)
        );
        Diagnostic::error("The shared configuration file cannot be used", detail).at("shared_config_file")
    })?;
    profile::pick(&text, name.map(|name| name.value).as_deref(), &path.display().to_string())
}

/// The entry of `clouds.yaml` with that name. The file is the one that a variable names, else the first one there is.
fn entry_of_clouds(name: &str, places: &Places<'_>) -> Result<Kept, Diagnostic> {
    let Some((path, text)) = first_file("clouds_file", "clouds.yaml", places)? else {
        return Err(clouds::problem(
            "clouds.yaml",
            &format!(
                "There is none in this folder, in ~/.config/openstack or in /etc/openstack, and {} names none.",
                setting("clouds_file").listed(),
            ),
        ));
    };
    let secure = first_file("secure_file", "secure.yaml", places)?;
    let secure = secure.as_ref().map(|(path, text)| Text { path, text });
    clouds::pick(&Text { path: &path, text: &text }, secure.as_ref(), name)
}

/// A file of OpenStack: its path and text.
fn first_file(setting: &str, name: &str, places: &Places<'_>) -> Result<Option<(String, String)>, Diagnostic> {
    let named = places.find(setting);
    let usual = [name.to_owned(), format!("~/.config/openstack/{name}"), format!("/etc/openstack/{name}")];
    let candidates = named.as_ref().map_or_else(|| usual.to_vec(), |found| vec![found.value.clone()]);
    for path in candidates {
        let path = places.around.expanded(&path);
        match places.around.settings(&path) {
            Ok(text) => return Ok(Some((path.display().to_string(), text))),
            Err(why) if named.is_none() && why.kind() == io::ErrorKind::NotFound && !(places.around.is_link)(&path) => {
            }
            Err(why) => {
                let detail = format!("{} cannot be read: {}.", path.display(), unreadable(&why));
                return Err(clouds::problem(name, &detail));
            }
        }
    }
    Ok(None)
}
