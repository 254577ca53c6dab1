//! Who gets in: signatures, tokens, temporary keys, projects, metadata.

use huaweidb_emulator::{Emulator, Metadata, NewInstance, Options, TokenRefusal};
use serde_json::{Value, json};

use crate::support::{Client, Reply, send, signed};

/// The time as a signature writes it, so many seconds from now.
fn date(offset_seconds: i64) -> String {
    let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(offset_seconds);
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn signed_list(
    emulator: &Emulator,
    keys: (&str, &str),
    date: &str,
    project_id: &str,
    further: &[(&str, &str)],
) -> Reply {
    let path = format!("/v3/{project_id}/backups");
    let headers = signed(keys, date, ("GET", &path, "limit=10"), further, "");
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    send("GET", &format!("{}{path}?limit=10", emulator.endpoint("dds")), &headers, None).unwrap()
}

#[test]
fn signatures_are_checked() {
    let emulator = Emulator::start_now(&Options::default()).unwrap();
    let (access, secret, project) = (emulator.access_key(), emulator.secret_key(), emulator.project_id());
    let list = |secret: &str, date: &str, further: &[(&str, &str)]| {
        signed_list(&emulator, (&access, secret), date, &project, further)
    };
    let message = |reply: &Reply| {
        assert_eq!((reply.status, reply.code().as_str()), (401, "APIGW.0301"));
        reply.json()["error_msg"].as_str().unwrap().to_owned()
    };
    let endpoint = emulator.endpoint("dds");
    let host = endpoint.strip_prefix("http://").unwrap();
    assert_eq!(list(&secret, &date(0), &[]).status, 200);
    assert_eq!(list(&secret, &date(0), &[("Host", host), ("X-Project-Id", &project)]).status, 200);
    assert_eq!(list(&secret, &date(-14 * 60), &[("Content-Type", "application/json")]).status, 200);
    assert!(message(&list("wrong", &date(0), &[])).ends_with("verify aksk signature fail"));
    for offset in [-16 * 60, 16 * 60] {
        assert!(message(&list(&secret, &date(offset), &[])).contains("signature expired, signature time:"));
    }
    assert!(message(&list(&secret, &date(0), &[("X-Security-Token", "stray")])).contains("security token"));
    let stranger = signed_list(&emulator, ("NOBODY", &secret), &date(0), &project, &[]);
    assert!(message(&stranger).ends_with("Get secretKey failed,ak:NOBODY,err:ak not exist"));
    let bare = send("GET", &format!("{endpoint}/v3/{project}/backups"), &[], None).unwrap();
    assert!(message(&bare).ends_with("x-auth-token not found"));
    let auths: Vec<String> = emulator.journal().into_iter().map(|call| call.auth).collect();
    assert_eq!(auths, ["aksk", "aksk", "aksk", "aksk", "aksk", "aksk", "aksk", "aksk", "none"]);
}

#[test]
fn the_sixth_failure_locks_the_key() {
    let emulator = Emulator::start_now(&Options::default()).unwrap();
    let (access, secret, project) = (emulator.access_key(), emulator.secret_key(), emulator.project_id());
    let list = |secret: &str| signed_list(&emulator, (&access, secret), &date(0), &project, &[]);
    for _ in 0..6 {
        assert_eq!(list("wrong").status, 401);
    }
    let locked = list(&secret).json();
    assert!(locked["error_msg"].as_str().unwrap().ends_with("AK access failed to reach the limit,forbidden"));
    send("DELETE", &(emulator.endpoint("control") + "/locks"), &[], None).unwrap();
    assert_eq!(list(&secret).status, 200);
}

#[test]
fn the_project_in_the_path_has_to_fit() {
    let client = Client::start(60.0);
    let emulator = &client.emulator;
    let (access, secret) = (emulator.access_key(), emulator.secret_key());
    let other = emulator.project_id_in("eu-nl");
    let reply = client.get("dds", &format!("/v3/{other}/backups"));
    assert_eq!((reply.status, reply.code().as_str()), (400, "DBS.200010"), "a token opens one project");
    let reply = client.get("gaussdb", &format!("/v3/{other}/backups"));
    assert_eq!((reply.status, reply.code().as_str()), (403, "DBS.200010"));
    let list = |project: &str, further: &[(&str, &str)]| {
        signed_list(emulator, (&access, &secret), &date(0), project, further).status
    };
    assert_eq!(list(&other, &[]), 200, "a key opens all projects of its account");
    assert_eq!(list(&other, &[("X-Project-Id", &emulator.project_id())]), 400);
    assert_eq!(list(&emulator.delegated_project_id("eu-de"), &[]), 400);

    let wanted = NewInstance {
        service: "dds".to_owned(),
        name: "far-away".to_owned(),
        region: Some("eu-nl".to_owned()),
        ..NewInstance::default()
    };
    let far = emulator.add_instance(&wanted);
    assert_eq!((far.region.as_str(), &far.project_id), ("eu-nl", &other));
    assert_eq!(client.get("dds", "/v3/{p}/instances?name=far-away").json()["total_count"], 0);
}

fn password_body(emulator: &Emulator, password: &str, scope: &Value) -> Value {
    let user = json!({
        "name": emulator.user_name(),
        "password": password,
        "domain": {"name": emulator.domain_name()},
    });
    json!({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}})
}

