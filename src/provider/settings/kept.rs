//! What a file keeps about how to sign in and where, whatever kind of file it is.

use secrecy::ExposeSecret as _;

use crate::cloud;
use crate::plugin::Diagnostic;

/// What kind of file keeps it.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// A profile of KooCLI's shared configuration file.
    Profile,
    /// An entry of `clouds.yaml`.
    Entry,
}

impl Source {
    /// It, in words that follow "from".
    pub(super) fn words(self) -> &'static str {
        match self {
            Source::Profile => "the profile of the shared configuration file",
            Source::Entry => "the entry of clouds.yaml",
        }
    }

    /// The argument that names it.
    pub(super) fn argument(self) -> &'static str {
        match self {
            Source::Profile => "profile",
            Source::Entry => "cloud",
        }
    }
}

/// What one profile or entry says. A text is empty where it says nothing.
pub(super) struct Kept {
    pub(super) source: Source,
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
    /// One that says nothing but how to sign in.
    pub(super) fn of(source: Source, credentials: Result<cloud::Credentials, Diagnostic>) -> Self {
        Kept {
            source,
            region: String::new(),
            project_id: String::new(),
            project_name: String::new(),
            auth_url: String::new(),
            cacert: String::new(),
            verify: None,
            agency_name: String::new(),
            agency_domain_name: String::new(),
            agency_domain_id: String::new(),
            credentials,
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
            (Ok(Token(own)), Token(used)) => own.expose_secret() == used.expose_secret(),
            _ => false,
        }
    }
}
