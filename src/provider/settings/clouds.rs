//! `clouds.yaml`, the file in which people of OpenStack and Open Telekom Cloud keep how they sign in: one entry for each
//! cloud, and secrets in `secure.yaml` beside it.
//!
//! Pure: texts in, entry out. What these clouds have no use for (`identity_api_version`, …) is not looked at. Nor is `regions`, a
//! list: which of them is meant, it does not say.

use yaml_rust2::parser::{Event, EventReceiver, Parser};
use yaml_rust2::scanner::ScanError;
use yaml_rust2::{Yaml, YamlLoader};

use super::check::truth;
use super::kept::{self, Kept, Said, no_text};
use crate::plugin::Diagnostic;

/// A file's text, and what it is called in messages.
pub(super) struct Text<'a> {
    pub(super) path: &'a str,
    pub(super) text: &'a str,
}

/// Picks an entry. What `secure` says of it comes first.
pub(super) fn pick(clouds: &Text<'_>, secure: Option<&Text<'_>>, name: &str) -> Result<Kept, Diagnostic> {
    let public = entries(clouds, "clouds.yaml")?;
    let Some(entry) = public.iter().find(|(known, _)| known == name) else {
        let known = public.iter().map(|(known, _)| known.as_str()).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none" } else { &known };
        return Err(problem("clouds.yaml", &format!("{} has no cloud {name:?}; it has: {known}.", clouds.path)));
    };
    let hidden = secure.map(|secure| entries(secure, "secure.yaml")).transpose()?.unwrap_or_default();
    let hidden = hidden.iter().find(|(known, _)| known == name).zip(secure);
    let layer = |kind, path: &str, yaml| Layer::new(kind, format!("the entry {name:?} of {path}"), yaml);
    let public = layer("clouds.yaml", clouds.path, &entry.1)?;
    match hidden {
        None => kept(public.whose.clone(), &[public]),
        Some(((_, yaml), secure)) => {
            kept(format!("{} and {}", public.whose, secure.path), &[layer("secure.yaml", secure.path, yaml)?, public])
        }
    }
}

/// The entries of a file of this kind, by name. A `secure.yaml` may have none.
fn entries(file: &Text<'_>, kind: &str) -> Result<Vec<(String, Yaml)>, Diagnostic> {
    let unreadable = |error: ScanError| {
        let (line, column) = (error.marker().line(), error.marker().col() + 1);
        let why = why(error.info());
        problem(kind, &format!("{} is not valid YAML (line {line}, column {column}{why}).", file.path))
    };
    let mut aliases = Aliases::default();
    Parser::new_from_str(file.text).load(&mut aliases, true).map_err(unreadable)?;
    if aliases.are_there {
        let why = "uses aliases or merge keys (`*name`), which are not read here: write each entry out";
        return Err(problem(kind, &format!("{} {why}.", file.path)));
    }
    let documents = YamlLoader::load_from_str(file.text).map_err(unreadable)?;
    // Nothing but comments.
    let is_empty = documents.iter().all(Yaml::is_null);
    if is_empty && kind == "secure.yaml" {
        return Ok(Vec::new());
    }
    let clouds = documents.first().map(|document| &document["clouds"]).and_then(Yaml::as_hash);
    let Some(clouds) = clouds else {
        return Err(problem(kind, &format!("{} has no `clouds` with entries.", file.path)));
    };
    let label = |name: &Yaml| match name {
        Yaml::Integer(number) => Some(number.to_string()),
        name => name.as_str().map(str::to_owned),
    };
    Ok(clouds.iter().filter_map(|(name, entry)| Some((label(name)?, entry.clone()))).collect())
}

/// The scanner's reason, if it is one of those that people can do something about. Its own words are not repeated: they may quote
/// the file, and the file holds secrets.
fn why(info: &str) -> &'static str {
    let known = [
        ("tab", ": a tab where blanks are needed"),
        ("mapping values are not allowed", ": a `:` followed by a blank where none may be; put the text in quotes"),
        ("simple key", ": a line without `:`, or indented differently from its neighbours"),
        ("block mapping", ": a line that is indented differently from its neighbours"),
        ("block collection", ": a line that is indented differently from its neighbours"),
        ("quoted scalar", ": a quotation mark that is not closed, or a wrong escape in quotes"),
        ("cannot start any token", ": a character that no text may begin with outside quotes"),
        ("flow", ": a bracket or brace that is not closed"),
        ("anchor", ": an `&` or `*` outside quotes"),
        ("tag", ": an `!` outside quotes"),
    ];
    known.iter().find(|(words, _)| info.contains(words)).map_or("", |(_, why)| *why)
}

