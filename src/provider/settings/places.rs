//! In which order places are asked for a setting, and what is found there: the block, the environment, then a file.

use std::fmt;

use super::block::{ProviderBlock, path};
use super::check::{fault, odd, wrong};
use super::kept::{Kept, Said};
use super::surroundings::Surroundings;
use super::table::{Kind, SETTINGS, Setting, setting};
use crate::plugin::{Diagnostic, Path};

/// A place that may hold credentials, which are never put together from several.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The provider block.
    Block,
    /// The environment variables that begin so.
    Variables(&'static str),
    /// A profile of KooCLI or an entry of `clouds.yaml`.
    File,
}

/// The order of the places.
const ORDER: [Place; 4] = [Place::Block, Place::Variables("HW_"), Place::Variables(""), Place::File];

/// What a setting is, and who says so. There is no `Debug`: some of it is secret.
pub(super) struct Found {
    pub(super) value: String,
    pub(super) from: From,
    setting: &'static Setting,
}

/// Who says what a setting is; as people write it.
#[derive(Clone, Debug)]
pub(super) enum From {
    Argument(&'static str),
    Variable(&'static str),
    File { key: &'static str, whose: String },
}

impl fmt::Display for From {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            From::Argument(name) => write!(out, "`{name}`"),
            From::Variable(name) => out.write_str(name),
            From::File { key, whose } => write!(out, "`{key}` of {whose}"),
        }
    }
}

impl Found {
    /// Why it is not what its kind must be.
    pub(super) fn fault(&self) -> Option<Diagnostic> {
        let why = fault(self.setting.kind, &self.value)?;
        Some(wrong(self.setting.at(), format!("{} {why}.", self.from)))
    }

    /// It, if it is what its kind must be.
    pub(super) fn checked(self) -> Result<Self, Diagnostic> {
        self.fault().map_or(Ok(self), Err)
    }

    /// The argument that it stands for.
    pub(super) fn argument(&self) -> &'static str {
        self.setting.name
    }
}

impl Setting {
    /// Where a message about it points.
    fn at(&self) -> Path {
        self.argument.map_or_else(Path::default, path)
    }

    /// What somebody who wants to set it in this place would write.
    pub(super) fn called_in(&self, place: Place, kept: Option<&Kept>) -> String {
        let profile = self.profile.filter(|_| kept.is_some_and(|kept| kept.argument == "profile"));
        match place {
            Place::Block => format!("`{}`", self.name),
            Place::Variables(prefix) => {
                self.variables.iter().find(|name| name.starts_with(prefix)).copied().unwrap_or_default().to_owned()
            }
            Place::File => format!("`{}`", profile.or(self.entry.first().copied()).unwrap_or(self.name)),
        }
    }
}

/// All places together.
pub(super) struct Places<'a> {
    pub(super) block: &'a ProviderBlock,
    pub(super) around: &'a Surroundings,
    pub(super) kept: Option<Kept>,
}

impl Places<'_> {
    /// What this place alone says.
    pub(super) fn within(&self, place: Place, name: &str) -> Option<Found> {
        let setting = setting(name);
        match place {
            Place::Block => self.written(setting),
            Place::Variables(prefix) => self.variable(setting, prefix),
            Place::File => self.kept(setting),
        }
    }

    /// What the first place says that says anything of it, or of the thing that it is the name or the id of: a project's name
    /// in the block counts, whatever id the environment has.
    pub(super) fn find(&self, name: &str) -> Option<Found> {
        self.first(&ORDER, name)
    }

    /// What the first place before any file says of it.
    pub(super) fn before_files(&self, name: &str) -> Option<Found> {
        self.first(&ORDER[..3], name)
    }

    fn first(&self, order: &[Place], name: &str) -> Option<Found> {
        let says_other = |place| setting(name).other.is_some_and(|other| self.within(place, other).is_some());
        let says = |place: &Place| self.within(*place, name).map(Some).or_else(|| says_other(*place).then_some(None));
        order.iter().find_map(says).flatten()
    }

    /// The variables that hold what nobody meant, whether they are used or not.
    pub(super) fn odd_variables(&self) -> impl Iterator<Item = Diagnostic> {
        let variables = SETTINGS.iter().flat_map(|setting| setting.variables.iter().map(move |name| (setting, *name)));
        variables.filter_map(|(setting, name)| {
            let why = odd(setting.kind, &(self.around.variable)(name)?)?;
            Some(wrong(setting.at(), format!("{name} {why}.")))
        })
    }

    fn written(&self, setting: &'static Setting) -> Option<Found> {
        // `cloud` is a domain, or without a dot an entry of clouds.yaml.
        let (argument, dot) = match (setting.name, setting.argument) {
            ("clouds_entry", _) => ("cloud", Some(false)),
            (_, Some(argument)) => (argument, (setting.kind == Kind::Domain).then_some(true)),
            (_, None) => return None,
        };
        let value = self.block.text(argument).filter(|text| dot.is_none_or(|dot| text.contains('.') == dot))?;
        Some(Found { value, from: From::Argument(argument), setting })
    }

    fn variable(&self, setting: &'static Setting, prefix: &str) -> Option<Found> {
        let names: Vec<&str> = setting.variables.iter().copied().filter(|name| name.starts_with(prefix)).collect();
        let (value, name) = self.around.first(&names)?;
        Some(Found { value, from: From::Variable(name), setting })
    }

    fn kept(&self, setting: &'static Setting) -> Option<Found> {
        let Said { key, whose, text } = self.kept.as_ref()?.texts.get(setting.name)?.clone();
        Some(Found { value: text, from: From::File { key, whose }, setting })
    }
}
