//! What a request carries to be let in.

use secrecy::SecretString;

/// How a request says whose it is.
#[derive(Clone, Debug)]
pub(super) enum Authentication {
    /// Nothing: a login, or the metadata service.
    Nobody,
    /// A signature.
    Key { access_key: String, secret_key: SecretString, security_token: Option<SecretString> },
    /// A token.
    Token(SecretString),
}

impl Authentication {
    /// What must never be seen.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        let pair = match self {
            Authentication::Nobody => [None, None],
            Authentication::Key { secret_key, security_token, .. } => [Some(secret_key), security_token.as_ref()],
            Authentication::Token(token) => [Some(token), None],
        };
        pair.into_iter().flatten()
    }
}