/// Looks for aliases in a text before it is built up.
#[derive(Default)]
struct Aliases {
    /// Whether it refers to other parts of itself: then a short text can grow without end.
    are_there: bool,
}

impl EventReceiver for Aliases {
    fn on_event(&mut self, event: Event) {
        self.are_there |= matches!(event, Event::Alias(_));
    }
}

/// One cloud as one file tells of it.
struct Layer<'a> {
    /// The kind of file, by its usual name.
    kind: &'static str,
    /// It, in words that follow "of".
    whose: String,
    yaml: &'a Yaml,
}

impl<'a> Layer<'a> {
    fn new(kind: &'static str, whose: String, yaml: &'a Yaml) -> Result<Self, Diagnostic> {
        for (part, yaml) in [("", yaml), ("`auth` of ", &yaml["auth"])] {
            if !matches!(yaml, Yaml::Hash(_) | Yaml::Null | Yaml::BadValue) {
                let detail = format!("A map of settings is expected, but {part}{whose} is {}.", what(yaml));
                return Err(problem(kind, &detail));
            }
        }
        Ok(Layer { kind, whose, yaml })
    }

    /// What is there under this key, in `auth` or beside it.
    fn said(&self, key: &'static str) -> Result<Option<Said>, Diagnostic> {
        for yaml in [&self.yaml["auth"][key], &self.yaml[key]] {
            let text = match (key, yaml) {
                (_, Yaml::Null | Yaml::BadValue) => continue,
                (_, Yaml::String(text)) if text.is_empty() => continue,
                // The opposite of `insecure`.
                ("verify", Yaml::Boolean(checks)) => (!checks).to_string(),
                ("verify", Yaml::String(text)) => {
                    truth(text).map_or_else(|| text.clone(), |checks| (!checks).to_string())
                }
                (_, Yaml::String(text)) => text.clone(),
                (_, other) => return Err(problem(self.kind, &no_text(key, &self.whose, what(other)))),
            };
            return Ok(Some(Said { key, whose: self.whose.clone(), text }));
        }
        Ok(None)
    }
}

/// What the layers say together, the first before the others.
fn kept(whose: String, layers: &[Layer<'_>]) -> Result<Kept, Diagnostic> {
    let said = |key| layers.iter().find_map(|layer| layer.said(key).transpose()).transpose();
    let mut kept = Kept::of(whose, "cloud", |setting| setting.entry.to_vec(), said)?;
    kept.has_regions = kept.text("region").is_none()
        && layers.iter().any(|layer| matches!(layer.yaml["regions"], Yaml::Array(_) | Yaml::Hash(_)));
    // `publicURL` is an old name of the same.
    kept.unheard = said("interface")?.filter(|said| !said.text.starts_with("public"));
    let has = |key| layers.iter().any(|layer| layer.said(key).is_ok_and(|said| said.is_some()));
    let hint = if layers.len() > 1 { "" } else { NOTHING_HIDDEN };
    let lacks = |what: &str| problem("clouds.yaml", &format!("{} {what}.{hint}", kept.whose.replacen('t', "T", 1)));
    if has("application_credential_id") || has("application_credential_name") {
        kept.unusable = Some(lacks("signs in with an application credential, which these clouds do not have"));
    } else if ["token", "access_key", "secret_key", "password"].iter().all(|name| kept.text(name).is_none()) {
        kept.unusable = Some(lacks("has no `token`, no `ak` and `sk`, and no `password`"));
    }
    Ok(kept)
}

const NOTHING_HIDDEN: &str = " Nothing is said of it in a `secure.yaml`.";

/// What is there, in a word.
fn what(yaml: &Yaml) -> &'static str {
    match yaml {
        Yaml::Integer(_) | Yaml::Real(_) => kept::NUMBER,
        Yaml::Boolean(_) => kept::TRUTH,
        Yaml::Array(_) => kept::LIST,
        Yaml::Hash(_) => kept::MAP,
        Yaml::String(_) => "a string",
        Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => "nothing",
    }
}

