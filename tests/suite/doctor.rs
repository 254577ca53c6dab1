//! The binary by hand: what it says of itself, and what its doctor finds.

use std::path::Path;
use std::process::{Command, Output};

use huaweidb_emulator::{Emulator, Fault, Options};
use serde_json::json;

use crate::messages::book::Book;
use crate::support::host::BINARY;
use crate::support::started::program;

/// The binary, in no folder that holds anything.
fn binary() -> Command {
    program(BINARY, Path::new("/nowhere/at/all"))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn doctor(emulator: &Emulator, environment: &[(&str, &str)]) -> Output {
    doctor_with(emulator, &[], environment)
}

/// The arguments come after the addresses of the emulator: of two for a service the last counts.
fn doctor_with(emulator: &Emulator, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = binary();
    command.arg("doctor");
    let ready = emulator.ready();
    for (key, address) in ready["endpoints"].as_object().expect("endpoints by service") {
        command.arg("--endpoint").arg(format!("{key}={}", address.as_str().expect("an address")));
    }
    command.args(arguments).envs(environment.iter().copied()).output().expect("the binary runs")
}

#[test]
fn the_doctor_names_every_setting_its_source_and_every_service() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let (access, secret) = (emulator.access_key(), emulator.secret_key());
    let environment = [
        ("HW_ACCESS_KEY", access.as_str()),
        ("HW_SECRET_KEY", secret.as_str()),
        ("OS_REGION_NAME", "eu-de"),
        ("HW_REGION_NAME", ""),
    ];
    let ran = doctor(&emulator, &environment);
    let said = text(&ran);
    assert_eq!(ran.status.code(), Some(0), "{said}");
    for words in [
        "region       eu-de  (from OS_REGION_NAME)",
        "credentials  access key EMUL****, secret key ****  (from HW_ACCESS_KEY and HW_SECRET_KEY)",
        &format!("account      {}, ", emulator.domain_name()),
        &format!("user         {}, ", emulator.user_name()),
        &format!("project      eu-de, {}  (from IAM, by the region's name)", emulator.project_id()),
        "proxy        none",
        "All is well.",
    ] {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
    for service in ["dds", "geminidb", "taurusdb", "rds", "gaussdb", "ddm"] {
        let line = said.lines().find(|line| line.trim_start().starts_with(&format!("{service} ")));
        let line = line.unwrap_or_else(|| panic!("{service} is not in:\n{said}"));
        assert!(line.contains(" ok ") && line.contains(&emulator.endpoint(service)), "{line}");
        assert!(line.contains("(from the argument --endpoint), reached in "), "{line}");
    }
    for right in ["may list instances", "may list backups"] {
        assert_eq!(said.matches(right).count(), 6, "{said}");
    }
    assert!(!said.contains(&secret) && !said.contains(&access), "{said}");
    assert!(emulator.journal().iter().all(|call| call.method == "GET"), "{:?}", emulator.journal());
}

#[test]
fn the_doctor_says_what_is_missing_or_refused_and_what_to_do() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let (access, secret) = (emulator.access_key(), emulator.secret_key());
    let keys = [("HW_ACCESS_KEY", access.as_str()), ("HW_SECRET_KEY", secret.as_str())];

    let ran = doctor(&emulator, &keys);
    assert_eq!(ran.status.code(), Some(1));
    assert!(text(&ran).contains("Error: No region") && text(&ran).contains("HW_REGION_NAME"), "{}", text(&ran));

    let project = emulator.project_id();
    let mut environment = keys.to_vec();
    environment.extend([("HW_REGION_NAME", "eu-de"), ("HW_PROJECT_ID", project.as_str())]);
    emulator.fault(
        Fault::status(403)
            .on("rds")
            .times(9)
            .body(json!({"error_code": "DBS.200001", "error_msg": "no permission for you"})),
    );
    let ran = doctor(&emulator, &environment);
    let said = text(&ran);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("rds        failed") && said.contains("may not list instances: "), "{said}");
    assert!(said.contains("may not list backups: ") || said.contains("backups: not asked"), "{said}");
    assert!(said.contains("no permission for you") && said.contains("IAM permissions"), "{said}");
    assert!(said.contains("dds        ok"), "{said}");

    // A project of nobody is told by its own line and by every service, and no permission is to blame.
    let mut nobodys = environment.clone();
    nobodys[3].1 = "0123456789";
    let elsewhere = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let (other_access, other_secret) = (elsewhere.access_key(), elsewhere.secret_key());
    (nobodys[0].1, nobodys[1].1) = (&other_access, &other_secret);
    let said = text(&doctor(&elsewhere, &nobodys));
    assert!(
        said.contains("failed: GET /v3/auth/projects does not list it: it is not a project of whoever acts"),
        "{said}"
    );
    assert!(said.matches("The account has no project 0123456789").count() >= 6, "{said}");
    assert!(said.contains("leave out HW_PROJECT_ID") && !said.contains("IAM permissions"), "{said}");
    // Who is known by an id needs no account.
    let by_id = [("HW_REGION_NAME", "eu-de"), ("OS_USER_ID", "0123"), ("OS_PASSWORD", "hush")];
    let said = text(&doctor(&elsewhere, &by_id));
    assert!(said.contains("user 0123, password ****"), "{said}");

    environment[1].1 = "not-the-secret-key";
    let said = text(&doctor(&emulator, &environment));
    assert!(said.contains("The secret key does not belong to the access key"), "{said}");
    assert!(!said.contains("not-the-secret-key"), "{said}");
}

