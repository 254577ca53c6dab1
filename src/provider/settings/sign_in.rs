//! How to sign in, and for whom to act.

use secrecy::SecretString;
use url::Url;

use super::kept::Kept;
use super::schema::wrong;
use super::{
    AGENCY_DOMAIN_ID, AGENCY_DOMAIN_NAME, AGENCY_NAME, AssumeRoleBlock, DOMAIN_ID, DOMAIN_NAME, ENTRY, KEY_SETS,
    METADATA, PASSWORD, ProviderBlock, Surroundings, TOKEN, USER_ID, USER_NAME, filled, listed, secret,
};
use crate::cloud;
use crate::plugin::{Attr, Diagnostic, Path};

/// How to sign in: what is written in the block, else in the environment; in both a token before keys, keys before a
/// password. Then the profile or the entry of `clouds.yaml`, if one was asked for, and the instance's own agency when there is nothing at all.
pub(super) fn credentials(
    block: &ProviderBlock,
    kept: Option<&Kept>,
    around: &Surroundings,
) -> Result<cloud::Credentials, Diagnostic> {
    if let Some(token) = secret(&block.token) {
        return Ok(cloud::Credentials::Token(token));
    }
    if filled(&block.access_key).is_some() || secret(&block.secret_key).is_some() {
        return key_from_block(block, around);
    }
    if secret(&block.password).is_some() {
        return password(block, around);
    }
    if let Some(token) = around.value(TOKEN) {
        return Ok(cloud::Credentials::Token(token.into()));
    }
    for (nth, [access, secret, token]) in KEY_SETS.iter().enumerate() {
        let elsewhere = |half: usize| KEY_SETS[nth + 1..].iter().map(|set| set[half]).find(|name| around.is_set(name));
        match (around.value(&[access]), around.value(&[secret])) {
            (Some(access_key), Some(secret_key)) => {
                let security_token = around.value(&[token]).map(SecretString::from);
                return Ok(cloud::Credentials::Key { access_key, secret_key: secret_key.into(), security_token });
            }
            (Some(_), None) => return Err(half(access, secret, elsewhere(1)).at(Path::attribute("secret_key"))),
            (None, Some(_)) => return Err(half(secret, access, elsewhere(0)).at(Path::attribute("access_key"))),
            (None, None) => {}
        }
    }
    if around.value(PASSWORD).is_some() || filled(&block.user_name).is_some() || filled(&block.user_id).is_some() {
        return password(block, around);
    }
    if let Some(kept) = kept {
        return kept.credentials.clone();
    }
    Ok(cloud::Credentials::Metadata {
        address: Url::parse(METADATA).expect("a constant address is one"),
        looked_for: nothing_found(),
    })
}

/// What to say when there are no credentials anywhere: what was looked for, and where.
pub(super) fn nothing_found() -> String {
    format!(
        "No credentials were found. Looked for, in this order: `token` ({}); `access_key` and `secret_key` ({}); \
         `user_name` and `password` ({} and {}), all first in the provider block and then in these environment \
         variables; a profile in `shared_config_file` (only if it or `profile` is set); an entry of \
         clouds.yaml (only if `cloud` or {} names one); the agency of this ECS \
         instance. Set one of them.",
        listed(TOKEN),
        KEY_SETS.iter().map(|[access, secret, _]| format!("{access} and {secret}")).collect::<Vec<_>>().join(", or "),
        listed(USER_NAME),
        listed(PASSWORD),
        listed(ENTRY),
    )
}

fn key_from_block(block: &ProviderBlock, around: &Surroundings) -> Result<cloud::Credentials, Diagnostic> {
    let elsewhere = |half: usize| KEY_SETS.iter().map(|set| set[half]).find(|name| around.is_set(name));
    match (filled(&block.access_key), secret(&block.secret_key)) {
        // A security token from the environment belongs to the environment's keys, which are not used here.
        (Some(access_key), Some(secret_key)) => {
            Ok(cloud::Credentials::Key { access_key, secret_key, security_token: secret(&block.security_token) })
        }
        (Some(_), None) => Err(half("`access_key`", "`secret_key`", elsewhere(1)).at(Path::attribute("access_key"))),
        (None, _) => Err(half("`secret_key`", "`access_key`", elsewhere(0)).at(Path::attribute("secret_key"))),
    }
}