/// What is wrong with a file of this kind.
pub(super) fn problem(kind: &str, detail: &str) -> Diagnostic {
    let said = match kind {
        "secure.yaml" => Diagnostic::error("The file secure.yaml cannot be used", detail),
        _ => Diagnostic::error("The file clouds.yaml cannot be used", detail),
    };
    said.at("cloud")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOUDS: &str = "\
clouds:
  otc:
    auth:
      auth_url: https://iam.eu-de.otc.t-systems.com/v3
      username: me
      user_domain_name: OTC-EU-DE-00000000001000000001
      project_name: eu-de_team
    region_name: eu-de
    interface: public
    identity_api_version: 3
    verify: false
  keys:
    auth: { ak: AK, sk: SK, project_id: '0123' }
    regions: [ { name: eu-nl } ]
    region_name: eu-ch2
    interface: internal
    cacert: /etc/ssl/own.pem
  token: { auth: { token: t0ken } }
  app: { auth: { application_credential_id: a, application_credential_secret: hid-den } }
  empty: { auth: { username: me } }
";
    const SECURE: &str = "clouds: { otc: { auth: { password: pass-word } } }\n";

    fn picked(name: &str) -> Kept {
        let clouds = Text { path: "clouds.yaml", text: CLOUDS };
        let secure = Text { path: "secure.yaml", text: SECURE };
        pick(&clouds, Some(&secure), name).unwrap()
    }

    #[test]
    fn an_entry_is_read_with_its_secrets_from_beside_it() {
        for (name, expected) in [
            (
                "otc",
                [
                    ("region", "eu-de"),
                    ("project_name", "eu-de_team"),
                    ("insecure", "true"),
                    ("auth_url", "https://iam.eu-de.otc.t-systems.com/v3"),
                    ("user_name", "me"),
                    ("domain_name", "OTC-EU-DE-00000000001000000001"),
                    ("password", "pass-word"),
                ]
                .as_slice(),
            ),
            (
                "keys",
                &[
                    ("region", "eu-ch2"),
                    ("cacert_file", "/etc/ssl/own.pem"),
                    ("access_key", "AK"),
                    ("secret_key", "SK"),
                    ("project_id", "0123"),
                ],
            ),
            ("token", &[("token", "t0ken")]),
        ] {
            let kept = picked(name);
            assert!(kept.unusable.is_none(), "{name}");
            assert_eq!(kept.unheard.as_ref().is_some_and(|said| said.text == "internal"), name == "keys", "{name}");
            let found = expected.iter().map(|(setting, _)| (*setting, kept.text(setting).unwrap_or_default()));
            assert_eq!(found.collect::<Vec<_>>(), expected, "{name}");
            assert_eq!(kept.texts.len(), expected.len(), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_entry_is_said_without_its_secrets() {
        for (name, why) in [("app", "application credential"), ("empty", "no `password`. Nothing is said of it in a")] {
            let said = picked(name).unusable.unwrap();
            assert!(said.detail.contains(why) && !said.detail.contains("hid-den"), "{}", said.detail);
        }
        for (text, why) in [
            ("clouds: [hid-den", "is not valid YAML (line"),
            ("", "has no `clouds`"),
            ("clouds:\n  otc:\n\tauth: hid-den", "column 2: a tab where blanks are needed)"),
            ("clouds:\n  otc: { password: 'hid-den }", ": a quotation mark that is not closed"),
            ("clouds:\n  otc:\n    password: hid: den", "a `:` followed by a blank where none may be"),
            ("clouds:\n  otc: { interface: [internal], ak: a, sk: hid-den }", "`interface` of the entry"),
            ("clouds: hid-den", "has no `clouds`"),
            ("clouds: { a: &a { region: r }, b: *a }", "aliases"),
            ("clouds: { a: &a [1], b: [*a,*a] }", "aliases"),
            (&format!("clouds: {}", "[".repeat(100_000)), "is not valid YAML"),
            ("clouds: {}", "has no cloud \"otc\"; it has: none."),
            ("clouds: { a: {} }", "has no cloud \"otc\"; it has: a."),
        ] {
            let said = pick(&Text { path: "clouds.yaml", text }, None, "otc").err().unwrap();
            assert!(said.detail.contains(why) && !said.detail.contains("hid-den"), "{text}: {}", said.detail);
        }
    }

    #[test]
    fn a_secure_yaml_may_hold_nothing_and_is_named_when_it_is_wrong() {
        let clouds = Text { path: "clouds.yaml", text: CLOUDS };
        for text in ["", "# nothing yet\n", "---\n", "---\n# x\n---\n"] {
            let secure = Text { path: "secure.yaml", text };
            assert!(pick(&clouds, Some(&secure), "keys").is_ok(), "{text:?}");
        }
        for text in ["clouds: [hid-den", "other: hid-den", "clouds: { keys: { auth: { sk: 5 } } }"] {
            let secure = Text { path: "secure.yaml", text };
            let said = pick(&clouds, Some(&secure), "keys").err().unwrap();
            assert_eq!(said.summary, "The file secure.yaml cannot be used", "{text:?}: {}", said.detail);
            assert!(!said.detail.contains("hid-den"), "{}", said.detail);
        }
    }
}