/// Whatever answers at an address that was given: if it is not the service, something does not work.
#[test]
fn the_doctor_does_not_take_any_answer_for_the_service() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let (access, secret) = (emulator.access_key(), emulator.secret_key());
    let keys = [("HW_ACCESS_KEY", access.as_str()), ("HW_SECRET_KEY", &secret), ("HW_REGION_NAME", "eu-de")];
    let told = |fault: Option<Fault>, arguments: &[&str]| {
        if let Some(fault) = fault {
            emulator.fault(fault.on("dds").method("GET").times(9));
        }
        let ran = doctor_with(&emulator, arguments, &keys);
        emulator.clear_faults();
        let said = text(&ran);
        assert_eq!(ran.status.code(), Some(1), "{said}");
        assert!(said.ends_with("Something does not work yet: see above.\n"), "{said}");
        let all: Vec<&str> = said.lines().skip_while(|line| !line.starts_with("  dds ")).collect();
        let own = all.iter().take_while(|line| line.starts_with("  dds ") || line.starts_with("     "));
        own.map(|line| line.trim()).collect::<Vec<_>>().join("\n")
    };
    let not_here = told(None, &["--endpoint", &format!("dds={}", emulator.endpoint("iam"))]);
    assert!(not_here.contains("failed") && !not_here.contains("not here"), "{not_here}");
    assert!(not_here.contains("the service is not at this address, which was given: check it"), "{not_here}");
    for body in [json!({}), json!("<html>log in</html>"), json!({ "instances": secret })] {
        let said = told(Some(Fault::status(200).body(body)), &[]);
        assert!(said.contains("failed") && said.contains("reached in "), "{said}");
        assert!(
            said.contains("with something other than documented") && said.contains("a login page on the way"),
            "{said}"
        );
        assert!(!said.contains(&secret), "{said}");
    }
}

/// Every way to sign in is told as who it is; a right that is missing is told as that one, and a proxy as what leads out.
#[test]
fn the_doctor_knows_who_acts_what_may_be_listed_and_what_leads_out() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let (access, secret) = (emulator.access_key(), emulator.secret_key());
    let (password, user, domain) = (emulator.password(), emulator.user_name(), emulator.domain_name());
    let token = emulator.issue_token(3600.0);
    let (target, _, agency) = emulator.delegation();
    let region = ("HW_REGION_NAME", "eu-de");
    let keys = [region, ("HW_ACCESS_KEY", access.as_str()), ("HW_SECRET_KEY", secret.as_str())];
    let by_password = [
        region,
        ("OS_USERNAME", user.as_str()),
        ("OS_PASSWORD", password.as_str()),
        ("OS_DOMAIN_NAME", domain.as_str()),
    ];
    for environment in [keys.as_slice(), &by_password, &[region, ("OS_TOKEN", token.as_str())]] {
        let said = text(&doctor(&emulator, environment));
        let rows = [("account", &domain), ("user", &user)].map(|(what, name)| format!("  {what:<12} {name}, "));
        for words in [&rows[0], &rows[1], "project      eu-de, ", "(from IAM, /v3/"] {
            assert!(said.contains(words), "{words:?} is not in:\n{said}");
        }
    }
    let role = [("HW_ASSUME_ROLE_AGENCY_NAME", agency.as_str()), ("HW_ASSUME_ROLE_DOMAIN_NAME", target.as_str())];
    let said = text(&doctor(&emulator, &[keys.as_slice(), &role].concat()));
    assert!(said.contains(&format!("acting for   the agency {agency} of {target}  (from HW_ASSUME_ROLE_AGENCY_NAME)")));
    assert!(said.contains(&format!("account      {target}, ")) && said.contains("user         not told: "), "{said}");

    let forbidden = json!({"error_code": "DBS.200001", "error_msg": "no permission for you"});
    emulator.fault(Fault::status(403).on("dds").operation("list").times(9).body(forbidden));
    let proxy = ("https_proxy", "http://me:hush-hush@proxy.example.com:3128");
    let ran = doctor(&emulator, &[keys.as_slice(), &[proxy]].concat());
    let said = text(&ran);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    let dds = said.split("  dds ").nth(1).and_then(|rest| rest.split("  geminidb ").next()).unwrap_or_default();
    assert!(dds.contains("may list instances\n") && dds.contains("may not list backups: "), "{said}");
    assert!(said.contains("proxy        proxy.example.com:3128  (from https_proxy)"), "{said}");
    for secret in [&password, &token, &secret, "hush-hush"] {
        assert!(!said.contains(secret), "{said}");
    }
}

