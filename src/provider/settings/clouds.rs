//! `clouds.yaml`, the file in which people of OpenStack and Open Telekom Cloud keep how they sign in: one entry for each
//! cloud, and secrets in `secure.yaml` beside it.
//!
//! Pure: texts in, entry out. What these clouds have no use for (`interface`, `identity_api_version`, …) is not looked at.

use yaml_rust2::parser::{Event, EventReceiver, Parser};
use yaml_rust2::scanner::ScanError;
use yaml_rust2::{Yaml, YamlLoader};

use super::kept::Kept;
use crate::plugin::{Diagnostic, Path};

/// A file's text, and what it is called in messages.
pub(super) struct Text<'a> {
    pub(super) path: &'a str,
    pub(super) text: &'a str,
}

/// Picks an entry. What `secure` says of it comes first.
pub(super) fn pick(clouds: &Text<'_>, secure: Option<&Text<'_>>, name: &str) -> Result<Kept, Diagnostic> {
    let public = entries(clouds)?;
    let found = public.iter().find(|(known, _)| known == name);
    let Some((_, public)) = found else {
        let known = public.iter().map(|(known, _)| known.as_str()).collect::<Vec<_>>().join(", ");
        return Err(problem(&format!("{} has no cloud {name:?}; it has: {known}.", clouds.path)));
    };
    let hidden = match secure {
        Some(secure) => entries(secure)?.into_iter().find(|(known, _)| known == name).map(|(_, entry)| entry),
        None => None,
    };
    Ok(Entry { name, path: clouds.path, public, hidden: hidden.as_ref() }.kept())
}

/// The entries of a file, by name.
fn entries(file: &Text<'_>) -> Result<Vec<(String, Yaml)>, Diagnostic> {
    // The scanner's words could quote the file, and the file holds secrets: say where, not what.
    let unreadable = |error: ScanError| {
        let (line, column) = (error.marker().line(), error.marker().col() + 1);
        problem(&format!("{} is not valid YAML (line {line}, column {column}).", file.path))
    };
    let mut form = Form::default();
    Parser::new_from_str(file.text).load(&mut form, true).map_err(unreadable)?;
    if form.has_aliases {
        return Err(problem(&format!("{} uses aliases (`*name`), which are not read here.", file.path)));
    }
    let documents = YamlLoader::load_from_str(file.text).map_err(unreadable)?;
    let clouds = documents.first().map(|document| &document["clouds"]).and_then(Yaml::as_hash);
    let Some(clouds) = clouds else {
        return Err(problem(&format!("{} has no `clouds` with entries.", file.path)));
    };
    Ok(clouds.iter().filter_map(|(name, entry)| Some((word(name)?, entry.clone()))).collect())
}

/// What a text is made of, before it is built up.
#[derive(Default)]
struct Form {
    /// Whether it refers to other parts of itself: then a short text can grow without end.
    has_aliases: bool,
}

impl EventReceiver for Form {
    fn on_event(&mut self, event: Event) {
        self.has_aliases |= matches!(event, Event::Alias(_));
    }
}

/// One cloud as two files tell of it.
struct Entry<'a> {
    name: &'a str,
    path: &'a str,
    public: &'a Yaml,
    hidden: Option<&'a Yaml>,
}

impl Entry<'_> {
    /// What is there under this name, in `auth` or beside it.
    fn text(&self, name: &str) -> Option<String> {
        let places = self.hidden.into_iter().chain([self.public]);
        let mut found = places.flat_map(|entry| [&entry["auth"][name], &entry[name]]);
        let text = found.find_map(|yaml| word(yaml).filter(|text| !text.is_empty()));
        match name {
            // The opposite of `insecure`.
            "verify" => text.map(|text| if text.eq_ignore_ascii_case("false") { "true" } else { "false" }.to_owned()),
            "region" => text.or_else(|| {
                let first = self.public["regions"].as_vec()?.first()?;
                word(first).or_else(|| word(&first["name"]))
            }),
            _ => text,
        }
    }

    fn kept(&self) -> Kept {
        let whose = format!("the entry {:?} of {}", self.name, self.path);
        let mut kept = Kept::of(whose, "cloud", |setting| setting.entry.to_vec(), |key| self.text(key));
        let has = |name| self.text(name).is_some();
        let lacks = |what: &str| {
            let hint = if self.hidden.is_some() { "" } else { NOTHING_HIDDEN };
            problem(&format!("The entry {:?} of {} {what}.{hint}", self.name, self.path))
        };
        if has("application_credential_id") || has("application_credential_name") {
            kept.unusable = Some(lacks("signs in with an application credential, which these clouds do not have"));
        } else if ["token", "access_key", "secret_key", "password"].iter().all(|name| kept.text(name).is_none()) {
            kept.unusable = Some(lacks("has no `token`, no `ak` and `sk`, and no `password`"));
        }
        kept
    }
}

const NOTHING_HIDDEN: &str = " Nothing is said of it in a `secure.yaml`.";

/// A text, also from what YAML takes for a number or a truth value.
fn word(yaml: &Yaml) -> Option<String> {
    match yaml {
        Yaml::String(text) | Yaml::Real(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        Yaml::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

pub(super) fn problem(detail: &str) -> Diagnostic {
    Diagnostic::error("The file clouds.yaml cannot be used", detail).at(Path::attribute("cloud"))
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
                    ("region", "eu-nl"),
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
            ("clouds: hid-den", "has no `clouds`"),
            ("clouds: { a: &a { region: r }, b: *a }", "aliases"),
            ("clouds: { a: &a [1], b: [*a,*a] }", "aliases"),
            (&format!("clouds: {}", "[".repeat(100_000)), "is not valid YAML"),
            ("clouds: { a: {} }", "has no cloud \"otc\"; it has: a."),
        ] {
            let said = pick(&Text { path: "clouds.yaml", text }, None, "otc").err().unwrap();
            assert!(said.detail.contains(why) && !said.detail.contains("hid-den"), "{text}: {}", said.detail);
        }
    }
}
