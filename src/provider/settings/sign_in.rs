//! How to sign in, and for whom to act.

use std::fmt::Write as _;

use secrecy::SecretString;
use url::Url;

use super::check::wrong;
use super::places::{Found, Place, Places};
use super::table::setting;
use crate::cloud::{AssumeRole, Credentials};
use crate::plugin::{Diagnostic, Path};

const METADATA: &str = "http://169.254.169.254";
/// Where the environment may hold credentials; each prefix is a place of its own.
const ENVIRONMENT: [Place; 2] = [Place::Variables("HW_"), Place::Variables("OS_")];

/// Credentials, and where all of them come from.
pub(super) struct SignIn {
    pub(super) credentials: Credentials,
    pub(super) from: String,
    /// Whether they are those of the file that was asked for.
    pub(super) is_kept: bool,
}

/// How to sign in with what a place holds; `None` if it holds nothing of the kind.
type MaybeSignIn = Option<Result<SignIn, Diagnostic>>;

/// A kind of credentials.
struct CredentialKind {
    whole: fn(&Places<'_>, Place) -> MaybeSignIn,
    /// The parts that sign nobody in alone, and what is missing beside each: for a security token both halves of the pair, else one
    /// of these.
    parts: &'static [(&'static str, &'static [&'static str])],
}

/// All kinds, the first one before the others.
const KINDS: [CredentialKind; 3] = [
    CredentialKind { whole: token, parts: &[] },
    CredentialKind {
        whole: keys,
        parts: &[
            ("access_key", &["secret_key"]),
            ("secret_key", &["access_key"]),
            ("security_token", &["access_key", "secret_key"]),
        ],
    },
    CredentialKind {
        whole: password,
        parts: &[("user_id", &["password"]), ("user_name", &["password"]), ("password", &["user_name", "user_id"])],
    },
];

/// How to sign in: what is written in the block, else in the environment; in both a token before keys, keys before a
/// password. Then the profile or the entry of `clouds.yaml`, if one was asked for, and the instance's own agency when there
/// is nothing at all. A part of credentials that comes before all that in this order, in a place with nothing whole, is an error:
/// somebody else would act than was meant there.
pub(super) fn credentials(places: &Places<'_>) -> Result<SignIn, Diagnostic> {
    let whole = |place| KINDS.iter().find_map(|kind| (kind.whole)(places, place));
    let block = KINDS.iter().map(|kind| (Place::Block, kind));
    let around = KINDS.iter().flat_map(|kind| ENVIRONMENT.map(|place| (place, kind)));
    let used = block.chain(around).find_map(|(place, kind)| {
        let part = || Some(Err(half_of(places, place, kind)?));
        let is_half = || whole(place).is_none() && !names_a_user_for_others(places, place);
        (kind.whole)(places, place).or_else(|| part().filter(|_| is_half()))
    });
    let kept = || places.kept.as_ref()?.unusable.clone().map(Err);
    let half_kept = || KINDS.iter().find_map(|kind| half_of(places, Place::File, kind)).map(Err);
    used.or_else(kept).or_else(|| whole(Place::File)).or_else(half_kept).unwrap_or_else(|| {
        let address = Url::parse(METADATA).expect("a constant address is one");
        let credentials = Credentials::Metadata { address, looked_for: nothing_found() };
        Ok(SignIn { credentials, from: "this machine".to_owned(), is_kept: false })
    })
}

/// Who sets a security token that is not taken with these keys, because they come from another place.
pub(super) fn unsent_token(places: &Places<'_>, used: &Credentials) -> Option<String> {
    let Credentials::Key { security_token: None, .. } = used else { return None };
    let all = [Place::Block].into_iter().chain(ENVIRONMENT).chain([Place::File]);
    all.into_iter().find_map(|place| Some(places.within(place, "security_token")?.from.to_string()))
}

/// Whether a place names a user only for other programs: people who keep credentials in a file have `OS_USERNAME` set for those
/// that do not read it. Here the file that was asked for says who acts.
fn names_a_user_for_others(places: &Places<'_>, place: Place) -> bool {
    let has = |name: &&str| places.within(place, name).is_some();
    place == ENVIRONMENT[1]
        && places.kept.is_some()
        && !["access_key", "secret_key", "security_token", "password"].iter().any(has)
}

