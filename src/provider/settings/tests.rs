use std::fmt::Write as _;
use std::io;

use secrecy::ExposeSecret;

use super::sign_in::nothing_found;
use super::*;
use crate::plugin::{Number, Severity, Value};

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
        is_link: Box::new(|path| path.ends_with("dangling/.config/openstack/secure.yaml")),
    }
}

fn block<V: Into<Value>>(values: impl IntoIterator<Item = (&'static str, V)>) -> ProviderBlock {
    values.into_iter().fold(ProviderBlock::default(), |block, (name, value)| block.with(name, value))
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
    let Resolved { settings, .. } = resolve(block, &around(&variables, files), "1.11.4").map_err(|problems| {
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
    let keys = block([("access_key", "Ak"), ("secret_key", "Sk")]);
    let entry = block([("cloud", "otc")]);
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
        (&keys.clone().with("token", "Written"), &both, "token Written"),
        (&empty, &user, "password me acme pw"),
        (&empty, &[user.as_slice(), env.as_slice()].concat(), "key HwAk HwSk HwSt"),
        (&empty, &[("HW_PROFILE", "p"), ("HW_ACCESS_KEY", "HwAk"), ("HW_SECRET_KEY", "HwSk")], "key HwAk HwSk -"),
        (&empty, &[("HW_PROFILE", "p"), ("OS_TOKEN", "T")], "token T"),
        (&empty, &[user.as_slice(), &[("HW_PROFILE", "p")]].concat(), "password me acme pw"),
        (&empty, &[("HW_PROFILE", "p")], "key FileAk FileSk -"),
        (&keys, &[("HW_PROFILE", "p")], "key Ak Sk -"),
        (&empty, &[("OS_CLOUD", "otc")], "password me acme hidden"),
        (&entry, &[], "password me acme hidden"),
        // Who the file's user is, the file alone says.
        (&entry, &[("OS_USERNAME", "you"), ("OS_DOMAIN_NAME", "other")], "password me acme hidden"),
        (&block([("domain_name", "acme")]), &[("OS_USERNAME", "me"), ("OS_PASSWORD", "pw")], "password me acme pw"),
        (&entry, &[("HW_PROFILE", "p")], "password me acme hidden"),
        (&keys, &[("OS_CLOUD", "otc")], "key Ak Sk -"),
        (&empty, &[env.as_slice(), &[("OS_CLOUD", "otc")]].concat(), "key HwAk HwSk HwSt"),
        (&empty, &[], "metadata"),
        // What other programs need beside an entry that was asked for, and what is there beside something whole.
        (&empty, &[("OS_CLOUD", "otc"), ("OS_USERNAME", "you")], "password me acme hidden"),
        (&empty, &[("OS_TOKEN", "T"), ("OS_USERNAME", "you"), ("OS_SECURITY_TOKEN", "S")], "token T"),
        (&empty, &[env.as_slice(), &[("HW_USER_NAME", "you"), ("OS_USERNAME", "you")]].concat(), "key HwAk HwSk HwSt"),
        (&keys, &[("HW_USER_PASSWORD", "pw"), ("OS_SECRET_KEY", "stale")], "key Ak Sk -"),
        (&empty, &[("HW_PROFILE", "p"), ("OS_USERNAME", "you")], "key FileAk FileSk -"),
        // And what comes later in the order than what is used.
        (&empty, &[("OS_TOKEN", "T"), ("HW_USER_NAME", "you"), ("HW_ACCESS_KEY", "HwAk")], "token T"),
        (&empty, &[os.as_slice(), &[("HW_USER_NAME", "you")]].concat(), "key OsAk OsSk OsSt"),
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
        (&block([("secret_key", "hush")]), &[], "`secret_key` is set, but `access_key` is not"),
        (
            &block([("access_key", "Ak")]),
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
        (&empty, &[("HW_USER_PASSWORD", "hush")], "HW_USER_PASSWORD is set, but HW_USER_NAME or HW_USER_ID is not."),
        (
            &block([("user_name", "me"), ("domain_name", "acme")]),
            &[("HW_USER_NAME", "you"), ("HW_USER_PASSWORD", "hush")],
            "`user_name` is set, but `password` is not. HW_USER_PASSWORD is not taken",
        ),
        (
            &block([("password", "hush"), ("domain_name", "acme")]),
            &[("OS_USER_ID", "0123")],
            "`password` is set, but `user_name` or `user_id` is not. OS_USER_ID is not taken",
        ),
        (
            &empty,
            &[("HW_USER_NAME", "me"), ("HW_DOMAIN_NAME", "acme"), ("OS_PASSWORD", "hush")],
            "HW_USER_NAME is set, but HW_USER_PASSWORD is not. OS_PASSWORD is not taken",
        ),
        (&block([("user_name", "me")]), &[], "`user_name` is set, but `password` is not. They go"),
        // Nobody else acts in place of who was named in part.
        (
            &block([("user_name", "me")]),
            &[("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush")],
            "`user_name` is set, but",
        ),
        (&block([("user_name", "me")]), &[("HW_AUTH_TOKEN", "hush")], "`user_name` is set, but `password` is not."),
        (&block([("user_id", "me")]), &[("HW_PROFILE", "p")], "`user_id` is set, but `password` is not."),
        (
            &empty,
            &[("HW_USER_NAME", "me"), ("HW_PROFILE", "p")],
            "If other credentials are meant, remove HW_USER_NAME.",
        ),
        (&empty, &[("HW_USER_NAME", "me"), ("OS_CLOUD", "otc")], "HW_USER_NAME is set, but HW_USER_PASSWORD is not."),
        (&empty, &[("OS_USERNAME", "me")], "OS_USERNAME is set, but OS_PASSWORD is not."),
        (
            &empty,
            &[("HW_SECURITY_TOKEN", "hush"), ("OS_ACCESS_KEY", "a"), ("OS_SECRET_KEY", "hush")],
            "HW_SECURITY_TOKEN is set, but HW_ACCESS_KEY and HW_SECRET_KEY are not.",
        ),
        (
            &empty,
            &[("HW_SECURITY_TOKEN", "hush"), ("HW_PROFILE", "p")],
            "HW_SECURITY_TOKEN is set, but HW_ACCESS_KEY and HW_SECRET_KEY are not.",
        ),
        (
            &block([("security_token", "hush")]),
            &[("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush")],
            "`security_token` is set, but `access_key` and `secret_key` are not. HW_ACCESS_KEY is not taken",
        ),
        (&empty, &[("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush ")], "white space"),
        (&empty, &[("HW_SHARED_CONFIG_FILE", "/nowhere")], "/nowhere cannot be read"),
        (&block([("profile", "q")]), &[], "no profile \"q\""),
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
        let problems = resolve(&block, &around(&variables, &[]), "1.11.4").err().unwrap();
        let first = problems.iter().next().unwrap().clone();
        (first.path.unwrap().to_string(), first.detail)
    };
    let region = block([("region", "eu-de")]);
    for (block, variables, path, why) in [
        (ProviderBlock::default(), [].as_slice(), "region", "HW_REGION_NAME"),
        (region.clone().with("max_retries", -1), &[], "max_retries", "is -1; allowed are whole numbers from 0 to 100"),
        (
            region.clone().with("max_retries", Value::Number(Number::Float(1.5))),
            &[],
            "max_retries",
            "is 1.5; allowed are whole numbers from 0 to 100",
        ),
        (region.clone(), &[("HW_MAX_RETRIES", "many")], "max_retries", "HW_MAX_RETRIES is \"many\""),
        (region.clone(), &[("HW_INSECURE", "maybe")], "insecure", "true, false, yes, no, 1, 0"),
        (region.clone(), &[("HW_CLOUD", "no dots")], "cloud", "otc.t-systems.com"),
        (region.clone().with("auth_url", "http://iam.example.com"), &[], "auth_url", "https"),
        (region.clone(), &[("OS_CACERT", "/no/ca.pem")], "cacert_file", "/no/ca.pem"),
        (
            region.clone().with("endpoints", Value::object([("dss", Value::from("https://x"))])),
            &[],
            "endpoints[\"dss\"]",
            "dds",
        ),
        (
            region.clone().with("endpoints", Value::object([("dds", Value::from("http://10.0.0.1"))])),
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
const CLOUDS: &str = "clouds:\n  app: { auth: { application_credential_id: a, secret: hush } }\n  half: { auth: { sk: hush } }\n  \
    inside: { interface: internal, regions: [eu-nl], region_name: eu-de, auth: { ak: a, sk: hush } }\n  \
    many: { regions: [eu-nl, eu-de], auth: { ak: a, sk: hush } }";

/// Files of all kinds, and what is in them.
const FILES: [(&str, &str); 12] = [
    (
        "/odd.json",
        r#"{"current": "p", "profiles": [{"name": "p", "accessKeyId": "a", "secretAccessKey": "hush", "region": "\"eu-de\"", "projectId": "0\n"}]}"#,
    ),
    (
        "/odd.yaml",
        "clouds: { odd: { region_name: ' eu-de', auth: { username: me, domain_name: x, password: 'hush ' }, auth_url: 'ftp://x' } }",
    ),
    ("/config.json", PROFILES),
    ("/broken.json", "{\n \"profiles\": 7"),
    ("/home/me/ca.pem", "x"),
    ("clouds.yaml", CLOUDS),
    ("/cut.yaml", "clouds: [hush"),
    ("/half.json", r#"{"current": "p", "profiles": [{"name": "p", "accessKeyId": "a", "region": "eu-de"}]}"#),
    ("/tab.yaml", "clouds:\n  app:\n\tsk: hush"),
    ("/other.yaml", "clouds: { app: { auth: { sk: 7 } } }"),
    ("/comments.yaml", "# hush\n"),
    ("/list.yaml", "clouds: { inside: { interface: [internal], region_name: eu-de, auth: { ak: a, sk: hush } } }"),
];

/// Whatever is said about these settings, without their secrets.
fn told(case: &str, written: &ProviderBlock, variables: &[(&str, &str)]) -> String {
    let mut page = String::new();
    let said = match resolve(written, &around(variables, &FILES), "1.14.0") {
        Ok(resolved) => resolved.warnings,
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
    page
}

#[test]
fn what_is_wrong_with_settings_is_said_in_one_way() {
    let keys = [("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush")];
    let with = |more: &[(&'static str, &'static str)]| [keys.as_slice(), more].concat();
    let region = ("HW_REGION_NAME", "eu-de");
    let role = |duration| block([("assume_role", Value::object([("duration", duration)]))]);
    let empty = ProviderBlock::default;
    let mut page = String::new();
    for (case, written, variables) in vec![
        ("nothing at all", empty(), Vec::new()),
        ("no region", empty(), with(&[])),
        ("an access key alone", empty(), vec![region, ("HW_ACCESS_KEY", "a")]),
        ("a secret key alone", empty(), vec![region, ("OS_SECRET_KEY", "hush")]),
        ("a secret key in the block alone", block([("secret_key", "hush")]), vec![region]),
        ("halves of different places", block([("access_key", "a")]), vec![region, ("HW_SECRET_KEY", "hush")]),
        ("a line break in a variable", empty(), with(&[region, ("HW_PROJECT_ID", "p\n")])),
        ("bytes that are no text", empty(), with(&[region, ("HW_PROFILE", "p\u{fffd}")])),
        ("a value in quotes", empty(), with(&[("HW_REGION_NAME", "\"eu-de\"")])),
        (
            "a profile beside other credentials",
            empty(),
            with(&[region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "locked")]),
        ),
        ("white space around a key", empty(), vec![region, ("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush ")]),
        ("white space in the block", block([("access_key", " a")]), with(&[region])),
        ("a user without a password", block([("user_name", "me")]), vec![region]),
        ("a password without a user", empty(), vec![region, ("OS_PASSWORD", "hush")]),
        ("a user without an account", empty(), vec![region, ("OS_PASSWORD", "hush"), ("OS_USERNAME", "me")]),
        ("retries that are none", empty(), with(&[region, ("HW_MAX_RETRIES", "many")])),
        ("neither on nor off", empty(), with(&[region, ("HW_INSECURE", "maybe")])),
        ("not checked", block([("insecure", true)]), with(&[region])),
        ("a cloud that is no domain", empty(), with(&[region, ("HW_CLOUD", "otc")])),
        ("an address without TLS", empty(), with(&[region, ("OS_AUTH_URL", "http://iam.example.com/v3")])),
        ("an address that is none", empty(), with(&[region, ("OS_AUTH_URL", "https://")])),
        ("no such file of certificates", empty(), with(&[region, ("OS_CACERT", "/no/ca.pem")])),
        ("a file without certificates", empty(), with(&[region, ("OS_CACERT", "/home/me/ca.pem")])),
        ("a certificate that is cut", empty(), with(&[region, ("OS_CACERT", "-----BEGIN CERTIFICATE-----\nMIIB")])),
        ("an agency without a name", role(Value::Null), with(&[region])),
        ("an agency without an account", empty(), with(&[region, ("HW_ASSUME_ROLE_AGENCY_NAME", "ops")])),
        ("keys that live too short", role(Value::from(60)), with(&[region])),
        (
            "keys that live too long",
            empty(),
            with(&[
                region,
                ("HW_ASSUME_ROLE_AGENCY_NAME", "ops"),
                ("HW_ASSUME_ROLE_DOMAIN_NAME", "acme"),
                ("HW_ASSUME_ROLE_DURATION", "999999"),
            ]),
        ),
        ("no such file", empty(), vec![region, ("HW_SHARED_CONFIG_FILE", "/nowhere.json")]),
        ("a broken file", empty(), vec![region, ("HW_SHARED_CONFIG_FILE", "/broken.json")]),
        ("no current profile", empty(), vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json")]),
        ("no such profile", empty(), vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "q")]),
        (
            "a profile without keys",
            empty(),
            vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "p")],
        ),
        (
            "a profile that is signed out",
            empty(),
            vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "sso")],
        ),
        (
            "a profile that is encrypted",
            empty(),
            vec![region, ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "locked")],
        ),
        ("a cloud that clouds.yaml does not have", empty(), vec![region, ("OS_CLOUD", "otc")]),
        ("an application credential", empty(), vec![region, ("OS_CLOUD", "app")]),
        ("half a key pair in clouds.yaml", empty(), vec![region, ("OS_CLOUD", "half")]),
        ("an entry for another interface", empty(), vec![("OS_CLOUD", "inside")]),
        ("an entry for several regions", empty(), vec![("OS_CLOUD", "many")]),
        ("an entry beside other credentials", empty(), with(&[region, ("OS_CLOUD", "half")])),
        ("a broken clouds.yaml", empty(), vec![region, ("OS_CLOUD", "app"), ("OS_CLIENT_CONFIG_FILE", "/cut.yaml")]),
        (
            "a broken clouds.yaml beside other credentials",
            empty(),
            with(&[region, ("OS_CLOUD", "app"), ("OS_CLIENT_CONFIG_FILE", "/cut.yaml")]),
        ),
        (
            "a broken clouds.yaml, which may name the region",
            empty(),
            vec![("OS_CLOUD", "app"), ("OS_CLIENT_CONFIG_FILE", "/cut.yaml")],
        ),
        ("odd values in clouds.yaml", empty(), vec![("OS_CLOUD", "odd"), ("OS_CLIENT_CONFIG_FILE", "/odd.yaml")]),
        ("odd values in a profile", empty(), vec![("HW_SHARED_CONFIG_FILE", "/odd.json")]),
        ("a region that is no name", empty(), with(&[("HW_REGION_NAME", "cn north 4")])),
        ("an id that is none", empty(), with(&[region, ("HW_PROJECT_ID", "a/../b")])),
        (
            "a user of the block and a password of the environment",
            block([("user_name", "me"), ("domain_name", "acme")]),
            vec![region, ("OS_USERNAME", "you"), ("OS_PASSWORD", "hush")],
        ),
        ("no clouds.yaml", empty(), vec![region, ("OS_CLOUD", "app"), ("OS_CLIENT_CONFIG_FILE", "/no.yaml")]),
        ("an entry and a profile", empty(), vec![region, ("OS_CLOUD", "app"), ("HW_PROFILE", "p")]),
    ] {
        page += &told(case, &written, &variables);
    }
    let _ = writeln!(page, "## what was looked for when there are no credentials\n{}", nothing_found());
    insta::assert_snapshot!("settings", page);
}

#[test]
fn what_is_wrong_with_parts_and_files_is_said_in_the_same_way() {
    let keys = [("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "hush")];
    let with = |more: &[(&'static str, &'static str)]| [keys.as_slice(), more].concat();
    let region = ("HW_REGION_NAME", "eu-de");
    let empty = ProviderBlock::default;
    let mut page = String::new();
    for (case, written, variables) in vec![
        ("a user beside keys of another place", block([("user_name", "me")]), with(&[region])),
        ("a user of the environment beside a profile", empty(), {
            vec![region, ("HW_USER_NAME", "me"), ("HW_SHARED_CONFIG_FILE", "/config.json"), ("HW_PROFILE", "p")]
        }),
        ("a security token without keys", empty(), {
            vec![region, ("HW_SECURITY_TOKEN", "hush"), ("OS_ACCESS_KEY", "a"), ("OS_SECRET_KEY", "hush")]
        }),
        ("half a key pair in a profile", empty(), vec![("HW_SHARED_CONFIG_FILE", "/half.json")]),
        ("a tab in clouds.yaml", empty(), vec![("OS_CLOUD", "app"), ("OS_CLIENT_CONFIG_FILE", "/tab.yaml")]),
        ("a broken secure.yaml", empty(), vec![("OS_CLOUD", "app"), ("OS_CLIENT_SECURE_FILE", "/cut.yaml")]),
        ("a number in secure.yaml", empty(), vec![("OS_CLOUD", "app"), ("OS_CLIENT_SECURE_FILE", "/other.yaml")]),
        (
            "only comments in secure.yaml",
            empty(),
            vec![("OS_CLOUD", "half"), ("OS_CLIENT_SECURE_FILE", "/comments.yaml")],
        ),
        ("a secure.yaml that leads nowhere", empty(), vec![("OS_CLOUD", "inside"), ("HOME", "/dangling")]),
        ("a list of interfaces", empty(), vec![("OS_CLOUD", "inside"), ("OS_CLIENT_CONFIG_FILE", "/list.yaml")]),
    ] {
        page += &told(case, &written, &variables);
    }
    insta::assert_snapshot!("parts-and-files", page);
}

#[test]
fn everything_else_finds_its_place() {
    let written = block([
        ("insecure", Value::from(true)),
        ("endpoints", Value::object([("dds", Value::from("dds.example.com/root"))])),
    ]);
    let variables = [
        ("HW_ACCESS_KEY", "a"),
        ("HW_SECRET_KEY", "s"),
        ("OS_REGION_NAME", "eu-de"),
        ("OS_TENANT_ID", "p"),
        ("OS_AUTH_URL", "https://iam.eu-de.otc.t-systems.com/v3"),
        ("HW_MAX_RETRIES", "0"),
        ("HW_ASSUME_ROLE_AGENCY_NAME", "ops"),
        ("HW_ASSUME_ROLE_DOMAIN_NAME", "acme"),
        ("HW_ASSUME_ROLE_DURATION", "900"),
        ("HW_TF_CUSTOM_UA", "ci/1"),
        ("https_proxy", "proxy:3128"),
    ];
    let Resolved { settings, warnings, from } = resolve(&written, &around(&variables, &[]), "1.11.4").unwrap();
    assert_eq!(settings.region, "eu-de");
    assert_eq!(settings.project_id.as_deref(), Some("p"));
    assert_eq!(settings.project_from, "OS_TENANT_ID");
    assert_eq!(settings.auth_url.unwrap().as_str(), "https://iam.eu-de.otc.t-systems.com/v3");
    assert_eq!(settings.endpoints["dds"].as_str(), "https://dds.example.com/root");
    assert_eq!(settings.max_retries, 0);
    assert_eq!(
        (&*from["region"], &*from["insecure"], &*from["credentials"]),
        ("OS_REGION_NAME", "`insecure`", "HW_ACCESS_KEY and HW_SECRET_KEY")
    );
    assert!(settings.insecure);
    assert_eq!(settings.proxy.unwrap().host().as_deref(), Ok("proxy:3128"));
    assert_eq!(warnings.iter().next().unwrap().summary, "TLS certificates are not checked");
    let role = settings.assume_role.unwrap();
    assert_eq!(
        (role.agency_name.as_str(), role.domain_name.as_deref(), role.duration_seconds),
        ("ops", Some("acme"), Some(900))
    );
    assert!(settings.user_agent.ends_with("Terraform/1.11.4 ci/1"), "{}", settings.user_agent);
    assert_eq!(settings.unsent_token, None);
    let variables = [variables.as_slice(), &[("OS_SECURITY_TOKEN", "t")]].concat();
    let Resolved { settings, .. } = resolve(&written, &around(&variables, &[]), "1.11.4").unwrap();
    assert_eq!(
        settings.unsent_token.as_deref(),
        Some("OS_SECURITY_TOKEN"),
        "it is not taken with keys of another place"
    );
}

/// A name in one place and an id in another would else be two projects, or two accounts.
#[test]
fn of_name_and_id_the_first_place_that_has_either_counts() {
    let keys = [("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "s"), ("HW_REGION_NAME", "eu-de")];
    let block = |name, value| block([(name, value)]);
    let empty = ProviderBlock::default();
    for (written, variables, id, name) in [
        (&block("project_name", "eu-de_team"), [("HW_PROJECT_ID", "p")].as_slice(), None, Some("eu-de_team")),
        (&block("project_id", "p"), &[("HW_PROJECT_NAME", "eu-de_team")], Some("p"), None),
        (&empty, &[("HW_PROJECT_NAME", "eu-de_team"), ("OS_TENANT_ID", "p")], None, Some("eu-de_team")),
        (&empty, &[("OS_PROJECT_NAME", "eu-de_team"), ("HW_PROJECT_ID", "p")], Some("p"), None),
        (&empty, &[("HW_PROJECT_NAME", "eu-de_team"), ("HW_PROJECT_ID", "p")], Some("p"), Some("eu-de_team")),
    ] {
        let around = around(&[keys.as_slice(), variables].concat(), &[]);
        let settings = resolve(written, &around, "1.11.4").unwrap().settings;
        assert_eq!((settings.project_id.as_deref(), settings.project_name.as_deref()), (id, name), "{variables:?}");
    }
    let user = [("HW_USER_NAME", "me"), ("HW_USER_PASSWORD", "pw"), ("OS_DOMAIN_ID", "0123")];
    let signed_in = signs_in(&block("domain_name", "acme"), &user);
    assert_eq!(signed_in.as_deref(), Ok("password me acme pw"));
    let around = around(&[user.as_slice(), &[("HW_REGION_NAME", "eu-de")]].concat(), &[]);
    let settings = resolve(&block("domain_name", "acme"), &around, "1.11.4").unwrap().settings;
    let cloud::Credentials::Password { domain_id, .. } = settings.credentials else { panic!("a password signs in") };
    assert_eq!(domain_id, None);
}
