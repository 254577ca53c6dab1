//! The data source `huaweidb_restore_times`: to which moments an instance can be brought back.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::client::{self, context};
use super::explain::{About, Doing, explain, sentence};
use super::times::{check_time, moment};
use super::{checks, fields, services};
use crate::backup::{self, Backups, Blamed, Error, Service, Span};
use crate::cloud;
use crate::plugin::{Attr, Attribute, DataSource, Diagnostic, Diagnostics, Life, Schema, model};

model! {
    /// What was asked and what was found.
    pub(super) struct RestoreTimes {
        pub(super) service: Attr<String>,
        pub(super) instance_id: Attr<String>,
        pub(super) start_date: Attr<String>,
        pub(super) end_date: Attr<String>,
        pub(super) time: Attr<String>,
        pub(super) region: Attr<String>,
        pub(super) windows: Attr<Vec<Window>>,
        pub(super) latest: Attr<String>,
        pub(super) latest_milliseconds: Attr<i64>,
        pub(super) covers: Attr<bool>,
        pub(super) time_milliseconds: Attr<i64>,
    }
}

model! {
    /// A span of time, both ends included.
    pub(super) struct Window {
        pub(super) start: Attr<String>,
        pub(super) end: Attr<String>,
    }
}

/// `huaweidb_restore_times`
pub(super) struct RestoreTimesDataSource;

/// Each day is one call.
const MOST_DAYS: i32 = 100;

impl DataSource<Backups> for RestoreTimesDataSource {
    type Model = RestoreTimes;

    fn schema(&self) -> Schema {
        Schema::new(
            "The moments to which an instance can be brought back, by day. Not for `ddm`, and with `geminidb` for the engines \
             `cassandra` and `influxdb` only, as windows of a single moment. The action \
             `huaweidb_restore_backup` and the restoring resources of other providers take one of them.",
        )
        .attribute(fields::service("Database service of the instance."))
        .attribute(
            Attribute::string("instance_id").required().check(fields::check_id).describe("Id of the instance."),
        )
        .attribute(Attribute::string("start_date").optional().check(check_date).describe(
            "First day to ask for, in UTC, such as `2026-01-31`. Default: the day of `time`, and without that yesterday and \
             today.",
        ))
        .attribute(Attribute::string("end_date").optional().check(check_date).describe(
            "Last day to ask for, in UTC; at most 100 days in all. Default: `start_date`, so that one day is asked for.",
        ))
        .attribute(Attribute::string("time").optional().check(check_time).describe(
            "Moment to look for: RFC 3339, such as `2026-01-31T12:00:00Z`, on one of the days that are asked for. Default: \
             none, and `covers` is null.",
        ))
        .attribute(fields::region())
        .attribute(
            Attribute::computed_list_of(
                "windows",
                vec![
                    fields::told("start", "First moment: RFC 3339, UTC."),
                    fields::told("end", "Last moment: RFC 3339, UTC."),
                ],
            )
            .describe(
                "Spans of time on those days to any moment of which the instance can be brought back, oldest first. From the first to \
                 the last whole second; one without any is told with fractions.",
            ),
        )
        .attribute(
            fields::told("latest", "End of the last window: RFC 3339, UTC. Absent where there is none."),
        )
        .attribute(
            Attribute::bool("covers")
                .computed()
                .describe("Whether the instance can be brought back to `time`. Absent without `time`."),
        )
        .attribute(Attribute::integer("latest_milliseconds").computed().describe(
            "The latest moment in milliseconds since 1970, as restoring resources of the official provider want it: exact, so that it may \
             be up to a second after `latest`. Absent where there is none.",
        ))
        .attribute(
            Attribute::integer("time_milliseconds")
                .computed()
                .describe("`time` in milliseconds since 1970. Absent without `time`."),
        )
    }

