//! Every setting there is: what it is called in the provider block, in the environment and in files, and what it means.
//!
//! One table. The schema of the provider block, the table in the guide, the order of places, the checks and the words of
//! messages come from it.

use crate::backup;

/// A setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// What the code calls it; for an argument the argument itself, with its block before a dot.
    pub name: &'static str,
    /// The argument of the provider block, where there is one.
    pub argument: Option<&'static str>,
    /// The environment variables, the first before the others.
    pub variables: &'static [&'static str],
    /// The key in a profile of KooCLI.
    pub profile: Option<&'static str>,
    /// The keys in an entry of `clouds.yaml`, the first before the others.
    pub entry: &'static [&'static str],
    /// The setting that names the same thing in another way: its id, or its name.
    pub(super) other: Option<&'static str>,
    /// What it is when none of them says anything, in words.
    pub otherwise: &'static str,
    /// What it means, in Markdown.
    pub says: &'static str,
    pub(super) kind: Kind,
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One line of text.
    Line,
    /// One line of text that nobody is to see.
    Secret,
    /// A secret of the cloud's own making, which becomes a part of headers.
    Key,
    /// Words that become a part of a header.
    Words,
    /// Names, with commas or white space in between.
    Names,
    /// A region's name.
    Region,
    /// An id, which becomes a part of addresses.
    Id,
    /// The domain of a cloud.
    Domain,
    /// An address.
    Address,
    /// Addresses, by service.
    Addresses,
    /// A path, or certificates themselves.
    Certificates,
    /// True or false.
    Truth,
    /// A number.
    Count { least: i64, most: i64, of: &'static str },
}

