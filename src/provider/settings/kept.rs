//! What a file keeps about how to sign in and where, whatever kind of file it is.

use crate::cloud;
use crate::plugin::Diagnostic;

/// What an entry of `clouds.yaml` is called.
pub(super) const ENTRY: &str = "the entry of clouds.yaml";

/// One profile of KooCLI, or one entry of `clouds.yaml`. A text is empty where the file says nothing.
pub(super) struct Kept {
    /// What it is, in words that follow "from".
    pub(super) what: &'static str,
    pub(super) region: String,
    pub(super) project_id: String,
    pub(super) project_name: String,
    pub(super) auth_url: String,
    /// Certificates to trust: a path or PEM text.
    pub(super) cacert: String,
    /// Whether TLS certificates are to be checked; `None` where the file says nothing.
    pub(super) verify: Option<bool>,
    /// The agency to act for.
    pub(super) agency_name: String,
    pub(super) agency_domain_name: String,
    pub(super) agency_domain_id: String,
    /// How to sign in, or why that is not to be had. Only who needs it hears of the error.
    pub(super) credentials: Result<cloud::Credentials, Diagnostic>,
}

impl Kept {
    /// An entry of `clouds.yaml` that cannot be read.
    pub(super) fn unusable(why: Diagnostic) -> Self {
        Kept {
            what: ENTRY,
            region: String::new(),
            project_id: String::new(),
            project_name: String::new(),
            auth_url: String::new(),
            cacert: String::new(),
            verify: None,
            agency_name: String::new(),
            agency_domain_name: String::new(),
            agency_domain_id: String::new(),
            credentials: Err(why),
        }
    }

    /// Whether these are its own credentials.
    pub(super) fn signs_in_with(&self, used: &cloud::Credentials) -> bool {
        use cloud::Credentials::{Key, Password, Token};
        match (&self.credentials, used) {
            (Ok(Key { access_key: own, .. }), Key { access_key: used, .. }) => own == used,
            (
                Ok(Password { user_name: own_name, user_id: own_id, .. }),
                Password { user_name: used_name, user_id: used_id, .. },
            ) => own_name == used_name && own_id == used_id,
            (Ok(Token(own)), Token(used)) => {
                use secrecy::ExposeSecret as _;
                own.expose_secret() == used.expose_secret()
            }
            _ => false,
        }
    }
}
