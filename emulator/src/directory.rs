//! Accounts, projects, users, keys and tokens: who there is and what they hold. Knows no requests and no clock.

use std::collections::HashMap;

use crate::clock::Millis;
use crate::mint::{Mint, stable_hex};

/// A container of regional resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) region: String,
}

/// A tenant, called domain by IAM.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) projects: Vec<Project>,
}

impl Account {
    fn new(name: &str, region: &str, salt: &str) -> Self {
        let regions = ["eu-de", "eu-nl", "cn-north-4"];
        let others = regions.iter().copied().filter(|other| *other != region);
        let mut projects: Vec<Project> = std::iter::once(region)
            .chain(others)
            .map(|region| (region.to_owned(), region))
            // A sub-project, so that looking for a region by the beginning of a name finds too many.
            .chain([(format!("{region}_team1"), region)])
            .map(|(name, region)| Project { id: stable_hex(&[salt, &name]), name, region: region.to_owned() })
            .collect();
        projects.dedup_by(|a, b| a.name == b.name);
        Self { id: stable_hex(&["domain", name]), name: name.to_owned(), projects }
    }

    pub(crate) fn project_by_id(&self, id: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.id == id)
    }

    pub(crate) fn project_by_name(&self, name: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.name == name)
    }
}

/// An access key, permanent or temporary.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) secret: String,
    /// Goes with a temporary key.
    pub(crate) security_token: Option<String>,
    pub(crate) account: usize,
    /// The only project it opens; all of its account when none.
    pub(crate) project_id: Option<String>,
    pub(crate) expires: Option<Millis>,
    pub(crate) lock: Lock,
}

/// Failures in a row and what they lead to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lock {
    failures: u32,
    until: Millis,
}

impl Lock {
    pub(crate) fn is_shut(&self, now: Millis) -> bool {
        now < self.until
    }

    /// Counts a failure; the sixth in a row shuts the lock for `span`.
    pub(crate) fn failed(&mut self, now: Millis, span: Millis) {
        self.failures += 1;
        if self.failures > 5 {
            *self = Self { failures: 0, until: now + span };
        }
    }

    pub(crate) fn open(&mut self) {
        *self = Self::default();
    }
}

/// What an IAM token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) account: usize,
    /// The project it is scoped to; none for a domain token.
    pub(crate) project: Option<Project>,
    pub(crate) issued: Millis,
    pub(crate) expires: Millis,
    pub(crate) method: &'static str,
}

/// How a caller has shown who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Signature,
    Token,
}

/// Someone let in.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) account: usize,
    /// The only project a token or a key opens; a key without one opens all of its account, a domain token none.
    pub(crate) project_id: Option<String>,
    pub(crate) proof: Proof,
}

/// A temporary key as it is handed out.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) access: String,
    pub(crate) secret: String,
    pub(crate) security_token: String,
    pub(crate) expires: Millis,
}

/// Everyone and everything that can be shown at the gate.
#[derive(Debug)]
pub(crate) struct Directory {
    mint: Mint,
    /// The account of the user first, then one that has delegated to it, then one that knows neither.
    pub(crate) accounts: [Account; 3],
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) user_id: String,
    pub(crate) user_name: String,
    pub(crate) password: String,
    pub(crate) agency_name: String,
    pub(crate) user_lock: Lock,
    keys: HashMap<String, Key>,
    tokens: HashMap<String, Grant>,
    metadata_tokens: Vec<String>,
}

/// The user's own account.
pub(crate) const HOME: usize = 0;
/// The account that has delegated to the user's.
pub(crate) const DELEGATING: usize = 1;
/// An account that has nothing to do with the user's.
pub(crate) const NEIGHBOUR: usize = 2;

impl Directory {
    pub(crate) fn new(region: &str) -> Self {
        let mut mint = Mint::random();
        let access_key = "EMULATORACCESSKEY001".to_owned();
        let secret_key = mint.secret(40);
        let key = Key {
            secret: secret_key.clone(),
            security_token: None,
            account: HOME,
            project_id: None,
            expires: None,
            lock: Lock::default(),
        };
        Self {
            accounts: [
                Account::new("ACME", region, "home"),
                Account::new("TARGET", region, "delegating"),
                Account::new("NEIGHBOUR", region, "neighbour"),
            ],
            secret_key,
            user_id: stable_hex(&["user", "terraform"]),
            user_name: "terraform".to_owned(),
            password: mint.secret(20),
            agency_name: "terraform-agency".to_owned(),
            user_lock: Lock::default(),
            keys: HashMap::from([(access_key.clone(), key)]),
            access_key,
            tokens: HashMap::new(),
            metadata_tokens: Vec::new(),
            mint,
        }
    }

