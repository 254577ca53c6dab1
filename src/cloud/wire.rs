//! Bytes out, bytes in: only this file and the tunnel through a proxy open sockets.
//!
//! One request at a time is addressed, signed anew, sent, and repeated as [`retry`](mod@super::retry) and
//! [`limiter`](super::limiter) say. It does not know where credentials come from.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::Value as Json;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::authentication::{Authentication, put, sensitive};
use super::decode::{self, Head};
use super::endpoint;
use super::first_use::FirstUse;
use super::hidden::Hidden;
use super::limiter::{Limiter, NotAdmitted, Permit};
use super::obstacle::{self, Obstacle, Target, reason, rounded};
use super::patience::{Patience, dice};
use super::retry::{self, Outcome, Policy, Retry};
use super::sign;
use super::tunnel;
use super::{Authorities, Body, Context, Error, Fate, IAM, Proxy, Refusal, Settings};

/// Nothing that is behind so many bytes of a refusal is ever shown.
const LARGEST_REFUSAL: usize = 64 * 1024;

/// One request, addressed. No `Debug`: the body of a login holds a password.
pub(super) struct Outgoing<'a> {
    /// Whom we ask.
    pub(super) product: &'static str,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Json>,
    /// Headers beside the usual ones.
    pub(super) headers: &'a [(&'static str, &'static str)],
    pub(super) safe_to_repeat: bool,
    pub(super) fates: &'a [Fate],
    pub(super) project_id: Option<&'a str>,
    pub(super) domain_id: Option<&'a str>,
    /// The token is also what the request is about.
    pub(super) about_token: bool,
}

impl<'a> Outgoing<'a> {
    /// A request that only reads.
    pub(super) fn get(product: &'static str, url: Url) -> Self {
        Outgoing {
            product,
            method: Method::GET,
            url,
            body: None,
            headers: &[],
            safe_to_repeat: true,
            fates: &[],
            project_id: None,
            domain_id: None,
            about_token: false,
        }
    }

    /// A request with a body that may be repeated: a login, or another request for credentials.
    pub(super) fn post(product: &'static str, url: Url, body: Json) -> Self {
        Outgoing { method: Method::POST, body: Some(body), ..Outgoing::get(product, url) }
    }

    /// What people read about it.
    pub(super) fn named(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }

    /// The same, signed for an account.
    pub(super) fn for_account(self, domain_id: Option<&'a str>) -> Self {
        Outgoing { domain_id, ..self }
    }
}

/// A good answer. No `Debug`: it may hold keys.
pub(super) struct RawReply {
    pub(super) head: Head,
    pub(super) body: Body,
}

/// How often one call was tried, across renewals of its credentials.
#[derive(Debug, Default)]
pub(super) struct Tries {
    made: u32,
    /// When the first attempt was made.
    begun: Option<Instant>,
    /// How often the host had let somebody through when it throttled this call last.
    passes: u64,
    last: Option<Box<Error>>,
}

/// How an attempt failed.
enum FailedAttempt {
    /// The connection could not be made.
    NotSent(Obstacle),
    /// No answer, or half of one.
    Broken(String),
    /// An answer with a good status that makes no sense.
    Misread { reason: String, request_id: Option<String> },
    /// The cloud said no.
    Refused(Box<Refusal>),
    /// The answer was not awaited any longer, as we were asked to stop. It may be asked for again.
    Stopped,
}

/// Everything that calls share: connections, gates, and how patient we are.
pub(super) struct Sender {
    clients: [OnceLock<reqwest::Client>; 3],
    limiter: Limiter,
    policy: Policy,
    patience: Patience,
    user_agent: HeaderValue,
    insecure: bool,
    authorities: Authorities,
    proxy: Option<Proxy>,
    /// The setting that gave a product's address.
    given: HashMap<String, String>,
    /// Who sets a security token that is not taken with our keys.
    unsent_token: Option<String>,
    first_use: FirstUse,
}

