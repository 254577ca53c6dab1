//! Who we are: one source of what a request carries to be let in.
//!
//! Keys and ready tokens are used as they are. Whatever must be fetched (a password's token, the metadata service's
//! keys, an agency's keys) is fetched on first use, kept, and renewed before it expires or once after it was refused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value as Json, json};
use tokio::time::Instant;
use url::Url;

use super::authentication::Authentication;
use super::endpoint::{self, IAM};
use super::slot::{Slot, within};
use super::wire::{Outgoing, RawReply, Sender, Tries};
use super::{AssumeRole, Context, Credentials, Error, Settings};

/// How long before the end of their life things are renewed, at most.
const TOKEN_MARGIN: Duration = Duration::from_mins(10);
const METADATA_MARGIN: Duration = Duration::from_mins(40);
/// What we ask for when nobody says; the cloud would give 15 minutes.
const ROLE_SECONDS: u32 = 3600;
/// The most that the token service gives. IAM, which is asked by the account's name, gives twice that.
const STS_SECONDS: u32 = 43_200;

/// The source of all credentials, shared by all regions.
#[derive(Debug, Default)]
pub(super) struct CredentialCache {
    held: Mutex<HashMap<TokenScope, Arc<Slot<Credential>>>>,
    /// A login that was refused. It is not tried again: repeated failures lock the user.
    refused_login: tokio::sync::Mutex<Option<Error>>,
    /// The account of the access key, if it could be found.
    account_id: OnceLock<Option<String>>,
    serial: AtomicU64,
}

/// What a token is good for. Keys are good for everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum TokenScope {
    /// Keys, wherever they are used.
    Any,
    /// What an agency is assumed with.
    Account,
    /// A project by its id.
    ProjectId(String),
    /// A project by its name.
    ProjectName(String),
}

/// What we hold.
#[derive(Clone, Debug)]
pub(super) struct Credential {
    pub(super) authentication: Authentication,
    /// The project that a token is bound to.
    pub(super) project_id: Option<String>,
    /// Tells apart what was fetched at different times; zero for what cannot be fetched.
    serial: u64,
    renew_at: Option<Instant>,
    expires_at: Option<Instant>,
}

impl Credential {
    fn permanent(authentication: Authentication) -> Self {
        Credential { authentication, project_id: None, serial: 0, renew_at: None, expires_at: None }
    }

    /// Whether a new one may be had if this one is refused.
    pub(super) fn renewable(&self) -> bool {
        self.serial > 0
    }

    fn is_fresh(&self) -> bool {
        self.renew_at.is_none_or(|moment| Instant::now() < moment)
    }

    fn is_usable(&self) -> bool {
        self.expires_at.is_none_or(|moment| Instant::now() < moment)
    }
}

/// What fetching needs.
#[derive(Clone, Copy)]
pub(super) struct Access<'a> {
    pub(super) wire: &'a Sender,
    pub(super) settings: &'a Settings,
}

impl Access<'_> {
    pub(super) fn iam(&self, path: &str, query: &[(&str, &str)]) -> Result<Url, Error> {
        endpoint::join(&endpoint::iam(self.settings)?, path, query.iter().copied())
    }
}

/// Checks what nobody can know who does not know the cloud.
pub(super) fn check(settings: &Settings) -> Result<(), Error> {
    if let Credentials::Metadata { address, .. } = &settings.credentials {
        endpoint::check_metadata(address)?;
    }
    match &settings.assume_role {
        Some(AssumeRole { domain_id: Some(_), duration_seconds: Some(seconds), .. })
            if *seconds > STS_SECONDS && has_keys(settings) && endpoint::sts(settings).is_some() =>
        {
            Err(Error::Setup(format!(
                "keys of an agency live {STS_SECONDS} seconds at most when its account is given by `domain_id`, not \
                 {seconds}: lower `assume_role.duration` (HW_ASSUME_ROLE_DURATION), or give `domain_name` instead"
            )))
        }
        _ => Ok(()),
    }
}

/// Whether requests are signed: by keys of any origin.
pub(super) fn signs(settings: &Settings) -> bool {
    settings.assume_role.is_some() || has_keys(settings)
}

/// Whether what is configured is keys, or gets them.
fn has_keys(settings: &Settings) -> bool {
    !matches!(settings.credentials, Credentials::Password { .. } | Credentials::Token(_))
}

