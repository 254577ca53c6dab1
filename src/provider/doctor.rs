//! `terraform-provider-huaweidb doctor`: which settings would be used, where they come from, and whether they work.
//!
//! It resolves what an empty provider block would resolve, signs in, asks IAM who that is, and lists an instance and a backup of
//! each service. Nothing is changed, and no secret is shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::settings::{self, ProviderBlock, Surroundings};
use super::{explain, services};
use crate::backup::{ALL, Filter, Misread, Service, Verdict};
use crate::cloud::{self, Call, Caller, Cloud, Context, Credentials, IAM, IamEntity, Reply, Settings};
use crate::plugin::{Diagnostics, Severity, Value};

/// How to use it.
const USAGE: &str = "Usage: terraform-provider-huaweidb doctor [--region NAME] [--endpoint SERVICE=ADDRESS]...

Shows which credentials, account, user, region, project, proxy and endpoints an empty provider block would use, where each
comes from, and whether each service allows listing instances and backups. Secrets are never shown. The exit code is 0 if
nothing failed.

  --region NAME               as `region` in the provider block
  --endpoint SERVICE=ADDRESS  as an entry of `endpoints` in the provider block
";

/// How long everything may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What the doctor found.
#[derive(Debug)]
pub struct Report {
    /// For the person who asked.
    pub text: String,
    /// 0 if all is well, 1 if not, 2 if the arguments make no sense.
    pub code: u8,
}

impl Report {
    fn new(text: impl Into<String>, code: u8) -> Self {
        Report { text: text.into(), code }
    }
}

/// Examines the surroundings of this process.
pub fn doctor(arguments: &[&str]) -> Report {
    let block = match read(arguments) {
        Ok(Some(block)) => block,
        Ok(None) => return Report::new(USAGE, 0),
        Err(why) => return Report::new(format!("{why}\n\n{USAGE}"), 2),
    };
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
        return Report::new("This machine has no room for another program.\n", 1);
    };
    runtime.block_on(examine(&block, &Surroundings::process()))
}

/// The provider block that the arguments stand for; `None` for help.
fn read(arguments: &[&str]) -> Result<Option<ProviderBlock>, String> {
    let mut block = ProviderBlock::default();
    let mut endpoints = BTreeMap::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (*word, None),
        };
        if ["--help", "-help", "-h"].contains(&name) {
            return Ok(None);
        }
        let mut value = || inline.or_else(|| words.next().copied()).ok_or_else(|| format!("{name} needs a value."));
        match name {
            "--region" => block = block.with("region", value()?),
            "--endpoint" => {
                let text = value()?;
                let (key, address) = text.split_once('=').ok_or_else(|| {
                    "--endpoint is given something that is not of the form SERVICE=ADDRESS.".to_owned()
                })?;
                endpoints.insert(key.to_owned(), Value::from(address));
            }
            // What is no flag may be anything, an address with a password too.
            _ if !name.starts_with('-') => return Err("doctor takes flags only.".to_owned()),
            _ => return Err(format!("doctor knows no {name:?}.")),
        }
    }
    if !endpoints.is_empty() {
        block = block.with("endpoints", Value::Map(endpoints));
    }
    Ok(Some(block))
}