    fn validate(&self, config: &RestoreTimes) -> Diagnostics {
        let mut found = Diagnostics::new();
        if config.start_date.is_null() && config.end_date.known().is_some() {
            let detail = "`end_date` is set and `start_date` is not. Set both, or only `start_date` for one day.";
            found.push(checks::missing("start_date", detail));
        }
        if !config.start_date.is_null() && !config.start_date.is_unknown() && !config.end_date.is_unknown() {
            found.extend(days(config, Timestamp::now()).err());
        }
        let Some(service) = config.service.known().and_then(|key| backup::named(key)) else { return found };
        if let Err(why) = service.restore_times("i", Date::MIN, 0) {
            found.push(Diagnostic::error("Restore times were not read", sentence(&why.to_string())).at("service"));
        }
        found.extend(services::foreign_suffix(service, "instance_id", &config.instance_id));
        found
    }

    async fn read(
        &self,
        client: &Backups,
        mut config: RestoreTimes,
        life: &mut Life<RestoreTimes>,
    ) -> Result<RestoreTimes, Diagnostics> {
        let service = services::required(&config.service)?;
        let client = client::asked(client, &mut config.region);
        let days = days(&config, Timestamp::now())?;
        let instance_id = config.instance_id.text().to_owned();
        let about = About { service: service.facts().key(), id: None, name: None, region: "" };
        let spans = client.of(&context(life), service).restore_times(&instance_id, days).await;
        let spans = spans.map_err(|error| unread(service, about, &error))?;
        config.covers = moment(&config.time).map(|time| spans.iter().any(|span| span.covers(time))).into();
        let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millisecond).into();
        config.time_milliseconds = millis(moment(&config.time));
        config.latest_milliseconds = millis(spans.last().map(|span| span.end));
        let windows: Vec<Window> = spans.iter().map(window).collect();
        config.latest = windows.last().and_then(|last| last.end.known().cloned()).into();
        config.windows = Attr::Known(windows);
        Ok(config)
    }
}

/// In whole seconds, and never wider than the span is; what is shorter is told as it is.
fn window(span: &Span) -> Window {
    let whole = |millis: i64| Timestamp::from_second(millis.div_euclid(1000)).ok();
    let seconds = whole(span.start.as_millisecond().saturating_add(999)).zip(whole(span.end.as_millisecond()));
    let (start, end) = seconds.filter(|(start, end)| start <= end).unwrap_or((span.start, span.end));
    Window { start: Attr::Known(start.to_string()), end: Attr::Known(end.to_string()) }
}

fn check_date(text: &str) -> Result<(), String> {
    date(text).map(drop).ok_or_else(|| "it is not a date, such as 2026-01-31".to_owned())
}

fn date(text: &str) -> Option<Date> {
    // Longer texts name times too.
    text.parse().ok().filter(|_| text.len() == "2026-01-31".len())
}

/// The first and the last day to ask for.
fn days(config: &RestoreTimes, now: Timestamp) -> Result<(Date, Date), Diagnostic> {
    let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
    let known = |value: &Attr<String>| value.known().and_then(|text| date(text));
    let time = moment(&config.time);
    let Some(first) = known(&config.start_date) else {
        let today = day(now);
        return Ok(time.map_or((today.saturating_sub(1.day()), today), |time| (day(time), day(time))));
    };
    let last = known(&config.end_date).unwrap_or(first);
    let wrong = |detail: &str, blamed| Err(checks::conflicting(blamed, detail));
    if last < first {
        return wrong("`end_date` lies before `start_date`. Swap them.", "end_date");
    }
    if first.checked_add(MOST_DAYS.days()).is_ok_and(|end| end <= last) {
        return wrong("From `start_date` to `end_date` there are more than 100 days. Ask for fewer.", "end_date");
    }
    if time.is_some_and(|time| day(time) < first || last < day(time)) {
        return wrong(
            "`time` is not on one of the days that are asked for. Leave the days out, or correct them.",
            "time",
        );
    }
    Ok((first, last))
}