/// What a place holds of a kind of credentials, if it is a part only.
fn half_of(places: &Places<'_>, place: Place, kind: &CredentialKind) -> Option<Diagnostic> {
    kind.parts.iter().find_map(|(name, missing)| Some(half(places, place, &places.within(place, name)?, missing)))
}

/// These credentials, if everything that they are made of is what it must be. The first words say where they come from.
fn signed_in(
    credentials: Credentials,
    place: Place,
    from: &[&Found],
    more: &[&Option<Found>],
) -> Result<SignIn, Diagnostic> {
    let more = more.iter().filter_map(|found| found.as_ref());
    let fault = from.iter().copied().chain(more).find_map(Found::fault);
    let from = from.iter().map(|found| found.from.to_string()).collect::<Vec<_>>().join(" and ");
    fault.map_or(Ok(SignIn { credentials, from, is_kept: place == Place::File }), Err)
}

fn token(places: &Places<'_>, place: Place) -> MaybeSignIn {
    let found = places.within(place, "token")?;
    Some(signed_in(Credentials::Token(found.value.clone().into()), place, &[&found], &[]))
}

fn keys(places: &Places<'_>, place: Place) -> MaybeSignIn {
    let (access, secret) = (places.within(place, "access_key")?, places.within(place, "secret_key")?);
    let security = places.within(place, "security_token");
    let credentials = Credentials::Key {
        access_key: access.value.clone(),
        secret_key: secret.value.clone().into(),
        security_token: security.as_ref().map(|token| SecretString::from(token.value.as_str())),
    };
    Some(signed_in(credentials, place, &[&access, &secret], &[&security]))
}

/// The user that this place names, and whether by the id: that counts where both are there.
fn user(places: &Places<'_>, place: Place) -> Option<(Found, bool)> {
    let id = places.within(place, "user_id").map(|found| (found, true));
    id.or_else(|| places.within(place, "user_name").map(|found| (found, false)))
}

fn password(places: &Places<'_>, place: Place) -> MaybeSignIn {
    let ((user, is_id), password) = (user(places, place)?, places.within(place, "password")?);
    // The account only says where the user is: like region and project, it may be named elsewhere.
    let account = |name| if place == Place::File { places.within(place, name) } else { places.before_files(name) };
    let (domain_name, domain_id) = (account("domain_name"), account("domain_id"));
    if !is_id && domain_name.is_none() && domain_id.is_none() {
        return Some(Err(no_account(places, place, &user)));
    }
    let value = |found: &Option<Found>| found.as_ref().map(|found| found.value.clone());
    let credentials = Credentials::Password {
        user_name: (!is_id).then(|| user.value.clone()),
        user_id: is_id.then(|| user.value.clone()),
        password: password.value.clone().into(),
        domain_name: value(&domain_name),
        domain_id: value(&domain_id),
    };
    Some(signed_in(credentials, place, &[&user, &password], &[&domain_name, &domain_id]))
}

fn incomplete(at: &str, what: String) -> Diagnostic {
    Diagnostic::error("Credentials are incomplete", what).at(at)
}