fn sign_in(emulator: &Emulator, body: &Value) -> Reply {
    let url = emulator.endpoint("iam") + "/v3/auth/tokens";
    send("POST", &url, &[("Content-Type", "application/json;charset=utf8")], Some(&body.to_string())).unwrap()
}

fn list_with(emulator: &Emulator, token: &str) -> Reply {
    let url = format!("{}/v3/{}/backups", emulator.endpoint("dds"), emulator.project_id());
    send("GET", &url, &[("X-Auth-Token", token)], None).unwrap()
}

fn keys_of(value: &Value) -> Vec<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

fn example(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/cloud-api/");
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}{name}")).unwrap()).unwrap()
}

#[test]
fn passwords_buy_tokens() {
    let emulator = Emulator::start_now(&Options::default()).unwrap();
    let password = emulator.password();
    let scope = json!({"project": {"name": "eu-de"}});
    let reply = sign_in(&emulator, &password_body(&emulator, &password, &scope));
    assert_eq!(reply.status, 201);
    let body = reply.json();
    assert_eq!(keys_of(&body["token"]), keys_of(&example("iam.token.response.json")["token"]));
    assert_eq!(body["token"]["project"]["id"], emulator.project_id());
    assert_eq!(body["token"]["catalog"].as_array().unwrap().len(), 7);
    let token = &reply.headers["x-subject-token"];
    assert_eq!(list_with(&emulator, token).status, 200);

    let by_id = json!({"project": {"id": emulator.project_id()}});
    let by_both = json!({"project": {"name": "eu-de", "domain": {"name": emulator.domain_name()}}});
    for scope in [by_id, by_both] {
        assert_eq!(sign_in(&emulator, &password_body(&emulator, &password, &scope)).status, 201, "{scope}");
    }
    let domain = json!({"domain": {"name": emulator.domain_name()}});
    let reply = sign_in(&emulator, &password_body(&emulator, &password, &domain));
    assert_eq!(reply.json()["token"]["domain"]["id"], emulator.domain_id());
    assert_eq!(list_with(&emulator, &reply.headers["x-subject-token"]).code(), "DBS.200010");

    let exchange = json!({"auth": {"identity": {"methods": ["token"], "token": {"id": token}}, "scope": scope}});
    assert_eq!(sign_in(&emulator, &exchange).status, 201);
    let wrong = sign_in(&emulator, &password_body(&emulator, "wrong", &scope));
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.json(), example("error.iam.401.response.json"));
    let nowhere = json!({"project": {"name": "eu-west-0"}});
    assert_eq!(sign_in(&emulator, &password_body(&emulator, &password, &nowhere)).status, 401);
    assert!(emulator.journal().iter().all(|call| !format!("{call:?}").contains(&password)));
}

#[test]
fn tokens_end() {
    let emulator = Emulator::start_now(&Options::default()).unwrap();
    let message = |reply: Reply| {
        assert_eq!((reply.status, reply.code().as_str()), (401, "APIGW.0301"));
        reply.json()["error_msg"].as_str().unwrap().to_owned()
    };
    let short = emulator.issue_token(0.0);
    assert!(message(list_with(&emulator, &short)).contains("token expires, expires_at: "));
    let long = emulator.issue_token(600.0);
    assert_eq!(list_with(&emulator, &long).status, 200);
    emulator.revoke_sessions();
    assert!(message(list_with(&emulator, &long)).ends_with("decrypt token fail"));
    emulator.set_modes(|modes| modes.token_refusal = TokenRefusal::Service);
    let reply = list_with(&emulator, &long);
    assert_eq!((reply.status, reply.code().as_str()), (401, "DBS.280056"));
    let url = format!("{}/v3/{}/backups", emulator.endpoint("gaussdb"), emulator.project_id());
    assert_eq!(send("GET", &url, &[("X-Auth-Token", &long)], None).unwrap().status, 403);
    emulator.set_modes(|modes| modes.token_seconds = 0.0);
    let scope = json!({"project": {"name": "eu-de"}});
    let reply = sign_in(&emulator, &password_body(&emulator, &emulator.password(), &scope));
    emulator.set_modes(|modes| modes.token_refusal = TokenRefusal::Gateway);
    assert!(message(list_with(&emulator, &reply.headers["x-subject-token"])).contains("token expires"));
}

