//! What the services have in common: what is at hand, how requests are read and answers written.

use serde_json::{Map, Value, json};

use crate::clock::{self, Millis};
use crate::directory::{Caller, Directory};
use crate::ledger::{Activity, Backup, Denied, Instance, Ledger, Status};
use crate::mint;
use crate::modes::{GoneInstance, Modes, OpenEnd, Total};
use crate::pace::Pace;
use crate::service::Service;
use crate::wire::{Answer, Ask, Refusal};

/// An instance that is there from the start: name and engine.
pub(crate) type Sample = (&'static str, &'static str);

/// What is at hand while a request is answered.
pub(crate) struct Desk<'a> {
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) directory: &'a mut Directory,
    pub(crate) modes: &'a Modes,
    pub(crate) pace: &'a Pace,
    pub(crate) now: Millis,
    pub(crate) caller: Option<&'a Caller>,
    /// The project in the path; empty for IAM.
    pub(crate) project_id: &'a str,
    /// Whether a fault asks for the new backup to fail.
    pub(crate) doomed: bool,
    /// Name and URL of every door.
    pub(crate) endpoints: &'a [(&'static str, String)],
}

impl Desk<'_> {
    pub(crate) fn endpoint(&self, door: &str) -> &str {
        self.endpoints.iter().find(|(name, _)| *name == door).map_or("", |(_, url)| url)
    }
}

/// An operation found for a request.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    /// Its name in the journal, in faults and in the modes.
    pub(crate) operation: &'static str,
    pub(crate) run: Run,
    /// Whether it needs no credentials.
    pub(crate) open: bool,
}

/// Answers a request.
pub(crate) type Run = fn(&mut Desk<'_>, &Ask) -> Outcome;

/// An answer or a refusal.
pub(crate) type Outcome = Result<Answer, Refusal>;

impl Route {
    pub(crate) const fn new(operation: &'static str, run: Run) -> Self {
        Self { operation, run, open: false }
    }

    pub(crate) const fn open(operation: &'static str, run: Run) -> Self {
        Self { operation, run, open: true }
    }
}

// Reading requests.

/// `offset` and `limit`, or a refusal when out of range.
pub(super) fn page(ask: &Ask, standard: usize, most: usize) -> Result<(usize, usize), Refusal> {
    let number = |name: &str, standard: usize| match ask.param(name) {
        None => Ok(standard),
        Some(text) => text.parse::<usize>().map_err(|_| Refusal::parameter()),
    };
    let (offset, limit) = (number("offset", 0)?, number("limit", standard)?);
    if (1..=most).contains(&limit) { Ok((offset, limit)) } else { Err(Refusal::parameter()) }
}

/// One page of what is left after filtering, and the number of all.
pub(super) fn paged<T>(
    all: impl Iterator<Item = T>,
    (offset, limit): (usize, usize),
    modes: &Modes,
) -> (Vec<T>, usize) {
    let offset = if modes.ignore_offset { 0 } else { offset };
    let mut total = 0;
    let mut items = Vec::new();
    for item in all {
        if total >= offset && items.len() < limit {
            items.push(item);
        }
        total += 1;
    }
    (items, total)
}

/// Writes the number of all items, as truthfully as the modes ask for.
pub(super) fn tell_total(body: &mut Map<String, Value>, key: &str, total: usize, modes: &Modes) {
    let told = match modes.total {
        Total::Right => total,
        Total::TooHigh => total + 1000,
        Total::Zero => 0,
        Total::Missing => return,
    };
    body.insert(key.to_owned(), json!(told));
}

/// No documented word for a backup on its way out: it stays what it was until it is gone.
pub(super) fn lasting_status(backup: &Backup, now: Millis) -> &str {
    match &backup.word {
        Some(word) => word,
        None if backup.status(now) == Status::Deleting && backup.fails => "FAILED",
        None if backup.status(now) == Status::Deleting => "COMPLETED",
        None => shown(backup, now, status_word),
    }
}

/// Deletes all of them, or none if one of them may not be deleted.
pub(super) fn delete_all(
    desk: &mut Desk<'_>,
    service: Service,
    ids: &[String],
    refuse: fn(&Desk<'_>, Denied) -> Refusal,
) -> Outcome {
    for id in ids {
        desk.ledger.may_delete(service, desk.project_id, id, desk.now).map_err(|denied| refuse(desk, denied))?;
    }
    for id in ids {
        // An id given twice is deleted once.
        let _ = desk.ledger.delete(service, desk.project_id, id, desk.pace, desk.now);
    }
    Ok(Answer::empty(200))
}

/// A list body: the items under their key and the total under its own.
pub(super) fn list_body(
    key: &str,
    items: Vec<Value>,
    total_key: &str,
    total: usize,
    modes: &Modes,
) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert(key.to_owned(), Value::Array(items));
    tell_total(&mut body, total_key, total, modes);
    body
}

/// `begin_time` and `end_time` (or names like these): both or neither, in order.
pub(super) fn span(
    ask: &Ask,
    (from, to): (&str, &str),
    read: fn(&str) -> Option<Millis>,
) -> Result<Option<(Millis, Millis)>, Refusal> {
    match (ask.param(from), ask.param(to)) {
        (None, None) => Ok(None),
        (Some(from), Some(to)) => match (read(from), read(to)) {
            (Some(from), Some(to)) if from <= to => Ok(Some((from, to))),
            _ => Err(Refusal::parameter()),
        },
        _ => Err(Refusal::parameter()),
    }
}

/// Whether a moment, in whole seconds as the wire shows it, is inside.
pub(super) fn within(span: Option<(Millis, Millis)>, at: Millis) -> bool {
    let at = at.div_euclid(1000) * 1000;
    span.is_none_or(|(from, to)| from <= at && at <= to)
}

/// One of several words, whatever their case.
pub(super) fn one_of<'a>(ask: &Ask, name: &str, words: &[&'a str]) -> Result<Option<&'a str>, Refusal> {
    match ask.param(name) {
        None => Ok(None),
        Some(asked) => {
            let word = words.iter().find(|word| word.eq_ignore_ascii_case(asked));
            word.copied().map(Some).ok_or_else(Refusal::parameter)
        }
    }
}

