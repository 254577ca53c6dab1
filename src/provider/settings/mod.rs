//! The provider block and the environment: who we are and where the cloud is.
//!
//! The only place that reads environment variables for the cloud. Names and order are those of the existing
//! providers for Huawei Cloud and Open Telekom Cloud: argument, then `HW_*`, then `OS_*`, then the profile of the shared
//! configuration file or the entry of `clouds.yaml`; an empty variable is unset.

mod clouds;
mod files;
mod kept;
mod schema;
mod sign_in;

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::{env, io};

use secrecy::{ExposeSecret, SecretString};

use self::kept::{Kept, Source};
use self::schema::{address, domain, odd_variables, wrong};
pub(super) use self::schema::{schema, validate};
use crate::cloud;
use crate::plugin::{Attr, Diagnostic, Diagnostics, Field as _, Path, Value, model};

model! {
    /// The provider block as it was written.
    pub struct ProviderBlock {
        pub(super) region: Attr<String>,
        pub(super) access_key: Attr<String>,
        pub(super) secret_key: Attr<SecretString>,
        pub(super) security_token: Attr<SecretString>,
        pub(super) token: Attr<SecretString>,
        pub(super) user_name: Attr<String>,
        pub(super) user_id: Attr<String>,
        pub(super) password: Attr<SecretString>,
        pub(super) domain_name: Attr<String>,
        pub(super) domain_id: Attr<String>,
        pub(super) project_id: Attr<String>,
        pub(super) project_name: Attr<String>,
        pub(super) cloud: Attr<String>,
        pub(super) endpoints: Attr<BTreeMap<String, Attr<String>>>,
        pub(super) auth_url: Attr<String>,
        pub(super) insecure: Attr<bool>,
        pub(super) cacert_file: Attr<String>,
        pub(super) max_retries: Attr<i64>,
        pub(super) preflight: Attr<bool>,
        pub(super) shared_config_file: Attr<String>,
        pub(super) profile: Attr<String>,
        pub(super) assume_role: Attr<AssumeRoleBlock>,
    }
}

model! {
    /// The `assume_role` block as it was written.
    pub struct AssumeRoleBlock {
        pub(super) agency_name: Attr<String>,
        pub(super) domain_name: Attr<String>,
        pub(super) domain_id: Attr<String>,
        pub(super) duration: Attr<i64>,
    }
}

type Variable = dyn Fn(&str) -> Option<String>;
type TextFile = dyn Fn(&FilePath) -> io::Result<String>;

/// Where settings that are not written down may come from. Values, so that tests can make their own.
pub(super) struct Surroundings {
    /// Reads an environment variable. What is no text in it is [`char::REPLACEMENT_CHARACTER`], and refused later.
    pub(super) variable: Box<Variable>,
    /// Reads a text file.
    pub(super) file: Box<TextFile>,
}