async fn examine(block: &ProviderBlock, around: &Surroundings) -> Report {
    let mut text = "Settings, as an empty provider block would find them:\n".to_owned();
    let settings::Resolved { mut settings, warnings, from } = match settings::resolve(block, around, "doctor") {
        Ok(resolved) => resolved,
        Err(problems) => {
            told(&mut text, &problems);
            return Report::new(text, 1);
        }
    };
    settings.max_retries = settings.max_retries.min(1);
    let origins = Origins { from, given: block };
    let context = Context { deadline: Instant::now() + LIMIT, stop: CancellationToken::new() };
    text.push('\n');
    known(&mut text, &settings, &origins);
    let cloud = match Cloud::new(settings.clone()) {
        Ok(cloud) => cloud,
        Err(error) => {
            let _ = writeln!(text, "\n{}", explain::brief(&error));
            return Report::new(text, 1);
        }
    };
    let project_id = cloud.project_id(&context).await;
    let is_theirs = if let Ok(id) = &project_id {
        who(&mut text, &cloud.identity(&context, id).await, id, &origins)
    } else {
        row(&mut text, "project", "not found", &origins.project());
        false
    };
    let iam = cloud.address(&IAM).map_or_else(|error| error.to_string(), |url| url.to_string());
    row(&mut text, "IAM", &iam, &origins.address(IAM.key));
    let way_out = way_out(&mut text, &settings, &cloud);
    told(&mut text, &warnings);
    let mut well = project_id.is_ok();
    if let Err(error) = project_id {
        let _ = writeln!(
            text,
            "\nError: The project could not be looked up\n  {}",
            explain::brief(&error).replace('\n', "\n  ")
        );
    }
    if well {
        text.push_str("\nTwo read-only calls per service, to list an instance and a backup:\n\n");
        well = called(&mut text, &cloud, &context, &origins).await;
    } else {
        text.push_str("\nNo service was called. They would be called at:\n\n");
        for service in ALL {
            let key = service.facts().key();
            let from = origins.address(service.facts().product.key);
            let _ = writeln!(text, "  {key:<10} {}  (from {from})", address(&cloud, *service));
        }
    }
    well &= is_theirs && way_out != WayOut::Unusable;
    text.push_str(match way_out {
        _ if !well => "\nSomething does not work yet: see above.\n",
        WayOut::Untried => "\nAll is well, but the proxy was not tried.\n",
        _ => "\nAll is well.\n",
    });
    Report::new(text, u8::from(!well))
}

/// What the proxy is good for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WayOut {
    /// There is none, or calls show whether it works.
    Tried,
    /// Nothing that is called here is called through it.
    Untried,
    /// Not even its address is one, and `NO_PROXY` does not say that nobody needs it.
    Unusable,
}

/// Tells of the proxy.
fn way_out(text: &mut String, settings: &Settings, cloud: &Cloud) -> WayOut {
    let Some(proxy) = &settings.proxy else {
        text.push_str("  proxy        none\n");
        return WayOut::Tried;
    };
    let products = || ALL.iter().map(|service| service.facts().product).chain([&IAM]);
    let host = proxy.host();
    let is_usable = host.is_ok();
    row(text, "proxy", &host.unwrap_or_else(|why| format!("cannot be used: {why}")), proxy.named_by());
    if products().any(|product| cloud.is_proxied(product)) && is_usable {
        return WayOut::Tried;
    }
    if !is_usable && products().any(|product| cloud.address(product).is_ok_and(|url| proxy.serves(&url))) {
        return WayOut::Unusable;
    }
    let _ = writeln!(text, "  {:<12} not tried: none of the addresses shown here is called through it", "");
    WayOut::Untried
}

/// Where settings come from, in words that end "from …".
struct Origins<'a> {
    /// By the setting's name, for all that are set.
    from: BTreeMap<&'static str, String>,
    /// What stands for the provider block: the doctor's own arguments.
    given: &'a ProviderBlock,
}

impl Origins<'_> {
    fn named(&self, setting: &str) -> Option<String> {
        let from = self.from.get(setting)?;
        let is_given = setting == "region" && self.given.text("region").is_some();
        Some(if is_given { "the argument --region".to_owned() } else { from.clone() })
    }

    fn project(&self) -> String {
        let by_name = || match self.named("project_name") {
            Some(name) => format!("IAM, by the name in {name}"),
            None => "IAM, by the region's name".to_owned(),
        };
        self.named("project_id").unwrap_or_else(by_name)
    }

    /// Whether somebody gave this product's own address.
    fn is_given(&self, product: &str) -> bool {
        self.given.endpoints().any(|(key, _)| key == product)
    }

    /// Who says where a product is.
    fn address(&self, product: &str) -> String {
        if self.is_given(product) {
            return "the argument --endpoint".to_owned();
        }
        let own = if product == IAM.key { self.named("auth_url") } else { None };
        own.or_else(|| self.named("cloud")).unwrap_or_else(|| "the region".to_owned())
    }
}

/// What is known before anything is asked.
fn known(text: &mut String, settings: &Settings, origins: &Origins<'_>) {
    row(text, "region", &settings.region, &origins.named("region").unwrap_or_default());
    row(text, "credentials", &masked(&settings.credentials), &origins.named("credentials").unwrap_or_default());
    if let Some(role) = &settings.assume_role {
        let account = role.domain_name.as_ref().or(role.domain_id.as_ref()).map_or("", String::as_str);
        let from = origins.named("assume_role.agency_name").unwrap_or_default();
        row(text, "acting for", &format!("the agency {} of {account}", role.agency_name), &from);
    }
    if let Some(cloud) = &settings.cloud {
        row(text, "cloud", cloud, &origins.named("cloud").unwrap_or_default());
    }
}

