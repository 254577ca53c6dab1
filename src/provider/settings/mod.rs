//! The provider block, the environment and files: who we are and where the cloud is.
//!
//! Names and order are those of the existing providers for Huawei Cloud and Open Telekom Cloud: argument, then `HW_*`, then
//! `OS_*`, then the profile of the shared configuration file or the entry of `clouds.yaml`; an empty variable is unset.
//! All settings are in one table.

mod block;
mod check;
mod clouds;
mod files;
mod kept;
mod places;
mod profile;
mod sign_in;
mod surroundings;
mod table;

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;

pub use self::block::ProviderBlock;
pub(super) use self::block::{schema, validate};
use self::check::{address, truth};
use self::kept::{Kept, Said};
use self::places::{Found, Places};
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use self::profile::pick as profile;
use self::sign_in::SignIn;
pub(super) use self::surroundings::Surroundings;
pub use self::table::{SETTINGS, Setting};
use crate::cloud;
use crate::plugin::{Diagnostic, Diagnostics};

const DEFAULT_MAX_RETRIES: u32 = 5;

/// Settings, and whatever there is to say about them.
pub(super) struct Resolved {
    pub(super) settings: cloud::Settings,
    pub(super) warnings: Diagnostics,
    /// Who says what each setting is, by its name, and `credentials`.
    pub(super) from: BTreeMap<&'static str, String>,
}

/// Puts block, environment and file together.
pub(super) fn resolve(
    block: &ProviderBlock,
    around: &Surroundings,
    terraform_version: &str,
) -> Result<Resolved, Diagnostics> {
    let mut problems = validate(block);
    let mut warnings = Diagnostics::new();
    let mut places = Places { block, around, kept: None };
    problems.extend(places.odd_variables());
    if problems.has_errors() {
        return Err(problems);
    }
    places.kept = files::kept(&places)?;
    let mut find = |name| places.find(name).and_then(|found| noted(found.checked(), &mut problems));
    let value = |found: Option<Found>| found.map(|found| found.value);

    let region = value(find("region"));
    let cloud = value(find("cloud"));
    let project_id = find("project_id");
    let project_name = find("project_name");
    let auth_url = find("auth_url");
    let insecure = find("insecure").filter(|found| truth(&found.value) == Some(true));
    let max_retries = find("max_retries").and_then(|found| found.value.parse().ok()).unwrap_or(DEFAULT_MAX_RETRIES);
    let proxy = find("proxy");
    let no_proxy = value(find("no_proxy")).unwrap_or_default();
    let authorities = find("cacert_file").map(|found| files::certificates(&found, around)).transpose();
    let authorities = noted(authorities, &mut problems).flatten().unwrap_or_default();
    let assume_role = noted(sign_in::assume_role(&places), &mut problems).flatten();
    let signed_in = noted(sign_in::credentials(&places), &mut problems);
    if places.find("region").is_none() {
        // What a broken file says of it, nobody knows: the file is what is wrong.
        let broken = places.kept.as_ref().filter(|kept| kept.is_broken).and_then(|kept| kept.unusable.clone());
        let problem = broken.unwrap_or_else(|| no_region(places.kept.as_ref()));
        if problems.iter().all(|known| *known != problem) {
            problems.push(problem);
        }
    }
    let (Some(region), Some(signed_in), false) = (region, signed_in, problems.has_errors()) else {
        return Err(problems);
    };
    if let Some(found) = &insecure {
        warnings.push(unchecked_certificates(&found.from.to_string()));
    }
    if let Some(kept) = places.kept.as_ref().filter(|kept| is_another(kept, &signed_in)) {
        warnings.push(another_identity(kept, &signed_in.from));
    }
    if let Some(said) = places.kept.as_ref().and_then(|kept| kept.unheard.as_ref()) {
        warnings.push(unheard(said));
    }
    let mut from: BTreeMap<_, _> = SETTINGS
        .iter()
        .filter_map(|setting| Some((setting.name, places.find(setting.name)?.from.to_string())))
        .collect();
    from.insert("credentials", signed_in.from);
    let settings = cloud::Settings {
        region,
        cloud,
        unsent_token: sign_in::unsent_token(&places, &signed_in.credentials),
        credentials: signed_in.credentials,
        assume_role,
        project_from: project_id
            .as_ref()
            .or(project_name.as_ref())
            .map_or_else(String::new, |found| found.from.to_string()),
        project_id: value(project_id),
        project_name: value(project_name),
        endpoints: block.endpoints().filter_map(|(key, url)| Some((key.to_owned(), address(url).ok()?))).collect(),
        auth_url: auth_url.as_ref().and_then(|found| address(&found.value).ok()),
        auth_url_from: auth_url.map(|found| found.from.to_string()).unwrap_or_default(),
        insecure: insecure.is_some(),
        authorities,
        proxy: proxy.map(|found| cloud::Proxy::new(&found.value, &found.from.to_string(), &no_proxy)),
        max_retries,
        user_agent: user_agent(terraform_version, &places),
    };
    Ok(Resolved { settings, warnings, from })
}