/// How a host is reached.
#[derive(Clone, Copy, Debug)]
enum Route {
    /// https through the proxy.
    Proxied,
    /// https without one.
    Direct,
    /// Plain http to this machine or to the metadata service: no proxy, no certificates.
    Plain,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("policy", &self.policy).field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Sender {
    /// Checks only; connections are made when there is something to send.
    pub(super) fn new(settings: &Settings, patience: Patience) -> Result<Self, Error> {
        let auth_url = settings.auth_url.iter().map(|_| (IAM.key.to_owned(), settings.auth_url_from.clone()));
        let endpoints = settings.endpoints.keys().map(|key| (key.clone(), "`endpoints`".to_owned()));
        let user_agent = HeaderValue::from_str(&settings.user_agent)
            .map_err(|_| Error::Setup(format!("{:?} cannot be sent as user agent", settings.user_agent)))?;
        Ok(Sender {
            clients: Default::default(),
            limiter: Limiter::default(),
            policy: Policy {
                max_retries: settings.max_retries,
                first: patience.first_wait,
                cap: patience.longest_wait,
            },
            patience,
            user_agent,
            insecure: settings.insecure,
            authorities: settings.authorities.clone(),
            proxy: settings.proxy.clone(),
            given: auth_url.chain(endpoints).collect(),
            unsent_token: settings.unsent_token.clone(),
            first_use: FirstUse::default(),
        })
    }

    /// Sends a request until it is answered, within limits.
    pub(super) async fn ask(
        &self,
        context: &Context,
        ask: &Outgoing<'_>,
        authentication: &Authentication,
        tries: &mut Tries,
    ) -> Result<RawReply, Error> {
        let call = ask.named();
        let host = ask.url.authority().to_owned();
        loop {
            if context.stop.is_cancelled() {
                return Err(Error::Stopped { call });
            }
            if Instant::now() >= context.deadline {
                return Err(Error::DeadlinePassed { call, last: tries.last.take() });
            }
            let turn = self.first_use.turn(context, &call, authentication).await?;
            let permit = match self.limiter.enter(&host, context).await {
                Ok(permit) => permit,
                Err(NotAdmitted::Stopped) => return Err(Error::Stopped { call }),
                Err(NotAdmitted::DeadlinePassed) => {
                    return Err(Error::DeadlinePassed { call, last: tries.last.take() });
                }
            };
            let limit = self.limit(context, ask);
            let begun = *tries.begun.get_or_insert_with(Instant::now);
            let mut failure = match self.attempt(context, ask, authentication, limit, tries.made + 1).await? {
                Ok(answer) => {
                    permit.passed();
                    turn.ends(None);
                    ask.fates.iter().for_each(Fate::accepted);
                    return Ok(answer);
                }
                Err(FailedAttempt::Stopped) => return Err(Error::Stopped { call }),
                // What worked a moment ago may work again.
                Err(FailedAttempt::NotSent(obstacle)) if permit.has_answered() => {
                    FailedAttempt::NotSent(Obstacle { lasts: false, is_given: false, ..obstacle })
                }
                Err(failure) => failure,
            };
            tries.made += 1;
            let throttled = matches!(&failure, FailedAttempt::Refused(refusal) if retry::throttled(refusal));
            if throttled && tries.passes != permit.passes() {
                // The host lets calls through, in turn: that it was not ours is no reason to lose patience.
                tries.made = 1;
                tries.passes = permit.passes();
            }
            let mut next = self.verdict(ask, &failure, throttled, tries.made, &permit);
            let in_time = matches!(next, Retry::Wait(wait) if begun.elapsed() + wait <= self.patience.given);
            if let FailedAttempt::NotSent(obstacle) = &mut failure
                && obstacle.is_given
                && !in_time
            {
                (obstacle.lasts, next) = (true, Retry::GiveUp);
            }
            let error = failure.explained(ask, &call);
            ask.fates.iter().for_each(|fate| fate.failed(&error));
            turn.ends(Some(&error));
            drop(permit);
            let Retry::Wait(wait) = next else { return Err(error) };
            if Instant::now() + wait >= context.deadline {
                return Err(Error::DeadlinePassed { call, last: Some(Box::new(error)) });
            }
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(%call, attempt = tries.made, wait_ms, reason = %error, "trying again");
            tries.last = Some(Box::new(error));
            if throttled {
                // The gate of the host is closed for so long, and whoever waits there keeps to the queue.
                continue;
            }
            tokio::select! {
                biased;
                () = context.stop.cancelled() => return Err(Error::Stopped { call }),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Asks the metadata service: briefly, once, without credentials. The answer is any status with its text.
    pub(super) async fn ask_metadata(
        &self,
        method: Method,
        url: Url,
        header: (&'static str, &str),
    ) -> Result<(u16, Vec<u8>), String> {
        let mut headers = HeaderMap::new();
        if !header.1.is_empty() {
            let value = HeaderValue::from_str(header.1).map_err(|_| "its token cannot be sent".to_owned())?;
            headers.insert(header.0, sensitive(value));
        }
        let limit = Instant::now() + self.patience.metadata;
        let client = self.client(Route::Plain).map_err(|error| error.to_string())?;
        let fetch = async {
            let request = client.request(method, url).headers(headers);
            let mut response = request.send().await.map_err(|why| reason(&why))?;
            let status = response.status().as_u16();
            match self.body(&mut response).await {
                Received::Whole(body) => Ok((status, body)),
                Received::Part(_, why) | Received::TooLarge(why) => Err(why),
            }
        };
        timeout_at(limit, fetch).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    /// When an attempt is cut off.
    fn limit(&self, context: &Context, ask: &Outgoing<'_>) -> Instant {
        let now = Instant::now();
        let last_moment =
            if ask.safe_to_repeat { context.deadline } else { context.deadline.max(now + self.patience.grace) };
        last_moment.min(now + self.patience.total)
    }

    fn verdict(
        &self,
        ask: &Outgoing<'_>,
        failure: &FailedAttempt,
        throttled: bool,
        made: u32,
        permit: &Permit,
    ) -> Retry {
        let outcome = match failure {
            FailedAttempt::NotSent(obstacle) if obstacle.lasts => Outcome::Barred,
            FailedAttempt::NotSent(_) => Outcome::NotSent,
            FailedAttempt::Broken(_) | FailedAttempt::Stopped => Outcome::Broken,
            FailedAttempt::Misread { .. } => Outcome::Misread,
            FailedAttempt::Refused(refusal) => Outcome::Refused(refusal),
        };
        let step = if throttled { made.max(permit.throttles_with_this()) } else { made };
        let dice = dice();
        let next = retry::next(&self.policy, made, step, outcome, ask.safe_to_repeat, dice);
        match (failure, throttled) {
            (FailedAttempt::Refused(refusal), true) => {
                // The others wait even if this call is not repeated.
                let patient = Policy { max_retries: u32::MAX, ..self.policy };
                let Retry::Wait(wait) = retry::next(&patient, made, step, outcome, ask.safe_to_repeat, dice) else {
                    return next;
                };
                tracing::debug!(retry_after = ?refusal.retry_after, "throttled");
                permit.throttled(wait);
            }
            (FailedAttempt::Refused(_) | FailedAttempt::Misread { .. }, _) => permit.passed(),
            (FailedAttempt::NotSent(_) | FailedAttempt::Broken(_) | FailedAttempt::Stopped, _) => {}
        }
        next
    }

    /// Signs and sends once. The outer error is ours: nothing was sent.
    async fn attempt(
        &self,
        context: &Context,
        ask: &Outgoing<'_>,
        authentication: &Authentication,
        limit: Instant,
        attempt: u32,
    ) -> Result<Result<RawReply, FailedAttempt>, Error> {
        let body = ask.body.as_ref().map(Json::to_string).unwrap_or_default();
        let signed_at = Timestamp::now();
        let headers = self.headers(ask, authentication, &body, signed_at)?;
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let signature = authorization.rsplit_once('=').map(|(_, signature)| signature.to_owned());
        let route = self.route(&ask.url);
        let client = self.client(route)?;
        let mut request = reqwest::Request::new(ask.method.clone(), ask.url.clone());
        *request.headers_mut() = headers;
        if !body.is_empty() {
            *request.body_mut() = Some(body.clone().into());
        }
        let target = Target {
            host: ask.url.authority(),
            given: self.given.get(ask.product).map(String::as_str),
            proxy: self.proxy.as_ref().filter(|_| matches!(route, Route::Proxied)),
            answer: None,
        };
        let begun = Instant::now();
        if !Fate::send(ask.fates) {
            return Err(Error::Stopped { call: ask.named() });
        }
        let ended = tokio::select! {
            biased;
            ended = timeout_at(limit, Box::pin(self.exchange(client, request, target))) => ended.unwrap_or_else(|_| {
                Err(FailedAttempt::Broken(format!("no complete answer within {:?}", rounded(begun.elapsed()))))
            }),
            // What must not be sent twice gets more time: cut off, it would have to be searched for.
            () = stopped(context, self.patience.after_stop), if ask.safe_to_repeat => Err(FailedAttempt::Stopped),
            () = stopped(context, self.patience.grace) => {
                Err(FailedAttempt::Broken("no complete answer, and we were asked to stop".to_owned()))
            }
        };
        let hidden = hidden(ask, authentication, signature.as_deref());
        let ended = ended.and_then(|(head, mut body)| {
            if !head.is_good() {
                body.truncate(LARGEST_REFUSAL);
                body = hidden.scrub(String::from_utf8_lossy(&body).into_owned()).into_bytes();
            }
            read(head.shown(&hidden), body)
        });
        let mut ended = ended.map_err(|failure| failure.shown(&hidden).with_clock(signed_at));
        if let Err(FailedAttempt::Refused(refusal)) = &mut ended
            && matches!(authentication, Authentication::Key { security_token: None, .. })
        {
            refusal.unsent_token = self.unsent_token.clone().filter(|_| refusal.may_lack_token());
        }
        log(ask, &ended, begun.elapsed(), attempt);
        if let Err(FailedAttempt::Refused(refusal)) = &ended
            && refusal.message.contains("verify aksk signature fail")
        {
            tracing::debug!(canonical_request = canonical(ask, authentication, &body, signed_at), "what was signed");
        }
        Ok(ended)
    }

    fn headers(
        &self,
        ask: &Outgoing<'_>,
        authentication: &Authentication,
        body: &str,
        now: Timestamp,
    ) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if body.is_empty() && matches!(ask.method, Method::POST | Method::PUT) {
            // Some gateways answer 411 to a request that could have a body and does not say that it has none.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        for (name, value) in ask.headers {
            put(&mut headers, name, value, false)?;
        }
        match authentication {
            Authentication::Nobody => {}
            Authentication::Token(token) => {
                put(&mut headers, "X-Auth-Token", token.expose_secret(), true)?;
                if ask.about_token {
                    put(&mut headers, "X-Subject-Token", token.expose_secret(), true)?;
                }
            }
            Authentication::Key { access_key, secret_key, security_token } => {
                let date = sign::date_text(now);
                let security_token = security_token.as_ref().map(ExposeSecret::expose_secret);
                let ours = sign::headers(&ask.url, &date, ask.project_id, ask.domain_id, security_token);
                for (name, value) in ours.iter().filter(|(name, _)| *name != "Host") {
                    put(&mut headers, name, value, *name == "X-Security-Token")?;
                }
                let request = sign::Request {
                    method: ask.method.as_str(),
                    url: &ask.url,
                    headers: &signed(ask, &ours),
                    body: body.as_bytes(),
                };
                let key = sign::Key { access_key, secret_key: secret_key.expose_secret() };
                put(&mut headers, AUTHORIZATION.as_str(), &sign::authorization(request, key, &date), true)?;
            }
        }
        Ok(headers)
    }

    async fn exchange(
        &self,
        client: &reqwest::Client,
        request: reqwest::Request,
        target: Target<'_>,
    ) -> Result<(Head, Vec<u8>), FailedAttempt> {
        let url = request.url().clone();
        let is_plain = url.scheme() == "http";
        // A server that cannot parse a GET has done nothing for it. Of a change that is not certain, so it stays `Broken`.
        let only_asks = request.method() == Method::GET;
        let mut response = match client.execute(request).await {
            Ok(response) => response,
            Err(error) => {
                return Err(match error.is_connect() {
                    _ if is_plain && only_asks && obstacle::is_no_http(&error) => {
                        FailedAttempt::NotSent(Obstacle::no_http(target))
                    }
                    true if error.is_timeout() => {
                        FailedAttempt::NotSent(Obstacle::time_out(rounded(self.patience.connect), target))
                    }
                    true => {
                        let answer = match (target.proxy, obstacle::is_refused_by_proxy(&error)) {
                            (Some(proxy), Some(for_login)) => {
                                tunnel::asked(proxy, &url, !for_login, self.patience.given).await
                            }
                            _ => None,
                        };
                        FailedAttempt::NotSent(Obstacle::found(&error, Target { answer, ..target }))
                    }
                    false if error.is_timeout() => {
                        FailedAttempt::Broken(format!("no complete answer within {:?}", rounded(self.patience.idle)))
                    }
                    false if obstacle::is_client_certificate(&error) => {
                        FailedAttempt::NotSent(Obstacle::found(&error, target))
                    }
                    false if is_plain && only_asks && self.speaks_tls(url).await => {
                        FailedAttempt::NotSent(Obstacle::no_http(target))
                    }
                    false => {
                        FailedAttempt::Broken(format!("the connection broke before the answer: {}", reason(&error)))
                    }
                });
            }
        };
        let status = response.status();
        let head = Head::new(status.as_u16(), response.headers());
        match (self.body(&mut response).await, status.is_success()) {
            // A bad status says enough, even if the words are cut.
            (Received::Whole(body), _) | (Received::Part(body, _), false) => Ok((head, body)),
            (Received::TooLarge(_), false) => Ok((head, Vec::new())),
            (Received::Part(_, why), true) => Err(FailedAttempt::Broken(format!("the answer broke off: {why}"))),
            (Received::TooLarge(reason), true) => Err(FailedAttempt::Misread { reason, request_id: head.request_id }),
        }
    }

    /// Whether what is called by plain http speaks TLS: some servers of TLS hang up on such a request without a word. Nothing of
    /// the request is in the question.
    async fn speaks_tls(&self, mut url: Url) -> bool {
        url.set_path("/");
        url.set_query(None);
        let (Ok(client), Ok(())) = (self.client(Route::Direct), url.set_scheme("https")) else { return false };
        let asked = tokio::time::timeout(self.patience.given, client.head(url).send()).await;
        // That it is silent proves nothing.
        let failed = |error: reqwest::Error| obstacle::is_tls(&error) || !error.is_connect() && !error.is_timeout();
        asked.is_ok_and(|answer| answer.map_or_else(failed, |_| true))
    }

    async fn body(&self, response: &mut reqwest::Response) -> Received {
        let largest = self.patience.largest_bytes;
        let too_large = || Received::TooLarge(format!("the body is larger than {largest} bytes"));
        if response.content_length().is_some_and(|length| length > largest as u64) {
            return too_large();
        }
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(announced.unwrap_or_default());
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > largest => return too_large(),
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Received::Whole(body),
                Err(error) if error.is_timeout() => {
                    return Received::Part(body, format!("nothing was heard for {:?}", rounded(self.patience.idle)));
                }
                Err(error) => return Received::Part(body, reason(&error)),
            }
        }
    }

    /// Connections are kept and shared by all calls that take the same route.
    fn client(&self, route: Route) -> Result<&reqwest::Client, Error> {
        let slot = &self.clients[route as usize];
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let builder = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.patience.connect)
            .read_timeout(self.patience.idle)
            // Shorter than what gateways keep: a request on a connection that is just being closed gets no answer.
            .pool_idle_timeout(Duration::from_secs(20));
        let builder = match route {
            Route::Proxied => builder.proxy(self.through()?),
            Route::Direct | Route::Plain => builder.no_proxy(),
        };
        let builder = match route {
            Route::Plain => builder.tls_certs_only([]),
            Route::Proxied | Route::Direct => {
                builder.tls_certs_merge(self.authorities.certificates()).tls_danger_accept_invalid_certs(self.insecure)
            }
        };
        let client = builder.build().map_err(|why| {
            let hint = if self.authorities.is_empty() {
                "; this machine may know no certificate authorities: install them (`ca-certificates`), or set `cacert_file`"
            } else {
                ""
            };
            Error::Setup(format!("TLS cannot be set up: {}{hint}", reason(&why)))
        })?;
        Ok(slot.get_or_init(|| client))
    }

    fn through(&self) -> Result<reqwest::Proxy, Error> {
        let url = self.proxy.as_ref().map_or(Err("no proxy is known".to_owned()), Proxy::url);
        let proxy = url.and_then(|url| reqwest::Proxy::all(url).map_err(|why| reason(&why)));
        proxy.map_err(Error::Setup)
    }

    /// Whether this address is called through the proxy.
    pub(super) fn is_proxied(&self, url: &Url) -> bool {
        matches!(self.route(url), Route::Proxied)
    }

    fn route(&self, url: &Url) -> Route {
        match &self.proxy {
            _ if url.scheme() == "http" => Route::Plain,
            Some(proxy) if !endpoint::is_loopback(url) && proxy.serves(url) => Route::Proxied,
            _ => Route::Direct,
        }
    }
}

enum Received {
    Whole(Vec<u8>),
    Part(Vec<u8>, String),
    TooLarge(String),
}

impl FailedAttempt {
    fn explained(self, ask: &Outgoing<'_>, call: &str) -> Error {
        let (product, call) = (ask.product, call.to_owned());
        match self {
            FailedAttempt::NotSent(obstacle) => Error::Unanswered {
                product,
                call,
                reason: obstacle.what.clone(),
                may_be_applied: false,
                obstacle: Some(obstacle.into()),
            },
            FailedAttempt::Broken(reason) => {
                Error::Unanswered { product, call, reason, may_be_applied: true, obstacle: None }
            }
            FailedAttempt::Misread { reason, request_id } => Error::Misread { product, call, reason, request_id },
            FailedAttempt::Refused(refusal) => Error::Refused { product, call, refusal },
            FailedAttempt::Stopped => Error::Stopped { call },
        }
    }

    /// Without our own secrets: some gateways repeat the request they refuse.
    fn shown(mut self, hidden: &Hidden) -> Self {
        let texts = match &mut self {
            FailedAttempt::NotSent(obstacle) => vec![&mut obstacle.what],
            FailedAttempt::Broken(text) => vec![text],
            FailedAttempt::Misread { reason, request_id } => [reason].into_iter().chain(request_id).collect(),
            FailedAttempt::Refused(refusal) => vec![&mut refusal.message, &mut refusal.code],
            FailedAttempt::Stopped => Vec::new(),
        };
        for text in texts {
            *text = hidden.scrub(std::mem::take(text));
        }
        self
    }

    /// When the cloud finds our signature too old, both clocks are what people need to see.
    fn with_clock(mut self, signed_at: Timestamp) -> Self {
        if let FailedAttempt::Refused(refusal) = &mut self
            && refusal.message.contains("signature expired")
            && let Some(theirs) = refusal.date
        {
            let ours = signed_at.strftime("%Y-%m-%dT%H:%M:%SZ");
            refusal.message = format!("{} (this machine's clock: {ours}, the cloud's: {theirs})", refusal.message);
        }
        self
    }
}

/// Waits for the stop, and so long after it.
async fn stopped(context: &Context, grace: Duration) {
    context.stop.cancelled().await;
    tokio::time::sleep(grace).await;
}

/// What we sent and nobody is to see.
fn hidden(ask: &Outgoing<'_>, authentication: &Authentication, signature: Option<&str>) -> Hidden {
    let password = ask.body.as_ref().and_then(|body| body.pointer("/auth/identity/password/user/password"));
    let secrets = authentication.secrets().map(ExposeSecret::expose_secret).chain(password.and_then(Json::as_str));
    Hidden::new(secrets.chain(signature))
}

/// The headers that are signed: ours and every other `x-` header.
fn signed<'a>(ask: &Outgoing<'a>, ours: &[(&'static str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let others = ask.headers.iter().filter(|(name, _)| name.to_ascii_lowercase().starts_with("x-"));
    ours.iter().chain(others).copied().collect()
}

/// What was signed, for comparison with what the gateway says it saw; without the security token.
fn canonical(ask: &Outgoing<'_>, authentication: &Authentication, body: &str, now: Timestamp) -> String {
    let date = sign::date_text(now);
    let token = match authentication {
        Authentication::Key { security_token: Some(_), .. } => Some("***"),
        _ => None,
    };
    let ours = sign::headers(&ask.url, &date, ask.project_id, ask.domain_id, token);
    let headers = signed(ask, &ours);
    sign::canonical(sign::Request {
        method: ask.method.as_str(),
        url: &ask.url,
        headers: &headers,
        body: body.as_bytes(),
    })
}

fn read(head: Head, body: Vec<u8>) -> Result<RawReply, FailedAttempt> {
    if !head.is_good() {
        return Err(FailedAttempt::Refused(decode::refusal(&head, &body, Timestamp::now()).into()));
    }
    match decode::reply_body(&head, body) {
        Ok(body) => Ok(RawReply { head, body }),
        Err(reason) => Err(FailedAttempt::Misread { reason, request_id: head.request_id }),
    }
}

/// Method, address, status, ids and times: never headers or bodies.
fn log(ask: &Outgoing<'_>, ended: &Result<RawReply, FailedAttempt>, took: Duration, attempt: u32) {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let (method, url) = (&ask.method, &ask.url);
    let (status, request_id) = match ended {
        Ok(answer) => (answer.head.status, answer.head.request_id.as_deref()),
        Err(FailedAttempt::Refused(refusal)) => (refusal.status, refusal.request_id.as_deref()),
        Err(FailedAttempt::Misread { reason, request_id }) => {
            tracing::debug!(%method, %url, attempt, took_ms, reason, request_id, "an answer that makes no sense");
            return;
        }
        Err(FailedAttempt::Stopped) => {
            tracing::debug!(%method, %url, attempt, took_ms, "not awaited any longer: asked to stop");
            return;
        }
        Err(FailedAttempt::NotSent(Obstacle { what: reason, .. }) | FailedAttempt::Broken(reason)) => {
            tracing::debug!(%method, %url, attempt, took_ms, reason, "no answer");
            return;
        }
    };
    tracing::debug!(%method, %url, attempt, took_ms, status, request_id, "answered");
}

#[cfg(test)]
mod tests {
    use super::super::tests::settings;
    use super::*;

    #[test]
    fn this_machine_is_reached_without_a_proxy() {
        let proxy = Some(Proxy::new("proxy:3128", "HTTPS_PROXY", "10.0.0.0/8"));
        let wire = Sender::new(&Settings { proxy, ..settings() }, Patience::default()).unwrap();
        for (url, expected) in [
            ("https://dds.eu-de.otc.t-systems.com/v3", "Proxied"),
            ("https://10.0.0.1/", "Direct"),
            ("https://127.0.0.1:8443/", "Direct"),
            ("https://localhost/", "Direct"),
            ("http://127.0.0.1:8080/", "Plain"),
            ("http://169.254.169.254/", "Plain"),
        ] {
            assert_eq!(format!("{:?}", wire.route(&Url::parse(url).unwrap())), expected, "{url}");
        }
    }
}