/// Who acts, and for which project, as IAM knows them. Whether that may be their project.
fn who(text: &mut String, who: &Caller, project_id: &str, origins: &Origins<'_>) -> bool {
    let unknown = |error: &cloud::Error| {
        let said = explain::brief(error);
        format!("not told: {}", said.lines().next().unwrap_or_default().trim_end_matches('.'))
    };
    for (what, found) in [("account", &who.account), ("user", &who.user)] {
        match found {
            Ok(IamEntity { name, id, told_by }) => {
                row(text, what, &format!("{name}, {id}"), &format!("IAM, {told_by}"));
            }
            Err(error) => {
                let _ = writeln!(text, "  {what:<12} {}", unknown(error));
            }
        }
    }
    match &who.project {
        Ok(IamEntity { name, .. }) => row(text, "project", &format!("{name}, {project_id}"), &origins.project()),
        Err(cloud::Error::NoProject(why)) => {
            row(text, "project", project_id, &origins.project());
            let _ = writeln!(text, "  {:<12} failed: {why}", "");
        }
        Err(error) => {
            row(text, "project", project_id, &origins.project());
            let _ = writeln!(text, "  {:<12} its name is {}", "", unknown(error));
        }
    }
    !matches!(who.project, Err(cloud::Error::NoProject(_)))
}

fn row(text: &mut String, what: &str, value: &str, from: &str) {
    let _ = writeln!(text, "  {what:<12} {value}  (from {from})");
}

/// Credentials that may be read over a shoulder.
fn masked(credentials: &Credentials) -> String {
    match credentials {
        Credentials::Key { access_key, security_token, .. } => {
            let shown: String = access_key.chars().take(4).collect();
            let temporary = if security_token.is_some() { ", temporary, with a security token" } else { "" };
            format!("access key {shown}****, secret key ****{temporary}")
        }
        Credentials::Token(_) => "token ****".to_owned(),
        Credentials::Password { user_name, user_id, domain_name, domain_id, .. } => {
            let user = user_name.as_ref().or(user_id.as_ref()).map_or("", String::as_str);
            // Who is known by an id needs no account.
            let account = domain_name.as_ref().or(domain_id.as_ref()).map(|account| format!(" of {account}"));
            format!("user {user}{}, password ****", account.unwrap_or_default())
        }
        Credentials::Metadata { address, .. } => format!("none set; the metadata service at {address} is asked"),
    }
}

fn told(text: &mut String, diagnostics: &Diagnostics) {
    for one in diagnostics {
        let kind = if one.severity == Severity::Error { "Error" } else { "Warning" };
        let _ = writeln!(text, "\n{kind}: {}\n  {}", one.summary, one.detail.replace('\n', "\n  "));
    }
}

/// How a service answered.
struct Probe {
    service: &'static dyn Service,
    address: String,
    took: Duration,
    instances: Right,
    backups: Right,
}

/// Whether something may be listed.
enum Right {
    Given,
    Failed(cloud::Error),
    /// Nobody could tell, and why.
    NotAsked(String),
}

impl Right {
    fn error(&self) -> Option<&cloud::Error> {
        if let Right::Failed(error) = self { Some(error) } else { None }
    }

    fn told(&self, what: &str) -> String {
        match self {
            Right::Given => format!("may list {what}"),
            Right::NotAsked(why) => format!("{what}: not asked, {why}"),
            Right::Failed(error) => {
                let why = explain::brief(error);
                let cannot = if error.refusal().is_some() { "may not list" } else { "cannot list" };
                let hint = if matches!(error, cloud::Error::Misread { .. }) { OTHER_SHAPE } else { "" };
                format!("{cannot} {what}: {why}{hint}")
            }
        }
    }
}

/// Where the answer is none of the service's.
const OTHER_SHAPE: &str = "\nWhat answers there may be a login page on the way, or another service: check the address.";

/// Where a service is, or why it is nowhere.
fn address(cloud: &Cloud, service: &dyn Service) -> String {
    cloud.address(service.facts().product).map_or_else(|error| error.to_string(), |url| url.to_string())
}

