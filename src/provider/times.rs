//! Times as people write them: RFC 3339, within what can be told in it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::plugin::Attr;

/// What a time may be, in the words of a reference page.
pub(super) const RANGE: &str = "from `0000-01-01T00:00:00Z` to `9999-12-30T22:00:00.999999999Z`";

/// Years before it have no four digits in UTC: `0000-01-01T00:00:00Z`.
const FIRST: Timestamp = Timestamp::constant(-62_167_219_200, 0);

/// How long a time in RFC 3339 is without fraction and offset.
const SECONDS: usize = "0000-00-00T00:00:00".len();

/// The check of an argument that is a time.
pub(super) fn check_time(text: &str) -> Result<(), String> {
    time(text).map(drop).map_err(|why| format!("it {why}"))
}

/// The moment of an argument, if it has one.
pub(super) fn moment(value: &Attr<String>) -> Option<Timestamp> {
    value.known().and_then(|text| time(text).ok())
}

/// Reads a time, or says what is wrong with it.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let wrong_form = || "is not a time in RFC 3339, such as 2026-01-31T00:00:00Z".to_owned();
    if !is_rfc3339(text) {
        return Err(wrong_form());
    }
    let (seconds, rest) = text.split_at(SECONDS);
    let fraction = rest.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    let nanoseconds = match rest.strip_prefix('.') {
        Some(_) => format!("{seconds}{}{}", &rest[..=fraction.min(9)], &rest[fraction + 1..]),
        None => text.to_owned(),
    };
    let time = nanoseconds.parse().map_err(|_| match seconds.parse::<DateTime>() {
        Ok(_) => format!("is out of range: the last moment is {}", Timestamp::MAX),
        Err(_) => wrong_form(),
    })?;
    if time < FIRST { Err(format!("is out of range: the first moment is {FIRST}")) } else { Ok(time) }
}

/// Whether a text has the form of a time in RFC 3339. Offsets go to 23:59, as the CLI's own functions have it. Whether there is
/// such a day and hour is for others to say.
fn is_rfc3339(text: &str) -> bool {
    let fits = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                b'T' => byte.eq_ignore_ascii_case(&b'T'),
                b'+' => matches!(byte, b'+' | b'-'),
                _ => byte == form,
            })
    };
    let Some((moment, rest)) = text.split_at_checked(SECONDS) else { return false };
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
    };
    let zoned = zone.eq_ignore_ascii_case("Z") || (fits(zone, "+00:00") && &zone[1..3] < "24" && &zone[4..] < "60");
    fits(moment, "0000-00-00T00:00:00") && zoned
}

/// So long ago, in words.
pub(super) fn age(age: Duration) -> String {
    let minutes = age.as_secs() / 60;
    let (count, unit) = match minutes {
        0..60 => (minutes, "minute"),
        60..2880 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_out_of_range_is_not_said_to_be_none() {
        for (text, why) in [
            ("2026-01-31T00:00:00Z", None),
            ("9999-12-30T22:00:00.999999999Z", None),
            ("0000-01-01T00:00:00Z", None),
            ("9999-12-31T23:59:59Z", Some("it is out of range: the last moment is 9999-12-30T22:00:00.999999999Z")),
            ("0000-01-01T00:00:00+23:59", Some("it is out of range: the first moment is 0000-01-01T00:00:00Z")),
            ("2026-02-30T00:00:00Z", Some("it is not a time in RFC 3339, such as 2026-01-31T00:00:00Z")),
            ("2026-01-31", Some("it is not a time in RFC 3339, such as 2026-01-31T00:00:00Z")),
            ("2026-01-31T12:00:00+24:00", Some("it is not a time in RFC 3339, such as 2026-01-31T00:00:00Z")),
            ("", Some("it is not a time in RFC 3339, such as 2026-01-31T00:00:00Z")),
        ] {
            assert_eq!(check_time(text).err().as_deref(), why, "{text}");
            assert_eq!(moment(&Attr::from(text)).is_some(), why.is_none(), "{text}");
        }
    }

    #[test]
    fn ages_are_in_words() {
        for (minutes, words) in [
            (0, "0 minutes ago"),
            (1, "1 minute ago"),
            (60, "1 hour ago"),
            (2879, "47 hours ago"),
            (2880, "2 days ago"),
        ] {
            assert_eq!(age(Duration::from_mins(minutes)), words);
        }
    }
}