pub(super) fn same(filter: Option<&str>, value: &str) -> bool {
    filter.is_none_or(|filter| filter == value)
}

pub(super) fn contains(filter: Option<&str>, value: &str) -> bool {
    filter.is_none_or(|filter| value.contains(filter))
}

/// Instance queries: a leading `*` asks for a part of the value, `*` alone is refused.
pub(super) fn star_filter<'a>(ask: &'a Ask, name: &str) -> Result<Option<&'a str>, Refusal> {
    match ask.param(name) {
        Some("*") => Err(Refusal::parameter()),
        filter => Ok(filter),
    }
}

pub(super) fn star(filter: Option<&str>, value: &str) -> bool {
    match filter.map(|filter| filter.strip_prefix('*').ok_or(filter)) {
        None => true,
        Some(Ok(part)) => value.contains(part),
        Some(Err(exact)) => value == exact,
    }
}

pub(super) fn text<'a>(body: &'a Value, key: &str) -> Result<&'a str, Refusal> {
    body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or_else(Refusal::parameter)
}

/// Name and description of a new backup.
pub(super) fn name_and_description(body: &Value, modes: &Modes) -> Result<(String, String), Refusal> {
    let name = text(body, "name")?;
    let mut characters = name.chars();
    let starts_well = characters.next().is_some_and(|first| first.is_ascii_alphabetic());
    let goes_on = characters.all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !(starts_well && goes_on && (4..=64).contains(&name.len())) {
        return Err(Refusal::service(400, "DBS.280277"));
    }
    let description = match body.get("description") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text,
        Some(_) => return Err(Refusal::parameter()),
    };
    let allowed = |c: char| !matches!(c, '>' | '!' | '<' | '"' | '&' | '\'' | '=' | '\r' | '\n');
    if description.chars().count() > 256 || !description.chars().all(allowed) {
        return Err(Refusal::service(400, "DBS.280127"));
    }
    Ok((name.to_owned(), modes.description.kept(description)))
}

/// What a list may show whose caller asks for one instance: all that is left of it, nothing, or a refusal.
pub(super) fn shows_instance(
    desk: &Desk<'_>,
    service: Service,
    id: Option<&str>,
    refuse: impl FnOnce() -> Refusal,
) -> Result<bool, Refusal> {
    let known = id.is_none_or(|id| desk.ledger.instance(service, desk.project_id, id).is_some());
    match desk.modes.gone_instance {
        GoneInstance::Refused if !known => Err(refuse()),
        GoneInstance::Empty => Ok(known),
        GoneInstance::Refused | GoneInstance::Listed => Ok(true),
    }
}

/// Refuses an id that could not be one; an instance that exists under an odd id passes.
pub(super) fn check_instance_id(desk: &Desk<'_>, service: Service, id: &str) -> Result<(), Refusal> {
    let known = desk.ledger.instance(service, desk.project_id, id).is_some();
    let plausible = id.len() == 36 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if known || plausible { Ok(()) } else { Err(Refusal::service(400, "DBS.280404")) }
}

/// Refuses a backup id that could not be one.
pub(super) fn check_backup_id(id: &str, code: &str) -> Result<(), Refusal> {
    let plausible = id.len() == 36 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if plausible { Ok(()) } else { Err(Refusal::service(400, code)) }
}

/// The ids of a batch, 1 to `most` of them.
pub(super) fn backup_ids(ask: &Ask, most: usize) -> Result<Vec<String>, Refusal> {
    let body = ask.json()?;
    let ids: Option<Vec<String>> = body
        .get("backup_ids")
        .and_then(Value::as_array)
        .and_then(|ids| ids.iter().map(|id| id.as_str().map(ToOwned::to_owned)).collect());
    ids.filter(|ids| (1..=most).contains(&ids.len())).ok_or_else(Refusal::parameter)
}