fn unread(service: &dyn Service, about: About<'_>, error: &Error) -> Diagnostic {
    let said = explain(Doing::Search, about, error);
    let cause = error.cloud();
    if cause.is_some_and(cloud::Error::is_setup) {
        return said;
    }
    let blamed = cause.and_then(cloud::Error::refusal).and_then(|refusal| service.blamed(refusal));
    let said = Diagnostic { summary: "Restore times were not read".to_owned(), ..said };
    if blamed == Some(Blamed::Instance) { said.at("instance_id") } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(start: Option<&str>, end: Option<&str>, time: Option<&str>) -> Result<String, String> {
        let text = |value: Option<&str>| Attr::from(value.map(str::to_owned));
        let config = RestoreTimes {
            service: text(Some("dds")),
            instance_id: text(Some("i")),
            start_date: text(start),
            end_date: text(end),
            time: text(time),
            region: Attr::Null,
            windows: Attr::Null,
            latest: Attr::Null,
            covers: Attr::Null,
            latest_milliseconds: Attr::Null,
            time_milliseconds: Attr::Null,
        };
        let now = "2026-03-01T00:30:00Z".parse().unwrap();
        days(&config, now).map(|(first, last)| format!("{first} {last}")).map_err(|error| error.detail)
    }

    #[test]
    fn the_days_that_are_asked_for() {
        for (start, end, time, expected) in [
            (None, None, None, "2026-02-28 2026-03-01"),
            (None, None, Some("2026-01-31T23:30:00-01:00"), "2026-02-01 2026-02-01"),
            (Some("2026-01-31"), None, None, "2026-01-31 2026-01-31"),
            (Some("2026-01-31"), Some("2026-02-02"), Some("2026-02-02T23:59:59Z"), "2026-01-31 2026-02-02"),
            (Some("2026-01-01"), Some("2026-04-10"), None, "2026-01-01 2026-04-10"),
            (Some("9999-12-31"), None, None, "9999-12-31 9999-12-31"),
            (Some("9999-12-01"), Some("9999-12-31"), None, "9999-12-01 9999-12-31"),
        ] {
            assert_eq!(asked(start, end, time).as_deref(), Ok(expected), "{start:?} {end:?} {time:?}");
        }
        for (start, end, time) in [
            ("2026-02-02", Some("2026-02-01"), None),
            ("2026-01-01", Some("2026-04-11"), None),
            ("2026-01-31", None, Some("2026-02-01T00:00:00Z")),
        ] {
            assert!(asked(Some(start), end, time).is_err(), "{start} {end:?} {time:?}");
        }
        for (text, fits) in [("2026-01-31", true), ("2026-02-30", false), ("2026-01-31T00:00:00Z", false), ("", false)]
        {
            assert_eq!(check_date(text).is_ok(), fits, "{text}");
        }
        for (offset, fits) in [("Z", true), ("+23:59", true), ("-12:00", true), ("+24:00", false), ("-25:00", false)] {
            assert_eq!(check_time(&format!("2026-01-31T12:00:00{offset}")).is_ok(), fits, "{offset}");
        }
    }

    #[test]
    fn windows_are_no_wider_than_spans_and_each_end_is_inside() {
        for (start, end, shown) in [
            ("00:00:00.001", "01:00:00.999", ["00:00:01", "01:00:00"]),
            ("00:00:00", "00:00:00", ["00:00:00", "00:00:00"]),
            ("00:00:00.5", "00:00:01.2", ["00:00:01", "00:00:01"]),
            ("00:00:00.5", "00:00:00.5", ["00:00:00.5", "00:00:00.5"]),
            ("00:00:00.25", "00:00:00.75", ["00:00:00.25", "00:00:00.75"]),
        ] {
            let at = |time: &str| format!("2026-03-01T{time}Z").parse::<Timestamp>().unwrap();
            let span = Span { start: at(start), end: at(end) };
            let told = window(&span);
            let told = [told.start, told.end].map(|end| end.known().cloned().unwrap());
            assert_eq!(told, shown.map(|time| format!("2026-03-01T{time}Z")));
            assert!(told.iter().all(|end| check_time(end).is_ok() && span.covers(end.parse().unwrap())), "{told:?}");
        }
    }
}