/// The token service knows whose temporary keys are; where it is not known, nobody does.
#[test]
fn the_doctor_asks_the_token_service_whose_temporary_keys_are() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let (access, secret, security_token) = emulator.issue_temporary_key(3600.0);
    let temporary = [
        ("HW_REGION_NAME", "eu-de"),
        ("HW_ACCESS_KEY", access.as_str()),
        ("HW_SECRET_KEY", secret.as_str()),
        ("HW_SECURITY_TOKEN", security_token.as_str()),
    ];
    let sts = format!("sts={}", emulator.endpoint("iam"));
    let ran = doctor_with(&emulator, &["--endpoint", &sts], &temporary);
    let said = text(&ran);
    assert_eq!(ran.status.code(), Some(0), "{said}");
    for words in [
        "secret key ****, temporary, with a security token  (from HW_ACCESS_KEY and HW_SECRET_KEY)",
        &format!("user         {}, ", emulator.user_name()),
        "(from IAM, /v5/caller-identity)",
        "All is well.",
    ] {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
    assert!(!said.contains(&secret) && !said.contains(&security_token), "{said}");
    assert!(text(&doctor(&emulator, &temporary)).contains("user         not told: "));

    let (access, secret) = (emulator.access_key(), emulator.secret_key());
    let (target, target_id, agency) = emulator.delegation();
    let role = [
        ("HW_REGION_NAME", "eu-de"),
        ("HW_ACCESS_KEY", access.as_str()),
        ("HW_SECRET_KEY", secret.as_str()),
        ("HW_ASSUME_ROLE_AGENCY_NAME", agency.as_str()),
        ("HW_ASSUME_ROLE_DOMAIN_ID", target_id.as_str()),
    ];
    emulator.clear_journal();
    let said = text(&doctor_with(&emulator, &["--endpoint", &sts], &role));
    for words in [format!("account      {target}, "), format!("user         {agency}/{agency}, ")] {
        assert!(said.contains(&words), "{words:?} is not in:\n{said}");
    }
    let asked = emulator.journal().iter().filter(|call| call.path.ends_with("/v5/agencies/assume")).count();
    assert_eq!(asked, 1, "{said}");
}

/// Each value is told as from the file that it is in.
#[test]
fn the_doctor_tells_secure_yaml_from_clouds_yaml() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a temporary path is text").to_owned();
    let (clouds, hidden) = (path("clouds.yaml"), path("hidden.yaml"));
    let (user, account, password) = (emulator.user_name(), emulator.domain_name(), emulator.password());
    let entry = format!("clouds: {{ here: {{ auth: {{ username: {user}, user_domain_name: {account} }} }} }}\n");
    std::fs::write(&clouds, entry).expect("it can be written");
    let secret = format!("clouds: {{ here: {{ auth: {{ password: {password} }}, region_name: eu-de }} }}\n");
    std::fs::write(&hidden, secret).expect("it can be written");
    let variables =
        [("OS_CLOUD", "here"), ("OS_CLIENT_CONFIG_FILE", clouds.as_str()), ("OS_CLIENT_SECURE_FILE", hidden.as_str())];
    let ran = doctor(&emulator, &variables);
    let said = text(&ran);
    assert_eq!(ran.status.code(), Some(0), "{said}");
    for words in [
        format!("region       eu-de  (from `region_name` of the entry \"here\" of {hidden})"),
        format!(
            "password ****  (from `username` of the entry \"here\" of {clouds} and `password` of the entry \"here\" of {hidden})"
        ),
    ] {
        assert!(said.contains(&words), "{words:?} is not in:\n{said}");
    }
    let (access, secret) = (emulator.access_key(), emulator.secret_key());
    let other = [variables.as_slice(), &[("HW_ACCESS_KEY", &*access), ("HW_SECRET_KEY", &*secret)]].concat();
    let said = text(&doctor(&emulator, &other));
    let both = format!(
        "Credentials were to come from the entry \"here\" of {clouds} and {hidden}, but those of HW_ACCESS_KEY"
    );
    assert!(said.contains(&both), "{said}");
}