/// All of them, in the order in which pages show them.
pub static SETTINGS: &[Setting] = &[
    argument("region", Kind::Region, "Region whose services are called, such as `eu-de` or `cn-north-4`. Resources and data sources may name another one.")
        .variables(&["HW_REGION_NAME", "OS_REGION_NAME", "OS_REGION"])
        .profile("region")
        .entry(&["region_name", "region"]),
    argument("access_key", Kind::Key, "Access key id; goes with `secret_key`. Key, secret and security token are taken together, from the first of these places that has them.")
        .variables(&["HW_ACCESS_KEY", "OS_ACCESS_KEY"])
        .profile("accessKeyId")
        .entry(&["ak", "access_key"]),
    argument("secret_key", Kind::Key, "Secret access key; goes with `access_key`.")
        .variables(&["HW_SECRET_KEY", "OS_SECRET_KEY"])
        .profile("secretAccessKey")
        .entry(&["sk", "secret_key"]),
    argument("security_token", Kind::Key, "Security token of a temporary access key.")
        .variables(&["HW_SECURITY_TOKEN", "OS_SECURITY_TOKEN"])
        .profile("securityToken")
        .entry(&["security_token"]),
    argument("token", Kind::Key, "Ready IAM token of the project, instead of keys; it cannot be renewed when it expires.")
        .variables(&["HW_AUTH_TOKEN", "OS_AUTH_TOKEN", "OS_TOKEN"])
        .entry(&["token"]),
    argument("user_name", Kind::Line, "IAM user's name, instead of keys; goes with `password`, which is taken from the same place, and the account (`domain_name` or `domain_id`).")
        .variables(&["HW_USER_NAME", "OS_USERNAME"])
        .entry(&["username", "user_name"]),
    argument("user_id", Kind::Id, "IAM user's id, instead of `user_name`.")
        .variables(&["HW_USER_ID", "OS_USER_ID"])
        .entry(&["user_id"]),
    argument("password", Kind::Secret, "IAM user's password.")
        .variables(&["HW_USER_PASSWORD", "OS_PASSWORD"])
        .entry(&["password"]),
    argument("domain_name", Kind::Line, "Name of the account that the IAM user belongs to.")
        .variables(&["HW_DOMAIN_NAME", "OS_DOMAIN_NAME", "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME"])
        .entry(&["user_domain_name", "domain_name", "project_domain_name"])
        .or("domain_id"),
    argument("domain_id", Kind::Id, "Id of that account, instead of its name: the first place that has either of them counts.")
        .variables(&["HW_DOMAIN_ID", "OS_DOMAIN_ID", "OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_ID"])
        .entry(&["user_domain_id", "domain_id", "project_domain_id"])
        .or("domain_name"),
    argument("project_id", Kind::Id, "Project id in `region`.")
        .variables(&["HW_PROJECT_ID", "OS_PROJECT_ID", "OS_TENANT_ID"])
        .profile("projectId")
        .entry(&["project_id", "tenant_id"])
        .or("project_name")
        .otherwise("looked up once by the project's name"),
    argument("project_name", Kind::Line, "Project name in `region`, such as `eu-de_team1`, instead of its id: the first place that has either of them counts.")
        .variables(&["HW_PROJECT_NAME", "OS_PROJECT_NAME", "OS_TENANT_NAME"])
        .entry(&["project_name", "tenant_name"])
        .or("project_id")
        .otherwise("the region's name"),
    argument("cloud", Kind::Domain, "Domain of the cloud: `myhuaweicloud.com`, `myhuaweicloud.eu`, `otc.t-systems.com`, or the domain of a private cloud. A word without a dot names an entry of `clouds.yaml`, as `OS_CLOUD` does: credentials, region and project are then taken from there.")
        .variables(&["HW_CLOUD"])
        .otherwise("what the region belongs to"),
    argument("endpoints", Kind::Addresses, "Addresses instead of the cloud's usual ones, by service. Plain `http` is accepted for this machine only.")
        .otherwise("the cloud's own"),
    argument("auth_url", Kind::Address, "Address of IAM, with or without `/v3`.")
        .variables(&["HW_AUTH_URL", "OS_AUTH_URL"])
        .entry(&["auth_url"])
        .otherwise("the region's IAM"),
    argument("insecure", Kind::Truth, "Accept any TLS certificate; warns when it is on. In `clouds.yaml` it is the opposite, `verify`.")
        .variables(&["HW_INSECURE", "OS_INSECURE"])
        .entry(&["verify"])
        .otherwise("`false`"),
    argument("cacert_file", Kind::Certificates, "More certificate authorities to trust: a path or PEM text. The system's own are always trusted.")
        .variables(&["OS_CACERT"])
        .entry(&["cacert"])
        .otherwise("none"),
    argument("max_retries", Kind::Count { least: 0, most: 100, of: "" }, "How often a call is tried again after it was throttled or not answered, 0 to 100.")
        .variables(&["HW_MAX_RETRIES"])
        .otherwise("5"),
    argument("preflight", Kind::Truth, "Whether a plan asks what its creates will meet: whether the instance is there and can be backed up, whether the name is free. Up to four calls for each service and region, at most ten seconds in all.")
        .otherwise("`true`"),
    argument("shared_config_file", Kind::Line, "Configuration file of the KooCLI tool to take keys, region and project from.")
        .variables(&["HW_SHARED_CONFIG_FILE"])
        .otherwise("`~/.hcloud/config.json` if only `profile` is set"),
    argument("profile", Kind::Line, "Profile in that file.")
        .variables(&["HW_PROFILE"])
        .otherwise("the file's current profile"),
    argument("assume_role.agency_name", Kind::Line, "Name of the agency.")
        .variables(&["HW_ASSUME_ROLE_AGENCY_NAME"])
        .profile("agencyName")
        .entry(&["agency_name"]),
    argument("assume_role.domain_name", Kind::Line, "Name of the delegating account.")
        .variables(&["HW_ASSUME_ROLE_DOMAIN_NAME"])
        .profile("agencyDomainName")
        .entry(&["agency_domain_name"])
        .or("assume_role.domain_id"),
    argument("assume_role.domain_id", Kind::Id, "Id of the delegating account, instead of its name.")
        .variables(&["HW_ASSUME_ROLE_DOMAIN_ID"])
        .profile("agencyDomainId")
        .entry(&["agency_domain_id"])
        .or("assume_role.domain_name"),
    argument("assume_role.duration", Kind::Count { least: 900, most: 86_400, of: " seconds" }, "How long the temporary keys live, in seconds: 900 to 86400, and with `domain_id` and access keys at most 43200.")
        .variables(&["HW_ASSUME_ROLE_DURATION"])
        .otherwise("3600"),
    variable("clouds_entry", Kind::Line, &["OS_CLOUD"], "Entry of `clouds.yaml`, as `cloud` without a dot names one."),
    variable("clouds_file", Kind::Line, &["OS_CLIENT_CONFIG_FILE"], "Path of `clouds.yaml`.")
        .otherwise("the first of `clouds.yaml`, `~/.config/openstack/clouds.yaml`, `/etc/openstack/clouds.yaml`"),
    variable("secure_file", Kind::Line, &["OS_CLIENT_SECURE_FILE"], "Path of `secure.yaml`.")
        .otherwise("the first of `secure.yaml`, `~/.config/openstack/secure.yaml`, `/etc/openstack/secure.yaml`"),
    variable("proxy", Kind::Line, &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"], "Proxy that leads out.")
        .otherwise("none"),
    variable("no_proxy", Kind::Names, &["NO_PROXY", "no_proxy"], "Who is reached without the proxy.")
        .otherwise("nobody but this machine"),
    variable("user_agent", Kind::Words, &["HW_TF_CUSTOM_UA"], "Words to add to what the provider calls itself."),
    variable("user_agent_of_cli", Kind::Words, &["TF_APPEND_USER_AGENT"], "The same, as Terraform itself knows it."),
];

/// The keys that `endpoints` knows.
pub(super) fn endpoint_keys() -> impl Iterator<Item = &'static str> {
    backup::ALL.iter().map(|service| service.facts().product.key).chain(["iam", "sts"])
}

