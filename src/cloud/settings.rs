//! How to reach and to convince a cloud. Values only; who found them where is not this floor's business.

use std::collections::BTreeMap;

use secrecy::SecretString;
use url::Url;

use super::{Authorities, Proxy};

/// Everything a [`Cloud`](super::Cloud) needs. Nothing is read, resolved or connected before the first call.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region whose endpoints are used unless a call names another.
    pub region: String,
    /// The partition's domain, such as `myhuaweicloud.com`; derived from the region if absent.
    pub cloud: Option<String>,
    /// How to sign in.
    pub credentials: Credentials,
    /// Who sets a security token that is not taken with these credentials, for messages.
    pub unsent_token: Option<String>,
    /// A role to assume with these credentials.
    pub assume_role: Option<AssumeRole>,
    /// The project id of `region`; looked up by name if absent.
    pub project_id: Option<String>,
    /// The project's name; the region's name if absent.
    pub project_name: Option<String>,
    /// Who says which project it is, as with `auth_url_from`; empty if nobody does.
    pub project_from: String,
    /// Endpoints by product key, instead of the usual host names. `iam` is one of them.
    pub endpoints: BTreeMap<String, Url>,
    /// IAM's address, with or without `/v3`.
    pub auth_url: Option<Url>,
    /// Who names it, for messages: an argument in backticks, a variable, or a key and its file.
    pub auth_url_from: String,
    /// Accept any TLS certificate.
    pub insecure: bool,
    /// More certificate authorities.
    pub authorities: Authorities,
    /// What leads out of this network.
    pub proxy: Option<Proxy>,
    /// How often a call may be tried again.
    pub max_retries: u32,
    /// What we call ourselves.
    pub user_agent: String,
}

/// How to sign in.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Access key and secret key; with a security token if they are temporary.
    Key {
        /// The access key id.
        access_key: String,
        /// The secret access key.
        secret_key: SecretString,
        /// The security token of temporary keys.
        security_token: Option<SecretString>,
    },
    /// A ready IAM token. It cannot be renewed.
    Token(SecretString),
    /// An IAM user's name and password.
    Password {
        /// The user's name.
        user_name: Option<String>,
        /// The user's id, instead of the name.
        user_id: Option<String>,
        /// The password.
        password: SecretString,
        /// The account's name.
        domain_name: Option<String>,
        /// The account's id, instead of the name.
        domain_id: Option<String>,
    },
    /// What the metadata service of this ECS instance hands out.
    Metadata {
        /// Where the metadata service is: `http://169.254.169.254`, another address in tests.
        address: Url,
        /// Named in the error when there is no metadata service: what was looked for before.
        looked_for: String,
    },
}

/// An agency to act for.
#[derive(Clone, Debug)]
pub struct AssumeRole {
    /// The agency's name.
    pub agency_name: String,
    /// The delegating account's name.
    pub domain_name: Option<String>,
    /// The delegating account's id.
    pub domain_id: Option<String>,
    /// How long the keys shall live, in seconds.
    pub duration_seconds: Option<u32>,
}