/// A part is there. What another place has would make a whole of nobody's.
fn half(places: &Places<'_>, place: Place, there: &Found, missing: &[&str]) -> Diagnostic {
    let kept = places.kept.as_ref();
    let names = |names: &[&str]| names.iter().map(|name| setting(name).called_in(place, kept)).collect::<Vec<_>>();
    let is_token = there.argument() == "security_token";
    let (or, are) = if is_token { (" and ", "are") } else { (" or ", "is") };
    let mut said = format!("{} is set, but {} {are} not.", there.from, names(missing).join(or));
    let others = [Place::Block].into_iter().chain(ENVIRONMENT).chain([Place::File]).filter(|other| *other != place);
    let elsewhere = others.flat_map(|other| missing.iter().map(move |name| (other, *name)));
    if let Some(found) = elsewhere.into_iter().find_map(|(other, name)| places.within(other, name)) {
        let _ = write!(said, " {} is not taken for it: parts from different places are not put together.", found.from);
    }
    if place == Place::File {
        let hint =
            if kept.is_some_and(|kept| kept.argument == "cloud") { "; secrets may be in a `secure.yaml`" } else { "" };
        let _ = write!(said, " They go together{hint}.");
        return incomplete(there.argument(), said);
    }
    let of_user = ["user_name", "user_id", "password"].contains(&there.argument());
    let pair = if of_user { ["user_name", "password"] } else { ["access_key", "secret_key"] };
    let [block, hw, os] = [Place::Block, ENVIRONMENT[0], ENVIRONMENT[1]]
        .map(|place| pair.map(|name| setting(name).called_in(place, None)).join(" and "));
    let _ = write!(
        said,
        " They go together: set {block} in the provider block, or the environment variables {hw}, or {os}. If other credentials \
         are meant, remove {}.",
        there.from
    );
    // What is written can be pointed at.
    incomplete(if place == Place::Block { there.argument() } else { missing[0] }, said)
}

fn no_account(places: &Places<'_>, place: Place, user: &Found) -> Diagnostic {
    let (name, id) = (setting("domain_name"), setting("domain_id"));
    let where_to = match place {
        Place::File => format!("Add {} to it.", name.called_in(place, places.kept.as_ref())),
        _ => format!(
            "Set `domain_name` or `domain_id` in the provider block, or one of {}, {}.",
            name.listed(),
            id.listed()
        ),
    };
    let what =
        format!("{} is set, with a password, but not the account that the user belongs to. {where_to}", user.from);
    incomplete("domain_name", what)
}

/// What to say when there are no credentials anywhere: what was looked for, and where.
pub(super) fn nothing_found() -> String {
    let both = |first: &str, second: &str| {
        let rows =
            ENVIRONMENT.map(|place| [first, second].map(|name| setting(name).called_in(place, None)).join(" and "));
        rows.join(", or ")
    };
    format!(
        "No credentials were found. Looked for, in this order: `token` ({}); `access_key` and `secret_key` ({}); \
         `user_name` and `password` ({}), all first in the provider block and then in these environment variables; a profile \
         in `shared_config_file` (only if it or `profile` is set); an entry of clouds.yaml (only if `cloud` or {} names one); \
         the agency of this ECS instance. Set one of them.",
        setting("token").listed(),
        both("access_key", "secret_key"),
        both("user_name", "password"),
        setting("clouds_entry").listed(),
    )
}

/// The agency to act for, if one is named.
pub(super) fn assume_role(places: &Places<'_>) -> Result<Option<AssumeRole>, Diagnostic> {
    let lacks = |detail: String| wrong(Path::attribute("assume_role"), detail);
    let find = |name: &str| places.find(name).map(Found::checked).transpose();
    let value = |name: &str| find(name).map(|found| found.map(|found| found.value));
    let variable = |name: &str| setting(name).listed();
    let domain_name = value("assume_role.domain_name")?;
    let domain_id = value("assume_role.domain_id")?;
    let Some(agency) = find("assume_role.agency_name")? else {
        let lacking = || {
            let variable = variable("assume_role.agency_name");
            Err(lacks(format!("`assume_role` names no agency. Set `agency_name`, or {variable}.")))
        };
        return if places.block.has_role() { lacking() } else { Ok(None) };
    };
    if domain_name.is_none() && domain_id.is_none() {
        return Err(lacks(format!(
            "{} names an agency, but nothing names the account that it belongs to. Set `domain_name` or `domain_id` in \
             `assume_role`, or {} or {}.",
            agency.from,
            variable("assume_role.domain_name"),
            variable("assume_role.domain_id"),
        )));
    }
    let duration_seconds = value("assume_role.duration")?.and_then(|seconds| seconds.parse().ok());
    Ok(Some(AssumeRole { agency_name: agency.value, domain_name, domain_id, duration_seconds }))
}