/// Whether the block sets nothing, and nothing else names a region: then nobody may want to call the cloud.
pub(super) fn says_nothing(block: &ProviderBlock, around: &Surroundings) -> bool {
    let mut places = Places { block, around, kept: None };
    places.kept = files::kept(&places).ok().flatten();
    block.is_empty() && places.find("region").is_none()
}

/// The value, or nothing and one problem more: a person wants to hear of all of them at once.
fn noted<T>(found: Result<T, Diagnostic>, problems: &mut Diagnostics) -> Option<T> {
    found.map_err(|problem| problems.push(problem)).ok()
}

fn no_region(kept: Option<&Kept>) -> Diagnostic {
    let several = kept.filter(|kept| kept.has_regions).map_or_else(String::new, |kept| {
        format!(" `regions` of {} may list several, and is not read: add `region_name` to it.", kept.whose)
    });
    let detail = format!(
        "The provider does not know which region to call.{several} Set `region` in the provider block, or one of {}.",
        table::setting("region").listed()
    );
    Diagnostic::error("No region", detail).at("region")
}

/// Whether somebody else acts than the file that was asked for says.
fn is_another(kept: &Kept, used: &SignIn) -> bool {
    use cloud::Credentials::{Key, Password, Token};
    let says = |name: &str, value: &str| kept.text(name) == Some(value);
    let is_same = match &used.credentials {
        _ if used.is_kept => true,
        Key { access_key, .. } => says("access_key", access_key),
        Token(token) => says("token", token.expose_secret()),
        Password { user_name, user_id, .. } => {
            user_name.as_deref() == kept.text("user_name") && user_id.as_deref() == kept.text("user_id")
        }
        cloud::Credentials::Metadata { .. } => false,
    };
    !is_same
}

fn another_identity(kept: &Kept, used: &str) -> Diagnostic {
    Diagnostic::warning(
        "The file's credentials are not used",
        format!(
            "Credentials were to come from {}, but those of {used} come first. Remove one of them, so that no other identity than the one you meant is used; `terraform-provider-huaweidb doctor` shows \
             which are used.",
            kept.whose
        ),
    )
    .at(kept.argument)
}

/// Other programs would call other addresses because of it.
fn unheard(said: &Said) -> Diagnostic {
    Diagnostic::warning(
        "Another interface of the cloud is not used",
        format!(
            "`{}` of {} is {:?}. Here the public addresses are called all the same: name others in `endpoints`.",
            said.key, said.whose, said.text
        ),
    )
    .at("cloud")
}

fn unchecked_certificates(from: &str) -> Diagnostic {
    Diagnostic::warning(
        "TLS certificates are not checked",
        format!(
            "{from} switches the check off: anybody on the way to the cloud can read and change what is sent, credentials \
             included. Use `cacert_file` to trust a private authority instead."
        ),
    )
    .at("insecure")
}

fn user_agent(terraform_version: &str, places: &Places<'_>) -> String {
    let mut name = format!("terraform-provider-huaweidb/{} Terraform/{terraform_version}", env!("CARGO_PKG_VERSION"));
    for more in ["user_agent", "user_agent_of_cli"].into_iter().filter_map(|name| places.find(name)) {
        name.push(' ');
        name.push_str(&more.value);
    }
    name
}

#[cfg(test)]
mod tests;