/// Whether a login was refused because of the project that its token was to be for. To IAM that is one more thing that does not
/// exist, and not even the name is in its words.
fn no_such_project(error: &Error, scope: &TokenScope, from: &str) -> Option<Error> {
    let said = error.refusal().filter(|refusal| refusal.status == 401)?;
    let words = said.message.to_ascii_lowercase();
    if !words.contains("project") {
        return None;
    }
    let project = match scope {
        TokenScope::ProjectId(id) => format!("id {id}"),
        TokenScope::ProjectName(name) => format!("name {name:?}"),
        TokenScope::Any | TokenScope::Account => return None,
    };
    let request = said.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
    let remedy = match from {
        "" => "this project is the region's: where the account has no such project, set `project_name` or `project_id`"
            .to_owned(),
        from => {
            format!("this project comes from {from}: correct it, or leave it out, then the region's project is taken")
        }
    };
    Some(Error::Setup(format!(
        "the user was not signed in for the project with the {project}: {:?}{request}; {remedy}",
        said.message.trim_end_matches('.')
    )))
}

impl CredentialCache {
    /// What a request carries now, for a project in `scope`. `call` is what it is about, for errors.
    pub(super) async fn held(
        &self,
        line: Access<'_>,
        context: &Context,
        call: &str,
        scope: &TokenScope,
    ) -> Result<Credential, Error> {
        match (&line.settings.assume_role, &line.settings.credentials) {
            (Some(role), _) => {
                let fetch = Box::pin(self.assume(line, context, call, role));
                self.slot(&TokenScope::Any).get(context, call, Credential::is_fresh, Credential::is_usable, fetch).await
            }
            (None, Credentials::Metadata { .. }) => self.fetched(line, context, call, &TokenScope::Any).await,
            (None, _) => self.fetched(line, context, call, scope).await,
        }
    }

    /// The configured credentials themselves, whomever they act for.
    pub(super) async fn own(&self, line: Access<'_>, context: &Context, call: &str) -> Result<Credential, Error> {
        self.fetched(line, context, call, &TokenScope::Account).await
    }

    /// Takes back what was refused, unless somebody has renewed it meanwhile.
    pub(super) async fn reject(
        &self,
        settings: &Settings,
        context: &Context,
        call: &str,
        scope: &TokenScope,
        held: &Credential,
    ) -> Result<(), Error> {
        let scope = if signs(settings) { &TokenScope::Any } else { scope };
        self.slot(scope).drop_if(context, call, |now| now.serial == held.serial).await
    }

    /// The configured credentials themselves, without an agency.
    async fn fetched(
        &self,
        line: Access<'_>,
        context: &Context,
        call: &str,
        scope: &TokenScope,
    ) -> Result<Credential, Error> {
        match &line.settings.credentials {
            Credentials::Key { access_key, secret_key, security_token } => {
                Ok(Credential::permanent(Authentication::Key {
                    access_key: access_key.clone(),
                    secret_key: secret_key.clone(),
                    security_token: security_token.clone(),
                }))
            }
            Credentials::Token(token) => Ok(Credential::permanent(Authentication::Token(token.clone()))),
            Credentials::Password { .. } => {
                let fetch = Box::pin(self.log_in(line, context, scope));
                self.slot(scope).get(context, call, Credential::is_fresh, Credential::is_usable, fetch).await
            }
            Credentials::Metadata { address, looked_for } => {
                let ask = self.ask_metadata(line, address, looked_for);
                let fetch = Box::pin(async { within(context, call, ask).await? });
                self.slot(scope).get(context, call, Credential::is_fresh, Credential::is_usable, fetch).await
            }
        }
    }

