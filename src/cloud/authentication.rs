//! What a request carries to be let in.

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

use super::Error;

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

/// Adds a header, if it can be sent.
pub(super) fn put(headers: &mut HeaderMap, name: &str, value: &str, secret: bool) -> Result<(), Error> {
    let unfit = || Error::Setup(format!("the value for the header {name} contains characters that cannot be sent"));
    let value = HeaderValue::from_str(value.trim()).map_err(|_| unfit())?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?;
    headers.insert(name, if secret { sensitive(value) } else { value });
    Ok(())
}

/// A value that no log shows.
pub(super) fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}
