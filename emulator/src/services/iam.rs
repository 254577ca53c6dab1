//! IAM, STS and the metadata endpoints of a virtual machine, after the published IAM API reference.

use serde_json::{Value, json};

use super::common::{Desk, Outcome, Route};
use crate::clock::{self, Millis};
use crate::directory::{Account, Caller, Credential, DELEGATING, Grant, HOME, Project, Proof};
use crate::gate;
use crate::mint;
use crate::modes::Metadata;
use crate::wire::{Answer, Ask, Refusal};

const USER_LOCK: Millis = 15 * 60 * 1000;

pub(crate) fn route(ask: &Ask) -> Option<Route> {
    let segments: Vec<&str> = ask.segments.iter().map(String::as_str).collect();
    Some(match (ask.method.as_str(), segments.as_slice()) {
        ("POST", ["v3", "auth", "tokens"]) => Route::open("token", token),
        ("GET", ["v3", "auth", "tokens"]) => Route::new("token_check", token_check),
        ("GET", ["v3", "projects"]) => Route::new("projects", projects),
        ("GET", ["v3", "auth", "projects"]) => Route::new("own_projects", own_projects),
        ("GET", ["v3", "auth", "domains"]) => Route::new("domains", domains),
        ("GET", ["v3.0", "OS-CREDENTIAL", "credentials", _]) => Route::new("key", key),
        ("GET", ["v3", "users", _]) => Route::new("user", user),
        ("POST", ["v3.0", "OS-CREDENTIAL", "securitytokens"]) => Route::open("temporary_key", temporary_key),
        ("POST", ["v5", "agencies", "assume"]) => Route::new("assume", assume),
        ("GET", ["v5", "caller-identity"]) => Route::new("caller_identity", caller_identity),
        ("PUT", ["meta-data", "latest", "api", "token"]) => Route::open("metadata_token", metadata_token),
        ("GET", ["openstack", "latest", "securitykey"]) => Route::open("metadata_key", metadata_key),
        _ => return None,
    })
}

fn bad_request(message: &str) -> Refusal {
    Refusal::keystone(400, "Bad Request", message)
}

fn unauthorized(message: &str) -> Refusal {
    Refusal::keystone(401, "Unauthorized", message)
}

fn string<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn method(body: &Value) -> &str {
    string(body, "/auth/identity/methods/0").unwrap_or_default()
}

fn caller<'a>(desk: &Desk<'a>) -> Result<&'a Caller, Refusal> {
    desk.caller.ok_or_else(|| unauthorized("The request you have made requires authentication."))
}

/// Who asks for a token or a key by another token, by signature or on behalf of an agency.
fn bearer(desk: &mut Desk<'_>, ask: &Ask, body: &Value) -> Result<Caller, Refusal> {
    if let Some(token) = string(body, "/auth/identity/token/id") {
        return match desk.directory.grant(token) {
            Some(grant) if desk.now < grant.expires => Ok(Caller {
                account: grant.account,
                project_id: grant.project.as_ref().map(|project| project.id.clone()),
                proof: Proof::Token,
            }),
            _ => Err(unauthorized("The token is invalid or has expired.")),
        };
    }
    gate::identify(desk.directory, desk.modes, None, ask, desk.now)
}

/// The account that a delegation asked for leads to.
fn delegation(desk: &Desk<'_>, caller: &Caller, body: &Value) -> Result<usize, Refusal> {
    let role = body.pointer("/auth/identity/assume_role").ok_or_else(|| bad_request("assume_role is missing."))?;
    let agency = string(role, "/agency_name").or_else(|| string(role, "/xrole_name"));
    let target = &desk.directory.accounts[DELEGATING];
    let named = match (string(role, "/domain_id"), string(role, "/domain_name")) {
        (Some(id), _) => id == target.id,
        (None, Some(name)) => name == target.name,
        (None, None) => return Err(bad_request("domain_id or domain_name is missing.")),
    };
    if caller.account == HOME && named && agency == Some(desk.directory.agency_name.as_str()) {
        Ok(DELEGATING)
    } else {
        Err(Refusal::keystone(403, "Forbidden", "You are not authorized to perform the requested action."))
    }
}

fn token(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let body = ask.json().map_err(|_| bad_request("The request body is not valid JSON."))?;
    let (account, method) = match method(&body) {
        "password" => (password(desk, &body)?, "password"),
        "token" => (bearer(desk, ask, &body)?.account, "token"),
        "assume_role" => {
            let caller = bearer(desk, ask, &body)?;
            (delegation(desk, &caller, &body)?, "assume_role")
        }
        _ => return Err(bad_request("The authentication method is not supported.")),
    };
    let project = scope(&desk.directory.accounts[account], &body)?;
    let grant = Grant {
        account,
        project,
        issued: desk.now,
        expires: desk.now + clock::millis(desk.modes.token_seconds),
        method,
    };
    let mut answer = token_body(desk, &grant);
    if ask.param("nocatalog").is_none() {
        answer["token"]["catalog"] = catalog(desk, &grant);
    }
    let token = desk.directory.issue(grant);
    Ok(Answer::json(201, &answer).with("X-Subject-Token", token))
}