pub(super) fn stop_action(ask: &Ask) -> Result<(), Refusal> {
    if text(&ask.json()?, "action")? == "stop" { Ok(()) } else { Err(Refusal::parameter()) }
}

// Writing answers.

/// The status in a service's own words, unless a test has put another word there.
pub(super) fn shown(backup: &Backup, now: Millis, words: fn(Status) -> &'static str) -> &str {
    backup.word.as_deref().unwrap_or_else(|| words(backup.status(now)))
}

/// Writes an end time, known or not.
pub(super) fn tell_end(body: &mut Map<String, Value>, key: &str, end: Option<String>, modes: &Modes) {
    let end = match (end, modes.open_end) {
        (Some(end), _) => json!(end),
        (None, OpenEnd::Empty) => json!(""),
        (None, OpenEnd::Null) => Value::Null,
        (None, OpenEnd::Missing) => return,
    };
    body.insert(key.to_owned(), end);
}

/// Takes a JSON object apart.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes stay far below 2^52")]
pub(super) fn kilobytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

pub(super) fn status_word(status: Status) -> &'static str {
    status.word()
}

/// Instance states in upper case, as most services write them.
pub(super) fn instance_word(activity: Activity) -> &'static str {
    match activity {
        Activity::Idle => "ACTIVE",
        Activity::BackingUp => "BACKING UP",
        Activity::Restoring => "RESTORING",
        Activity::Otherwise => "REBOOTING",
    }
}

/// A made-up id that belongs to an instance and never changes.
pub(super) fn part_id(instance: &Instance, part: &str) -> String {
    mint::stable_hex(&[part, &instance.id])
}

/// The same as a dashed UUID.
pub(super) fn part_uuid(instance: &Instance, part: &str) -> String {
    let hex = part_id(instance, part);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A download link for a completed backup: URL and expiry, which Open Telekom Cloud gives as 15 minutes.
pub(super) fn download(desk: &Desk<'_>, service: Service, backup: &Backup, file: &str) -> (String, String) {
    let signature = mint::stable_hex(&["download", &backup.id]);
    let link = format!("{}/download/{}/{file}?Signature={signature}", desk.endpoint(service.name()), backup.id);
    (link, clock::zoned(desk.now + 15 * 60_000, 0))
}

/// Follows a download link: no credentials but the signature in it.
pub(super) fn follow_download(desk: &mut Desk<'_>, ask: &Ask) -> Outcome {
    let id = ask.segments.get(1).map_or("", String::as_str);
    let right = ask.param("Signature") == Some(&mint::stable_hex(&["download", id]));
    match desk.ledger.backup(id) {
        Some(backup) if right => {
            let bytes = format!("emulated backup {} of {}\n", backup.name, backup.instance_name);
            Ok(Answer::bytes(200, "application/octet-stream", bytes))
        }
        _ => Err(Refusal::gateway(403, "0302", "The link is wrong or has expired")),
    }
}

/// The route of [`follow_download`], for services that have one.
pub(super) fn download_route(ask: &Ask) -> Option<Route> {
    let is_link = ask.method == "GET" && ask.segments.len() == 3 && ask.segments[0] == "download";
    is_link.then_some(Route::open("file", follow_download))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_descriptions() {
        let check = |name: &str, description: Value| {
            name_and_description(&json!({"name": name, "description": description}), &Modes::default())
                .map_err(|refusal| refusal.code)
                .map(|_| ())
        };
        let name_error = Err("DBS.280277".to_owned());
        let description_error = Err("DBS.280127".to_owned());
        for (name, expected) in [
            ("abcd", Ok(())),
            ("A-b_9", Ok(())),
            ("abc", name_error.clone()),
            ("1abc", name_error.clone()),
            ("ab cd", name_error.clone()),
            ("sicherungä", name_error.clone()),
            (&"x".repeat(64), Ok(())),
            (&"x".repeat(65), name_error),
        ] {
            assert_eq!(check(name, json!("")), expected, "{name}");
        }
        for (description, expected) in [
            (Value::Null, Ok(())),
            (json!("für den Umzug"), Ok(())),
            (json!("a=b"), description_error.clone()),
            (json!("two\nlines"), description_error.clone()),
            (json!("ä".repeat(256)), Ok(())),
            (json!("x".repeat(257)), description_error),
            (json!(7), Err("DBS.280001".to_owned())),
        ] {
            assert_eq!(check("abcd", description.clone()), expected, "{description}");
        }
    }

    #[test]
    fn stars_ask_for_a_part() {
        for (filter, value, expected) in [
            (None, "orders", true),
            (Some("orders"), "orders", true),
            (Some("order"), "orders", false),
            (Some("*der"), "orders", true),
            (Some("*x"), "orders", false),
        ] {
            assert_eq!(star(filter, value), expected, "{filter:?}");
        }
    }
}
