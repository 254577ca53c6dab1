//! `terraform-provider-huaweidb doctor`: which settings would be used, where they come from, and whether they work.
//!
//! It resolves what an empty provider block would resolve, signs in, and lists one instance of each service. Nothing is
//! changed, and no secret is shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::settings::{self, Origins, ProviderBlock, Surroundings};
use super::{explain, services};
use crate::backup::{ALL, Service, Verdict};
use crate::cloud::{self, Cloud, Context, Credentials, IAM, Settings};
use crate::plugin::{Attr, Diagnostics, Severity};

/// How to use it.
const USAGE: &str = "Usage: terraform-provider-huaweidb doctor [--region NAME] [--endpoint SERVICE=ADDRESS]...

Shows which credentials, region, project and endpoints would be used with an empty provider block, where each comes
from, and tries one read-only call per service. Secrets are never shown. The exit code is 0 if everything answered.

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
            "--region" => block.region = Attr::Known(value()?.to_owned()),
            "--endpoint" => {
                let text = value()?;
                let (key, address) = text
                    .split_once('=')
                    .ok_or_else(|| format!("--endpoint {text:?} is not of the form SERVICE=ADDRESS."))?;
                endpoints.insert(key.to_owned(), Attr::Known(address.to_owned()));
            }
            _ => return Err(format!("doctor knows no {name:?}.")),
        }
    }
    if !endpoints.is_empty() {
        block.endpoints = Attr::Known(endpoints);
    }
    Ok(Some(block))
}

async fn examine(block: &ProviderBlock, around: &Surroundings) -> Report {
    let mut text = "Settings, as an empty provider block would find them:\n".to_owned();
    let (mut settings, warnings) = match settings::resolve(block, around, "doctor") {
        Ok(resolved) => resolved,
        Err(problems) => {
            told(&mut text, &problems);
            return Report::new(text, 1);
        }
    };
    settings.max_retries = settings.max_retries.min(1);
    let origins = settings::origins(&settings, block, around);
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
    row(&mut text, "project id", project_id.as_deref().unwrap_or("not found"), &origins.project);
    let iam = cloud.address(&IAM).map_or_else(|error| error.to_string(), |url| url.to_string());
    row(&mut text, "IAM", &iam, &origins.auth_url);
    told(&mut text, &warnings);
    let mut well = project_id.is_ok();
    if let Err(error) = project_id {
        let _ =
            writeln!(text, "\nError: The project id was not found\n  {}", explain::brief(&error).replace('\n', "\n  "));
    }
    if well {
        text.push_str("\nOne read-only call per service, to list an instance:\n\n");
        well = called(&mut text, &cloud, &context).await;
    } else {
        text.push_str("\nNo service was called. They would be called at:\n\n");
        for service in ALL {
            let _ = writeln!(text, "  {:<10} {}", service.facts().key(), address(&cloud, *service));
        }
    }
    let end = if well { "\nAll is well.\n" } else { "\nSomething does not work yet: see above.\n" };
    text.push_str(end);
    Report::new(text, u8::from(!well))
}

/// What is known before anything is asked.
fn known(text: &mut String, settings: &Settings, origins: &Origins) {
    row(text, "region", &settings.region, &origins.region);
    row(text, "credentials", &masked(&settings.credentials), &origins.credentials);
    if let Some(role) = &settings.assume_role {
        let account = role.domain_name.as_ref().or(role.domain_id.as_ref()).map_or("", String::as_str);
        row(text, "acting for", &format!("the agency {} of {account}", role.agency_name), "assume_role");
    }
    if let Some(cloud) = &settings.cloud {
        row(text, "cloud", cloud, &origins.cloud);
    }
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
            let account = domain_name.as_ref().or(domain_id.as_ref()).map_or("", String::as_str);
            format!("user {user} of {account}, password ****")
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
struct Answer {
    service: &'static dyn Service,
    address: String,
    took: Duration,
    error: Option<cloud::Error>,
}

/// Where a service is, or why it is nowhere.
fn address(cloud: &Cloud, service: &dyn Service) -> String {
    cloud.address(service.facts().product).map_or_else(|error| error.to_string(), |url| url.to_string())
}

async fn called(text: &mut String, cloud: &Cloud, context: &Context) -> bool {
    let mut calls = JoinSet::new();
    for service in ALL {
        let (cloud, context) = (cloud.clone(), context.clone());
        calls.spawn(async move {
            let began = Instant::now();
            let error = cloud.send(&context, &service.instances(None, 0, 1)).await.err();
            Answer { service: *service, address: address(&cloud, *service), took: began.elapsed(), error }
        });
    }
    let mut answers = calls.join_all().await;
    answers.sort_by_key(|answer| services::keys().iter().position(|key| *key == answer.service.facts().key()));
    let mut well = true;
    for Answer { service, address, took, error } in answers {
        let key = service.facts().key();
        let refusal = error.as_ref().and_then(cloud::Error::refusal);
        let not_offered = refusal.is_some_and(|refusal| service.verdict(refusal) == Verdict::NotOffered);
        let word = match &error {
            None => "ok",
            Some(_) if not_offered => "not here",
            Some(_) => "failed",
        };
        let _ = writeln!(text, "  {key:<10} {word:<8} {address} ({} ms)", took.as_millis());
        if let Some(error) = error.filter(|_| !not_offered) {
            well = false;
            let _ = writeln!(text, "             {}", explain::brief(&error).replace('\n', "\n             "));
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
        assert_eq!(block.region, Attr::Known("eu-de".to_owned()));
        assert_eq!(block.endpoints.known().unwrap()["dds"], Attr::Known("http://127.0.0.1:1".to_owned()));
        assert_eq!(block.endpoints.known().unwrap()["iam"], Attr::Known("http://[::1]:2".to_owned()));
        assert!(read(&["--help"]).unwrap().is_none());
        for wrong in [vec!["--region"], vec!["--endpoint", "dds"], vec!["--verbose"], vec!["eu-de"]] {
            assert!(read(&wrong).is_err(), "{wrong:?}");
        }
    }
}