    fn slot(&self, scope: &TokenScope) -> Arc<Slot<Credential>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(held.entry(scope.clone()).or_default())
    }

    fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A token for user and password.
    async fn log_in(&self, line: Access<'_>, context: &Context, scope: &TokenScope) -> Result<Credential, Error> {
        let url = line.iam("/v3/auth/tokens", &[("nocatalog", "true")])?;
        let ask = Outgoing::post(IAM.key, url, login(&line.settings.credentials, scope)?);
        let mut refused = within(context, &ask.named(), self.refused_login.lock()).await?;
        if let Some(error) = &*refused {
            return Err(error.clone());
        }
        let answer = line.wire.ask(context, &ask, &Authentication::Nobody, &mut Tries::default()).await;
        let answer = answer.map_err(|error| {
            let is_final = error.refusal().is_some_and(|refusal| refusal.status == 401);
            let error = no_such_project(&error, scope, &line.settings.project_from).unwrap_or(error);
            if is_final {
                *refused = Some(error.clone());
            }
            error
        });
        let mut answer = answer?;
        let Some(token) = answer.head.subject_token.take() else {
            return Err(misread(&ask, &answer, "there is no header X-Subject-Token"));
        };
        let body = answer.body.json();
        let token_text = |pointer: &str| body.pointer(pointer).and_then(Json::as_str);
        let ends_in =
            life(token_text("/token/expires_at"), answer.head.date.or_else(|| time(token_text("/token/issued_at")?)));
        Ok(Credential {
            project_id: token_text("/token/project/id").map(str::to_owned),
            ..self.renewed(Authentication::Token(token), ends_in, |life| TOKEN_MARGIN.min(life / 24))
        })
    }

    /// Keys of the agency that this machine was given.
    async fn ask_metadata(&self, line: Access<'_>, address: &Url, looked_for: &str) -> Result<Credential, Error> {
        let failed =
            |why: &str| Error::Setup(format!("{looked_for} The metadata service at {address} was of no use: {why}."));
        let at = |path: &str| address.join(path).map_err(|why| failed(&why.to_string()));
        let ask = |method, url, header| line.wire.ask_metadata(method, url, header);

        let url = at("/meta-data/latest/api/token")?;
        let token = match ask(Method::PUT, url, ("x-metadata-token-ttl-seconds", "21600")).await {
            Ok((200..=299, text)) => String::from_utf8(text).map_err(|_| failed("its token is not text"))?,
            // Older hosts have no such tokens.
            Ok((404 | 405 | 503, _)) => String::new(),
            Ok((status, _)) => return Err(failed(&format!("it answered with status {status}"))),
            Err(why) => return Err(failed(&why)),
        };
        let url = at("/openstack/latest/securitykey")?;
        let text = match ask(Method::GET, url, ("x-metadata-token", token.trim())).await {
            Ok((200..=299, text)) => text,
            Ok((_, text)) if String::from_utf8_lossy(&text).contains("configure Cloud Service Agency first") => {
                return Err(failed("this instance has no agency"));
            }
            Ok((status, _)) => return Err(failed(&format!("it answered with status {status}"))),
            Err(why) => return Err(failed(&why)),
        };
        let json = serde_json::from_slice::<Json>(&text).unwrap_or_default();
        let (authentication, expires_at) =
            temporary(&json, &CREDENTIAL).ok_or_else(|| failed("it handed out no keys"))?;
        let ends_in = life(Some(&expires_at), None);
        Ok(self.renewed(authentication, ends_in, |life| METADATA_MARGIN.min(life / 2)))
    }

    /// Keys of an agency, with the configured credentials.
    async fn assume(
        &self,
        line: Access<'_>,
        context: &Context,
        call: &str,
        role: &AssumeRole,
    ) -> Result<Credential, Error> {
        let mut renewed = false;
        loop {
            let base = self.fetched(line, context, call, &TokenScope::Account).await?;
            match self.assume_with(line, context, role, &base).await {
                Err(error)
                    if !renewed
                        && base.renewable()
                        && error.refusal().is_some_and(super::Refusal::rejects_credentials) =>
                {
                    renewed = true;
                    let slot = self.slot(&TokenScope::Account);
                    slot.drop_if(context, call, |now| now.serial == base.serial).await?;
                }
                ended => return ended,
            }
        }
    }

    async fn assume_with(
        &self,
        line: Access<'_>,
        context: &Context,
        role: &AssumeRole,
        base: &Credential,
    ) -> Result<Credential, Error> {
        let signed = matches!(base.authentication, Authentication::Key { .. });
        let account_id = if signed { self.account_id(line, context, base).await? } else { None };
        // The token service wants a signature; everything else can be had from IAM itself.
        let sts = role.domain_id.as_deref().filter(|_| signed).zip(endpoint::sts(line.settings));
        let (ask, names) = if let Some((domain_id, sts)) = sts {
            let url = endpoint::join(&sts?, "/v5/agencies/assume", [])?;
            (Outgoing::post("sts", url, by_id(role, domain_id)), &CREDENTIALS_V5)
        } else {
            let url = line.iam("/v3.0/OS-CREDENTIAL/securitytokens", &[])?;
            (Outgoing::post(IAM.key, url, by_name(role)), &CREDENTIAL)
        };
        let ask = ask.for_account(account_id.as_deref());
        let answer = line.wire.ask(context, &ask, &base.authentication, &mut Tries::default()).await?;
        let (authentication, expires_at) = temporary(&answer.body.json(), names)
            .ok_or_else(|| misread(&ask, &answer, "it holds no keys, or only some of them"))?;
        let ends_in = life(Some(&expires_at), answer.head.date);
        Ok(self.renewed(authentication, ends_in, |life| TOKEN_MARGIN.min(life / 4)))
    }

    /// The account of the access key. Requests for an agency are signed for it; without it they mostly work, too.
    async fn account_id(
        &self,
        line: Access<'_>,
        context: &Context,
        base: &Credential,
    ) -> Result<Option<String>, Error> {
        if let Some(id) = self.account_id.get() {
            return Ok(id.clone());
        }
        let ask = Outgoing::get(IAM.key, line.iam("/v3/auth/domains", &[])?);
        let id = match line.wire.ask(context, &ask, &base.authentication, &mut Tries::default()).await {
            Ok(answer) => answer.body.json().pointer("/domains/0/id").and_then(Json::as_str).map(str::to_owned),
            Err(error @ (Error::Stopped { .. } | Error::DeadlinePassed { .. } | Error::Setup(_))) => return Err(error),
            Err(error) if error.refusal().is_some_and(super::Refusal::rejects_credentials) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "the account of the access key is unknown");
                return Ok(None);
            }
        };
        Ok(self.account_id.get_or_init(|| id).clone())
    }

    fn renewed(
        &self,
        authentication: Authentication,
        life: Option<Duration>,
        margin: fn(Duration) -> Duration,
    ) -> Credential {
        let now = Instant::now();
        // A life so long that it cannot be counted needs no renewal.
        let after = |wait: Duration| now.checked_add(wait);
        Credential {
            authentication,
            project_id: None,
            serial: self.next_serial(),
            renew_at: life.and_then(|life| after(life.saturating_sub(margin(life)))),
            expires_at: life.and_then(after),
        }
    }
}

