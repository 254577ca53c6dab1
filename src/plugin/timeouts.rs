//! The `timeouts` block: how long an operation may take.
//!
//! Durations are written as in Go, because that is what users know from every other provider.

use std::time::Duration;

use super::value::{Stored, Value};

/// The name of the block.
pub(super) const BLOCK: &str = "timeouts";

/// Limit of an operation whose schema names none.
const DEFAULT: Duration = Duration::from_mins(20);

/// Default limits of a resource's operations, and which of them the `timeouts` block offers.
///
/// The block belongs to this floor: models never see it. What is written there is checked at plan time, kept in the
/// state, and turned into [`Life::deadline`](super::Life::deadline).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Limit of a create.
    pub create: Duration,
    /// Limit of a read.
    pub read: Duration,
    /// Limit of an update.
    pub update: Duration,
    /// Limit of a delete.
    pub delete: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { create: DEFAULT, read: DEFAULT, update: DEFAULT, delete: DEFAULT }
    }
}

/// The operations that have a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limited {
    Create,
    Read,
    Update,
    Delete,
}

impl Limited {
    pub(super) const ALL: [Limited; 4] = [Self::Create, Self::Read, Self::Update, Self::Delete];

    pub(super) fn name(self) -> &'static str {
        match self {
            Limited::Create => "create",
            Limited::Read => "read",
            Limited::Update => "update",
            Limited::Delete => "delete",
        }
    }
}

/// What the block says in the stored object of another provider: nearly all write it alike.
pub(super) fn stored(attributes: &Stored) -> Value {
    let said = attributes.get(BLOCK).and_then(serde_json::Value::as_object);
    let limit = |name| said.and_then(|said| said.get(name)?.as_str()).filter(|text| parse(text).is_ok());
    let limits = Limited::ALL.map(|one| (one.name(), limit(one.name()).map_or(Value::Null, Value::from)));
    if limits.iter().all(|(_, limit)| limit.is_null()) { Value::Null } else { Value::object(limits) }
}

impl Timeouts {
    pub(super) fn default_of(&self, operation: Limited) -> Duration {
        match operation {
            Limited::Create => self.create,
            Limited::Read => self.read,
            Limited::Update => self.update,
            Limited::Delete => self.delete,
        }
    }

    /// The limit of one operation: what the `timeouts` block in `object` says, else the default.
    ///
    /// What does not parse was refused when the configuration was validated; should it get here, the default counts.
    pub(super) fn limit(&self, operation: Limited, object: &Value) -> Duration {
        let written = object.get(BLOCK).get(operation.name()).as_str();
        written.and_then(|text| parse(text).ok()).unwrap_or_else(|| self.default_of(operation))
    }
}

/// What is wrong with a duration, if anything.
pub fn check(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

/// Reads a positive duration: decimal numbers, each with one of the units `h`, `m`, `s`, `ms`, `us`, `ns`.
pub fn parse(text: &str) -> Result<Duration, String> {
    let explain = |what: &str| {
        Err(format!("{text:?} {what}. Write a number with a unit, or several: \"90s\", \"30m\", \"1h30m\", \"1.5h\"."))
    };
    let mut rest = text;
    let mut total_ns = 0_f64;
    if rest.is_empty() {
        return explain("is not a duration");
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let unit_ns = match unit {
            "h" => 3600e9,
            "m" => 60e9,
            "s" => 1e9,
            "ms" => 1e6,
            "us" | "µs" => 1e3,
            "ns" => 1.0,
            "" if !number.is_empty() => return explain("has no unit"),
            _ => return explain("is not a duration"),
        };
        let Ok(number) = number.parse::<f64>() else { return explain("is not a duration") };
        total_ns += number * unit_ns;
        rest = tail;
    }
    if total_ns < 1.0 {
        return explain("is not longer than zero");
    }
    match Duration::try_from_secs_f64(total_ns / 1e9) {
        // A year is longer than any operation, and far from where clocks overflow.
        Ok(duration) if duration <= Duration::from_hours(366 * 24) => Ok(duration),
        _ => explain("is longer than a year"),
    }
}

/// The way a person would write it.
pub(super) fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, 0) => format!("{m}m"),
        (h, 0, 0) => format!("{h}h"),
        (h, m, 0) => format!("{h}h{m}m"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::{Limited, Timeouts, parse, written};
    use crate::plugin::Value;

    #[test]
    fn durations_read_as_in_go() {
        for (text, milliseconds) in [
            ("90s", 90_000),
            ("30m", 1_800_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("250ms", 250),
            ("1h1m1s1ms", 3_661_001),
            (".5s", 500),
            ("1000000ns", 1),
            ("1000us", 1),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn bad_durations_are_explained_with_examples() {
        for text in [
            "",
            "30",
            "30 m",
            "m",
            "-5m",
            "0s",
            "0.1ns",
            "1d",
            "1h30",
            "..s",
            "1.2.3s",
            "abc",
            "5m ",
            "1e3s",
            "9999999h",
            "99999999999999999999999999999999999999h",
            "∞s",
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains("\"1h30m\""), "{text}: {message}");
        }
    }

    #[test]
    fn the_block_of_another_provider_is_kept_as_far_as_it_is_understood() {
        let said = |block: serde_json::Value| {
            let object = serde_json::json!({ "timeouts": block });
            super::stored(object.as_object().unwrap())
        };
        let kept = said(serde_json::json!({ "create": "10m", "delete": null, "update": "soon", "default": "1h" }));
        assert_eq!(kept.get("create"), &Value::from("10m"));
        assert!(["read", "update", "delete"].iter().all(|name| kept.get(name).is_null()), "{kept:?}");
        for nothing in [
            serde_json::json!(null),
            serde_json::json!({}),
            serde_json::json!("10m"),
            serde_json::json!({ "create": 10 }),
        ] {
            assert_eq!(said(nothing), Value::Null);
        }
    }

    #[test]
    fn what_is_written_counts_before_the_default() {
        let timeouts = Timeouts { create: Duration::from_hours(1), ..Timeouts::default() };
        let block = Value::Map(BTreeMap::from([("create".to_owned(), Value::from("5m"))]));
        let object = Value::Map(BTreeMap::from([("timeouts".to_owned(), block)]));
        assert_eq!(timeouts.limit(Limited::Create, &object), Duration::from_mins(5));
        assert_eq!(timeouts.limit(Limited::Create, &Value::Null), Duration::from_hours(1));
        assert_eq!(timeouts.limit(Limited::Delete, &object), Duration::from_mins(20));
    }

    #[test]
    fn defaults_are_shown_as_people_write_them() {
        for (seconds, text) in [(60 * 60, "1h"), (5400, "1h30m"), (90, "1m30s"), (30, "30s"), (3601, "1h0m1s")] {
            assert_eq!(written(Duration::from_secs(seconds)), text);
        }
    }
}
