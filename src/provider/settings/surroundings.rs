//! Where settings that are not written down may come from: environment variables and files. Values, so that tests can make
//! their own. The only place that reads the environment for the cloud.

use std::env;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path as FilePath, PathBuf};

/// No file of settings or certificates is larger.
const LARGEST_FILE: u64 = 1024 * 1024;

type Variable = dyn Fn(&str) -> Option<String>;
type TextFile = dyn Fn(&FilePath) -> io::Result<String>;

/// What is around this process.
pub(in crate::provider) struct Surroundings {
    /// Reads an environment variable. What is no text in it is [`char::REPLACEMENT_CHARACTER`], and refused later.
    pub(super) variable: Box<Variable>,
    /// Reads a text file, with the same sign for what is no text in it.
    pub(super) file: Box<TextFile>,
    /// Whether there is a link of this name, wherever it leads.
    pub(super) is_link: Box<dyn Fn(&FilePath) -> bool>,
}

impl Surroundings {
    /// Those of this process.
    pub(in crate::provider) fn process() -> Self {
        Surroundings {
            variable: Box::new(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned())),
            file: Box::new(small_text),
            is_link: Box::new(FilePath::is_symlink),
        }
    }

    /// The first of these variables that is set and not empty, with its name.
    pub(super) fn first(&self, names: &[&'static str]) -> Option<(String, &'static str)> {
        names.iter().find_map(|name| {
            let value = (self.variable)(name).filter(|value| !value.is_empty())?;
            Some((value, *name))
        })
    }

    /// What a file of settings says.
    pub(super) fn settings(&self, path: &FilePath) -> io::Result<String> {
        let text = (self.file)(path)?;
        if text.contains(char::REPLACEMENT_CHARACTER) {
            return Err(io::Error::other("it holds bytes that are no text (UTF-8)"));
        }
        Ok(text)
    }

    /// The path, with the home directory in place of `~`.
    pub(super) fn expanded(&self, path: &str) -> PathBuf {
        match path.strip_prefix("~/").zip(self.first(&["HOME", "USERPROFILE"])) {
            Some((rest, (home, _))) => FilePath::new(&home).join(rest),
            None => PathBuf::from(path),
        }
    }
}

/// The text of a regular file that is not too large. Anything else could keep us for ever, or fill the memory.
fn small_text(path: &FilePath) -> io::Result<String> {
    let check = |about: &fs::Metadata| match about {
        about if !about.is_file() => Err(io::Error::other("it is not a regular file")),
        about if about.len() > LARGEST_FILE => Err(too_large()),
        // What the system itself makes up says so too, and some of that never ends, or waits for something to happen.
        about if about.len() == 0 => Err(io::Error::other("it is empty")),
        _ => Ok(()),
    };
    // Before it is opened: opening a pipe waits for who writes into it.
    check(&fs::metadata(path)?)?;
    let file = fs::File::open(path)?;
    check(&file.metadata()?)?;
    let mut bytes = Vec::new();
    // It may have grown.
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(too_large());
    }
    let text = String::from_utf8_lossy(&bytes);
    // The mark that some editors put before a text is no part of it.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

fn too_large() -> io::Error {
    io::Error::other("it is larger than 1 MiB")
}

/// Why a file cannot be read, without the numbers of the operating system.
pub(super) fn unreadable(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => why.to_string(),
    }
}