fn password(desk: &mut Desk<'_>, body: &Value) -> Result<usize, Refusal> {
    let user = body.pointer("/auth/identity/password/user").ok_or_else(|| bad_request("user is missing."))?;
    let directory = &mut *desk.directory;
    if desk.modes.locking && directory.user_lock.is_shut(desk.now) {
        return Err(unauthorized("The account is locked."));
    }
    let home = &directory.accounts[HOME];
    let in_domain = string(user, "/domain/name") == Some(&home.name) || string(user, "/domain/id") == Some(&home.id);
    let known = string(user, "/id") == Some(&directory.user_id)
        || in_domain && string(user, "/name") == Some(&directory.user_name);
    if known && string(user, "/password") == Some(&directory.password) {
        directory.user_lock.open();
        return Ok(HOME);
    }
    if known {
        directory.user_lock.failed(desk.now, USER_LOCK);
    }
    Err(unauthorized("The username or password is wrong."))
}

/// The project asked for; none for the whole domain.
fn scope(account: &Account, body: &Value) -> Result<Option<Project>, Refusal> {
    let Some(scope) = body.pointer("/auth/scope") else { return Ok(None) };
    if let Some(project) = scope.get("project") {
        let found = match (string(project, "/id"), string(project, "/name")) {
            (Some(id), _) => account.project_by_id(id),
            (None, Some(name)) => account.project_by_name(name),
            (None, None) => None,
        };
        let domain = string(project, "/domain/name").is_none_or(|name| name == account.name)
            && string(project, "/domain/id").is_none_or(|id| id == account.id);
        return match found {
            Some(project) if domain => Ok(Some(project.clone())),
            _ => Err(unauthorized("The project does not exist or you have no access to it.")),
        };
    }
    let name = string(scope, "/domain/name");
    let id = string(scope, "/domain/id");
    if name == Some(&account.name) || id == Some(&account.id) {
        Ok(None)
    } else {
        Err(unauthorized("The domain does not exist or you have no access to it."))
    }
}

fn domain(account: &Account) -> Value {
    json!({"id": account.id, "name": account.name})
}

fn token_body(desk: &Desk<'_>, grant: &Grant) -> Value {
    let account = &desk.directory.accounts[grant.account];
    let mut token = json!({
        "expires_at": clock::micros(grant.expires),
        "issued_at": clock::micros(grant.issued),
        "methods": [grant.method],
        "user": {
            "id": desk.directory.user_id,
            "name": desk.directory.user_name,
            "domain": domain(&desk.directory.accounts[HOME]),
            "password_expires_at": "",
        },
        "roles": [{"id": "0", "name": "te_admin"}],
        "catalog": [],
    });
    match &grant.project {
        Some(project) => {
            token["project"] = json!({"id": project.id, "name": project.name, "domain": domain(account)});
        }
        None => token["domain"] = domain(account),
    }
    json!({"token": token})
}

fn catalog(desk: &Desk<'_>, grant: &Grant) -> Value {
    let region = grant.project.as_ref().map_or("*", |project| project.region.as_str());
    let entry = |(name, url): &(&'static str, String)| {
        let path = match (*name, &grant.project) {
            ("iam", _) => "/v3".to_owned(),
            (_, Some(project)) => format!("/v3/{}", project.id),
            (_, None) => return None,
        };
        Some(json!({
            "id": mint::stable_hex(&["catalog", name]),
            "name": name,
            // What clients look for; the names without a version are older.
            "type": match *name {
                "iam" => "identity",
                "dds" => "ddsv3",
                "rds" => "rdsv3",
                other => other,
            },
            "endpoints": [{
                "id": mint::stable_hex(&["endpoint", name]),
                "interface": "public",
                "region": region,
                "region_id": region,
                "url": format!("{url}{path}"),
            }],
        }))
    };
    Value::Array(desk.endpoints.iter().filter_map(entry).collect())
}

fn token_check(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let token = ask.header("x-subject-token").unwrap_or_default();
    match desk.directory.grant(token) {
        Some(grant) if desk.now < grant.expires => {
            Ok(Answer::json(200, &token_body(desk, grant)).with("X-Subject-Token", token))
        }
        _ => Err(Refusal::keystone(404, "Not Found", "The token does not exist or has expired.")),
    }
}

