//! Where a product is: partitions, host names, overrides. Pure.
//!
//! Hosts follow one pattern, `<product>.<region>.<partition>`, so that regions that open tomorrow work today. Accounts
//! and keys of one partition are unknown in another.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::host::impossible;
use super::sign;
use super::{Error, Product, Settings};

const HUAWEI: &str = "myhuaweicloud.com";
const HUAWEI_EUROPE: &str = "myhuaweicloud.eu";
const OTC: &str = "otc.t-systems.com";
const OTC_SWISS: &str = "sc.otc.t-systems.com";
/// Longer names before those that they end with.
const PARTITIONS: [&str; 4] = [OTC_SWISS, OTC, HUAWEI_EUROPE, HUAWEI];

/// Identity and access management: tokens, projects, agencies.
pub static IAM: Product =
    Product { key: "iam", host: |_, partition| if partition == OTC_SWISS { "iam-pub" } else { "iam" } };

/// The security token service: agencies by account id.
static STS: Product = Product { key: "sts", host: |_, _| "sts" };

/// Whether credentials may be sent to this address: https anywhere, plain http to this machine only.
///
/// The error says what is wrong, without a full stop.
pub fn check_address(url: &Url) -> Result<(), String> {
    // The text of the address is not repeated: it may hold a password. With a sign in it that is not encoded, a part of the
    // password can be what looks like the host.
    if url.host_str().is_none_or(str::is_empty) {
        return Err("the address has no host name".to_owned());
    }
    if url.password().is_some() || url.as_str().contains('@') {
        return Err("the address contains a user name or password (before `@`), which belongs elsewhere".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    if let Some(why) = url.domain().and_then(impossible) {
        return Err(format!("no host can be called {host}: {why}"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "the address of {host} contains a query or a fragment; only host, port and path are expected"
        ));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => {
            Err(format!("{host} is to be called by plain http, which is allowed for this machine only; use https"))
        }
        scheme => Err(format!("{host} is to be called by {scheme:?}; use https")),
    }
}

/// Whether the address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
        None => false,
    }
}

/// Whether the address can be a metadata service: link-local, or on this machine.
pub(super) fn check_metadata(url: &Url) -> Result<(), Error> {
    let link_local = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_ipv4() && address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_unicast_link_local() || address.is_unique_local(),
        _ => false,
    };
    if link_local || is_loopback(url) {
        return Ok(());
    }
    Err(Error::Setup(format!("the metadata service cannot be at {}", url.host_str().unwrap_or_default())))
}

/// Whether a region or a partition can be part of a host name.
pub(super) fn check_name(what: &str, name: &str, dots: bool) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let parts = if dots { name.split('.').collect() } else { vec![name] };
    if !parts.iter().all(|part| !part.is_empty() && part.chars().all(fits)) {
        return Err(Error::Setup(format!("{what} {name:?} cannot be part of a host name")));
    }
    impossible(name)
        .map_or(Ok(()), |why| Err(Error::Setup(format!("{what} {name:?} cannot be part of a host name: {why}"))))
}

/// The domain under which the region's hosts are: as configured, else by the address of IAM, else by the region.
pub(super) fn partition<'a>(settings: &'a Settings, region: &str) -> &'a str {
    let named = settings
        .cloud
        .as_deref()
        .or_else(|| settings.auth_url.as_ref().and_then(|url| partition_of_iam(url, settings)));
    match named {
        // The Swiss region has a domain of its own below the one that people name.
        Some(OTC) if region == "eu-ch2" => OTC_SWISS,
        Some(partition) => partition,
        None => usual_partition(region),
    }
}

fn usual_partition(region: &str) -> &'static str {
    match region {
        "eu-de" | "eu-nl" => OTC,
        "eu-ch2" => OTC_SWISS,
        _ if region.starts_with("eu-west-1") => HUAWEI_EUROPE,
        _ => HUAWEI,
    }
}

fn partition_of_iam<'a>(url: &'a Url, settings: &Settings) -> Option<&'a str> {
    let rest = url.domain().and_then(|host| host.strip_prefix("iam.").or_else(|| host.strip_prefix("iam-pub.")))?;
    if let Some(partition) = rest.strip_prefix(&settings.region).and_then(|rest| rest.strip_prefix('.')) {
        return Some(partition);
    }
    PARTITIONS.into_iter().find(|known| rest == *known || rest.ends_with(&format!(".{known}")))
}