/// Where an answer has its keys.
struct Names {
    object: &'static str,
    access_key: &'static str,
    secret_key: &'static str,
    security_token: &'static str,
    expires_at: &'static str,
}

const CREDENTIAL: Names = Names {
    object: "credential",
    access_key: "access",
    secret_key: "secret",
    security_token: "securitytoken",
    expires_at: "expires_at",
};

const CREDENTIALS_V5: Names = Names {
    object: "credentials",
    access_key: "access_key_id",
    secret_key: "secret_access_key",
    security_token: "security_token",
    expires_at: "expiration",
};

/// Temporary keys and the text of their end.
fn temporary(json: &Json, names: &Names) -> Option<(Authentication, String)> {
    let object = json.get(names.object)?;
    let text = |name: &str| object.get(name).and_then(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let authentication = Authentication::Key {
        access_key: text(names.access_key)?,
        secret_key: SecretString::from(text(names.secret_key)?),
        security_token: Some(SecretString::from(text(names.security_token)?)),
    };
    Some((authentication, text(names.expires_at).unwrap_or_default()))
}

/// How long something lives, by the cloud's clock where it is known. Unknown if the text is no time: then it is used
/// until it is refused.
fn life(expires_at: Option<&str>, now: Option<Timestamp>) -> Option<Duration> {
    let life = time(expires_at?)?.duration_since(now.unwrap_or_else(Timestamp::now));
    Some(Duration::try_from(life).unwrap_or_default())
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}

fn misread(ask: &Outgoing<'_>, answer: &RawReply, reason: &str) -> Error {
    let (product, call) = (ask.product, ask.named());
    Error::Misread { product, call, reason: reason.to_owned(), request_id: answer.head.request_id.clone() }
}

fn login(credentials: &Credentials, scope: &TokenScope) -> Result<Json, Error> {
    let Credentials::Password { user_name, user_id, password, domain_name, domain_id } = credentials else {
        return Err(Error::Setup("only a user with a password can log in".to_owned()));
    };
    let domain = match (domain_id, domain_name) {
        (Some(id), _) => Some(json!({ "id": id })),
        (None, Some(name)) => Some(json!({ "name": name })),
        (None, None) => None,
    };
    let mut user = match user_id {
        Some(id) => json!({ "id": id }),
        None => json!({ "name": user_name, "domain": domain }),
    };
    user["password"] = password.expose_secret().into();
    let scope = match scope {
        TokenScope::ProjectId(id) => json!({ "project": { "id": id } }),
        TokenScope::ProjectName(name) => match domain {
            Some(domain) => json!({ "project": { "name": name, "domain": domain } }),
            None => json!({ "project": { "name": name } }),
        },
        TokenScope::Any | TokenScope::Account => match domain {
            Some(domain) => json!({ "domain": domain }),
            None => {
                return Err(Error::Setup(
                    "to assume an agency, a user needs its account: set `domain_name`".to_owned(),
                ));
            }
        },
    };
    let identity = json!({ "methods": ["password"], "password": { "user": user } });
    Ok(json!({ "auth": { "identity": identity, "scope": scope } }))
}

fn by_name(role: &AssumeRole) -> Json {
    let mut wanted = json!({
        "agency_name": role.agency_name,
        "duration_seconds": role.duration_seconds.unwrap_or(ROLE_SECONDS),
    });
    match (&role.domain_name, &role.domain_id) {
        (Some(name), _) => wanted["domain_name"] = name.as_str().into(),
        (None, id) => wanted["domain_id"] = id.as_deref().into(),
    }
    json!({ "auth": { "identity": { "methods": ["assume_role"], "assume_role": wanted } } })
}

fn by_id(role: &AssumeRole, domain_id: &str) -> Json {
    let name = &role.agency_name;
    json!({
        "agency_urn": format!("iam::{domain_id}:agency:{name}"),
        "agency_session_name": session(name),
        "duration_seconds": role.duration_seconds.unwrap_or(ROLE_SECONDS),
    })
}

/// What the audit log of the account calls us: the agency's name in the characters and the length that a session may have.
fn session(agency_name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '=' | ',' | '.' | '@' | '-');
    let name: String = agency_name.chars().take(128).map(|c| if allowed(c) { c } else { '_' }).collect();
    format!("{name:_<2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: bool, domain: Option<bool>) -> Credentials {
        Credentials::Password {
            user_name: name.then(|| "terraform".to_owned()),
            user_id: (!name).then(|| "u1".to_owned()),
            password: "********".to_owned().into(),
            domain_name: domain.filter(|by_name| *by_name).map(|_| "ACME".to_owned()),
            domain_id: domain.filter(|by_name| !*by_name).map(|_| "d1".to_owned()),
        }
    }

    #[test]
    fn an_agency_by_its_accounts_id_is_asked_for_as_the_vendor_describes() {
        let facts: Json = serde_json::from_str(include_str!("../../tests/data/cloud-facts.json")).unwrap();
        let facts = &facts["assume_by_id"];
        let role = |name: &str| AssumeRole {
            agency_name: name.to_owned(),
            domain_name: None,
            domain_id: Some("d1".to_owned()),
            duration_seconds: None,
        };
        for (name, session) in [
            ("ops", "ops"),
            ("x", "x_"),
            ("Ops team", "Ops_team"),
            ("betrieb-für", "betrieb-f_r"),
            ("a+b=c,d.e@f", "a+b=c,d.e@f"),
        ] {
            let body = by_id(&role(name), "d1");
            assert_eq!(body["agency_session_name"], session);
            assert_eq!(body["agency_urn"], format!("iam::d1:agency:{name}"));
        }
        let body = by_id(&role(&"n".repeat(200)), "d1");
        assert_eq!(body["agency_session_name"].as_str().unwrap().len() as u64, facts["agency_session_name"]["max"]);
        for field in facts["required"].as_array().unwrap() {
            assert!(body.get(field.as_str().unwrap()).is_some(), "{field}");
        }
        assert_eq!(facts["duration_seconds"]["max"], STS_SECONDS);
        assert_eq!(facts["duration_seconds"]["default"], body["duration_seconds"]);
    }

    #[test]
    fn logins_have_the_documented_form() {
        let example = include_str!("../../tests/data/cloud-api/iam.token.request.json");
        let mut example: Json = serde_json::from_str(example).unwrap();
        // The documented body leaves the account out of the scope; the official clients always name it.
        example["auth"]["scope"]["project"]["domain"] = json!({ "name": "ACME" });
        let scope = TokenScope::ProjectName("eu-de".to_owned());
        assert_eq!(login(&user(true, Some(true)), &scope).unwrap(), example);

        for (by_name, domain, scope, expected_user, expected_scope) in [
            (
                true,
                Some(false),
                TokenScope::ProjectId("p1".to_owned()),
                json!({"name": "terraform", "domain": {"id": "d1"}}),
                json!({"project": {"id": "p1"}}),
            ),
            (false, None, scope.clone(), json!({"id": "u1"}), json!({"project": {"name": "eu-de"}})),
            (
                false,
                Some(true),
                scope,
                json!({"id": "u1"}),
                json!({"project": {"name": "eu-de", "domain": {"name": "ACME"}}}),
            ),
            (
                true,
                Some(true),
                TokenScope::Account,
                json!({"name": "terraform", "domain": {"name": "ACME"}}),
                json!({"domain": {"name": "ACME"}}),
            ),
        ] {
            let mut body = login(&user(by_name, domain), &scope).unwrap();
            assert_eq!(body["auth"]["scope"], expected_scope);
            let user = &mut body["auth"]["identity"]["password"]["user"];
            assert_eq!(user.as_object_mut().unwrap().remove("password"), Some("********".into()));
            assert_eq!(*user, expected_user);
        }
        assert!(matches!(login(&user(false, None), &TokenScope::Account), Err(Error::Setup(_))));
    }

    #[test]
    fn agencies_are_asked_for_in_the_documented_form() {
        let role = |domain_name: Option<&str>, domain_id: Option<&str>| AssumeRole {
            agency_name: "terraform-agency".to_owned(),
            domain_name: domain_name.map(str::to_owned),
            domain_id: domain_id.map(str::to_owned),
            duration_seconds: None,
        };
        let example = include_str!("../../tests/data/cloud-api/iam.assume-role.request.json");
        let example: Json = serde_json::from_str(example).unwrap();
        assert_eq!(by_name(&role(Some("TARGET"), Some("d1"))), example);
        let asked = by_name(&role(None, Some("d1")));
        assert_eq!(asked["auth"]["identity"]["assume_role"]["domain_id"], "d1");
        let asked = by_id(&AssumeRole { duration_seconds: Some(900), ..role(None, Some("d1")) }, "d1");
        let expected = json!({
            "agency_urn": "iam::d1:agency:terraform-agency", "agency_session_name": "terraform-agency", "duration_seconds": 900
        });
        assert_eq!(asked, expected);
    }

    #[test]
    fn keys_are_taken_as_a_set() {
        let example: Json =
            serde_json::from_str(include_str!("../../tests/data/cloud-api/iam.assume-role.response.json")).unwrap();
        let (authentication, expires_at) = temporary(&example, &CREDENTIAL).unwrap();
        assert!(
            matches!(authentication, Authentication::Key { access_key, security_token: Some(_), .. } if access_key == "AK0EXAMPLE000000TEMP")
        );
        assert_eq!(expires_at, "2025-06-03T09:00:00.000000Z");
        let v5 = json!({"credentials": {
            "access_key_id": "A", "secret_access_key": "S", "security_token": "T", "expiration": "2025-06-03T09:00:00Z"
        }});
        assert!(temporary(&v5, &CREDENTIALS_V5).is_some());
        for field in ["access", "secret", "securitytoken"] {
            let mut part = example.clone();
            part["credential"][field] = "".into();
            assert!(temporary(&part, &CREDENTIAL).is_none(), "{field}");
        }
    }

    #[test]
    fn lives_are_measured_by_the_clouds_clock() {
        let now = Some("2025-06-03T08:00:00Z".parse().unwrap());
        for (text, expected) in [
            ("2025-06-03T09:00:00.000000Z", Some(3600)),
            ("2025-06-03T09:00:00", Some(3600)),
            ("2025-06-03T07:00:00Z", Some(0)),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(life(Some(text), now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
