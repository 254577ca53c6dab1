//! The cloud, as the floors above see it: a [`Call`] in, a [`Reply`] out.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

use super::authentication::Authentication;
use super::credentials::{self, Access, Credential, CredentialCache, TokenScope};
use super::endpoint::{self, IAM};
use super::patience::Patience;
use super::project;
use super::sign;
use super::slot::Slot;
use super::wire::{Outgoing, RawReply, Sender, Tries};
use super::{Call, Context, Credentials, Error, Product, Reply, Settings};

const PROJECT_ID: &str = "{project_id}";

/// One region of the cloud, ready to be asked. Cheap to clone; regions share connections, credentials and patience.
#[derive(Clone)]
pub struct Cloud {
    shared: Arc<Shared>,
    region: Arc<Region>,
}

struct Shared {
    settings: Settings,
    wire: Sender,
    source: CredentialCache,
    regions: Mutex<HashMap<String, Arc<Region>>>,
}

struct Region {
    name: String,
    /// The project that calls of this region are for.
    scope: TokenScope,
    project_id: Slot<String>,
    /// Whether a call was accepted, so that the project fits who we act for.
    fits: AtomicBool,
    /// Why it does not, once that was asked; nothing if nobody can tell.
    misfit: OnceCell<Option<Error>>,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").field("region", &self.region.name).finish_non_exhaustive()
    }
}