/// The regions that are known, by the domain of their hosts.
const REGIONS: [(&str, &[&str]); 4] = [
    (OTC, &["eu-de", "eu-nl"]),
    (OTC_SWISS, &["eu-ch2"]),
    (HUAWEI_EUROPE, &["eu-west-101"]),
    (
        HUAWEI,
        &[
            "ae-ad-1",
            "af-north-1",
            "af-south-1",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "cn-east-2",
            "cn-east-3",
            "cn-east-4",
            "cn-east-5",
            "cn-north-1",
            "cn-north-2",
            "cn-north-4",
            "cn-north-7",
            "cn-north-9",
            "cn-north-11",
            "cn-north-12",
            "cn-south-1",
            "cn-south-2",
            "cn-south-4",
            "cn-southwest-2",
            "cn-southwest-3",
            "eu-west-0",
            "la-north-2",
            "la-south-2",
            "me-east-1",
            "my-kualalumpur-1",
            "na-mexico-1",
            "ru-moscow-1",
            "ru-northwest-2",
            "sa-argentina-1",
            "sa-brazil-1",
            "sa-chile-1",
            "sa-peru-1",
            "tr-west-1",
        ],
    ),
];

/// All regions that are known.
fn everywhere(settings: &Settings) -> impl Iterator<Item = &str> {
    REGIONS.iter().flat_map(|(_, regions)| *regions).copied().chain([&*settings.region])
}

/// The region that may be meant by a name that is none.
pub(super) fn nearest_region<'a>(settings: &'a Settings, region: &str) -> Option<&'a str> {
    let plain = region.to_ascii_lowercase().replace('_', "-");
    let others = everywhere(settings).filter(|one| *one != region);
    let (_, one) =
        others.map(|one| (strsim::levenshtein(one, &plain), one)).min().filter(|(letters, _)| *letters <= 2)?;
    Some(one)
}

/// Whether a region can be called beside the configured one: it is one of the cloud's, or an address is given for it.
fn check_region(settings: &Settings, region: &str, product: &Product) -> Result<(), Error> {
    let partition = partition(settings, region);
    let own = REGIONS.iter().find(|(known, _)| *known == partition).map(|(_, regions)| *regions);
    let given = settings.endpoints.get(product.key).and_then(Url::host_str);
    let is_private = given.is_some_and(|host| {
        !PARTITIONS.iter().any(|known| host.ends_with(known)) || host.split('.').any(|label| label == region)
    });
    let is_known = |name: &str| REGIONS.iter().any(|(_, regions)| regions.contains(&name));
    if is_known(region)
        && !is_known(&settings.region)
        && let Some(meant) = nearest_region(settings, &settings.region)
    {
        return Err(Error::Setup(format!(
            "the provider's region is {}, and there is no such region as far as is known. Perhaps {meant} is meant. (It was needed \
             beside the region {region}; if it is new, configure a second provider for it)",
            settings.region
        )));
    }
    let respelt = everywhere(settings).any(|one| one != region && one.eq_ignore_ascii_case(region));
    if !respelt && (is_private || own.is_none_or(|regions| regions.contains(&region))) {
        return Ok(());
    }
    let hint = nearest_region(settings, region).map(|one| format!(" Perhaps {one} is meant."));
    Err(Error::Setup(format!(
        "there is no region {region} as far as is known.{} If it is new, configure a second provider for it",
        hint.unwrap_or_default(),
    )))
}

/// The root of a product in a region.
pub(super) fn base(settings: &Settings, region: &str, product: &Product) -> Result<Url, Error> {
    check_name("the region", region, false)?;
    if product.key == IAM.key {
        return iam(settings);
    }
    if region != settings.region {
        check_region(settings, region, product)?;
    }
    let given = settings.endpoints.get(product.key);
    let (partition, home) = (partition(settings, region), partition(settings, &settings.region));
    if given.is_none() && settings.cloud.is_none() && partition != home {
        return Err(Error::Setup(format!(
            "the region {region} belongs to another cloud ({partition}) than the provider's region {} ({home}), whose \
             credentials are unknown there: configure a second provider for it",
            settings.region
        )));
    }
    if let Some(url) = given {
        return overridden(settings, region, product, url);
    }
    pattern(product, region, partition)
}

/// Where tokens and projects are asked for. IAM knows the same in every region of a partition: one address serves all.
pub(super) fn iam(settings: &Settings) -> Result<Url, Error> {
    if let Some(url) = settings.endpoints.get(IAM.key).or(settings.auth_url.as_ref()) {
        check_address(url).map_err(|why| Error::Setup(format!("the address of IAM cannot be used: {why}")))?;
        return Ok(without_version(url));
    }
    pattern(&IAM, &settings.region, partition(settings, &settings.region))
}

