//! What the provider block holds, and what is wrong with it before anything else is looked at.

use secrecy::ExposeSecret;
use url::Url;

use super::{KEY_SETS, ONE_LINE, ProviderBlock, Surroundings, filled};
use crate::backup;
use crate::cloud;
use crate::plugin::{Attribute, Diagnostic, Diagnostics, NestedBlock, Path, Schema, Type};

/// The schema of the provider block.
pub(in crate::provider) fn schema() -> Schema {
    let text = |name: &'static str, description: &str| Attribute::string(name).optional().describe(description);
    Schema::new(
        "Takes, watches, finds and deletes manual database backups on Huawei Cloud and Open Telekom Cloud. Every \
         argument may be left out and given by an environment variable; an argument wins over `HW_*`, and `HW_*` over \
         `OS_*`; after them come a profile of KooCLI or an entry of `clouds.yaml`. Nothing is called before an operation needs it.",
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
         private cloud. Default: `HW_CLOUD`, or what the region belongs to. A word without a dot names an entry of \
         `clouds.yaml`, as `OS_CLOUD` does: credentials, region and project are then taken from there.",
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
    .attribute(Attribute::bool("preflight").optional().describe(
        "Whether a plan asks what its creates will meet: whether the instance is there and can be backed up, whether the \
         name is free. Up to four calls for each service and region, at most ten seconds in all. Default: `true`.",
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
pub(in crate::provider) fn validate(block: &ProviderBlock) -> Diagnostics {
    let mut found = Diagnostics::new();
    for (name, value) in block.texts() {
        if let Some(why) = odd(value) {
            found.push(wrong(Path::attribute(name), &format!("`{name}` {why}.")));
        }
    }
    if let Some(endpoints) = block.endpoints.known() {
        for (key, url) in endpoints {
            let path = Path::attribute("endpoints").key(key);
            if key != "iam" && service_keys().all(|known| known != key) {
                let keys = service_keys().collect::<Vec<_>>().join(", ");
                found.push(wrong(path, &format!("There is no service {key:?}. Allowed are: {keys}, iam.")));
            } else if let Some(Err(why)) = filled(url).map(|url| address(&url)) {
                found.push(wrong(path, &format!("The address of {key:?} cannot be used: {why}.")));
            }
        }
    }
    if let Some(Err(why)) = block.auth_url.known().filter(|url| !url.is_empty()).map(|url| address(url)) {
        found.push(wrong(Path::attribute("auth_url"), &format!("The address of IAM cannot be used: {why}.")));
    }
    if let Some(Err(why)) = block.domain().as_deref().map(domain) {
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
    /// Every value that is one line of text, by its argument.
    fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let plain = [
            ("region", &self.region),
            ("access_key", &self.access_key),
            ("user_name", &self.user_name),
            ("user_id", &self.user_id),
            ("domain_name", &self.domain_name),
            ("domain_id", &self.domain_id),
            ("project_id", &self.project_id),
            ("project_name", &self.project_name),
            ("cloud", &self.cloud),
            ("auth_url", &self.auth_url),
            ("shared_config_file", &self.shared_config_file),
            ("profile", &self.profile),
        ];
        let secret = [
            ("secret_key", &self.secret_key),
            ("security_token", &self.security_token),
            ("token", &self.token),
            ("password", &self.password),
        ];
        let plain = plain.into_iter().filter_map(|(name, value)| Some((name, value.known()?.as_str())));
        plain.chain(secret.into_iter().filter_map(|(name, value)| Some((name, value.known()?.expose_secret()))))
    }

    /// Whether anything in it is only known at apply.
    pub(in crate::provider) fn has_unknown(&self) -> bool {
        use crate::plugin::Field;
        !self.clone().into_value().is_wholly_known()
    }
}

fn service_keys() -> impl Iterator<Item = &'static str> {
    backup::ALL.iter().map(|service| service.facts().product.key)
}

/// Why a value is surely not what somebody meant: it came with what a file or a shell put around it.
fn odd(value: &str) -> Option<&'static str> {
    let quoted = |mark: char| value.len() > 1 && value.starts_with(mark) && value.ends_with(mark);
    match value {
        _ if value.contains(char::REPLACEMENT_CHARACTER) => Some("holds bytes that are no text (UTF-8)"),
        _ if value.contains(['\n', '\r']) => Some("holds a line break; remove it"),
        _ if value.chars().any(char::is_control) => Some("holds a control character; remove it"),
        _ if value.trim() != value => Some("begins or ends with white space; remove it"),
        _ if quoted('"') || quoted('\'') => Some("is in quotes; remove them"),
        _ => None,
    }
}

/// The variables of this environment that hold such a value, by the argument that they stand for.
pub(super) fn odd_variables(around: &Surroundings) -> impl Iterator<Item = Diagnostic> {
    let keys = KEY_SETS.iter().flat_map(|set| ["access_key", "secret_key", "security_token"].into_iter().zip(*set));
    let others = ONE_LINE.iter().flat_map(|(argument, names)| names.iter().map(move |name| (*argument, *name)));
    keys.chain(others).filter_map(move |(argument, name)| {
        let why = odd(&(around.variable)(name)?)?;
        Some(wrong(Path::attribute(argument), &format!("The environment variable {name} {why}.")))
    })
}

pub(super) fn wrong(path: Path, detail: &str) -> Diagnostic {
    Diagnostic::error("Invalid provider configuration", detail).at(path)
}

/// An address as people write it: the scheme may be missing.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&text).map_err(|why| format!("{text:?} is no address ({why})"))?;
    cloud::check_address(&url)?;
    Ok(url)
}

pub(super) fn domain(text: &str) -> Result<(), String> {
    let fits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if text.contains('.') && text.split('.').all(fits) {
        Ok(())
    } else {
        Err(format!("`cloud` is {text:?}; it must be a domain such as myhuaweicloud.com or otc.t-systems.com."))
    }
}