/// Asks for one instance, and for one backup: of that instance, since some services list by instance only.
async fn ask(cloud: Cloud, context: Context, service: &'static dyn Service) -> Probe {
    let began = Instant::now();
    let instances = service.instances(None, 0, 1);
    let answered = cloud.send(&context, &instances).await;
    let took = began.elapsed();
    let found = answered.and_then(|reply| {
        let page = service.instance_records(&reply).map_err(|why| misread(&cloud, &instances, &reply, why))?;
        Ok(page.items.into_iter().flatten().next().map(|instance| instance.id))
    });
    let (instances, instance_id) = match found {
        Ok(id) => (Right::Given, id),
        Err(error) => (Right::Failed(error), None),
    };
    let reached = instances.error().is_none_or(is_answer);
    let backups = match service.list(&Filter { instance_id, ..Filter::default() }, 0, 1) {
        _ if !reached => Right::NotAsked("because it was not reached".to_owned()),
        Err(_) => Right::NotAsked("because it lists those of one instance only, and none is known".to_owned()),
        Ok(calls) => match calls.first() {
            Some(call) => {
                let read = |reply| match service.records(&reply) {
                    Ok(_) => Right::Given,
                    Err(why) => Right::Failed(misread(&cloud, call, &reply, why)),
                };
                cloud.send(&context, call).await.map_or_else(Right::Failed, read)
            }
            None => Right::NotAsked("because there is no such call".to_owned()),
        },
    };
    Probe { service, address: address(&cloud, service), took, instances, backups }
}

/// That an answer is not what the service's documents say.
fn misread(cloud: &Cloud, call: &Call, reply: &Reply, Misread(reason): Misread) -> cloud::Error {
    let request_id = reply.request_id.clone();
    let named = format!("{} {}", call.method, cloud.path(call));
    cloud::Error::Misread { product: call.product.key, call: named, reason, request_id }
}

/// Whether something answered.
fn is_answer(error: &cloud::Error) -> bool {
    matches!(error, cloud::Error::Refused { .. } | cloud::Error::Misread { .. })
}

async fn called(text: &mut String, cloud: &Cloud, context: &Context, origins: &Origins<'_>) -> bool {
    let mut calls = JoinSet::new();
    for service in ALL {
        calls.spawn(ask(cloud.clone(), context.clone(), *service));
    }
    let mut answers = calls.join_all().await;
    answers.sort_by_key(|answer| services::keys().iter().position(|key| *key == answer.service.facts().key()));
    let mut well = true;
    for Probe { service, address, took, instances, backups } in answers {
        let key = service.facts().key();
        let refusal = instances.error().and_then(cloud::Error::refusal);
        let is_given = origins.is_given(service.facts().product.key);
        let is_absent = refusal.is_some_and(|refusal| service.verdict(refusal) == Verdict::NotOffered);
        // Nobody gives the address of a service that they know not to be there.
        let not_offered = is_absent && !is_given;
        let good = instances.error().is_none() && backups.error().is_none();
        let word = match (good, not_offered) {
            (true, _) => "ok",
            (false, true) => "not here",
            (false, false) => "failed",
        };
        let reached = match instances.error() {
            Some(error) if !is_answer(error) => "not reached".to_owned(),
            _ => format!("reached in {} ms", took.as_millis()),
        };
        let from = origins.address(service.facts().product.key);
        let _ = writeln!(text, "  {key:<10} {word:<8} {address}  (from {from}), {reached}");
        if !not_offered {
            well &= good;
            for told in [instances.told("instances"), backups.told("backups")] {
                let _ = writeln!(text, "             {}", told.replace('\n', "\n               "));
            }
            if is_absent {
                let _ = writeln!(text, "             the service is not at this address, which was given: check it");
            }
        }
    }
    well
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_become_a_provider_block() {
        let block =
            read(&["--region", "eu-de", "--endpoint=dds=http://127.0.0.1:1", "--endpoint", "iam=http://[::1]:2"]);
        let block = block.unwrap().unwrap();
        assert_eq!(block.text("region").as_deref(), Some("eu-de"));
        let endpoints: BTreeMap<&str, &str> = block.endpoints().collect();
        assert_eq!(endpoints, [("dds", "http://127.0.0.1:1"), ("iam", "http://[::1]:2")].into());
        assert!(read(&["--help"]).unwrap().is_none());
        for wrong in [vec!["--region"], vec!["--endpoint", "dds"], vec!["--verbose"], vec!["eu-de"]] {
            assert!(read(&wrong).is_err(), "{wrong:?}");
        }
    }
}
