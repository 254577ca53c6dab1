//! The files that settings name: certificates and the shared configuration.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path as FilePath, PathBuf};

use super::{PROFILE, ProviderBlock, SHARED_CONFIG_FILE, Surroundings, filled};
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

/// A CA bundle, from a path or as it is.
pub(super) fn certificates(text: &str, around: &Surroundings) -> Result<String, String> {
    if text.contains("-----BEGIN") {
        return Ok(text.to_owned());
    }
    let path = expanded(text, around);
    (around.file)(&path)
        .map_err(|why| format!("The certificates in {} cannot be read: {}.", path.display(), unreadable(&why)))
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

/// The KooCLI profile, if one was asked for.
pub(super) fn profile(block: &ProviderBlock, around: &Surroundings) -> Result<Option<Profile>, Diagnostic> {
    let file = filled(&block.shared_config_file).or_else(|| around.value(SHARED_CONFIG_FILE));
    let name = filled(&block.profile).or_else(|| around.value(PROFILE));
    if file.is_none() && name.is_none() {
        return Ok(None);
    }
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
    Profile::pick(&text, name.as_deref(), &path.display().to_string()).map(Some)
}
