use std::fmt::Write as _;

use super::sign_in::nothing_found;
use super::*;
use crate::plugin::Severity;

/// Surroundings with these variables and files.
fn around(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Surroundings {
    let own = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let (variables, files) = (own(variables), own(files));
    Surroundings {
        variable: Box::new(move |name| variables.get(name).cloned()),
        file: Box::new(move |path| {
            files.get(path.to_str().unwrap()).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        }),
    }
}

fn text(value: &str) -> Attr<String> {
    Attr::Known(value.to_owned())
}

fn hidden(value: &str) -> Attr<SecretString> {
    Attr::Known(SecretString::from(value))
}

/// How one signs in, in one word, so that a table can name it.
fn signs_in(block: &ProviderBlock, variables: &[(&str, &str)]) -> Result<String, String> {
    let files = &[
        (
            "/home/me/.hcloud/config.json",
            r#"{"current":"p","profiles":[{"name":"p","mode":"AKSK","accessKeyId":"FileAk","secretAccessKey":"FileSk","region":"eu-nl"}]}"#,
        ),
        ("/home/me/.config/openstack/clouds.yaml", "clouds: { otc: { auth: { username: me, domain_name: acme } } }"),
        ("/home/me/.config/openstack/secure.yaml", "clouds: { otc: { auth: { password: hidden } } }"),
    ];
    let mut variables = variables.to_vec();
    variables.extend([("HW_REGION_NAME", "eu-de"), ("HOME", "/home/me")]);
    let (settings, _) = resolve(block, &around(&variables, files), "1.11.4").map_err(|problems| {
        problems.iter().map(|problem| format!("{}: {}", problem.summary, problem.detail)).collect::<Vec<_>>().join("\n")
    })?;
    Ok(match settings.credentials {
        cloud::Credentials::Key { access_key, secret_key, security_token } => format!(
            "key {access_key} {} {}",
            secret_key.expose_secret(),
            security_token.as_ref().map_or("-", ExposeSecret::expose_secret)
        ),
        cloud::Credentials::Token(token) => format!("token {}", token.expose_secret()),
        cloud::Credentials::Password { user_name, domain_name, password, .. } => format!(
            "password {} {} {}",
            user_name.unwrap_or_default(),
            domain_name.unwrap_or_default(),
            password.expose_secret()
        ),
        cloud::Credentials::Metadata { .. } => "metadata".to_owned(),
    })
}

#[test]
fn what_is_written_wins_over_the_environment_and_hw_over_os() {
    let empty = ProviderBlock::default();
    let keys = ProviderBlock { access_key: text("Ak"), secret_key: hidden("Sk"), ..ProviderBlock::default() };
    let entry = ProviderBlock { cloud: text("otc"), ..ProviderBlock::default() };
    let env = [("HW_ACCESS_KEY", "HwAk"), ("HW_SECRET_KEY", "HwSk"), ("HW_SECURITY_TOKEN", "HwSt")];
    let os = [("OS_ACCESS_KEY", "OsAk"), ("OS_SECRET_KEY", "OsSk"), ("OS_SECURITY_TOKEN", "OsSt")];
    let both = [env.as_slice(), os.as_slice()].concat();
    let user = [("OS_USERNAME", "me"), ("OS_PASSWORD", "pw"), ("OS_USER_DOMAIN_NAME", "acme")];
    for (block, variables, expected) in [
        (&empty, env.as_slice(), "key HwAk HwSk HwSt"),
        (&empty, &os, "key OsAk OsSk OsSt"),
        (&empty, &both, "key HwAk HwSk HwSt"),
        (
            &empty,
            &[("HW_ACCESS_KEY", ""), ("HW_SECRET_KEY", ""), ("OS_ACCESS_KEY", "OsAk"), ("OS_SECRET_KEY", "OsSk")],
            "key OsAk OsSk -",
        ),
        // A stale security token beside other keys would break every request.
        (
            &empty,
            &[("HW_ACCESS_KEY", "HwAk"), ("HW_SECRET_KEY", "HwSk"), ("OS_SECURITY_TOKEN", "stale")],
            "key HwAk HwSk -",
        ),
        (&keys, &both, "key Ak Sk -"),
        (&keys, &[("HW_AUTH_TOKEN", "T")], "key Ak Sk -"),
        (&empty, &[("OS_TOKEN", "T"), ("HW_ACCESS_KEY", "HwAk"), ("HW_SECRET_KEY", "HwSk")], "token T"),
        (&ProviderBlock { token: hidden("Written"), ..keys.clone() }, &both, "token Written"),
        (&empty, &user, "password me acme pw"),
        (&empty, &[user.as_slice(), env.as_slice()].concat(), "key HwAk HwSk HwSt"),
        (&empty, &[("HW_PROFILE", "p"), ("HW_ACCESS_KEY", "HwAk"), ("HW_SECRET_KEY", "HwSk")], "key HwAk HwSk -"),
        (&empty, &[("HW_PROFILE", "p"), ("OS_TOKEN", "T")], "token T"),
        (&empty, &[user.as_slice(), &[("HW_PROFILE", "p")]].concat(), "password me acme pw"),
        (&empty, &[("HW_PROFILE", "p")], "key FileAk FileSk -"),
        (&keys, &[("HW_PROFILE", "p")], "key Ak Sk -"),
        (&empty, &[("OS_CLOUD", "otc")], "password me acme hidden"),
        (&entry, &[], "password me acme hidden"),
        (&entry, &[("HW_PROFILE", "p")], "password me acme hidden"),
        (&keys, &[("OS_CLOUD", "otc")], "key Ak Sk -"),
        (&empty, &[env.as_slice(), &[("OS_CLOUD", "otc")]].concat(), "key HwAk HwSk HwSt"),
        (&empty, &[], "metadata"),
    ] {
        assert_eq!(signs_in(block, variables).as_deref(), Ok(expected), "{variables:?}");
    }
}

#[test]
fn half_given_credentials_are_one_error_that_names_the_missing_half() {
    let empty = ProviderBlock::default();
    for (block, variables, why) in [
        (&empty, [("HW_ACCESS_KEY", "a")].as_slice(), "HW_ACCESS_KEY is set, but HW_SECRET_KEY is not"),
        (&empty, &[("OS_SECRET_KEY", "hush")], "OS_SECRET_KEY is set, but OS_ACCESS_KEY is not"),
        (
            &ProviderBlock { secret_key: hidden("hush"), ..empty.clone() },
            &[],
            "`secret_key` is set, but `access_key` is not",
        ),
        (
            &ProviderBlock { access_key: text("Ak"), ..empty.clone() },
            &[("OS_SECRET_KEY", "hush")],
            "`access_key` is set, but `secret_key` is not. OS_SECRET_KEY is not taken",
        ),
        (
            &empty,
            &[("HW_ACCESS_KEY", "a"), ("OS_SECRET_KEY", "hush"), ("OS_ACCESS_KEY", "b")],
            "HW_ACCESS_KEY is set, but HW_SECRET_KEY is not. OS_SECRET_KEY is not taken",
        ),
        (&empty, &[("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush\n")], "HW_SECRET_KEY holds a line break"),
        (&empty, &[("HW_PROJECT_ID", "p\u{fffd}")], "HW_PROJECT_ID holds bytes that are no text"),
        (&empty, &[("HW_PROFILE", "\"p\"")], "HW_PROFILE is in quotes"),
        (&empty, &[("HW_USER_NAME", "me"), ("HW_USER_PASSWORD", "hush")], "not the account"),
        (&empty, &[("HW_USER_PASSWORD", "hush")], "no user"),
        (&ProviderBlock { user_name: text("me"), ..empty.clone() }, &[], "no password"),
        (&empty, &[("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush ")], "white space"),
        (&empty, &[("HW_SHARED_CONFIG_FILE", "/nowhere")], "/nowhere cannot be read"),
        (&ProviderBlock { profile: text("q"), ..empty.clone() }, &[], "no profile \"q\""),
    ] {
        let said = signs_in(block, variables).unwrap_err();
        assert!(said.contains(why), "{variables:?}: {said}");
        assert!(!said.contains("hush") && !said.contains('\n'), "{said}");
    }
}

#[test]
fn a_missing_region_and_bad_values_point_at_their_argument() {
    let said = |block: ProviderBlock, variables: &[(&str, &str)]| {
        let mut variables = variables.to_vec();
        variables.extend([("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "s")]);
        let problems = resolve(&block, &around(&variables, &[]), "1.11.4").unwrap_err();
        let first = problems.iter().next().unwrap().clone();
        (first.path.unwrap().to_string(), first.detail)
    };
    let region = ProviderBlock { region: text("eu-de"), ..ProviderBlock::default() };
    for (block, variables, path, why) in [
        (ProviderBlock::default(), [].as_slice(), "region", "HW_REGION_NAME"),
        (ProviderBlock { max_retries: Attr::Known(-1), ..region.clone() }, &[], "max_retries", "0 to 100"),
        (region.clone(), &[("HW_MAX_RETRIES", "many")], "max_retries", "HW_MAX_RETRIES is \"many\""),
        (region.clone(), &[("HW_INSECURE", "maybe")], "insecure", "true, false, 1, 0"),
        (region.clone(), &[("HW_CLOUD", "no dots")], "cloud", "otc.t-systems.com"),
        (ProviderBlock { auth_url: text("http://iam.example.com"), ..region.clone() }, &[], "auth_url", "https"),
        (region.clone(), &[("OS_CACERT", "/no/ca.pem")], "cacert_file", "/no/ca.pem"),
        (
            ProviderBlock { endpoints: Attr::Known([("dss".to_owned(), text("https://x"))].into()), ..region.clone() },
            &[],
            "endpoints[\"dss\"]",
            "dds",
        ),
        (
            ProviderBlock {
                endpoints: Attr::Known([("dds".to_owned(), text("http://10.0.0.1"))].into()),
                ..region.clone()
            },
            &[],
            "endpoints[\"dds\"]",
            "https",
        ),
        (region.clone(), &[("HW_ASSUME_ROLE_AGENCY_NAME", "ops")], "assume_role", "HW_ASSUME_ROLE_DOMAIN_NAME"),
    ] {
        let (found, detail) = said(block, variables);
        assert_eq!(found, path, "{detail}");
        assert!(detail.contains(why), "{detail}");
    }
}

const PROFILES: &str = r#"{"current": "", "profiles": [{"name": "p", "mode": "AKSK"}, {"name": "sso", "mode": "SSO"},
    {"name": "locked", "mode": "AKSK", "accessKeyId": "9f3c==:ab", "secretAccessKey": "very-secret="}]}"#;
const CLOUDS: &str =
    "clouds:\n  app: { auth: { application_credential_id: a, secret: hush } }\n  half: { auth: { sk: hush } }";

/// Files of all kinds, and what is in them.
const FILES: [(&str, &str); 5] = [
    ("/config.json", PROFILES),
    ("/broken.json", "{\n \"profiles\": 7"),
    ("/home/me/ca.pem", "x"),
    ("clouds.yaml", CLOUDS),
    ("/cut.yaml", "clouds: [hush"),
];

#[test]
fn what_is_wrong_with_settings_is_said_in_one_way() {
    let keys = [("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush")];
    let with = |more: &[(&'static str, &'static str)]| [keys.as_slice(), more].concat();
    let region = ("HW_REGION_NAME", "eu-de");
    let role = |duration| ProviderBlock {
        assume_role: Attr::Known(AssumeRoleBlock { duration, ..AssumeRoleBlock::default() }),
        ..ProviderBlock::default()
    };
    let block = ProviderBlock::default;
    let mut page = String::new();
    for (case, block, variables) in vec![
        ("nothing at all", block(), Vec::new()),
        ("no region", block(), with(&[])),
        ("an access key alone", block(), vec![region, ("HW_ACCESS_KEY", "a")]),
        ("a secret key alone", block(), vec![region, ("OS_SECRET_KEY", "hush")]),
        ("a secret key in the block alone", ProviderBlock { secret_key: hidden("hush"), ..block() }, vec![region]),
        (
            "halves of different places",
            ProviderBlock { access_key: text("a"), ..block() },
            vec![region, ("HW_SECRET_KEY", "hush")],
        ),
        ("a line break in a variable", block(), with(&[region, ("HW_PROJECT_ID", "p\n")])),
        ("bytes that are no text", block(), with(&[region, ("HW_PROFILE", "p\u{fffd}")])),
        ("a value in quotes", block(), with(&[("HW_REGION_NAME", "\"eu-de\"")])),
        (
            "a profile beside other credentials",
            block(),
            with(&[region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "locked")]),
        ),
        ("white space around a key", block(), vec![region, ("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush ")]),
        ("white space in the block", ProviderBlock { access_key: text(" a"), ..block() }, with(&[region])),
        ("a user without a password", ProviderBlock { user_name: text("me"), ..block() }, vec![region]),
        ("a password without a user", block(), vec![region, ("OS_PASSWORD", "hush")]),
        ("a user without an account", block(), vec![region, ("OS_PASSWORD", "hush"), ("OS_USERNAME", "me")]),
        ("retries that are none", block(), with(&[region, ("HW_MAX_RETRIES", "many")])),
        ("neither on nor off", block(), with(&[region, ("HW_INSECURE", "maybe")])),
        ("not checked", ProviderBlock { insecure: Attr::Known(true), ..block() }, with(&[region])),
        ("a cloud that is no domain", block(), with(&[region, ("HW_CLOUD", "otc")])),
        ("an address without TLS", block(), with(&[region, ("OS_AUTH_URL", "http://iam.example.com/v3")])),
        ("an address that is none", block(), with(&[region, ("OS_AUTH_URL", "https://")])),
        ("no such file of certificates", block(), with(&[region, ("OS_CACERT", "/no/ca.pem")])),
        ("a file without certificates", block(), with(&[region, ("OS_CACERT", "/home/me/ca.pem")])),
        ("a certificate that is cut", block(), with(&[region, ("OS_CACERT", "-----BEGIN CERTIFICATE-----\nMIIB")])),
        ("an agency without a name", role(Attr::Null), with(&[region])),
        ("an agency without an account", block(), with(&[region, ("HW_ASSUME_ROLE_AGENCY_NAME", "ops")])),
        ("keys that live too short", role(Attr::Known(60)), with(&[region])),
        (
            "keys that live too long",
            block(),
            with(&[
                region,
                ("HW_ASSUME_ROLE_AGENCY_NAME", "ops"),
                ("HW_ASSUME_ROLE_DOMAIN_NAME", "acme"),
                ("HW_ASSUME_ROLE_DURATION", "999999"),
            ]),
        ),
        ("no such file", block(), vec![region, ("HW_SHARED_CONFIG_FILE", "/nowhere.json")]),
        ("a broken file", block(), vec![region, ("HW_SHARED_CONFIG_FILE", "/broken.json")]),
        ("no current profile", block(), vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json")]),
        ("no such profile", block(), vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "q")]),
        (
            "a profile without keys",
            block(),
            vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "p")],
        ),
        (
            "a profile that is signed out",
            block(),
            vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "sso")],
        ),
        (
            "a profile that is encrypted",
            block(),
            vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "locked")],
        ),
        ("a cloud that clouds.yaml does not have", block(), vec![region, ("OS_CLOUD", "otc")]),
        ("an application credential", block(), vec![region, ("OS_CLOUD", "app")]),
        ("half a key pair in clouds.yaml", block(), vec![region, ("OS_CLOUD", "half")]),
        ("an entry beside other credentials", block(), with(&[region, ("OS_CLOUD", "half")])),
        ("a broken clouds.yaml", block(), vec![region, ("OS_CLOUD", "app"), ("OS_CLIENT_CONFIG_FILE", "/cut.yaml")]),
        ("no clouds.yaml", block(), vec![region, ("OS_CLOUD", "app"), ("OS_CLIENT_CONFIG_FILE", "/no.yaml")]),
        ("an entry and a profile", block(), vec![region, ("OS_CLOUD", "app"), ("HW_PROFILE", "p")]),
    ] {
        let said = match resolve(&block, &around(&variables, &FILES), "1.14.0") {
            Ok((_, warnings)) => warnings,
            Err(problems) => problems,
        };
        assert!(!said.is_empty(), "{case}");
        for one in &said {
            let kind = if one.severity == Severity::Error { "Error" } else { "Warning" };
            let at = one.path.as_ref().map_or(String::new(), |path| format!(" [at {path}]"));
            let all = format!("{kind}: {}{at}\n{}", one.summary, one.detail);
            assert!(all.ends_with('.') && !all.contains("hush") && !all.contains("very-secret"), "{case}: {all}");
            let _ = writeln!(page, "## {case}\n{all}\n");
        }
    }
    let _ = writeln!(page, "## what was looked for when there are no credentials\n{}", nothing_found());
    insta::assert_snapshot!("settings", page);
}