/// A proxy that cannot be used is no good sign, although nothing on this machine is called through it; nor is one that nobody tried.
#[test]
fn the_doctor_says_what_it_knows_of_the_proxy() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let (access, secret) = (emulator.access_key(), emulator.secret_key());
    for (variables, code, words) in [
        ([("HTTPS_PROXY", "socks5://me:hush@127.0.0.1:1080"), ("NO_PROXY", "")], 1, "proxy        cannot be used: "),
        ([("ALL_PROXY", "http://"), ("NO_PROXY", "example.com")], 1, "proxy        cannot be used: "),
        ([("ALL_PROXY", "socks5://127.0.0.1:1080"), ("NO_PROXY", "127.0.0.0/8,\n example.com")], 0, "was not tried"),
        (
            [("HTTPS_PROXY", "http://proxy.example.com:3128"), ("NO_PROXY", "")],
            0,
            "All is well, but the proxy was not tried.",
        ),
    ] {
        let keys = [("HW_REGION_NAME", "eu-de"), ("HW_ACCESS_KEY", &*access), ("HW_SECRET_KEY", &*secret)];
        let ran = doctor(&emulator, &[keys.as_slice(), &variables].concat());
        let said = text(&ran);
        assert_eq!(ran.status.code(), Some(code), "{variables:?}: {said}");
        assert!(said.contains(words) && !said.contains("hush"), "{words:?} is not in:\n{said}");
        assert!(said.contains("All is well.") == (words == "All is well."), "{said}");
    }
}

#[test]
fn by_hand_the_binary_explains_itself() {
    for (arguments, code, words) in [
        (vec!["--version"], 0, "terraform-provider-huaweidb "),
        (vec!["--help"], 0, "doctor"),
        (vec!["doctor", "--help"], 0, "--endpoint SERVICE=ADDRESS"),
        (vec!["doctor", "--loud"], 2, "doctor knows no"),
        (vec!["doctor", "--endpoint", "dss=https://example.org", "--region", "eu-de"], 1, "There is no service"),
    ] {
        let ran = binary().args(&arguments).output().expect("the binary runs");
        assert_eq!(ran.status.code(), Some(code), "{arguments:?}: {}", text(&ran));
        assert!(text(&ran).contains(words), "{arguments:?}: {}", text(&ran));
    }
}

#[test]
fn what_the_binary_prints_by_hand() {
    let emulator = Emulator::start_now(&Options::default()).expect("the emulator starts");
    let (access, secret) = (emulator.access_key(), emulator.secret_key());
    let keys = [("HW_ACCESS_KEY", access.as_str()), ("HW_SECRET_KEY", secret.as_str())];
    let with = |more: &[(&'static str, &'static str)]| [keys.as_slice(), more].concat();
    let region = ("HW_REGION_NAME", "eu-de");
    let mut book = Book::default();
    for arguments in
        [["--help"].as_slice(), &["doctor", "--help"], &["doctor", "--loud"], &["doctor", "--region"], &["nonsense"]]
    {
        let ran = binary().args(arguments).output().expect("the binary runs");
        let printed = format!("{}{}", text(&ran), String::from_utf8_lossy(&ran.stderr));
        book.text(&format!("{}, exit code {}", arguments.join(" "), ran.status.code().expect("a code")), &printed);
    }
    emulator.fault(Fault::refusal(404, "APIGW.0101").on("gaussdb").times(9));
    for (case, environment) in [
        ("all is well, but for a service that is not there", with(&[region])),
        ("no region", with(&[])),
        (
            "a user that does not exist",
            vec![region, ("OS_USERNAME", "me"), ("OS_PASSWORD", "hush"), ("OS_DOMAIN_NAME", "acme")],
        ),
        ("an agency without an account", with(&[region, ("HW_ASSUME_ROLE_AGENCY_NAME", "ops")])),
        ("certificates are not checked", with(&[region, ("HW_INSECURE", "true")])),
        ("a proxy of another kind", with(&[region, ("ALL_PROXY", "socks5://127.0.0.1:1080")])),
        ("a proxy that nothing is called through", with(&[region, ("HTTPS_PROXY", "proxy.example.com:3128")])),
    ] {
        book.text(&format!("doctor: {case}"), &text(&doctor(&emulator, &environment)));
    }
    emulator.fault(
        Fault::status(403)
            .on("rds")
            .times(9)
            .body(json!({"error_code": "DBS.200001", "error_msg": "no permission for you"})),
    );
    book.text("doctor: a refusal", &text(&doctor(&emulator, &with(&[region]))));
    book.is("doctor");
}