/// The root of an address that was given with the version of the API, as some tools want it: calls name it themselves.
fn without_version(url: &Url) -> Url {
    let mut url = url.clone();
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/v3").unwrap_or(path).to_owned();
    url.set_path(&path);
    url
}

/// The security token service, where there is one. With an address of IAM of one's own it is not guessed.
pub(super) fn sts(settings: &Settings) -> Option<Result<Url, Error>> {
    if let Some(url) = settings.endpoints.get(STS.key) {
        return Some(overridden(settings, &settings.region, &STS, url));
    }
    let partition = partition(settings, &settings.region);
    let known = matches!(partition, HUAWEI | HUAWEI_EUROPE);
    let own_iam = settings.auth_url.is_some() || settings.endpoints.contains_key(IAM.key);
    (known && !own_iam).then(|| pattern(&STS, &settings.region, partition))
}

fn pattern(product: &Product, region: &str, partition: &str) -> Result<Url, Error> {
    let host = (product.host)(region, partition);
    Url::parse(&format!("https://{host}.{region}.{partition}")).map_err(|why| {
        Error::Setup(format!("there is no address for {} in {region} of {partition}: {why}", product.key))
    })
}

/// An address given by hand belongs to the configured region. It serves another one if the region is part of its name,
/// or if it is on this machine.
fn overridden(settings: &Settings, region: &str, product: &Product, url: &Url) -> Result<Url, Error> {
    let key = product.key;
    check_address(url).map_err(|why| Error::Setup(format!("the endpoint of {key} cannot be used: {why}")))?;
    if region == settings.region || is_loopback(url) {
        return Ok(without_version(url));
    }
    let host = url.host_str().unwrap_or_default();
    if !host.split('.').any(|label| label == settings.region) {
        return Err(Error::Setup(format!(
            "`endpoints` sets {key} to {host}, which is for the provider's region {}: for {region} configure a second \
             provider",
            settings.region
        )));
    }
    let labels = host.split('.').map(|label| if label == settings.region { region } else { label });
    let host = labels.collect::<Vec<_>>().join(".");
    let mut url = without_version(url);
    url.set_host(Some(&host)).map_err(|why| Error::Setup(format!("{host:?} is not a host name: {why}")))?;
    Ok(url)
}