fn project_row(desk: &Desk<'_>, account: &Account, project: &Project) -> Value {
    json!({
        "is_domain": false,
        "description": "",
        "links": {"self": format!("{}/v3/projects/{}", desk.endpoint("iam"), project.id)},
        "enabled": true,
        "id": project.id,
        "parent_id": account.id,
        "domain_id": account.id,
        "name": project.name,
    })
}

fn projects(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    if desk.modes.project_list_forbidden {
        return Err(Refusal::keystone(403, "Forbidden", "You are not authorized to perform the requested action."));
    }
    let caller = caller(desk)?;
    let account = &desk.directory.accounts[caller.account];
    let number = |name: &str| ask.param(name).and_then(|text| text.parse::<usize>().ok());
    let (page, per_page) = (number("page").unwrap_or(1).max(1), number("per_page").unwrap_or(5000).max(1));
    let fits = |project: &&Project| {
        opens(caller, project)
            && ask.param("name").is_none_or(|name| name == project.name)
            && ask.param("domain_id").is_none_or(|id| id == account.id)
            && ask.param("parent_id").is_none_or(|id| id == account.id)
            && ask.param("enabled").is_none_or(|text| text == "true")
            && ask.param("is_domain").is_none_or(|text| text == "false")
    };
    let rows: Vec<Value> = account
        .projects
        .iter()
        .filter(fits)
        .skip((page - 1) * per_page)
        .take(per_page)
        .map(|project| project_row(desk, account, project))
        .collect();
    let query = if ask.query_text.is_empty() { String::new() } else { format!("?{}", ask.query_text) };
    let own = format!("{}/v3/projects{query}", desk.endpoint("iam"));
    Ok(Answer::json(200, &json!({"projects": rows, "links": {"self": own, "previous": null, "next": null}})))
}

/// Whether a key is good for a project; one that is good for a single project shows no other.
fn opens(caller: &Caller, project: &Project) -> bool {
    caller.proof == Proof::Token || caller.project_id.as_ref().is_none_or(|id| *id == project.id)
}

fn own_projects(desk: &mut Desk<'_>, _: &Ask) -> Outcome {
    let caller = caller(desk)?;
    let account = &desk.directory.accounts[caller.account];
    let mine = account.projects.iter().filter(|project| opens(caller, project));
    let rows: Vec<Value> = mine.map(|project| project_row(desk, account, project)).collect();
    let own = format!("{}/v3/auth/projects", desk.endpoint("iam"));
    Ok(Answer::json(200, &json!({"projects": rows, "links": {"self": own, "previous": null, "next": null}})))
}

fn domains(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let account = &desk.directory.accounts[caller(desk)?.account];
    let asked = ask.param("name").is_none_or(|name| name == account.name);
    let rows = if asked {
        json!([{"id": account.id, "name": account.name, "enabled": true, "description": "", "links": {}}])
    } else {
        json!([])
    };
    let own = format!("{}/v3/auth/domains", desk.endpoint("iam"));
    Ok(Answer::json(200, &json!({"domains": rows, "links": {"self": own, "previous": null, "next": null}})))
}

/// A permanent key, as its owner may look at it.
fn key(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let account = caller(desk)?.account;
    let access = ask.segments.last().cloned().unwrap_or_default();
    let own = desk.directory.key(&access).filter(|key| key.account == account && key.security_token.is_none());
    if own.is_none() {
        return Err(Refusal::keystone(404, "Not Found", &format!("Could not find credential: {access}.")));
    }
    let credential = json!({
        "user_id": desk.directory.user_id,
        "access": access,
        "status": "active",
        "create_time": clock::micros(0),
        "description": "",
    });
    Ok(Answer::json(200, &json!({"credential": credential})))
}

/// A user, as it may look at itself.
fn user(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let account = &desk.directory.accounts[caller(desk)?.account];
    let id = &desk.directory.user_id;
    if ask.segments.last() != Some(id) {
        return Err(Refusal::keystone(403, "Forbidden", "You are not authorized to perform the requested action."));
    }
    let own = format!("{}/v3/users/{id}", desk.endpoint("iam"));
    let user = json!({
        "id": id,
        "name": desk.directory.user_name,
        "domain_id": account.id,
        "enabled": true,
        "password_expires_at": null,
        "links": {"self": own},
    });
    Ok(Answer::json(200, &json!({"user": user})))
}

fn lifetime(value: Option<&Value>) -> Result<Millis, Refusal> {
    let seconds = match value {
        None | Some(Value::Null) => 900,
        Some(value) => value
            .as_i64()
            .filter(|seconds| (900..=86_400).contains(seconds))
            .ok_or_else(|| bad_request("duration_seconds must be between 900 and 86400."))?,
    };
    Ok(seconds * 1000)
}

