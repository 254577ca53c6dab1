//! `clouds.yaml`, the file in which people of OpenStack and Open Telekom Cloud keep how they sign in: one entry for each
//! cloud, and secrets in `secure.yaml` beside it.
//!
//! Pure: texts in, entry out. What these clouds have no use for (`interface`, `identity_api_version`, …) is not looked at.

use std::fmt::Write as _;

use secrecy::SecretString;
use yaml_rust2::parser::{Event, EventReceiver, Parser};
use yaml_rust2::scanner::ScanError;
use yaml_rust2::{Yaml, YamlLoader};

use super::kept::{Kept, Source};
use crate::cloud;
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
    /// The first of these fields that is there, in `auth` or beside it.
    fn text(&self, names: &[&str]) -> String {
        let places = self.hidden.into_iter().chain([self.public]);
        let found = places.flat_map(|entry| names.iter().flat_map(move |name| [&entry["auth"][*name], &entry[*name]]));
        found.filter_map(word).find(|text| !text.is_empty()).unwrap_or_default()
    }

    fn kept(&self) -> Kept {
        let region = self.text(&["region_name", "region"]);
        let first = self.public["regions"].as_vec().and_then(|regions| regions.first());
        let first = first.and_then(|region| word(region).or_else(|| word(&region["name"])));
        let verify = self.hidden.into_iter().chain([self.public]).find_map(|entry| entry["verify"].as_bool());
        Kept {
            source: Source::Entry,
            region: if region.is_empty() { first.unwrap_or_default() } else { region },
            project_id: self.text(&["project_id", "tenant_id"]),
            project_name: self.text(&["project_name", "tenant_name"]),
            auth_url: self.text(&["auth_url"]),
            cacert: self.text(&["cacert"]),
            verify,
            agency_name: self.text(&["agency_name"]),
            agency_domain_name: self.text(&["agency_domain_name"]),
            agency_domain_id: self.text(&["agency_domain_id"]),
            credentials: self.credentials(),
        }
    }

    fn credentials(&self) -> Result<cloud::Credentials, Diagnostic> {
        let some = |names: &[&str]| Some(self.text(names)).filter(|text| !text.is_empty());
        let secret = |names: &[&str]| some(names).map(SecretString::from);
        let lacks = |what: &str| {
            let mut detail = format!("The entry {:?} of {} {what}.", self.name, self.path);
            if self.hidden.is_none() {
                let _ = write!(detail, " Nothing is said of it in a `secure.yaml` beside it.");
            }
            problem(&detail)
        };
        if some(&["application_credential_id", "application_credential_name"]).is_some() {
            return Err(lacks("signs in with an application credential, which these clouds do not have"));
        }
        if let Some(token) = secret(&["token"]) {
            return Ok(cloud::Credentials::Token(token));
        }
        let (access_key, secret_key) = (some(&["ak", "access_key"]), secret(&["sk", "secret_key"]));
        match (access_key, secret_key) {
            (Some(access_key), Some(secret_key)) => {
                let security_token = secret(&["security_token"]);
                return Ok(cloud::Credentials::Key { access_key, secret_key, security_token });
            }
            (Some(_), None) => return Err(lacks("has an access key (`ak`), but no secret key (`sk`)")),
            (None, Some(_)) => return Err(lacks("has a secret key (`sk`), but no access key (`ak`)")),
            (None, None) => {}
        }
        let Some(password) = secret(&["password"]) else {
            return Err(lacks("has no `token`, no `ak` and `sk`, and no `password`"));
        };
        let (user_name, user_id) = (some(&["username", "user_name"]), some(&["user_id"]));
        let domain_name = some(&["user_domain_name", "domain_name", "project_domain_name"]);
        let domain_id = some(&["user_domain_id", "domain_id", "project_domain_id"]);
        if user_name.is_none() && user_id.is_none() {
            return Err(lacks("has a `password`, but neither `username` nor `user_id`"));
        }
        if user_id.is_none() && domain_name.is_none() && domain_id.is_none() {
            return Err(lacks("has a `username`, but not the account it belongs to (`user_domain_name`)"));
        }
        Ok(cloud::Credentials::Password { user_name, user_id, password, domain_name, domain_id })
    }
}

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
    use secrecy::ExposeSecret as _;

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
    auth: { ak: AK, sk: SK, project_id: 0123 }
    regions: [ { name: eu-nl } ]
    cacert: /etc/ssl/own.pem
  token: { auth: { token: t0ken } }
  app: { auth: { application_credential_id: a, application_credential_secret: hid-den } }
  half: { auth: { ak: AK } }
  nobody: { auth: { password: hid-den } }
";
    const SECURE: &str = "clouds: { otc: { auth: { password: pass-word } } }\n";

    fn picked(name: &str) -> Kept {
        let clouds = Text { path: "clouds.yaml", text: CLOUDS };
        let secure = Text { path: "secure.yaml", text: SECURE };
        pick(&clouds, Some(&secure), name).unwrap()
    }

    #[test]
    fn an_entry_is_read_with_its_secrets_from_beside_it() {
        let otc = picked("otc");
        assert_eq!((&*otc.region, &*otc.project_name, otc.verify), ("eu-de", "eu-de_team", Some(false)));
        assert_eq!(otc.auth_url, "https://iam.eu-de.otc.t-systems.com/v3");
        let Ok(cloud::Credentials::Password { user_name, password, domain_name, .. }) = otc.credentials else {
            panic!("a password was expected");
        };
        assert_eq!(user_name.as_deref(), Some("me"));
        assert_eq!(domain_name.as_deref(), Some("OTC-EU-DE-00000000001000000001"));
        assert_eq!(password.expose_secret(), "pass-word");

        let keys = picked("keys");
        assert_eq!((&*keys.region, &*keys.cacert), ("eu-nl", "/etc/ssl/own.pem"));
        assert!(matches!(&keys.credentials, Ok(cloud::Credentials::Key { access_key, .. }) if access_key == "AK"));
        assert!(matches!(picked("token").credentials, Ok(cloud::Credentials::Token(_))));
    }

    #[test]
    fn what_is_wrong_with_an_entry_is_said_without_its_secrets() {
        for (name, why) in [
            ("app", "application credential"),
            ("half", "no secret key"),
            ("nobody", "neither `username` nor `user_id`"),
        ] {
            let said = picked(name).credentials.unwrap_err();
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
