//! Who acts, in IAM's own words.

use secrecy::ExposeSecret;
use serde_json::Value as Json;

use super::authentication::Authentication;
use super::hidden::Hidden;
use super::transport::Cloud;
use super::{Context, Error, project};

/// Who acts and for what, each as far as IAM tells.
#[derive(Debug)]
pub struct Caller {
    /// The account.
    pub account: Result<IamEntity, Error>,
    /// The user in it, or the agency.
    pub user: Result<IamEntity, Error>,
    /// The project.
    pub project: Result<IamEntity, Error>,
}

/// Somebody or something that IAM knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IamEntity {
    /// What people call it.
    pub name: String,
    /// What the cloud calls it.
    pub id: String,
    /// The call that told it.
    pub told_by: &'static str,
}

impl IamEntity {
    /// As it may be shown: a gateway may have put anything there.
    fn shown(self, hidden: &Hidden) -> Self {
        let plain = |text: String| -> String {
            hidden.scrub(text).chars().take(LONGEST_NAME).map(|c| if c.is_control() { ' ' } else { c }).collect()
        };
        IamEntity { name: plain(self.name), id: plain(self.id), told_by: self.told_by }
    }
}

/// No name or id is longer.
const LONGEST_NAME: usize = 200;

const TOKEN: &str = "/v3/auth/tokens";
const ACCOUNTS: &str = "/v3/auth/domains";
const PROJECTS: &str = "/v3/auth/projects";
const KEYS: &str = "/v3.0/OS-CREDENTIAL/credentials";
const USERS: &str = "/v3/users";
const CALLER: &str = "/v5/caller-identity";

impl Cloud {
    /// Asks IAM who acts, and how the project is called. What may not be asked is an error in its place.
    pub async fn identity(&self, context: &Context, project_id: &str) -> Caller {
        let authentication = match self.authentication(context).await {
            Ok(authentication) => authentication,
            Err(why) => return Caller { account: Err(why.clone()), user: Err(why.clone()), project: Err(why) },
        };
        let hidden = Hidden::new(authentication.secrets().map(ExposeSecret::expose_secret));
        let caller = self.caller_by(context, &authentication, project_id).await;
        let shown = |found: Result<IamEntity, Error>| found.map(|entity| entity.shown(&hidden));
        Caller { account: shown(caller.account), user: shown(caller.user), project: shown(caller.project) }
    }

    async fn caller_by(&self, context: &Context, authentication: &Authentication, project_id: &str) -> Caller {
        if let Authentication::Key { access_key, security_token, .. } = authentication {
            return Caller {
                account: self.iam(context, ACCOUNTS).await.and_then(|told| known(&told, "/domains/0", ACCOUNTS)),
                user: match security_token {
                    None => self.user_of_key(context, access_key).await,
                    Some(_) => self.caller(context).await,
                },
                project: self.project(context, project_id).await,
            };
        }
        let told = self.about_token(context).await;
        let pick = |pointer| told.clone().and_then(|told| known(&told, pointer, TOKEN));
        let project = match pick("/token/project") {
            Ok(project) if project.id == project_id => Ok(project),
            _ => self.project(context, project_id).await,
        };
        Caller { account: pick("/token/user/domain"), user: pick("/token/user"), project }
    }

    /// Whether the project of this region's calls is known to be one of whoever acts: it was looked up for these credentials, IAM gave
    /// a token for it, or says so.
    pub async fn is_callers_project(&self, context: &Context) -> bool {
        let Some(id) = self.given_project() else { return true };
        let signed_in = self.token_project(context).await;
        signed_in.as_deref() == Some(id) || self.identity(context, id).await.project.is_ok()
    }

    /// Whoever owns a permanent key.
    async fn user_of_key(&self, context: &Context, access_key: &str) -> Result<IamEntity, Error> {
        let key = self.iam(context, &format!("{KEYS}/{access_key}")).await?;
        let id = text(&key, "/credential/user_id").ok_or_else(|| silent(KEYS))?;
        let user = self.iam(context, &format!("{USERS}/{id}")).await?;
        known(&user, "/user", USERS)
    }

    /// Whoever holds temporary keys: the token service knows it.
    async fn caller(&self, context: &Context) -> Result<IamEntity, Error> {
        let told = self.sts(context, CALLER).await?;
        let [urn, id] = ["/principal_urn", "/principal_id"].map(|pointer| text(&told, pointer));
        let (Some(urn), Some(id)) = (urn, id) else { return Err(silent(CALLER)) };
        let name = urn.rsplit(':').next().unwrap_or_default().to_owned();
        Ok(IamEntity { name, id, told_by: CALLER })
    }

    async fn project(&self, context: &Context, id: &str) -> Result<IamEntity, Error> {
        let told = self.iam(context, PROJECTS).await?;
        if told.get("projects").and_then(Json::as_array).is_none() {
            return Err(silent(PROJECTS));
        }
        let none = || Error::NoProject(format!("GET {PROJECTS} does not list it: it is not a project of whoever acts"));
        let name = project::by_id(&told, id).ok_or_else(none)?;
        Ok(IamEntity { name, id: id.to_owned(), told_by: PROJECTS })
    }
}

fn text(told: &Json, pointer: &str) -> Option<String> {
    told.pointer(pointer).and_then(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn known(told: &Json, pointer: &str, told_by: &'static str) -> Result<IamEntity, Error> {
    let [name, id] = ["name", "id"].map(|field| text(told, &format!("{pointer}/{field}")));
    let (Some(name), Some(id)) = (name, id) else { return Err(silent(told_by)) };
    Ok(IamEntity { name, id, told_by })
}

fn silent(call: &str) -> Error {
    Error::Setup(format!("the answer to GET {call} lacks the name or the id"))
}