#[test]
fn projects_are_found_by_name() {
    let client = Client::start(60.0);
    let reply = client.get("iam", "/v3/projects?name=eu-de");
    let body = reply.json();
    let expected = example("iam.projects.response.json");
    assert_eq!(keys_of(&body["projects"][0]), keys_of(&expected["projects"][0]));
    assert_eq!(keys_of(&body["links"]), keys_of(&expected["links"]));
    assert_eq!(body["projects"].as_array().unwrap().len(), 1, "the sub-project is named otherwise");
    assert_eq!(body["projects"][0]["id"], client.emulator.project_id());
    assert_eq!(client.get("iam", "/v3/projects?name=eu-west-0").json()["projects"], json!([]));
    assert_eq!(client.get("iam", "/v3/auth/projects").json()["projects"].as_array().unwrap().len(), 4);
    assert_eq!(client.get("iam", "/v3/auth/domains").json()["domains"][0]["id"], client.emulator.domain_id());
    client.emulator.set_modes(|modes| modes.project_list_forbidden = true);
    assert_eq!(client.get("iam", "/v3/projects?name=eu-de").status, 403);
    assert_eq!(client.get("iam", "/v3/auth/projects").status, 200);

    let (access, secret) = (client.emulator.access_key(), client.emulator.secret_key());
    let headers = signed((&access, &secret), &date(0), ("GET", "/v3/auth/projects", ""), &[], "");
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let url = client.emulator.endpoint("iam") + "/v3/auth/projects";
    assert_eq!(send("GET", &url, &headers, None).unwrap().status, 200);
}

#[test]
fn a_role_can_be_assumed() {
    let emulator = Emulator::start_now(&Options::default()).unwrap();
    let (domain, _, agency) = emulator.delegation();
    let (access, secret) = (emulator.access_key(), emulator.secret_key());
    let assume = |domain: &str, seconds: u32| {
        let role = json!({"agency_name": agency, "domain_name": domain, "duration_seconds": seconds});
        let body = json!({"auth": {"identity": {"methods": ["assume_role"], "assume_role": role}}}).to_string();
        let path = "/v3.0/OS-CREDENTIAL/securitytokens";
        let domain_id = emulator.domain_id();
        let headers = signed((&access, &secret), &date(0), ("POST", path, ""), &[("X-Domain-Id", &domain_id)], &body);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        send("POST", &(emulator.endpoint("iam") + path), &headers, Some(&body)).unwrap()
    };
    assert_eq!(assume("ELSEWHERE", 900).status, 403);
    assert_eq!(assume(&domain, 10).status, 400);
    let reply = assume(&domain, 3600);
    assert_eq!(reply.status, 201);
    let credential = reply.json()["credential"].clone();
    assert_eq!(keys_of(&credential), keys_of(&example("iam.assume-role.response.json")["credential"]));
    let text = |key: &str| credential[key].as_str().unwrap().to_owned();
    let (access, secret, token) = (text("access"), text("secret"), text("securitytoken"));
    let project = emulator.delegated_project_id("eu-de");
    let list = |project: &str, further: &[(&str, &str)]| {
        signed_list(&emulator, (&access, &secret), &date(0), project, further).status
    };
    assert_eq!(list(&project, &[("X-Security-Token", &token)]), 200);
    assert_eq!(list(&emulator.project_id(), &[("X-Security-Token", &token)]), 400, "ids of the first account");
    assert_eq!(list(&project, &[]), 401, "without its security token");
    emulator.revoke_sessions();
    assert_eq!(list(&project, &[("X-Security-Token", &token)]), 401);
}

#[test]
fn the_metadata_service_hands_out_keys() {
    let emulator = Emulator::start_now(&Options::default()).unwrap();
    let iam = emulator.endpoint("iam");
    let key =
        |headers: &[(&str, &str)]| send("GET", &format!("{iam}/openstack/latest/securitykey"), headers, None).unwrap();
    let token = || {
        let ttl = [("X-Metadata-Token-Ttl-Seconds", "21600")];
        send("PUT", &format!("{iam}/meta-data/latest/api/token"), &ttl, None).unwrap()
    };
    let body = key(&[]).json();
    assert_eq!(keys_of(&body["credential"]), keys_of(&example("metadata.securitykey.response.json")["credential"]));
    let text = |key: &str| body["credential"][key].as_str().unwrap().to_owned();
    let (access, secret, security_token) = (text("access"), text("secret"), text("securitytoken"));
    let further = [("X-Security-Token", security_token.as_str())];
    let project = emulator.project_id();
    assert_eq!(signed_list(&emulator, (&access, &secret), &date(0), &project, &further).status, 200);

    emulator.set_modes(|modes| modes.metadata = Metadata::TokenRequired);
    assert_eq!(key(&[]).status, 401);
    let token_text = String::from_utf8(token().body).unwrap();
    assert_eq!(key(&[("X-Metadata-Token", &token_text)]).status, 200);
    emulator.set_modes(|modes| modes.metadata = Metadata::WithoutTokens);
    assert_eq!((token().status, key(&[]).status), (404, 200));
    emulator.set_modes(|modes| modes.metadata = Metadata::NoAgency);
    let refused = key(&[]);
    assert_eq!(refused.status, 401);
    assert!(String::from_utf8(refused.body).unwrap().contains("Please configure Cloud Service Agency first"));
}
