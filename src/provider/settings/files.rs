//! The files that settings name: certificates, the shared configuration of KooCLI, and `clouds.yaml`.

use std::io;

use super::clouds::{self, Text};
use super::kept::Kept;
use super::places::{Place, Places};
use super::profile;
use super::surroundings::{Surroundings, unreadable};
use super::table::setting;
use crate::cloud::Authorities;
use crate::plugin::{Diagnostic, Path};

/// Certificate authorities, from a file or as they are.
pub(super) fn certificates(text: &str, around: &Surroundings) -> Result<Authorities, String> {
    if text.contains("-----BEGIN") {
        return Authorities::read(text).map_err(|why| format!("The certificates cannot be used: {why}."));
    }
    let path = around.expanded(text);
    let cannot = |why: &str| format!("The certificates in {} cannot be read: {why}.", path.display());
    let text = (around.file)(&path).map_err(|why| match why.kind() {
        io::ErrorKind::InvalidData => cannot("it is no text; `openssl x509 -inform der` writes such a file as PEM"),
        _ => cannot(&unreadable(&why)),
    })?;
    Authorities::read(&text).map_err(|why| cannot(&why))
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
    match asked {
        (Some(profile), Some(entry)) => Err(clouds::problem(&format!(
            "{} names an entry of it, and {} a profile of KooCLI. Remove either.",
            entry.from, profile.from
        ))),
        (Some(_), None) => koo_cli(places).map(Some),
        (None, Some(entry)) => match entry_of_clouds(&entry.value, places) {
            // Other programs read that variable too: it must not be in the way of credentials that come before it.
            Err(why) if place == around => Ok(Some(Kept::broken("cloud", why))),
            found => found.map(Some),
        },
        (None, None) => Ok(None),
    }
}

/// The KooCLI profile that was asked for.
fn koo_cli(places: &Places<'_>) -> Result<Kept, Diagnostic> {
    let file = places.find("shared_config_file");
    let name = places.find("profile");
    let path = places.around.expanded(file.as_ref().map_or("~/.hcloud/config.json", |file| &file.value));
    let text = (places.around.file)(&path).map_err(|why| {
        let asked = [&file, &name].into_iter().flatten().map(|found| found.from.to_string()).collect::<Vec<_>>();
        Diagnostic::error(
            "The shared configuration file cannot be used",
            format!(
                "{} cannot be read: {}. It was asked for by {}: correct the path, or remove what asks for it.",
                path.display(),
                unreadable(&why),
                asked.join(" and ")
            ),
        )
        .at(Path::attribute("shared_config_file"))
    })?;
    profile::pick(&text, name.map(|name| name.value).as_deref(), &path.display().to_string())
}

/// The entry of `clouds.yaml` with that name. The file is the one that a variable names, else the first one there is.
fn entry_of_clouds(name: &str, places: &Places<'_>) -> Result<Kept, Diagnostic> {
    let Some((path, text)) = first_file("clouds_file", "clouds.yaml", places)? else {
        return Err(clouds::problem(&format!(
            "There is none in this folder, in ~/.config/openstack or in /etc/openstack, and {} names none. {name:?} was asked \
             for by `cloud` or {}.",
            setting("clouds_file").listed(),
            setting("clouds_entry").listed(),
        )));
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
        match (places.around.file)(&path) {
            Ok(text) => return Ok(Some((path.display().to_string(), text))),
            Err(why) if named.is_none() && why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => {
                let from = named.map_or(String::new(), |found| format!(" {} names it.", found.from));
                let detail = format!("{} cannot be read: {}.{from}", path.display(), unreadable(&why));
                return Err(clouds::problem(&detail));
            }
        }
    }
    Ok(None)
}