/// The address of one call. A path whose ids could climb out of it is refused.
pub(super) fn join<'a>(
    base: &Url,
    path: &str,
    query: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Url, Error> {
    let odd = |part: &str| matches!(percent_decode_str(part).collect::<Vec<u8>>().as_slice(), b"" | b"." | b"..");
    let Some(parts) = path.strip_prefix('/').filter(|parts| !parts.contains(['?', '#', '\\'])) else {
        return Err(Error::Setup(format!("{path:?} is not a path")));
    };
    if parts.split('/').any(odd) {
        return Err(Error::Setup(format!("{path:?} cannot be called: an id in it is empty, \".\" or \"..\"")));
    }
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    let query = sign::query(query);
    url.set_query((!query.is_empty()).then_some(query.as_str()));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::super::tests::settings;
    use super::*;

    static DDS: Product = Product { key: "dds", host: |_, _| "dds" };

    fn at(region: &str) -> Settings {
        Settings { region: region.to_owned(), ..settings() }
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn hosts_follow_region_and_partition() {
        for (region, cloud, auth_url, dds, iam) in [
            ("cn-north-4", None, None, "dds.cn-north-4.myhuaweicloud.com", "iam.cn-north-4.myhuaweicloud.com"),
            ("xx-new-9", None, None, "dds.xx-new-9.myhuaweicloud.com", "iam.xx-new-9.myhuaweicloud.com"),
            ("eu-west-0", None, None, "dds.eu-west-0.myhuaweicloud.com", "iam.eu-west-0.myhuaweicloud.com"),
            ("eu-west-101", None, None, "dds.eu-west-101.myhuaweicloud.eu", "iam.eu-west-101.myhuaweicloud.eu"),
            ("eu-de", None, None, "dds.eu-de.otc.t-systems.com", "iam.eu-de.otc.t-systems.com"),
            ("eu-nl", Some(OTC), None, "dds.eu-nl.otc.t-systems.com", "iam.eu-nl.otc.t-systems.com"),
            ("eu-ch2", None, None, "dds.eu-ch2.sc.otc.t-systems.com", "iam-pub.eu-ch2.sc.otc.t-systems.com"),
            ("eu-ch2", Some(OTC), None, "dds.eu-ch2.sc.otc.t-systems.com", "iam-pub.eu-ch2.sc.otc.t-systems.com"),
            ("r1", Some("cloud.example.com"), None, "dds.r1.cloud.example.com", "iam.r1.cloud.example.com"),
            ("r1", None, Some("https://iam.r1.example.com/v3"), "dds.r1.example.com", "iam.r1.example.com"),
            (
                "eu-de",
                None,
                Some("https://iam.eu-nl.otc.t-systems.com/v3"),
                "dds.eu-de.otc.t-systems.com",
                "iam.eu-nl.otc.t-systems.com",
            ),
            (
                "cn-north-4",
                None,
                Some("https://iam.myhuaweicloud.com/v3"),
                "dds.cn-north-4.myhuaweicloud.com",
                "iam.myhuaweicloud.com",
            ),
            (
                "cn-north-4",
                None,
                Some("https://keystone.example.com"),
                "dds.cn-north-4.myhuaweicloud.com",
                "keystone.example.com",
            ),
        ] {
            let cloud = cloud.map(str::to_owned);
            let settings = Settings { cloud, auth_url: auth_url.map(url), ..at(region) };
            assert_eq!(base(&settings, region, &DDS).unwrap().as_str(), format!("https://{dds}/"), "{region}");
            assert_eq!(base(&settings, region, &IAM).unwrap().as_str(), format!("https://{iam}/"), "{region}");
        }
    }

    #[test]
    fn a_region_is_one_of_the_clouds_or_has_an_address() {
        let with = |settings: &Settings, region| base(settings, region, &DDS).map_err(|error| error.to_string());
        let endpoint =
            |home: &str, address: &str| Settings { endpoints: [("dds".to_owned(), url(address))].into(), ..at(home) };
        let own = || endpoint("region-one", "https://dds.region-one.example.com");
        let emulated_at = |home| endpoint(home, "http://127.0.0.1:1");
        let emulated = || emulated_at("eu-de");
        let public = || endpoint("eu-de", "https://dds.eu-de.otc.t-systems.com");
        let named = |cloud: &str, home| Settings { cloud: Some(cloud.to_owned()), ..at(home) };
        for (settings, region, hint) in [
            (at("eu-nl"), "EU-DE", "Perhaps eu-de is meant."),
            (named(OTC, "eu-nl"), "EU-DE", "Perhaps eu-de is meant."),
            (named(OTC, "eu-de"), "eu-dee", "Perhaps eu-de is meant."),
            (named(OTC, "eu-de"), "cn-north-4", "no region cn-north-4 as far as is known."),
            (at("cn-north-4"), "cn-nort-1", "Perhaps cn-north-1 is meant."),
            (at("cn-north-4"), "somewhere", "as far as is known. If it is new"),
            (at("eu-de"), "cn-north-4", "another cloud"),
            (emulated(), "EU-DE", "Perhaps eu-de is meant."),
            (public(), "eu-dee", "Perhaps eu-de is meant."),
            (own(), "Region-One", "Perhaps region-one is meant."),
            (
                at("EU-DE"),
                "eu-de",
                "the provider's region is EU-DE, and there is no such region as far as is known. Perhaps eu-de",
            ),
            (
                emulated_at("eu_de"),
                "eu-nl",
                "the provider's region is eu_de, and there is no such region as far as is known. Perhaps eu-de",
            ),
        ] {
            let why = with(&settings, region).unwrap_err();
            assert!(why.contains(hint), "{region}: {why}");
        }
        for (settings, region) in [
            (at("eu-de"), "eu-nl"),
            (at("xx-new-9"), "xx-new-9"),
            (at("cn-north-4"), "ap-southeast-1"),
            (named(OTC, "eu-de"), "eu-ch2"),
            (own(), "region-two"),
            (emulated(), "eu-new"),
            (public(), "eu-nl"),
            (named("cloud.example.com", "RegionOne"), "RegionTwo"),
        ] {
            assert!(with(&settings, region).is_ok(), "{region}");
        }
    }

    #[test]
    fn iam_may_be_given_with_or_without_its_version() {
        for (given, expected) in [
            ("https://iam.example.com", "https://iam.example.com/v3/auth/tokens"),
            ("https://iam.example.com/", "https://iam.example.com/v3/auth/tokens"),
            ("https://iam.example.com/v3", "https://iam.example.com/v3/auth/tokens"),
            ("https://iam.example.com/v3/", "https://iam.example.com/v3/auth/tokens"),
            ("https://example.com:5000/identity/v3", "https://example.com:5000/identity/v3/auth/tokens"),
            ("http://127.0.0.1:9/v3", "http://127.0.0.1:9/v3/auth/tokens"),
        ] {
            let settings = Settings { auth_url: Some(url(given)), ..at("r1") };
            let base = iam(&settings).unwrap();
            assert_eq!(join(&base, "/v3/auth/tokens", []).unwrap().as_str(), expected, "{given}");
        }
        let endpoints = [("iam".to_owned(), url("https://a.example.com"))].into();
        let settings = Settings { auth_url: Some(url("https://b.example.com")), endpoints, ..at("r1") };
        assert_eq!(iam(&settings).unwrap().as_str(), "https://a.example.com/");
    }

    #[test]
    fn the_security_token_service_is_known_on_huawei_cloud_only() {
        let found = |settings: &Settings| sts(settings).map(|url| url.unwrap().to_string());
        assert_eq!(found(&at("cn-north-4")).as_deref(), Some("https://sts.cn-north-4.myhuaweicloud.com/"));
        assert_eq!(found(&at("eu-de")), None);
        let own_iam = Settings { auth_url: Some(url("http://127.0.0.1:1")), ..at("cn-north-4") };
        assert_eq!(found(&own_iam), None);
        let endpoints = [("sts".to_owned(), url("http://127.0.0.1:2"))].into();
        assert_eq!(found(&Settings { endpoints, ..at("eu-de") }).as_deref(), Some("http://127.0.0.1:2/"));
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for (text, fits) in [
            ("https://dds.example.com", true),
            ("https://dds.example.com:8443/base/", true),
            ("http://127.0.0.1:8080", true),
            ("http://127.8.8.8", true),
            ("http://[::1]:1", true),
            ("http://localhost:1", true),
            ("http://dds.example.com", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
            ("http://169.254.169.254", false),
            ("ftp://127.0.0.1", false),
            ("file:///etc/passwd", false),
            ("https://user:pass@example.com", false),
            ("https://example.com/?a=b", false),
            ("https://example.com/#a", false),
        ] {
            let checked = check_address(&url(text));
            assert_eq!(checked.is_ok(), fits, "{text}: {checked:?}");
            assert!(!format!("{checked:?}").contains("pass@"), "{checked:?}");
        }
    }

    #[test]
    fn metadata_is_near() {
        for (text, fits) in [
            ("http://169.254.169.254", true),
            ("http://127.0.0.1:80", true),
            ("http://metadata.example.com", false),
            ("http://8.8.8.8", false),
        ] {
            assert_eq!(check_metadata(&url(text)).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn an_override_serves_its_own_region() {
        let with = |text| Settings { endpoints: [("dds".to_owned(), url(text))].into(), ..at("eu-de") };
        let found = |text, region| base(&with(text), region, &DDS).map(|url| url.to_string());
        assert_eq!(found("https://dds.example.com/root", "eu-de").unwrap(), "https://dds.example.com/root");
        assert_eq!(found("https://dds.eu-de.example.com/", "eu-nl").unwrap(), "https://dds.eu-nl.example.com/");
        assert_eq!(found("http://127.0.0.1:5/", "eu-nl").unwrap(), "http://127.0.0.1:5/");
        assert!(found("https://dds.example.com/", "eu-nl").unwrap_err().to_string().contains("second provider"));
        assert!(found("http://dds.example.com/", "eu-de").unwrap_err().to_string().contains("plain http"));
    }

    #[test]
    fn another_partition_is_another_cloud() {
        let error = base(&at("eu-de"), "cn-north-4", &DDS).unwrap_err();
        assert!(error.to_string().contains("another cloud (myhuaweicloud.com)"), "{error}");
        assert!(base(&at("eu-de"), "eu-nl", &DDS).is_ok());
        let error = base(&at("eu-de"), "x.example.com/", &DDS).unwrap_err();
        assert!(error.to_string().contains("host name"), "{error}");
    }

    #[test]
    fn ids_cannot_climb() {
        let base = url("https://dds.example.com/base/");
        let made = |path: &str| join(&base, path, [("b", "x y"), ("a", "1+1")]).map(|url| url.to_string());
        assert_eq!(made("/v3/p/backups").unwrap(), "https://dds.example.com/base/v3/p/backups?a=1%2B1&b=x%20y");
        assert_eq!(
            made(&format!("/v3/{}", sign::escape("a/b é"))).unwrap().split('?').next(),
            Some("https://dds.example.com/base/v3/a%2Fb%20%C3%A9")
        );
        for path in
            ["/v3//backups", "/v3/./x", "/v3/../x", "/v3/%2e%2E/x", "/v3/x/", "v3", "", "/v3/a?b", "/v3/a#b", "/v3\\x"]
        {
            assert!(matches!(made(path), Err(Error::Setup(_))), "{path}");
        }
    }
}