/// The setting of that name.
///
/// # Panics
///
/// If there is none: names are written in this module's neighbours only.
pub(super) fn setting(name: &str) -> &'static Setting {
    SETTINGS.iter().find(|setting| setting.name == name).expect("a setting of the table")
}

const fn argument(name: &'static str, kind: Kind, says: &'static str) -> Setting {
    Setting {
        name,
        argument: Some(name),
        variables: &[],
        profile: None,
        entry: &[],
        other: None,
        otherwise: "",
        says,
        kind,
    }
}

const fn variable(name: &'static str, kind: Kind, variables: &'static [&'static str], says: &'static str) -> Setting {
    Setting { argument: None, variables, ..argument(name, kind, says) }
}

impl Setting {
    const fn variables(self, variables: &'static [&'static str]) -> Self {
        Setting { variables, ..self }
    }

    const fn profile(self, key: &'static str) -> Self {
        Setting { profile: Some(key), ..self }
    }

    const fn entry(self, keys: &'static [&'static str]) -> Self {
        Setting { entry: keys, ..self }
    }

    const fn or(self, other: &'static str) -> Self {
        Setting { other: Some(other), ..self }
    }

    const fn otherwise(self, otherwise: &'static str) -> Self {
        Setting { otherwise, ..self }
    }

    /// The variables, for a sentence.
    pub(super) fn listed(&self) -> String {
        self.variables.join(", ")
    }

    /// What the schema says of it: what it means, and where it comes from if the block does not say it.
    pub(super) fn description(&self) -> String {
        let mut places: Vec<String> = self.variables.iter().map(|name| format!("`{name}`")).collect();
        match (self.profile, self.entry) {
            (Some(_), [_, ..]) => places.push("the profile or the entry of `clouds.yaml`".to_owned()),
            (Some(_), []) => places.push("the profile".to_owned()),
            (None, [_, ..]) => places.push("the entry of `clouds.yaml`".to_owned()),
            (None, []) => {}
        }
        places.extend(Some(self.otherwise).filter(|words| !words.is_empty()).map(str::to_owned));
        let last = places.pop().unwrap_or_default();
        let places = if places.is_empty() { last } else { format!("{}, or {last}", places.join(", ")) };
        let keys = match self.kind {
            Kind::Addresses => {
                let keys = endpoint_keys().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
                format!(" Services are {keys}.")
            }
            _ => String::new(),
        };
        format!("{}{keys} Default: {places}.", self.says)
    }
}