impl Cloud {
    /// Checks the settings. Nothing is read, resolved or connected before the first call.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        Cloud::with_patience(settings, Patience::default())
    }

    /// As [`Cloud::new`], with every wait between two attempts, and every time limit of its own, divided: only for tests that
    /// let a lot go wrong.
    #[doc(hidden)]
    pub fn hasty(settings: Settings, waits: u32, limits: u32) -> Result<Self, Error> {
        Cloud::with_patience(settings, Patience::default().divided(waits, limits))
    }

    pub(super) fn with_patience(settings: Settings, patience: Patience) -> Result<Self, Error> {
        endpoint::check_name("the region", &settings.region, false)?;
        if let Some(cloud) = &settings.cloud {
            endpoint::check_name("the cloud", cloud, true)?;
        }
        for (key, url) in &settings.endpoints {
            endpoint::check_address(url)
                .map_err(|why| Error::Setup(format!("the endpoint of {key} cannot be used: {why}")))?;
        }
        endpoint::iam(&settings)?;
        credentials::check(&settings)?;
        let wire = Sender::new(&settings, patience)?;
        let home = Region::new(&settings, &settings.region);
        let regions = Mutex::new([(settings.region.clone(), Arc::clone(&home))].into());
        let shared = Shared { settings, wire, source: CredentialCache::default(), regions };
        Ok(Cloud { shared: Arc::new(shared), region: home })
    }

    /// The region's name.
    pub fn region(&self) -> &str {
        &self.region.name
    }

    /// The same cloud in another region: its own endpoints and project, everything else shared. Whether the region can
    /// be reached shows when it is called.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let mut regions = self.shared.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let region = regions.entry(region.to_owned()).or_insert_with(|| Region::new(&self.shared.settings, region));
        Cloud { shared: Arc::clone(&self.shared), region: Arc::clone(region) }
    }

    /// Sends a call until it is answered, within the limits of the context.
    ///
    /// What cannot have been carried out is tried again whatever it is; what may have been carried out, only if the
    /// call is safe to repeat. After the stop signal the answer to a request under way is awaited for a moment: five
    /// seconds if the request must not be sent twice, one second otherwise.
    pub async fn send(&self, context: &Context, call: &Call) -> Result<Reply, Error> {
        let settings = &self.shared.settings;
        // What was over before speaks of this call, and not of what it would have needed first.
        let label = || format!("{} {}", call.method, self.path(call));
        if context.stop.is_cancelled() {
            return Err(Error::Stopped { call: label() });
        }
        if context.deadline <= Instant::now() {
            return Err(Error::DeadlinePassed { call: label(), last: None });
        }
        let base = endpoint::base(settings, self.region(), call.product)?;
        let regional = call.product.key != IAM.key && credentials::signs(settings);
        let project_id =
            if regional || call.path.contains(PROJECT_ID) { Some(self.project_id(context).await?) } else { None };
        let path = self.path(call).replace(PROJECT_ID, &sign::escape(project_id.as_deref().unwrap_or_default()));
        let query = call.query.iter().map(|(name, value)| (*name, value.as_str()));
        let ask = Outgoing {
            method: call.method.clone(),
            body: call.body.clone(),
            headers: &call.headers,
            safe_to_repeat: call.safe_to_repeat,
            fates: &call.fates,
            project_id: project_id.as_deref().filter(|_| regional),
            ..Outgoing::get(call.product.key, endpoint::join(&base, &path, query)?)
        };
        let RawReply { head, body } = match self.ask(context, &ask).await {
            Ok(answer) => {
                self.region.fits.store(true, Ordering::Relaxed);
                answer
            }
            Err(error) => {
                let is_doubtful = error.refusal().is_some_and(|refusal| matches!(refusal.status, 400 | 403 | 404));
                if !is_doubtful || self.region.fits.load(Ordering::Relaxed) {
                    return Err(error);
                }
                let misfit = Box::pin(self.region.misfit.get_or_init(|| self.misplaced(context))).await;
                return Err(misfit.clone().unwrap_or(error));
            }
        };
        Ok(Reply { status: head.status, body, date: head.date, request_id: head.request_id })
    }

    /// The path of a call here.
    pub fn path<'a>(&self, call: &'a Call) -> &'a str {
        call.path_there(endpoint::partition(&self.shared.settings, self.region()))
    }

    /// Where a product of this region is called.
    pub fn address(&self, product: &Product) -> Result<Url, Error> {
        endpoint::base(&self.shared.settings, self.region(), product)
    }

    /// Whether a product of this region is called through the proxy.
    pub fn is_proxied(&self, product: &Product) -> bool {
        self.address(product).is_ok_and(|url| self.shared.wire.is_proxied(&url))
    }

    /// Makes sure that there is something to sign in with, before any product is called.
    pub async fn sign_in(&self, context: &Context) -> Result<(), Error> {
        self.held(context, "the sign-in").await.map(drop)
    }

    /// The id of the project that this region's calls are for: as configured, else the token's own, else looked up by
    /// name, once.
    pub async fn project_id(&self, context: &Context) -> Result<String, Error> {
        if let Some(id) = self.given_project() {
            return Ok(id.to_owned());
        }
        let looked_up = Box::pin(self.look_up_project(context));
        self.region.project_id.get(context, "GET /v3/projects", |_| true, |_| true, looked_up).await
    }

    /// The id that the configuration gives the project of this region's calls.
    pub(super) fn given_project(&self) -> Option<&str> {
        match &self.region.scope {
            TokenScope::ProjectId(id) => Some(id),
            _ => None,
        }
    }

    fn access(&self) -> Access<'_> {
        Access { wire: &self.shared.wire, settings: &self.shared.settings }
    }

    /// What requests carry now to be let in.
    pub(super) async fn authentication(&self, context: &Context) -> Result<Authentication, Error> {
        self.held(context, "the sign-in").await.map(|held| held.authentication)
    }

    /// The project of the token that IAM gave at the sign-in, if it gave one.
    pub(super) async fn token_project(&self, context: &Context) -> Option<String> {
        self.held(context, "the sign-in").await.ok()?.project_id
    }

    /// What IAM answers to a question.
    pub(super) async fn iam(&self, context: &Context, path: &str) -> Result<Json, Error> {
        let url = self.access().iam(path, &[])?;
        Ok(self.ask(context, &Outgoing::get(IAM.key, url)).await?.body.json())
    }

    /// What IAM says about the token that is used.
    pub(super) async fn about_token(&self, context: &Context) -> Result<Json, Error> {
        let url = self.access().iam("/v3/auth/tokens", &[])?;
        let ask = Outgoing { about_token: true, ..Outgoing::get(IAM.key, url) };
        Ok(self.ask(context, &ask).await?.body.json())
    }

    /// What the token service answers, where the cloud has one.
    pub(super) async fn sts(&self, context: &Context, path: &str) -> Result<Json, Error> {
        let base = endpoint::sts(&self.shared.settings).unwrap_or_else(|| {
            Err(Error::Setup("this cloud does not tell whose temporary keys these are".to_owned()))
        })?;
        Ok(self.ask(context, &Outgoing::get("sts", endpoint::join(&base, path, [])?)).await?.body.json())
    }

    async fn look_up_project(&self, context: &Context) -> Result<String, Error> {
        let settings = &self.shared.settings;
        let TokenScope::ProjectName(name) = &self.region.scope else {
            return Err(Error::Setup("a region's project has a name or an id".to_owned()));
        };
        let own = match (&settings.assume_role, &settings.credentials) {
            (None, Credentials::Password { .. }) => self.held(context, "POST /v3/auth/tokens").await?.project_id,
            (None, Credentials::Token(_)) => match self.about_token(context).await {
                Ok(told) => {
                    let anywhere = self.region.name == settings.region && settings.project_name.is_none();
                    project::of_token(&told, name, anywhere)?
                }
                Err(Error::Refused { refusal, .. }) if matches!(refusal.status, 403 | 404) => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        if let Some(id) = own {
            return Ok(id);
        }
        // A refusal below is one of the listing, not of the sign-in.
        self.held(context, "GET /v3/projects").await?;
        let by_name = Outgoing::get(IAM.key, self.access().iam("/v3/projects", &[("name", name)])?);
        let mut call = by_name.named();
        let answer = match self.ask(context, &by_name).await {
            Err(Error::Refused { refusal, .. }) if refusal.status == 403 => {
                // Every user may list the user's own projects.
                let all = Outgoing::get(IAM.key, self.access().iam("/v3/auth/projects", &[])?);
                call = all.named();
                match self.ask(context, &all).await {
                    Err(Error::Refused { refusal, .. }) if matches!(refusal.status, 401 | 403 | 404) => {
                        let request = refusal.request_id.map(|id| format!(" (request {id})")).unwrap_or_default();
                        return Err(Error::Setup(format!(
                            "these credentials may not list projects{request}, so the id of the project {name:?} cannot be \
                             looked up: set `project_id`"
                        )));
                    }
                    answer => answer?,
                }
            }
            answer => answer?,
        };
        let nearest = endpoint::nearest_region(settings, name);
        project::named(&answer.body.json(), name, &call, answer.head.request_id.as_deref(), nearest)
    }

    /// After a call was refused: whether that is because the configured project is not one of the account. Asked once, and told
    /// of every call that is refused.
    async fn misplaced(&self, context: &Context) -> Option<Error> {
        let Shared { settings, wire, source, .. } = &*self.shared;
        let TokenScope::ProjectId(id) = &self.region.scope else { return None };
        let all = Outgoing::get(IAM.key, self.access().iam("/v3/auth/projects", &[]).ok()?);
        let theirs = self.ask(context, &all).await.ok()?.body.json();
        if project::by_id(&theirs, id).is_some() {
            return None;
        }
        let from = &settings.project_from;
        let remedy = format!(
            "leave out {from}, then the project is looked up by its name, or set the id of a \
             project of that account"
        );
        let Some(role) = &settings.assume_role else {
            return Some(Error::Setup(format!("the account has no project {id}: {remedy}")));
        };
        let own = source.own(self.access(), context, &all.named()).await.ok()?;
        let ours = wire.ask(context, &all, &own.authentication, &mut Tries::default()).await.ok()?;
        let account = role.domain_name.as_ref().or(role.domain_id.as_ref()).map_or("", String::as_str);
        let agency = format!("the account {account}, for which the agency {} acts", role.agency_name);
        Some(Error::Setup(match project::by_id(&ours.body.json(), id) {
            Some(name) => {
                format!("the project {id} ({name}) belongs to the account that signs in, not to {agency}: {remedy}")
            }
            None => format!("the project {id} is none of {agency}: {remedy}"),
        }))
    }

    /// Asks with our credentials, and once more with new ones if they are refused and can be renewed.
    async fn ask(&self, context: &Context, ask: &Outgoing<'_>) -> Result<RawReply, Error> {
        let Shared { settings, wire, source, .. } = &*self.shared;
        let call = ask.named();
        let mut tries = Tries::default();
        let mut renewed = false;
        loop {
            let held = self.held(context, &call).await?;
            match wire.ask(context, ask, &held.authentication, &mut tries).await {
                Err(Error::Refused { refusal, .. })
                    if !renewed && held.renewable() && refusal.rejects_credentials() =>
                {
                    renewed = true;
                    let (status, code) = (refusal.status, refusal.code);
                    tracing::info!(%call, status, code, "the credentials were refused: trying again with new ones");
                    source.reject(settings, context, &call, &self.region.scope, &held).await?;
                }
                ended => return ended,
            }
        }
    }

    async fn held(&self, context: &Context, call: &str) -> Result<Credential, Error> {
        let Shared { settings, wire, source, .. } = &*self.shared;
        source.held(Access { wire, settings }, context, call, &self.region.scope).await
    }
}

impl Region {
    fn new(settings: &Settings, name: &str) -> Arc<Self> {
        // What is configured about the project belongs to the configured region.
        let home = name == settings.region;
        let scope = match (&settings.project_id, &settings.project_name) {
            (Some(id), _) if home => TokenScope::ProjectId(id.clone()),
            (_, Some(project)) if home => TokenScope::ProjectName(project.clone()),
            _ => TokenScope::ProjectName(name.to_owned()),
        };
        let (fits, misfit) = (AtomicBool::new(false), OnceCell::new());
        Arc::new(Region { name: name.to_owned(), scope, project_id: Slot::default(), fits, misfit })
    }
}
