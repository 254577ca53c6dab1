//! The provider block and the environment: who we are and where the cloud is.
//!
//! The only place that reads environment variables for the cloud. Names and order are those of the existing
//! providers for Huawei Cloud and Open Telekom Cloud: argument, then `HW_*`, then `OS_*`; an empty variable is unset.
//! `OS_CLOUD` is not read: it names an entry of `clouds.yaml`, while `cloud` and `HW_CLOUD` are a domain.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};
use std::{env, fs, io};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::shared_config::Profile;
use crate::backup;
use crate::cloud;
use crate::plugin::{Attr, Attribute, Diagnostic, Diagnostics, NestedBlock, Path, Schema, Type, model};

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
    /// Reads an environment variable.
    pub(super) variable: Box<Variable>,
    /// Reads a text file.
    pub(super) file: Box<TextFile>,
}

impl Surroundings {
    /// Those of this process.
    pub(super) fn process() -> Self {
        Surroundings { variable: Box::new(|name| env::var(name).ok()), file: Box::new(|path| fs::read_to_string(path)) }
    }

    /// The first of these variables that is set and not empty, with its name.
    fn first(&self, names: &[&'static str]) -> Option<(String, &'static str)> {
        names.iter().find_map(|name| {
            let value = (self.variable)(name).filter(|value| !value.is_empty())?;
            Some((value, *name))
        })
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
const MAX_RETRIES: &[&str] = &["HW_MAX_RETRIES"];
const SHARED_CONFIG_FILE: &[&str] = &["HW_SHARED_CONFIG_FILE"];
const PROFILE: &[&str] = &["HW_PROFILE"];
/// Access key, secret key and security token belong together: one of these rows is taken as a whole.
const KEY_SETS: &[[&str; 3]] =
    &[["HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_SECURITY_TOKEN"], ["OS_ACCESS_KEY", "OS_SECRET_KEY", "OS_SECURITY_TOKEN"]];

const DEFAULT_MAX_RETRIES: u32 = 5;
const METADATA: &str = "http://169.254.169.254";

/// The schema of the provider block.
pub(super) fn schema() -> Schema {
    let text = |name: &'static str, description: &str| Attribute::string(name).optional().describe(description);
    Schema::new(
        "Takes, watches, finds and deletes manual database backups on Huawei Cloud and Open Telekom Cloud. Every \
         argument may be left out and given by an environment variable; an argument wins over `HW_*`, and `HW_*` over \
         `OS_*`. Nothing is called before an operation needs it.",
    )
    .attribute(text(
        "region",
        "Region whose services are called, such as `eu-de` or `cn-north-4`. Default: `HW_REGION_NAME`, \
         `OS_REGION_NAME`, `OS_REGION`, or the profile's region. Resources and data sources may name another one.",
    ))
    .attribute(text(
        "access_key",
        "Access key id; goes with `secret_key`. Default: `HW_ACCESS_KEY`, `OS_ACCESS_KEY`. Key, secret and security \
         token are taken together, from the first of these places that has them.",
    ).sensitive())
    .attribute(text("secret_key", "Secret access key; goes with `access_key`. Default: `HW_SECRET_KEY`, `OS_SECRET_KEY`.").sensitive())
    .attribute(text(
        "security_token",
        "Security token of a temporary access key. Default: `HW_SECURITY_TOKEN`, `OS_SECURITY_TOKEN`.",
    ).sensitive())
    .attribute(text(
        "token",
        "Ready IAM token of the project, instead of keys; it cannot be renewed when it expires. Default: \
         `HW_AUTH_TOKEN`, `OS_AUTH_TOKEN`, `OS_TOKEN`.",
    ).sensitive())
    .attribute(text(
        "user_name",
        "IAM user's name, instead of keys; goes with `password` and the account (`domain_name` or `domain_id`). \
         Default: `HW_USER_NAME`, `OS_USERNAME`.",
    ))
    .attribute(text("user_id", "IAM user's id, instead of `user_name`. Default: `HW_USER_ID`, `OS_USER_ID`."))
    .attribute(text("password", "IAM user's password. Default: `HW_USER_PASSWORD`, `OS_PASSWORD`.").sensitive())
    .attribute(text(
        "domain_name",
        "Name of the account that the IAM user belongs to. Default: `HW_DOMAIN_NAME`, `OS_DOMAIN_NAME`, \
         `OS_USER_DOMAIN_NAME`, `OS_PROJECT_DOMAIN_NAME`.",
    ))
    .attribute(text(
        "domain_id",
        "Id of that account, instead of its name. Default: `HW_DOMAIN_ID`, `OS_DOMAIN_ID`, `OS_USER_DOMAIN_ID`, \
         `OS_PROJECT_DOMAIN_ID`.",
    ))
    .attribute(text(
        "project_id",
        "Project id in `region`. Default: `HW_PROJECT_ID`, `OS_PROJECT_ID`, `OS_TENANT_ID`; if none is set it is \
         looked up once by the project's name.",
    ))
    .attribute(text(
        "project_name",
        "Project name in `region`, such as `eu-de_team1`. Default: `HW_PROJECT_NAME`, `OS_PROJECT_NAME`, \
         `OS_TENANT_NAME`, or the region's name.",
    ))
    .attribute(text(
        "cloud",
        "Domain of the cloud: `myhuaweicloud.com`, `myhuaweicloud.eu`, `otc.t-systems.com`, or the domain of a \
         private cloud. Default: `HW_CLOUD`, or what the region belongs to. `OS_CLOUD` is not read.",
    ))
    .attribute(
        Attribute::map("endpoints", Type::String).optional().describe(format!(
            "Addresses instead of the cloud's usual ones, by service: {}, `iam`. Plain `http` is accepted for this \
             machine only. Default: the cloud's own.",
            service_keys().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
        )),
    )
    .attribute(text(
        "auth_url",
        "Address of IAM, with or without `/v3`. Default: `HW_AUTH_URL`, `OS_AUTH_URL`, or the region's IAM.",
    ))
    .attribute(Attribute::bool("insecure").optional().describe(
        "Accept any TLS certificate; warns when it is on. Default: `HW_INSECURE`, `OS_INSECURE`, or `false`.",
    ))
    .attribute(text(
        "cacert_file",
        "More certificate authorities to trust: a path or PEM text. Default: `OS_CACERT`. The system's own are always trusted.",
    ))
    .attribute(Attribute::integer("max_retries").optional().describe(
        "How often a call is tried again after it was throttled or not answered, 0 to 100. Default: `HW_MAX_RETRIES`, or 5.",
    ))
    .attribute(text(
        "shared_config_file",
        "Configuration file of the KooCLI tool to take keys, region and project from. Default: \
         `HW_SHARED_CONFIG_FILE`; `~/.hcloud/config.json` if only `profile` is set.",
    ))
    .attribute(text("profile", "Profile in that file. Default: `HW_PROFILE`, or the file's current profile."))
    .block(assume_role_block())
}

/// The block `assume_role`.
fn assume_role_block() -> NestedBlock {
    let text = |name: &'static str, description: &str| Attribute::string(name).optional().describe(description);
    NestedBlock::single(
            "assume_role",
            "An agency of another account to act for. Its temporary keys are fetched on first use and renewed. Default: none, \
             unless the variables below are set.",
        )
        .attribute(text("agency_name", "Name of the agency. Default: `HW_ASSUME_ROLE_AGENCY_NAME`."))
        .attribute(text("domain_name", "Name of the delegating account. Default: `HW_ASSUME_ROLE_DOMAIN_NAME`."))
        .attribute(text(
            "domain_id",
            "Id of the delegating account, instead of its name. Default: `HW_ASSUME_ROLE_DOMAIN_ID`.",
        ))
        .attribute(Attribute::integer("duration").optional().describe(
            "How long the temporary keys live, in seconds: 900 to 86400, and with `domain_id` and access keys at most 43200. \
             Default: `HW_ASSUME_ROLE_DURATION`, or 3600.",
        ))
}

/// Checks what can be checked without the environment. Unknown values pass.
pub(super) fn validate(block: &ProviderBlock) -> Diagnostics {
    let mut found = Diagnostics::new();
    for (name, value) in [
        ("access_key", block.access_key.known().map(String::as_str)),
        ("secret_key", block.secret_key.known().map(ExposeSecret::expose_secret)),
        ("security_token", block.security_token.known().map(ExposeSecret::expose_secret)),
        ("token", block.token.known().map(ExposeSecret::expose_secret)),
        ("region", block.region.known().map(String::as_str)),
        ("project_id", block.project_id.known().map(String::as_str)),
    ] {
        if value.is_some_and(|value| value.trim() != value) {
            found.push(wrong(Path::attribute(name), &format!("`{name}` begins or ends with white space; remove it.")));
        }
    }
    if let Some(endpoints) = block.endpoints.known() {
        for (key, url) in endpoints {
            let path = Path::attribute("endpoints").key(key);
            if key != "iam" && service_keys().all(|known| known != key) {
                let keys = service_keys().collect::<Vec<_>>().join(", ");
                found.push(wrong(path, &format!("There is no service {key:?}. Allowed are: {keys}, iam.")));
            } else if let Some(Err(why)) = url.known().map(|url| address(url)) {
                found.push(wrong(path, &format!("The address of {key:?} cannot be used: {why}.")));
            }
        }
    }
    if let Some(Err(why)) = block.auth_url.known().filter(|url| !url.is_empty()).map(|url| address(url)) {
        found.push(wrong(Path::attribute("auth_url"), &format!("The address of IAM cannot be used: {why}.")));
    }
    if let Some(cloud) = block.cloud.known().filter(|cloud| !cloud.is_empty())
        && let Err(why) = domain(cloud)
    {
        found.push(wrong(Path::attribute("cloud"), &why));
    }
    if let Some(count) = block.max_retries.known()
        && !(0..=100).contains(count)
    {
        found.push(wrong(Path::attribute("max_retries"), &format!("`max_retries` is {count}; allowed are 0 to 100.")));
    }
    if let Some(seconds) = block.assume_role.known().and_then(|role| role.duration.known())
        && !(900..=86_400).contains(seconds)
    {
        found.push(wrong(
            Path::attribute("assume_role").then("duration"),
            &format!("`duration` is {seconds} seconds; allowed are 900 to 86400."),
        ));
    }
    found
}

impl ProviderBlock {
    /// Whether anything in it is only known at apply.
    pub(super) fn has_unknown(&self) -> bool {
        use crate::plugin::Field;
        !self.clone().into_value().is_wholly_known()
    }
}

fn service_keys() -> impl Iterator<Item = &'static str> {
    backup::ALL.iter().map(|service| service.facts().product.key)
}

fn wrong(path: Path, detail: &str) -> Diagnostic {
    Diagnostic::error("Invalid provider configuration", detail).at(path)
}

/// An address as people write it: the scheme may be missing.
fn address(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&text).map_err(|why| format!("{text:?} is no address ({why})"))?;
    cloud::check_address(&url)?;
    Ok(url)
}

fn domain(text: &str) -> Result<(), String> {
    let fits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if text.contains('.') && text.split('.').all(fits) {
        Ok(())
    } else {
        Err(format!("`cloud` is {text:?}; it must be a domain such as myhuaweicloud.com or otc.t-systems.com."))
    }
}

/// Puts arguments, profile and environment together. The second part is warnings.
pub(super) fn resolve(
    block: &ProviderBlock,
    around: &Surroundings,
    terraform_version: &str,
) -> Result<(cloud::Settings, Diagnostics), Diagnostics> {
    let mut problems = validate(block);
    let mut warnings = Diagnostics::new();
    if problems.has_errors() {
        return Err(problems);
    }
    let profile = profile(block, around)?;
    let given = |argument: &Attr<String>, names: &[&'static str]| {
        argument.known().filter(|value| !value.is_empty()).cloned().or_else(|| around.value(names))
    };
    let from_profile =
        |pick: fn(&Profile) -> &String| profile.as_ref().map(pick).filter(|value| !value.is_empty()).cloned();

    let given_project = filled(&block.project_id).or_else(|| from_profile(|p| &p.project_id));
    let given_region = filled(&block.region).or_else(|| from_profile(|p| &p.region));
    let region = noted(given_region.or_else(|| around.value(REGION)).ok_or_else(no_region), &mut problems);
    let cloud = given(&block.cloud, CLOUD);
    if let Some(Err(why)) = cloud.as_deref().map(domain) {
        problems.push(wrong(Path::attribute("cloud"), &why));
    }
    let auth_url = given(&block.auth_url, AUTH_URL).map(|text| {
        let cannot = |why| wrong(Path::attribute("auth_url"), &format!("The address of IAM cannot be used: {why}."));
        address(&text).map_err(cannot)
    });
    let auth_url = noted(auth_url.transpose(), &mut problems).flatten();
    let insecure = noted(insecure(block, around), &mut problems).unwrap_or_default();
    if insecure {
        warnings.push(unchecked_certificates());
    }
    let cacert = given(&block.cacert_file, CACERT)
        .map(|text| certificates(&text, around).map_err(|why| wrong(Path::attribute("cacert_file"), &why)));
    let cacert = noted(cacert.transpose(), &mut problems).flatten();
    let max_retries = noted(max_retries(block, around), &mut problems).unwrap_or(DEFAULT_MAX_RETRIES);
    let endpoints = block.endpoints.known().map_or_else(BTreeMap::new, |endpoints| {
        endpoints.iter().filter_map(|(key, url)| Some((key.clone(), address(url.known()?).ok()?))).collect()
    });
    let assume_role = noted(assume_role(block, profile.as_ref(), around), &mut problems).flatten();
    let credentials = noted(credentials(block, profile.as_ref(), around), &mut problems);
    let (Some(region), Some(credentials), false) = (region, credentials, problems.has_errors()) else {
        return Err(problems);
    };
    let settings = cloud::Settings {
        region,
        cloud,
        credentials,
        assume_role,
        project_id: given_project.or_else(|| around.value(PROJECT_ID)),
        project_name: given(&block.project_name, PROJECT_NAME),
        endpoints,
        auth_url,
        insecure,
        cacert,
        max_retries,
        user_agent: user_agent(terraform_version, around),
    };
    Ok((settings, warnings))
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
    let profile = profile(block, around).ok().flatten();
    let variable = |names: &[&'static str]| around.first(names).map_or("nowhere", |(_, name)| name).to_owned();
    let from_profile = |value: Option<&String>| value.is_some_and(|value| !value.is_empty());
    let file = "the profile of the shared configuration file".to_owned();
    let region = if filled(&block.region).is_some() {
        "the argument --region".to_owned()
    } else if from_profile(profile.as_ref().map(|profile| &profile.region)) {
        file.clone()
    } else {
        variable(REGION)
    };
    let credentials = match &found.credentials {
        cloud::Credentials::Metadata { .. } => "this machine".to_owned(),
        _ if profile.is_some() => file.clone(),
        cloud::Credentials::Token(_) => variable(TOKEN),
        cloud::Credentials::Key { .. } => KEY_SETS
            .iter()
            .find(|[access, secret, _]| around.value(&[access]).is_some() && around.value(&[secret]).is_some())
            .map_or_else(|| variable(&[]), |[access, secret, _]| format!("{access} and {secret}")),
        cloud::Credentials::Password { .. } => variable(PASSWORD),
    };
    let project = if from_profile(profile.as_ref().map(|profile| &profile.project_id)) {
        file
    } else if found.project_id.is_some() {
        variable(PROJECT_ID)
    } else if found.project_name.is_some() {
        format!("IAM, by the name in {}", variable(PROJECT_NAME))
    } else {
        "IAM, by the region's name".to_owned()
    };
    let auth_url = if found.auth_url.is_some() {
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

fn insecure(block: &ProviderBlock, around: &Surroundings) -> Result<bool, Diagnostic> {
    if let Some(insecure) = block.insecure.known() {
        return Ok(*insecure);
    }
    let Some((value, name)) = around.first(INSECURE) else {
        return Ok(false);
    };
    truth(&value).ok_or_else(|| {
        wrong(Path::attribute("insecure"), &format!("{name} is {value:?}; allowed are true, false, 1, 0."))
    })
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

/// How to sign in: what is written in the block, else the profile that was asked for, else the environment; a token
/// before keys, keys before a password, and the instance's own agency when there is nothing at all.
fn credentials(
    block: &ProviderBlock,
    profile: Option<&Profile>,
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
    if let Some(profile) = profile {
        return profile.keys();
    }
    if let Some(token) = around.value(TOKEN) {
        return Ok(cloud::Credentials::Token(token.into()));
    }
    for [access, secret, token] in KEY_SETS {
        match (around.value(&[access]), around.value(&[secret])) {
            (Some(access_key), Some(secret_key)) => {
                let security_token = around.value(&[token]).map(SecretString::from);
                return key(access_key, secret_key.into(), security_token, secret);
            }
            (Some(_), None) => return Err(half(access, secret).at(Path::attribute("secret_key"))),
            (None, Some(_)) => return Err(half(secret, access).at(Path::attribute("access_key"))),
            (None, None) => {}
        }
    }
    if around.value(PASSWORD).is_some() || filled(&block.user_name).is_some() || filled(&block.user_id).is_some() {
        return password(block, around);
    }
    Ok(cloud::Credentials::Metadata {
        address: Url::parse(METADATA).expect("a constant address is one"),
        looked_for: nothing_found(),
    })
}

/// What to say when there are no credentials anywhere: what was looked for, and where.
fn nothing_found() -> String {
    format!(
        "No credentials were found. Looked for, in this order: `token` ({}); `access_key` and `secret_key` ({}); \
         `user_name` and `password` ({} and {}), each first in the provider block and then in these environment \
         variables; a profile in `shared_config_file` (only if it or `profile` is set); the agency of this ECS \
         instance. Set one of them.",
        listed(TOKEN),
        KEY_SETS.iter().map(|[access, secret, _]| format!("{access} and {secret}")).collect::<Vec<_>>().join(", or "),
        listed(USER_NAME),
        listed(PASSWORD),
    )
}

fn key_from_block(block: &ProviderBlock, around: &Surroundings) -> Result<cloud::Credentials, Diagnostic> {
    let from_environment = |index: usize| KEY_SETS.iter().find_map(|set| around.value(&[set[index]]));
    let Some(access_key) = filled(&block.access_key).or_else(|| from_environment(0)) else {
        return Err(half("secret_key", "access_key").at(Path::attribute("secret_key")));
    };
    let Some(secret_key) = secret(&block.secret_key).or_else(|| from_environment(1).map(SecretString::from)) else {
        return Err(half("access_key", "secret_key").at(Path::attribute("access_key")));
    };
    // A security token from the environment belongs to the environment's keys, which are not used here.
    key(access_key, secret_key, secret(&block.security_token), "secret_key")
}

fn key(
    access_key: String,
    secret_key: SecretString,
    security_token: Option<SecretString>,
    found_in: &str,
) -> Result<cloud::Credentials, Diagnostic> {
    if access_key.trim() != access_key || secret_key.expose_secret().trim() != secret_key.expose_secret() {
        return Err(Diagnostic::error(
            "Credentials cannot be used",
            format!("The access key or the secret key (from {found_in}) begins or ends with white space; remove it."),
        )
        .at(Path::attribute("secret_key")));
    }
    Ok(cloud::Credentials::Key { access_key, secret_key, security_token })
}

fn half(there: &str, missing: &str) -> Diagnostic {
    let others = KEY_SETS.iter().map(|[access, secret, _]| format!("{access} and {secret}")).collect::<Vec<_>>();
    Diagnostic::error(
        "Credentials are incomplete",
        format!(
            "{there} is set, but {missing} is not. They go together: set `access_key` and `secret_key` in the provider \
             block, or the environment variables {}.",
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

fn assume_role(
    block: &ProviderBlock,
    profile: Option<&Profile>,
    around: &Surroundings,
) -> Result<Option<cloud::AssumeRole>, Diagnostic> {
    let written = block.assume_role.known();
    let pick = |argument: fn(&AssumeRoleBlock) -> &Attr<String>, from: fn(&Profile) -> &String, name: &'static str| {
        written
            .and_then(|block| filled(argument(block)))
            .or_else(|| profile.map(from).filter(|value| !value.is_empty()).cloned())
            .or_else(|| around.value(&[name]))
    };
    let lacks = |detail: &str| wrong(Path::attribute("assume_role"), detail);
    let agency_name = pick(|b| &b.agency_name, |p| &p.agency_name, "HW_ASSUME_ROLE_AGENCY_NAME");
    let domain_name = pick(|b| &b.domain_name, |p| &p.agency_domain_name, "HW_ASSUME_ROLE_DOMAIN_NAME");
    let domain_id = pick(|b| &b.domain_id, |p| &p.agency_domain_id, "HW_ASSUME_ROLE_DOMAIN_ID");
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

/// A CA bundle, from a path or as it is.
fn certificates(text: &str, around: &Surroundings) -> Result<String, String> {
    if text.contains("-----BEGIN") {
        return Ok(text.to_owned());
    }
    let path = expanded(text, around);
    (around.file)(&path)
        .map_err(|why| format!("The certificates in {} cannot be read: {}.", path.display(), unreadable(&why)))
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

fn expanded(path: &str, around: &Surroundings) -> PathBuf {
    match path.strip_prefix("~/").zip(around.value(&["HOME", "USERPROFILE"])) {
        Some((rest, home)) => FilePath::new(&home).join(rest),
        None => PathBuf::from(path),
    }
}

/// Why a file cannot be read, without the numbers of the operating system.
fn unreadable(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        io::ErrorKind::InvalidData => "it is no text".to_owned(),
        _ => why.to_string(),
    }
}

/// The KooCLI profile, if one was asked for.
fn profile(block: &ProviderBlock, around: &Surroundings) -> Result<Option<Profile>, Diagnostic> {
    let file = filled(&block.shared_config_file).or_else(|| around.value(SHARED_CONFIG_FILE));
    let name = filled(&block.profile).or_else(|| around.value(PROFILE));
    if file.is_none() && name.is_none() {
        return Ok(None);
    }
    let path = expanded(file.as_deref().unwrap_or("~/.hcloud/config.json"), around);
    let text = (around.file)(&path).map_err(|why| {
        Diagnostic::error(
            "The shared configuration file cannot be used",
            format!(
                "{} cannot be read: {}. It was asked for by `shared_config_file`, `profile`, {} or {}: correct the path, or \
                 remove what asks for it.",
                path.display(),
                unreadable(&why),
                SHARED_CONFIG_FILE[0],
                PROFILE[0]
            ),
        )
        .at(Path::attribute("shared_config_file"))
    })?;
    Profile::pick(&text, name.as_deref(), &path.display().to_string()).map(Some)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::plugin::Severity;

    /// Surroundings with these variables and files.
    fn around(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Surroundings {
        let own = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let (variables, files) = (own(variables), own(files));
        Surroundings {
            variable: Box::new(move |name| variables.get(name).cloned()),
            file: Box::new(move |path| {
                files.get(path.to_str().unwrap()).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
            }),
        }
    }

    fn text(value: &str) -> Attr<String> {
        Attr::Known(value.to_owned())
    }

    fn hidden(value: &str) -> Attr<SecretString> {
        Attr::Known(SecretString::from(value))
    }

    /// How one signs in, in one word, so that a table can name it.
    fn signs_in(block: &ProviderBlock, variables: &[(&str, &str)]) -> Result<String, String> {
        let files = &[(
            "/home/me/.hcloud/config.json",
            r#"{"current":"p","profiles":[{"name":"p","mode":"AKSK","accessKeyId":"FileAk","secretAccessKey":"FileSk","region":"eu-nl"}]}"#,
        )];
        let mut variables = variables.to_vec();
        variables.extend([("HW_REGION_NAME", "eu-de"), ("HOME", "/home/me")]);
        let (settings, _) = resolve(block, &around(&variables, files), "1.11.4").map_err(|problems| {
            problems
                .iter()
                .map(|problem| format!("{}: {}", problem.summary, problem.detail))
                .collect::<Vec<_>>()
                .join("\n")
        })?;
        Ok(match settings.credentials {
            cloud::Credentials::Key { access_key, secret_key, security_token } => format!(
                "key {access_key} {} {}",
                secret_key.expose_secret(),
                security_token.as_ref().map_or("-", ExposeSecret::expose_secret)
            ),
            cloud::Credentials::Token(token) => format!("token {}", token.expose_secret()),
            cloud::Credentials::Password { user_name, domain_name, password, .. } => format!(
                "password {} {} {}",
                user_name.unwrap_or_default(),
                domain_name.unwrap_or_default(),
                password.expose_secret()
            ),
            cloud::Credentials::Metadata { .. } => "metadata".to_owned(),
        })
    }

    #[test]
    fn what_is_written_wins_over_the_environment_and_hw_over_os() {
        let empty = ProviderBlock::default();
        let keys = ProviderBlock { access_key: text("Ak"), secret_key: hidden("Sk"), ..ProviderBlock::default() };
        let env = [("HW_ACCESS_KEY", "HwAk"), ("HW_SECRET_KEY", "HwSk"), ("HW_SECURITY_TOKEN", "HwSt")];
        let os = [("OS_ACCESS_KEY", "OsAk"), ("OS_SECRET_KEY", "OsSk"), ("OS_SECURITY_TOKEN", "OsSt")];
        let both = [env.as_slice(), os.as_slice()].concat();
        let user = [("OS_USERNAME", "me"), ("OS_PASSWORD", "pw"), ("OS_USER_DOMAIN_NAME", "acme")];
        for (block, variables, expected) in [
            (&empty, env.as_slice(), "key HwAk HwSk HwSt"),
            (&empty, &os, "key OsAk OsSk OsSt"),
            (&empty, &both, "key HwAk HwSk HwSt"),
            (
                &empty,
                &[("HW_ACCESS_KEY", ""), ("HW_SECRET_KEY", ""), ("OS_ACCESS_KEY", "OsAk"), ("OS_SECRET_KEY", "OsSk")],
                "key OsAk OsSk -",
            ),
            // A stale security token beside other keys would break every request.
            (
                &empty,
                &[("HW_ACCESS_KEY", "HwAk"), ("HW_SECRET_KEY", "HwSk"), ("OS_SECURITY_TOKEN", "stale")],
                "key HwAk HwSk -",
            ),
            (&keys, &both, "key Ak Sk -"),
            (&ProviderBlock { access_key: text("Ak"), ..ProviderBlock::default() }, &env, "key Ak HwSk -"),
            (&keys, &[("HW_AUTH_TOKEN", "T")], "key Ak Sk -"),
            (&empty, &[("OS_TOKEN", "T"), ("HW_ACCESS_KEY", "HwAk"), ("HW_SECRET_KEY", "HwSk")], "token T"),
            (&ProviderBlock { token: hidden("Written"), ..keys.clone() }, &both, "token Written"),
            (&empty, &user, "password me acme pw"),
            (&empty, &[user.as_slice(), env.as_slice()].concat(), "key HwAk HwSk HwSt"),
            (
                &empty,
                &[("HW_PROFILE", "p"), ("HW_ACCESS_KEY", "HwAk"), ("HW_SECRET_KEY", "HwSk")],
                "key FileAk FileSk -",
            ),
            (&keys, &[("HW_PROFILE", "p")], "key Ak Sk -"),
            (&empty, &[], "metadata"),
            // A cloud's name in clouds.yaml is no domain of ours.
            (&keys, &[("OS_CLOUD", "otc")], "key Ak Sk -"),
        ] {
            assert_eq!(signs_in(block, variables).as_deref(), Ok(expected), "{variables:?}");
        }
    }

    #[test]
    fn half_given_credentials_are_one_error_that_names_the_missing_half() {
        let empty = ProviderBlock::default();
        for (block, variables, why) in [
            (&empty, [("HW_ACCESS_KEY", "a")].as_slice(), "HW_ACCESS_KEY is set, but HW_SECRET_KEY is not"),
            (&empty, &[("OS_SECRET_KEY", "hush")], "OS_SECRET_KEY is set, but OS_ACCESS_KEY is not"),
            (
                &ProviderBlock { secret_key: hidden("hush"), ..empty.clone() },
                &[],
                "secret_key is set, but access_key is not",
            ),
            (&empty, &[("HW_USER_NAME", "me"), ("HW_USER_PASSWORD", "hush")], "not the account"),
            (&empty, &[("HW_USER_PASSWORD", "hush")], "no user"),
            (&ProviderBlock { user_name: text("me"), ..empty.clone() }, &[], "no password"),
            (&empty, &[("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush ")], "white space"),
            (&empty, &[("HW_SHARED_CONFIG_FILE", "/nowhere")], "/nowhere cannot be read"),
            (&ProviderBlock { profile: text("q"), ..empty.clone() }, &[], "no profile \"q\""),
        ] {
            let said = signs_in(block, variables).unwrap_err();
            assert!(said.contains(why), "{variables:?}: {said}");
            assert!(!said.contains("hush") && !said.contains('\n'), "{said}");
        }
    }

    #[test]
    fn a_missing_region_and_bad_values_point_at_their_argument() {
        let said = |block: ProviderBlock, variables: &[(&str, &str)]| {
            let mut variables = variables.to_vec();
            variables.extend([("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "s")]);
            let problems = resolve(&block, &around(&variables, &[]), "1.11.4").unwrap_err();
            let first = problems.iter().next().unwrap().clone();
            (first.path.unwrap().to_string(), first.detail)
        };
        let region = ProviderBlock { region: text("eu-de"), ..ProviderBlock::default() };
        for (block, variables, path, why) in [
            (ProviderBlock::default(), [].as_slice(), "region", "HW_REGION_NAME"),
            (ProviderBlock { max_retries: Attr::Known(-1), ..region.clone() }, &[], "max_retries", "0 to 100"),
            (region.clone(), &[("HW_MAX_RETRIES", "many")], "max_retries", "HW_MAX_RETRIES is \"many\""),
            (region.clone(), &[("HW_INSECURE", "maybe")], "insecure", "true, false, 1, 0"),
            (region.clone(), &[("HW_CLOUD", "no dots")], "cloud", "otc.t-systems.com"),
            (ProviderBlock { auth_url: text("http://iam.example.com"), ..region.clone() }, &[], "auth_url", "https"),
            (region.clone(), &[("OS_CACERT", "/no/ca.pem")], "cacert_file", "/no/ca.pem"),
            (
                ProviderBlock {
                    endpoints: Attr::Known([("dss".to_owned(), text("https://x"))].into()),
                    ..region.clone()
                },
                &[],
                "endpoints[\"dss\"]",
                "dds",
            ),
            (
                ProviderBlock {
                    endpoints: Attr::Known([("dds".to_owned(), text("http://10.0.0.1"))].into()),
                    ..region.clone()
                },
                &[],
                "endpoints[\"dds\"]",
                "https",
            ),
            (region.clone(), &[("HW_ASSUME_ROLE_AGENCY_NAME", "ops")], "assume_role", "HW_ASSUME_ROLE_DOMAIN_NAME"),
        ] {
            let (found, detail) = said(block, variables);
            assert_eq!(found, path, "{detail}");
            assert!(detail.contains(why), "{detail}");
        }
    }

    #[test]
    fn what_is_wrong_with_settings_is_said_in_one_way() {
        let profiles = r#"{"current": "", "profiles": [{"name": "p", "mode": "AKSK"}, {"name": "sso", "mode": "SSO"},
            {"name": "locked", "mode": "AKSK", "accessKeyId": "9f3c==:ab", "secretAccessKey": "very-secret="}]}"#;
        let files = [("/config.json", profiles), ("/broken.json", "{\n \"profiles\": 7"), ("/home/me/ca.pem", "x")];
        let keys = [("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush")];
        let with = |more: &[(&'static str, &'static str)]| [keys.as_slice(), more].concat();
        let region = ("HW_REGION_NAME", "eu-de");
        let role = |duration| ProviderBlock {
            assume_role: Attr::Known(AssumeRoleBlock { duration, ..AssumeRoleBlock::default() }),
            ..ProviderBlock::default()
        };
        let block = ProviderBlock::default;
        let mut page = String::new();
        for (case, block, variables) in vec![
            ("nothing at all", block(), Vec::new()),
            ("no region", block(), with(&[])),
            ("an access key alone", block(), vec![region, ("HW_ACCESS_KEY", "a")]),
            ("a secret key alone", block(), vec![region, ("OS_SECRET_KEY", "hush")]),
            ("a secret key in the block alone", ProviderBlock { secret_key: hidden("hush"), ..block() }, vec![region]),
            ("white space around a key", block(), vec![region, ("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush ")]),
            ("white space in the block", ProviderBlock { access_key: text(" a"), ..block() }, with(&[region])),
            ("a user without a password", ProviderBlock { user_name: text("me"), ..block() }, vec![region]),
            ("a password without a user", block(), vec![region, ("OS_PASSWORD", "hush")]),
            ("a user without an account", block(), vec![region, ("OS_PASSWORD", "hush"), ("OS_USERNAME", "me")]),
            ("retries that are none", block(), with(&[region, ("HW_MAX_RETRIES", "many")])),
            ("neither on nor off", block(), with(&[region, ("HW_INSECURE", "maybe")])),
            ("not checked", ProviderBlock { insecure: Attr::Known(true), ..block() }, with(&[region])),
            ("a cloud that is no domain", block(), with(&[region, ("HW_CLOUD", "otc")])),
            ("an address without TLS", block(), with(&[region, ("OS_AUTH_URL", "http://iam.example.com/v3")])),
            ("an address that is none", block(), with(&[region, ("OS_AUTH_URL", "https://")])),
            ("no such file of certificates", block(), with(&[region, ("OS_CACERT", "/no/ca.pem")])),
            ("an agency without a name", role(Attr::Null), with(&[region])),
            ("an agency without an account", block(), with(&[region, ("HW_ASSUME_ROLE_AGENCY_NAME", "ops")])),
            ("keys that live too short", role(Attr::Known(60)), with(&[region])),
            (
                "keys that live too long",
                block(),
                with(&[
                    region,
                    ("HW_ASSUME_ROLE_AGENCY_NAME", "ops"),
                    ("HW_ASSUME_ROLE_DOMAIN_NAME", "acme"),
                    ("HW_ASSUME_ROLE_DURATION", "999999"),
                ]),
            ),
            ("no such file", block(), vec![region, ("HW_SHARED_CONFIG_FILE", "/nowhere.json")]),
            ("a broken file", block(), vec![region, ("HW_SHARED_CONFIG_FILE", "/broken.json")]),
            ("no current profile", block(), vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json")]),
            ("no such profile", block(), vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "q")]),
            (
                "a profile without keys",
                block(),
                vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "p")],
            ),
            (
                "a profile that is signed out",
                block(),
                vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "sso")],
            ),
            (
                "a profile that is encrypted",
                block(),
                vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "locked")],
            ),
        ] {
            let said = match resolve(&block, &around(&variables, &files), "1.14.0") {
                Ok((_, warnings)) => warnings,
                Err(problems) => problems,
            };
            assert!(!said.is_empty(), "{case}");
            for one in &said {
                let kind = if one.severity == Severity::Error { "Error" } else { "Warning" };
                let at = one.path.as_ref().map_or(String::new(), |path| format!(" [at {path}]"));
                let all = format!("{kind}: {}{at}\n{}", one.summary, one.detail);
                assert!(all.ends_with('.') && !all.contains("hush") && !all.contains("very-secret"), "{case}: {all}");
                let _ = writeln!(page, "## {case}\n{all}\n");
            }
        }
        let _ = writeln!(page, "## what was looked for when there are no credentials\n{}", nothing_found());
        insta::assert_snapshot!("settings", page);
    }

    #[test]
    fn everything_else_finds_its_place() {
        let block = ProviderBlock {
            endpoints: Attr::Known([("dds".to_owned(), text("dds.example.com/root"))].into()),
            insecure: Attr::Known(true),
            cacert_file: text("-----BEGIN CERTIFICATE-----\n"),
            ..ProviderBlock::default()
        };
        let variables = [
            ("HW_ACCESS_KEY", "a"),
            ("HW_SECRET_KEY", "s"),
            ("OS_REGION_NAME", "eu-de"),
            ("OS_TENANT_ID", "p"),
            ("OS_TENANT_NAME", "eu-de_team"),
            ("OS_AUTH_URL", "https://iam.eu-de.otc.t-systems.com/v3"),
            ("HW_MAX_RETRIES", "0"),
            ("HW_ASSUME_ROLE_AGENCY_NAME", "ops"),
            ("HW_ASSUME_ROLE_DOMAIN_NAME", "acme"),
            ("HW_ASSUME_ROLE_DURATION", "900"),
            ("HW_TF_CUSTOM_UA", "ci/1"),
        ];
        let (settings, warnings) = resolve(&block, &around(&variables, &[]), "1.11.4").unwrap();
        assert_eq!(settings.region, "eu-de");
        assert_eq!(settings.project_id.as_deref(), Some("p"));
        assert_eq!(settings.project_name.as_deref(), Some("eu-de_team"));
        assert_eq!(settings.auth_url.unwrap().as_str(), "https://iam.eu-de.otc.t-systems.com/v3");
        assert_eq!(settings.endpoints["dds"].as_str(), "https://dds.example.com/root");
        assert_eq!(settings.max_retries, 0);
        assert!(settings.insecure && settings.cacert.is_some());
        assert_eq!(warnings.iter().next().unwrap().summary, "TLS certificates are not checked");
        let role = settings.assume_role.unwrap();
        assert_eq!(
            (role.agency_name.as_str(), role.domain_name.as_deref(), role.duration_seconds),
            ("ops", Some("acme"), Some(900))
        );
        assert!(settings.user_agent.ends_with("Terraform/1.11.4 ci/1"), "{}", settings.user_agent);
    }
}