#[test]
fn everything_else_finds_its_place() {
    let block = ProviderBlock {
        endpoints: Attr::Known([("dds".to_owned(), text("dds.example.com/root"))].into()),
        insecure: Attr::Known(true),
        ..ProviderBlock::default()
    };
    let variables = [
        ("HW_ACCESS_KEY", "a"),
        ("HW_SECRET_KEY", "s"),
        ("OS_REGION_NAME", "eu-de"),
        ("OS_TENANT_ID", "p"),
        ("OS_TENANT_NAME", "eu-de_team"),
        ("OS_AUTH_URL", "https://iam.eu-de.otc.t-systems.com/v3"),
        ("HW_MAX_RETRIES", "0"),
        ("HW_ASSUME_ROLE_AGENCY_NAME", "ops"),
        ("HW_ASSUME_ROLE_DOMAIN_NAME", "acme"),
        ("HW_ASSUME_ROLE_DURATION", "900"),
        ("HW_TF_CUSTOM_UA", "ci/1"),
        ("https_proxy", "proxy:3128"),
    ];
    let (settings, warnings) = resolve(&block, &around(&variables, &[]), "1.11.4").unwrap();
    assert_eq!(settings.region, "eu-de");
    assert_eq!(settings.project_id.as_deref(), Some("p"));
    assert_eq!(settings.project_name.as_deref(), Some("eu-de_team"));
    assert_eq!(settings.auth_url.unwrap().as_str(), "https://iam.eu-de.otc.t-systems.com/v3");
    assert_eq!(settings.endpoints["dds"].as_str(), "https://dds.example.com/root");
    assert_eq!(settings.max_retries, 0);
    assert!(settings.insecure);
    assert_eq!(settings.proxy.unwrap().host().as_deref(), Ok("proxy:3128"));
    assert_eq!(warnings.iter().next().unwrap().summary, "TLS certificates are not checked");
    let role = settings.assume_role.unwrap();
    assert_eq!(
        (role.agency_name.as_str(), role.domain_name.as_deref(), role.duration_seconds),
        ("ops", Some("acme"), Some(900))
    );
    assert!(settings.user_agent.ends_with("Terraform/1.11.4 ci/1"), "{}", settings.user_agent);
}