    /// The account that a project belongs to, and the project.
    pub(crate) fn project(&self, id: &str) -> Option<(usize, &Project)> {
        self.accounts.iter().enumerate().find_map(|(index, account)| Some((index, account.project_by_id(id)?)))
    }

    pub(crate) fn key(&mut self, access: &str) -> Option<&mut Key> {
        self.keys.get_mut(access)
    }

    pub(crate) fn grant(&self, token: &str) -> Option<&Grant> {
        self.tokens.get(token)
    }

    /// A new token, as long as real ones are.
    pub(crate) fn issue(&mut self, grant: Grant) -> String {
        let token = format!("MIIE{}", self.mint.secret(1600));
        self.tokens.insert(token.clone(), grant);
        token
    }

    /// A new temporary key.
    pub(crate) fn lend(&mut self, account: usize, expires: Millis) -> Credential {
        let credential = Credential {
            access: format!("HST{}", self.mint.secret(17).to_ascii_uppercase()),
            secret: self.mint.secret(40),
            security_token: format!("gQpl{}", self.mint.secret(400)),
            expires,
        };
        self.keys.insert(
            credential.access.clone(),
            Key {
                secret: credential.secret.clone(),
                security_token: Some(credential.security_token.clone()),
                account,
                project_id: None,
                expires: Some(expires),
                lock: Lock::default(),
            },
        );
        credential
    }

    /// A new permanent key: access key and secret.
    pub(crate) fn key_for(&mut self, account: usize, project_id: Option<&str>) -> (String, String) {
        let access = format!("EMULATOR{}", self.mint.secret(12).to_ascii_uppercase());
        let secret = self.mint.secret(40);
        let project_id = project_id.map(ToOwned::to_owned);
        let key = Key {
            secret: secret.clone(),
            security_token: None,
            account,
            project_id,
            expires: None,
            lock: Lock::default(),
        };
        self.keys.insert(access.clone(), key);
        (access, secret)
    }

    /// Ends every token and temporary key at once.
    pub(crate) fn revoke_sessions(&mut self) {
        self.tokens.clear();
        self.metadata_tokens.clear();
        self.keys.retain(|_, key| key.security_token.is_none());
    }

    /// Opens every lock.
    pub(crate) fn unlock(&mut self) {
        self.user_lock.open();
        self.keys.values_mut().for_each(|key| key.lock.open());
    }

    /// Everything that is not for other eyes: secret keys, password, tokens.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let keys = self.keys.values().flat_map(|key| [Some(key.secret.clone()), key.security_token.clone()]).flatten();
        let tokens = self.tokens.keys().chain(&self.metadata_tokens).cloned();
        keys.chain(tokens).chain([self.password.clone()]).collect()
    }

    pub(crate) fn issue_metadata_token(&mut self) -> String {
        let token = self.mint.secret(48);
        self.metadata_tokens.push(token.clone());
        token
    }

    pub(crate) fn knows_metadata_token(&self, token: &str) -> bool {
        self.metadata_tokens.iter().any(|known| known == token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_stable_and_differ_between_accounts() {
        let directory = Directory::new("eu-nl");
        let names: Vec<_> = directory.accounts[HOME].projects.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["eu-nl", "eu-de", "cn-north-4", "eu-nl_team1"]);
        let home = directory.accounts[HOME].project_by_name("eu-nl").expect("there").id.clone();
        let other = directory.accounts[DELEGATING].project_by_name("eu-nl").expect("there").id.clone();
        assert_ne!(home, other);
        assert_eq!(Directory::new("eu-de").accounts[HOME].project_by_name("eu-nl").expect("there").id, home);
        assert_eq!(directory.project(&other).expect("there").0, DELEGATING);
    }

    #[test]
    fn the_sixth_failure_in_a_row_shuts_the_lock() {
        let mut lock = Lock::default();
        for _ in 0..5 {
            lock.failed(0, 100);
            assert!(!lock.is_shut(0));
        }
        lock.failed(0, 100);
        assert!(lock.is_shut(99) && !lock.is_shut(100));
    }
}
