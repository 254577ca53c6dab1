//! The configuration file of KooCLI, the vendor's command line tool: profiles with keys, region and project.
//!
//! Pure: text in, profile out.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::check::odd;
use super::kept::{self, Kept, Said};
use super::table::Kind;
use crate::plugin::Diagnostic;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Profiles {
    current: String,
    profiles: Vec<Map<String, Json>>,
}

/// How to make KooCLI write keys that other programs can read.
const READABLE: &str = "KooCLI encrypts keys for itself unless it is told not to: run \
    `hcloud configure set --cli-auth-encrypt=false` and configure the profile again";

/// Picks a profile out of the file's text: the named one, or the file's current one.
pub(in crate::provider) fn pick(text: &str, name: Option<&str>, path: &str) -> Result<Kept, Diagnostic> {
    // serde's message could quote the file, and the file holds secrets: say where, not what.
    let file: Profiles = serde_json::from_str(text).map_err(|why| {
        problem(format!(
            "{path} is not valid JSON of the expected form (line {}, column {}); configure the profile again with KooCLI.",
            why.line(),
            why.column()
        ))
    })?;
    let name = name.unwrap_or(&file.current);
    if name.is_empty() {
        return Err(problem(format!("{path} has no current profile; set `profile` or HW_PROFILE.")));
    }
    let word =
        |profile: &Map<String, Json>, key| profile.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let Some(profile) = file.profiles.iter().find(|profile| word(profile, "name") == name) else {
        let known = file.profiles.iter().map(|profile| word(profile, "name")).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none" } else { &known };
        return Err(problem(format!("{path} has no profile {name:?}; it has: {known}.")));
    };
    let mode = word(profile, "mode");
    let signs_on = mode.eq_ignore_ascii_case("SSO");
    let session = profile.get("ssoAuth").and_then(|sso| sso.get("stsToken"));
    let has_session = session.is_some_and(Json::is_object);
    let whose = format!("the profile {name:?} of {path}");
    let said = |key| {
        let found = match key {
            "accessKeyId" | "secretAccessKey" | "securityToken" if signs_on => {
                session.and_then(|session| session.get(key))
            }
            _ => profile.get(key),
        };
        let what = match found {
            None | Some(Json::Null) => return Ok(None),
            Some(Json::String(text)) => {
                let said = Said { key, whose: whose.clone(), text: text.clone() };
                return Ok(Some(said).filter(|said| !said.text.is_empty()));
            }
            Some(Json::Number(_)) => kept::NUMBER,
            Some(Json::Bool(_)) => kept::TRUTH,
            Some(Json::Array(_)) => kept::LIST,
            Some(Json::Object(_)) => kept::MAP,
        };
        Err(problem(kept::no_text(key, &whose, what)))
    };
    let mut kept = Kept::of(whose.clone(), "profile", |setting| setting.profile.into_iter().collect(), said)?;
    let keys = [kept.text("access_key"), kept.text("secret_key")];
    let why = match keys {
        _ if signs_on && !has_session => {
            Some(format!("The profile {name:?} signs in through SSO and holds no keys yet; sign in with KooCLI first."))
        }
        [Some(access), Some(secret)] if is_readable(access) && is_readable(secret) => None,
        // What is wrong with these is said like of any other setting.
        [Some(access), Some(secret)] if [access, secret].iter().any(|key| odd(Kind::Key, key).is_some()) => None,
        [Some(_), Some(_)] => Some(format!("The keys of the profile {name:?} are encrypted. {READABLE}.")),
        // Which half is missing is said like everywhere.
        [Some(_), None] | [None, Some(_)] => None,
        [None, None] => {
            Some(format!("The profile {name:?} (mode {mode:?}) holds no access key and secret key. {READABLE}."))
        }
    };
    kept.unusable = why.map(problem);
    Ok(kept)
}

/// Whether a key looks like a key. Access and secret keys are short and made of letters and digits (old ones also of
/// the other signs of base64); what KooCLI encrypts is longer.
fn is_readable(key: &str) -> bool {
    key.len() <= 64 && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_'))
}

fn problem(detail: String) -> Diagnostic {
    Diagnostic::error("The shared configuration file cannot be used", detail).at("profile")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
        "current": "default", "future": {"any": 1},
        "profiles": [
            {"name": "default", "mode": "AKSK", "accessKeyId": "AK1", "secretAccessKey": "SK1", "securityToken": "",
             "region": "cn-north-4", "projectId": "p1", "agencyName": "ops", "agencyDomainName": "acme", "new": []},
            {"name": "sso", "mode": "SSO", "region": "eu-de",
             "ssoAuth": {"stsToken": {"accessKeyId": "AK2", "secretAccessKey": "SK2", "securityToken": "ST2"}}},
            {"name": "sso-out", "mode": "SSO"},
            {"name": "none", "mode": "AKSK"},
            {"name": "locked", "mode": "AKSK", "accessKeyId": "9f3c==:ab", "secretAccessKey": "very-secret="}
        ]
    }"#;

    fn keys(name: Option<&str>) -> Result<[String; 3], Diagnostic> {
        let kept = pick(FILE, name, "config.json")?;
        let texts =
            ["access_key", "secret_key", "security_token"].map(|name| kept.text(name).unwrap_or("-").to_owned());
        kept.unusable.map_or(Ok(texts), Err)
    }

    #[test]
    fn the_current_profile_and_a_named_one_give_their_keys() {
        assert_eq!(keys(None).unwrap(), ["AK1", "SK1", "-"]);
        assert_eq!(keys(Some("sso")).unwrap(), ["AK2", "SK2", "ST2"]);
        let kept = pick(FILE, None, "config.json").unwrap();
        assert_eq!((kept.text("region"), kept.text("project_id")), (Some("cn-north-4"), Some("p1")));
        assert_eq!(kept.text("assume_role.agency_name"), Some("ops"));
        assert_eq!(kept.text("assume_role.domain_name"), Some("acme"));
    }

    #[test]
    fn what_is_wrong_with_a_profile_is_said_without_its_secrets() {
        for (name, why) in [
            ("nobody", "it has: default, sso, sso-out, none, locked"),
            ("sso-out", "sign in with KooCLI first"),
            ("none", "holds no access key"),
            ("locked", "--cli-auth-encrypt=false"),
        ] {
            let said = keys(Some(name)).unwrap_err();
            assert!(said.detail.contains(why), "{name}: {}", said.detail);
            assert!(!said.detail.contains("very-secret"), "{}", said.detail);
        }
        for text in ["", "[]", r#"{"profiles": "SK-hidden"}"#] {
            let said = pick(text, None, "config.json").err().unwrap();
            assert!(said.detail.contains("config.json") && !said.detail.contains("SK-hidden"), "{}", said.detail);
        }
    }
}
