//! The configuration file of KooCLI, the vendor's command line tool: profiles with keys, region and project.
//!
//! Pure: text in, profile out.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::cloud;
use crate::plugin::{Diagnostic, Path};

/// One profile of the file.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Profile {
    name: String,
    mode: String,
    access_key_id: String,
    secret_access_key: SecretString,
    security_token: SecretString,
    sso_auth: Option<SsoAuth>,
    /// The profile's region; empty if it has none.
    pub(super) region: String,
    /// The profile's project id; empty if it has none.
    pub(super) project_id: String,
    /// The agency to act for; empty if there is none.
    pub(super) agency_name: String,
    /// The name of the account that the agency belongs to.
    pub(super) agency_domain_name: String,
    /// The id of the account that the agency belongs to.
    pub(super) agency_domain_id: String,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct File {
    current: String,
    profiles: Vec<Profile>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SsoAuth {
    sts_token: Option<StsToken>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StsToken {
    access_key_id: String,
    secret_access_key: SecretString,
    security_token: SecretString,
}

/// How to make KooCLI write keys that other programs can read.
const READABLE: &str = "KooCLI encrypts keys for itself unless it is told not to: run \
    `hcloud configure set --cli-auth-encrypt=false` and configure the profile again";

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("name", &self.name).field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl Profile {
    /// Picks a profile out of the file's text: the named one, or the file's current one.
    pub(super) fn pick(text: &str, name: Option<&str>, path: &str) -> Result<Self, Diagnostic> {
        // serde's message could quote the file, and the file holds secrets: say where, not what.
        let file: File = serde_json::from_str(text).map_err(|why| {
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
        let known = file.profiles.iter().map(|profile| profile.name.clone()).collect::<Vec<_>>().join(", ");
        file.profiles
            .into_iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| problem(format!("{path} has no profile {name:?}; it has: {known}.")))
    }

    /// The keys of the profile.
    pub(super) fn keys(&self) -> Result<cloud::Credentials, Diagnostic> {
        let (access_key, secret_key, security_token) = if self.mode.eq_ignore_ascii_case("SSO") {
            let token = self.sso_auth.as_ref().and_then(|sso| sso.sts_token.as_ref()).ok_or_else(|| {
                problem(format!(
                    "The profile {:?} signs in through SSO and holds no keys yet; sign in with KooCLI first.",
                    self.name
                ))
            })?;
            (&token.access_key_id, &token.secret_access_key, &token.security_token)
        } else {
            (&self.access_key_id, &self.secret_access_key, &self.security_token)
        };
        if access_key.is_empty() || secret_key.expose_secret().is_empty() {
            return Err(problem(format!(
                "The profile {:?} (mode {:?}) holds no access key and secret key. {READABLE}.",
                self.name, self.mode
            )));
        }
        if !readable(access_key) || !readable(secret_key.expose_secret()) {
            return Err(problem(format!("The keys of the profile {:?} are encrypted. {READABLE}.", self.name)));
        }
        let security_token = Some(security_token.clone()).filter(|token| !token.expose_secret().is_empty());
        Ok(cloud::Credentials::Key { access_key: access_key.clone(), secret_key: secret_key.clone(), security_token })
    }
}

/// Whether a key looks like a key. Access and secret keys are short and made of letters and digits (old ones also of
/// the other signs of base64); what KooCLI encrypts is longer.
fn readable(key: &str) -> bool {
    key.len() <= 64 && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_'))
}

fn problem(detail: String) -> Diagnostic {
    Diagnostic::error("The shared configuration file cannot be used", detail).at(Path::attribute("profile"))
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

    fn keys(name: Option<&str>) -> Result<(String, String, Option<String>), Diagnostic> {
        match Profile::pick(FILE, name, "config.json")?.keys()? {
            cloud::Credentials::Key { access_key, secret_key, security_token } => Ok((
                access_key,
                secret_key.expose_secret().to_owned(),
                security_token.map(|token| token.expose_secret().to_owned()),
            )),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_current_profile_and_a_named_one_give_their_keys() {
        assert_eq!(keys(None).unwrap(), ("AK1".into(), "SK1".into(), None));
        assert_eq!(keys(Some("sso")).unwrap(), ("AK2".into(), "SK2".into(), Some("ST2".into())));
        let profile = Profile::pick(FILE, None, "config.json").unwrap();
        assert_eq!((profile.region.as_str(), profile.project_id.as_str()), ("cn-north-4", "p1"));
        assert_eq!((profile.agency_name.as_str(), profile.agency_domain_name.as_str()), ("ops", "acme"));
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
            let said = Profile::pick(text, None, "config.json").unwrap_err();
            assert!(said.detail.contains("config.json") && !said.detail.contains("SK-hidden"), "{}", said.detail);
        }
    }
}