/// One half of a key pair is there. A half from another place would make a pair of nobody's.
fn half(there: &str, missing: &str, elsewhere: Option<&str>) -> Diagnostic {
    let others = KEY_SETS.iter().map(|[access, secret, _]| format!("{access} and {secret}")).collect::<Vec<_>>();
    let but = elsewhere.map_or(String::new(), |name| {
        format!(" {name} is not taken for it: halves of different places do not make a pair.")
    });
    Diagnostic::error(
        "Credentials are incomplete",
        format!(
            "{there} is set, but {missing} is not.{but} They go together: set `access_key` and `secret_key` in the \
             provider block, or the environment variables {}.",
            others.join(", or ")
        ),
    )
}

fn password(block: &ProviderBlock, around: &Surroundings) -> Result<cloud::Credentials, Diagnostic> {
    let incomplete =
        |at: &str, what: &str| Diagnostic::error("Credentials are incomplete", what).at(Path::attribute(at));
    let user_name = filled(&block.user_name).or_else(|| around.value(USER_NAME));
    let user_id = filled(&block.user_id).or_else(|| around.value(USER_ID));
    let domain_name = filled(&block.domain_name).or_else(|| around.value(DOMAIN_NAME));
    let domain_id = filled(&block.domain_id).or_else(|| around.value(DOMAIN_ID));
    let Some(password) = secret(&block.password).or_else(|| around.value(PASSWORD).map(SecretString::from)) else {
        return Err(incomplete(
            "password",
            &format!(
                "A user is set, but no password. Set `password` in the provider block, or one of {}.",
                listed(PASSWORD)
            ),
        ));
    };
    if user_name.is_none() && user_id.is_none() {
        return Err(incomplete(
            "user_name",
            &format!(
                "A password is set, but no user. Set `user_name` or `user_id` in the provider block, or one of {}, {}.",
                listed(USER_NAME),
                listed(USER_ID)
            ),
        ));
    }
    if user_id.is_none() && domain_name.is_none() && domain_id.is_none() {
        return Err(incomplete(
            "domain_name",
            &format!(
                "A user name and a password are set, but not the account they belong to. Set `domain_name` or `domain_id` \
             in the provider block, or one of {}, {}.",
                listed(DOMAIN_NAME),
                listed(DOMAIN_ID)
            ),
        ));
    }
    Ok(cloud::Credentials::Password { user_name, user_id, password, domain_name, domain_id })
}

pub(super) fn assume_role(
    block: &ProviderBlock,
    kept: Option<&Kept>,
    around: &Surroundings,
) -> Result<Option<cloud::AssumeRole>, Diagnostic> {
    let written = block.assume_role.known();
    let pick = |argument: fn(&AssumeRoleBlock) -> &Attr<String>, names: &[&'static str], from: fn(&Kept) -> &String| {
        written
            .and_then(|block| filled(argument(block)))
            .or_else(|| around.value(names))
            .or_else(|| kept.map(from).filter(|value| !value.is_empty()).cloned())
    };
    let lacks = |detail: &str| wrong(Path::attribute("assume_role"), detail);
    let agency_name = pick(|b| &b.agency_name, AGENCY_NAME, |p| &p.agency_name);
    let domain_name = pick(|b| &b.domain_name, AGENCY_DOMAIN_NAME, |p| &p.agency_domain_name);
    let domain_id = pick(|b| &b.domain_id, AGENCY_DOMAIN_ID, |p| &p.agency_domain_id);
    let Some(agency_name) = agency_name else {
        return match written {
            Some(_) => Err(lacks("`assume_role` names no agency. Set `agency_name`, or HW_ASSUME_ROLE_AGENCY_NAME.")),
            None => Ok(None),
        };
    };
    if domain_name.is_none() && domain_id.is_none() {
        return Err(lacks(
            "`assume_role` names an agency, but not the account it belongs to. Set `domain_name` or `domain_id`, or \
             HW_ASSUME_ROLE_DOMAIN_NAME or HW_ASSUME_ROLE_DOMAIN_ID.",
        ));
    }
    let variable = "HW_ASSUME_ROLE_DURATION";
    let duration_seconds = if let Some(seconds) = written.and_then(|block| block.duration.known()) {
        u32::try_from(*seconds).ok()
    } else if let Some(value) = around.value(&[variable]) {
        let seconds = value.parse().ok().filter(|seconds| (900..=86_400).contains(seconds));
        Some(seconds.ok_or_else(|| lacks(&format!("{variable} is {value:?}; allowed are 900 to 86400 seconds.")))?)
    } else {
        None
    };
    Ok(Some(cloud::AssumeRole { agency_name, domain_name, domain_id, duration_seconds }))
}