impl Surroundings {
    /// Those of this process.
    pub(super) fn process() -> Self {
        Surroundings {
            variable: Box::new(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned())),
            file: Box::new(files::small_text),
        }
    }

    /// The first of these variables that is set and not empty, with its name.
    fn first(&self, names: &[&'static str]) -> Option<(String, &'static str)> {
        names.iter().find_map(|name| {
            let value = (self.variable)(name).filter(|value| !value.is_empty())?;
            Some((value, *name))
        })
    }

    fn is_set(&self, name: &'static str) -> bool {
        self.first(&[name]).is_some()
    }

    fn value(&self, names: &[&'static str]) -> Option<String> {
        self.first(names).map(|(value, _)| value)
    }
}

const REGION: &[&str] = &["HW_REGION_NAME", "OS_REGION_NAME", "OS_REGION"];
const TOKEN: &[&str] = &["HW_AUTH_TOKEN", "OS_AUTH_TOKEN", "OS_TOKEN"];
const USER_NAME: &[&str] = &["HW_USER_NAME", "OS_USERNAME"];
const USER_ID: &[&str] = &["HW_USER_ID", "OS_USER_ID"];
const PASSWORD: &[&str] = &["HW_USER_PASSWORD", "OS_PASSWORD"];
const DOMAIN_NAME: &[&str] = &["HW_DOMAIN_NAME", "OS_DOMAIN_NAME", "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME"];
const DOMAIN_ID: &[&str] = &["HW_DOMAIN_ID", "OS_DOMAIN_ID", "OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_ID"];
const PROJECT_ID: &[&str] = &["HW_PROJECT_ID", "OS_PROJECT_ID", "OS_TENANT_ID"];
const PROJECT_NAME: &[&str] = &["HW_PROJECT_NAME", "OS_PROJECT_NAME", "OS_TENANT_NAME"];
const AUTH_URL: &[&str] = &["HW_AUTH_URL", "OS_AUTH_URL"];
const CLOUD: &[&str] = &["HW_CLOUD"];
const INSECURE: &[&str] = &["HW_INSECURE", "OS_INSECURE"];
const CACERT: &[&str] = &["OS_CACERT"];
/// As every program understands them: in capitals or not.
const PROXY: &[&str] = &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const NO_PROXY: &[&str] = &["NO_PROXY", "no_proxy"];
const MAX_RETRIES: &[&str] = &["HW_MAX_RETRIES"];
const SHARED_CONFIG_FILE: &[&str] = &["HW_SHARED_CONFIG_FILE"];
const PROFILE: &[&str] = &["HW_PROFILE"];
/// The entry of `clouds.yaml`, and where that file and the secrets beside it are.
const ENTRY: &[&str] = &["OS_CLOUD"];
const CLOUDS_FILE: &[&str] = &["OS_CLIENT_CONFIG_FILE"];
const SECURE_FILE: &[&str] = &["OS_CLIENT_SECURE_FILE"];
/// Access key, secret key and security token belong together: one of these rows is taken as a whole.
const KEY_SETS: &[[&str; 3]] =
    &[["HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_SECURITY_TOKEN"], ["OS_ACCESS_KEY", "OS_SECRET_KEY", "OS_SECURITY_TOKEN"]];

const AGENCY_NAME: &[&str] = &["HW_ASSUME_ROLE_AGENCY_NAME"];
const AGENCY_DOMAIN_NAME: &[&str] = &["HW_ASSUME_ROLE_DOMAIN_NAME"];
const AGENCY_DOMAIN_ID: &[&str] = &["HW_ASSUME_ROLE_DOMAIN_ID"];

/// The arguments whose variables hold one line of text. Certificates may be written out.
const ONE_LINE: &[(&str, &[&str])] = &[
    ("region", REGION),
    ("token", TOKEN),
    ("user_name", USER_NAME),
    ("user_id", USER_ID),
    ("password", PASSWORD),
    ("domain_name", DOMAIN_NAME),
    ("domain_id", DOMAIN_ID),
    ("project_id", PROJECT_ID),
    ("project_name", PROJECT_NAME),
    ("auth_url", AUTH_URL),
    ("cloud", CLOUD),
    ("insecure", INSECURE),
    ("max_retries", MAX_RETRIES),
    ("shared_config_file", SHARED_CONFIG_FILE),
    ("profile", PROFILE),
    ("cloud", ENTRY),
    ("cloud", CLOUDS_FILE),
    ("cloud", SECURE_FILE),
    ("assume_role", AGENCY_NAME),
    ("assume_role", AGENCY_DOMAIN_NAME),
    ("assume_role", AGENCY_DOMAIN_ID),
];

const DEFAULT_MAX_RETRIES: u32 = 5;
const METADATA: &str = "http://169.254.169.254";

/// Puts arguments, profile and environment together. The second part is warnings.
pub(super) fn resolve(
    block: &ProviderBlock,
    around: &Surroundings,
    terraform_version: &str,
) -> Result<(cloud::Settings, Diagnostics), Diagnostics> {
    let mut problems = validate(block);
    let mut warnings = Diagnostics::new();
    odd_variables(around).for_each(|problem| problems.push(problem));
    if problems.has_errors() {
        return Err(problems);
    }
    let kept = files::kept(block, around)?;
    let given = |argument: &Attr<String>, names: &[&'static str]| {
        argument.known().filter(|value| !value.is_empty()).cloned().or_else(|| around.value(names))
    };
    let from_file = |pick: fn(&Kept) -> &String| kept.as_ref().map(pick).filter(|value| !value.is_empty()).cloned();

    let region = given(&block.region, REGION).or_else(|| from_file(|kept| &kept.region));
    let region = noted(region.ok_or_else(no_region), &mut problems);
    let cloud = block.domain().or_else(|| around.value(CLOUD));
    if let Some(Err(why)) = cloud.as_deref().map(domain) {
        problems.push(wrong(Path::attribute("cloud"), &why));
    }
    let auth_url = given(&block.auth_url, AUTH_URL).or_else(|| from_file(|kept| &kept.auth_url)).map(|text| {
        let cannot = |why| wrong(Path::attribute("auth_url"), &format!("The address of IAM cannot be used: {why}."));
        address(&text).map_err(cannot)
    });
    let auth_url = noted(auth_url.transpose(), &mut problems).flatten();
    let insecure = noted(insecure(block, kept.as_ref(), around), &mut problems).unwrap_or_default();
    if insecure {
        warnings.push(unchecked_certificates());
    }
    let cacert = given(&block.cacert_file, CACERT).or_else(|| from_file(|kept| &kept.cacert));
    let cacert = cacert
        .map(|text| files::certificates(&text, around).map_err(|why| wrong(Path::attribute("cacert_file"), &why)));
    let authorities = noted(cacert.transpose(), &mut problems).flatten().unwrap_or_default();
    let max_retries = noted(max_retries(block, around), &mut problems).unwrap_or(DEFAULT_MAX_RETRIES);
    let endpoints = block.endpoints.known().map_or_else(BTreeMap::new, |endpoints| {
        endpoints.iter().filter_map(|(key, url)| Some((key.clone(), address(&filled(url)?).ok()?))).collect()
    });
    let assume_role = noted(sign_in::assume_role(block, kept.as_ref(), around), &mut problems).flatten();
    let credentials = noted(sign_in::credentials(block, kept.as_ref(), around), &mut problems);
    let (Some(region), Some(credentials), false) = (region, credentials, problems.has_errors()) else {
        return Err(problems);
    };
    if let Some(kept) = &kept
        && !kept.signs_in_with(&credentials)
    {
        warnings.push(another_identity(kept.source));
    }
    let settings = cloud::Settings {
        region,
        cloud,
        credentials,
        assume_role,
        project_id: given(&block.project_id, PROJECT_ID).or_else(|| from_file(|kept| &kept.project_id)),
        project_name: given(&block.project_name, PROJECT_NAME).or_else(|| from_file(|kept| &kept.project_name)),
        endpoints,
        auth_url,
        insecure,
        authorities,
        proxy: around
            .first(PROXY)
            .map(|(address, name)| cloud::Proxy::new(&address, name, &around.value(NO_PROXY).unwrap_or_default())),
        max_retries,
        user_agent: user_agent(terraform_version, around),
    };
    Ok((settings, warnings))
}

/// Whether the block sets nothing, and nothing else names a region: then nobody may want to call the cloud.
pub(super) fn says_nothing(block: &ProviderBlock, around: &Surroundings) -> bool {
    let empty = |value: &Value| value.is_null() || value.as_list().is_some_and(<[Value]>::is_empty);
    let is_empty = match block.clone().into_value() {
        Value::Map(members) => members.values().all(empty),
        _ => false,
    };
    let kept = || files::kept(block, around).ok().flatten();
    is_empty && around.value(REGION).is_none() && kept().is_none_or(|kept| kept.region.is_empty())
}

/// Where settings come from, in words that end "from …".
#[derive(Debug)]
pub(super) struct Origins {
    pub(super) region: String,
    pub(super) credentials: String,
    pub(super) project: String,
    pub(super) cloud: String,
    pub(super) auth_url: String,
}

/// Where resolved settings come from. The block is that of the doctor: it names no credentials.
pub(super) fn origins(found: &cloud::Settings, block: &ProviderBlock, around: &Surroundings) -> Origins {
    let kept = files::kept(block, around).ok().flatten();
    let what = kept.as_ref().map_or("nowhere", |kept| kept.source.words()).to_owned();
    let variable = |names: &[&'static str]| around.first(names).map_or("nowhere", |(_, name)| name).to_owned();
    let from_file = |pick: fn(&Kept) -> &String| kept.as_ref().map(pick).is_some_and(|value| !value.is_empty());
    let region = if filled(&block.region).is_some() {
        "the argument --region".to_owned()
    } else if around.value(REGION).is_some() || !from_file(|kept| &kept.region) {
        variable(REGION)
    } else {
        what.clone()
    };
    let credentials = match &found.credentials {
        cloud::Credentials::Metadata { .. } => "this machine".to_owned(),
        used if kept.as_ref().is_some_and(|kept| kept.signs_in_with(used)) => what.clone(),
        cloud::Credentials::Token(_) => variable(TOKEN),
        cloud::Credentials::Key { .. } => KEY_SETS
            .iter()
            .find(|[access, secret, _]| around.is_set(access) && around.is_set(secret))
            .map_or_else(|| "nowhere".to_owned(), |[access, secret, _]| format!("{access} and {secret}")),
        cloud::Credentials::Password { .. } => variable(PASSWORD),
    };
    let project = if around.value(PROJECT_ID).is_some() {
        variable(PROJECT_ID)
    } else if from_file(|kept| &kept.project_id) {
        what.clone()
    } else if around.value(PROJECT_NAME).is_none() && from_file(|kept| &kept.project_name) {
        format!("IAM, by the name in {what}")
    } else if found.project_name.is_some() {
        format!("IAM, by the name in {}", variable(PROJECT_NAME))
    } else {
        "IAM, by the region's name".to_owned()
    };
    let auth_url = if found.auth_url.is_some() && around.value(AUTH_URL).is_none() {
        what
    } else if found.auth_url.is_some() {
        variable(AUTH_URL)
    } else if found.endpoints.contains_key(cloud::IAM.key) {
        "the argument --endpoint".to_owned()
    } else {
        "the region".to_owned()
    };
    Origins { region, credentials, project, cloud: variable(CLOUD), auth_url }
}

/// The value, or nothing and one problem more: a person wants to hear of all of them at once.
fn noted<T>(found: Result<T, Diagnostic>, problems: &mut Diagnostics) -> Option<T> {
    found.map_err(|problem| problems.push(problem)).ok()
}

fn no_region() -> Diagnostic {
    let detail = format!(
        "The provider does not know which region to call. Set `region` in the provider block, or one of {}.",
        listed(REGION)
    );
    Diagnostic::error("No region", detail).at(Path::attribute("region"))
}

fn insecure(block: &ProviderBlock, kept: Option<&Kept>, around: &Surroundings) -> Result<bool, Diagnostic> {
    if let Some(insecure) = block.insecure.known() {
        return Ok(*insecure);
    }
    let Some((value, name)) = around.first(INSECURE) else {
        return Ok(kept.is_some_and(|kept| kept.verify == Some(false)));
    };
    truth(&value).ok_or_else(|| {
        wrong(Path::attribute("insecure"), &format!("{name} is {value:?}; allowed are true, false, 1, 0."))
    })
}

fn another_identity(source: Source) -> Diagnostic {
    Diagnostic::warning(
        "The file's credentials are not used",
        format!(
            "Credentials were to come from {}, but the provider block or the environment holds others, and those come first. \
             Remove either, so that nobody acts with another identity than was meant; `terraform-provider-huaweidb doctor` shows \
             which are used.",
            source.words()
        ),
    )
    .at(Path::attribute(source.argument()))
}

fn unchecked_certificates() -> Diagnostic {
    Diagnostic::warning(
        "TLS certificates are not checked",
        "`insecure` is on: anybody on the way to the cloud can read and change what is sent, credentials included. Use \
         `cacert_file` to trust a private authority instead.",
    )
    .at(Path::attribute("insecure"))
}

fn max_retries(block: &ProviderBlock, around: &Surroundings) -> Result<u32, Diagnostic> {
    if let Some(count) = block.max_retries.known() {
        return Ok(u32::try_from(*count).unwrap_or(DEFAULT_MAX_RETRIES));
    }
    let Some((value, name)) = around.first(MAX_RETRIES) else {
        return Ok(DEFAULT_MAX_RETRIES);
    };
    value
        .parse()
        .ok()
        .filter(|count| *count <= 100)
        .ok_or_else(|| wrong(Path::attribute("max_retries"), &format!("{name} is {value:?}; allowed are 0 to 100.")))
}

fn user_agent(terraform_version: &str, around: &Surroundings) -> String {
    let mut name = format!("terraform-provider-huaweidb/{} Terraform/{terraform_version}", env!("CARGO_PKG_VERSION"));
    for variable in ["HW_TF_CUSTOM_UA", "TF_APPEND_USER_AGENT"] {
        if let Some(more) = around.value(&[variable]) {
            name.push(' ');
            name.extend(more.chars().filter(|c| c.is_ascii_graphic() || *c == ' '));
        }
    }
    name
}

impl ProviderBlock {
    /// `cloud`, where it is a domain: an entry of `clouds.yaml` has no dot.
    fn domain(&self) -> Option<String> {
        filled(&self.cloud).filter(|cloud| cloud.contains('.'))
    }

    /// `cloud`, where it names an entry of `clouds.yaml`.
    fn entry(&self) -> Option<String> {
        filled(&self.cloud).filter(|cloud| !cloud.contains('.'))
    }
}

fn filled(value: &Attr<String>) -> Option<String> {
    value.known().filter(|value| !value.is_empty()).cloned()
}

fn secret(value: &Attr<SecretString>) -> Option<SecretString> {
    value.known().filter(|value| !value.expose_secret().is_empty()).cloned()
}

fn listed(names: &[&str]) -> String {
    names.join(", ")
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" => Some(true),
        "0" | "false" | "f" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