fn credential_body(credential: &Credential) -> Value {
    json!({"credential": {
        "access": credential.access,
        "secret": credential.secret,
        "securitytoken": credential.security_token,
        "expires_at": clock::micros(credential.expires),
    }})
}

fn temporary_key(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let body = ask.json().map_err(|_| bad_request("The request body is not valid JSON."))?;
    let (account, duration) = match method(&body) {
        "assume_role" => {
            let caller = bearer(desk, ask, &body)?;
            let duration = body.pointer("/auth/identity/assume_role/duration_seconds");
            (delegation(desk, &caller, &body)?, lifetime(duration)?)
        }
        "token" => {
            let duration = lifetime(body.pointer("/auth/identity/token/duration_seconds"))?;
            (bearer(desk, ask, &body)?.account, duration)
        }
        _ => return Err(bad_request("The authentication method is not supported.")),
    };
    let credential = desk.directory.lend(account, desk.now + duration);
    Ok(Answer::json(201, &credential_body(&credential)))
}

fn assume(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let body = ask.json().map_err(|_| bad_request("The request body is not valid JSON."))?;
    let target = &desk.directory.accounts[DELEGATING];
    let urn = format!("iam::{}:agency:{}", target.id, desk.directory.agency_name);
    let session = string(&body, "/agency_session_name");
    if caller(desk)?.account != HOME || string(&body, "/agency_urn") != Some(&urn) || session.is_none() {
        return Err(Refusal::keystone(403, "Forbidden", "You are not authorized to perform the requested action."));
    }
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '+' | '=' | ',' | '.' | '@' | '-');
    if session.is_none_or(|name| !(2..=128).contains(&name.chars().count()) || !name.chars().all(allowed)) {
        return Err(bad_request("agency_session_name must match ^[\\w+=,.@-]*$ and have 2 to 128 characters."));
    }
    let seconds = match body.get("duration_seconds") {
        None | Some(Value::Null) => 3600,
        Some(value) => value
            .as_i64()
            .filter(|seconds| (900..=43_200).contains(seconds))
            .ok_or_else(|| bad_request("duration_seconds must be between 900 and 43200."))?,
    };
    let expires = desk.now + seconds * 1000;
    let credential = desk.directory.lend(DELEGATING, expires);
    let credentials = json!({
        "access_key_id": credential.access,
        "secret_access_key": credential.secret,
        "security_token": credential.security_token,
        "expiration": clock::micros(credential.expires),
    });
    let agency = json!({"urn": urn, "id": mint::stable_hex(&["agency", &urn])});
    Ok(Answer::json(200, &json!({"credentials": credentials, "assumed_agency": agency})))
}

fn caller_identity(desk: &mut Desk<'_>, _: &Ask) -> Outcome {
    let account = caller(desk)?.account;
    let (directory, account_id) = (&desk.directory, &desk.directory.accounts[account].id);
    let (id, urn) = if account == HOME {
        (directory.user_id.clone(), format!("iam::{account_id}:user:{}", directory.user_name))
    } else {
        // Nobody acts for another account but by its agency.
        let agency = &directory.agency_name;
        let id = mint::stable_hex(&["agency", &format!("iam::{account_id}:agency:{agency}")]);
        (format!("{id}:{agency}"), format!("sts::{account_id}:assumed-agency:{agency}/{agency}"))
    };
    Ok(Answer::json(200, &json!({"account_id": account_id, "principal_id": id, "principal_urn": urn})))
}

#[expect(clippy::unnecessary_wraps, reason = "every operation has the same signature")]
fn metadata_token(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    if desk.modes.metadata == Metadata::WithoutTokens {
        return Ok(Answer::bytes(404, "text/plain", "404 Not Found"));
    }
    let ttl = ask.header("x-metadata-token-ttl-seconds").and_then(|text| text.parse::<u32>().ok());
    if ttl.is_none_or(|seconds| !(1..=21_600).contains(&seconds)) {
        return Ok(Answer::bytes(400, "text/plain", "400 Bad Request"));
    }
    Ok(Answer::bytes(200, "text/plain", desk.directory.issue_metadata_token()))
}

#[expect(clippy::unnecessary_wraps, reason = "every operation has the same signature")]
fn metadata_key(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let known = ask.header("x-metadata-token").is_some_and(|token| desk.directory.knows_metadata_token(token));
    match desk.modes.metadata {
        Metadata::NoAgency => {
            return Ok(Answer::bytes(401, "text/plain", "Please configure Cloud Service Agency first"));
        }
        Metadata::TokenRequired if !known => return Ok(Answer::bytes(401, "text/plain", "401 Unauthorized")),
        _ => {}
    }
    let credential = desk.directory.lend(HOME, desk.now + 6 * 3_600_000);
    Ok(Answer::json(200, &credential_body(&credential)))
}
