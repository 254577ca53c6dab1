//! Moments and the ways the services write them. Reads no clock, but for [`now`].

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// Milliseconds since 1970 in UTC.
pub(crate) type Millis = i64;

/// The wall clock; everything else is told the time.
pub(crate) fn now() -> Millis {
    Timestamp::now().as_millisecond()
}

/// Seconds, as settings give them, in milliseconds; negative and absurd values become the nearest sensible one.
pub(crate) fn millis(seconds: f64) -> Millis {
    let span = SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::ZERO);
    i64::try_from(span.as_millis()).unwrap_or(0).clamp(0, 1000 * 60 * 60 * 24 * 365)
}

/// The same for a span that may be negative.
pub(crate) fn signed_millis(seconds: f64) -> Millis {
    if seconds < 0.0 { -millis(-seconds) } else { millis(seconds) }
}

fn civil(at: Millis, hours: i8) -> DateTime {
    let moment = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
    Offset::constant(hours).to_datetime(moment)
}

/// `2018-08-06 10:41:14`, UTC: dds, and the oldest list of geminidb.
pub(crate) fn spaced(at: Millis) -> String {
    civil(at, 0).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `2020-07-07T01:17:05+0800`: an offset of whole hours, without a colon.
pub(crate) fn zoned(at: Millis, hours: i8) -> String {
    format!("{}{hours:+03}00", civil(at, hours).strftime("%Y-%m-%dT%H:%M:%S"))
}

/// `2019-01-17T07:05:52`, UTC without saying so: instances of dds and geminidb.
pub(crate) fn zoneless(at: Millis) -> String {
    civil(at, 0).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// `2020-01-04T09:05:22.701000Z`: everything from IAM.
pub(crate) fn micros(at: Millis) -> String {
    civil(at, 0).strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// `2020-01-04T09:05:22.701Z`: journal and ledger.
pub(crate) fn rfc3339(at: Millis) -> String {
    civil(at, 0).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `20240229T123456Z`: the time of a signature.
pub(crate) fn compact(at: Millis) -> String {
    civil(at, 0).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`: a `Retry-After` given as a date.
pub(crate) fn http_date(at: Millis) -> String {
    civil(at, 0).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn as_utc(text: &str, format: &str) -> Option<Millis> {
    let civil = DateTime::strptime(format, text).ok()?;
    Some(Offset::UTC.to_timestamp(civil).ok()?.as_millisecond())
}

/// Reads what [`spaced`] writes.
pub(crate) fn read_spaced(text: &str) -> Option<Millis> {
    as_utc(text, "%Y-%m-%d %H:%M:%S")
}

/// Reads what [`zoned`] writes, with any offset.
pub(crate) fn read_zoned(text: &str) -> Option<Millis> {
    Some(Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", text).ok()?.as_millisecond())
}

/// Reads what [`compact`] writes.
pub(crate) fn read_compact(text: &str) -> Option<Millis> {
    as_utc(text, "%Y%m%dT%H%M%SZ")
}

/// Reads an RFC 3339 time, as the control port takes it.
pub(crate) fn read_rfc3339(text: &str) -> Option<Millis> {
    Some(text.parse::<Timestamp>().ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_the_documented_one() {
        let at = read_rfc3339("2020-07-06T17:17:05.701Z").expect("a time");
        assert_eq!(spaced(at), "2020-07-06 17:17:05");
        assert_eq!(zoned(at, 8), "2020-07-07T01:17:05+0800");
        assert_eq!(zoned(at, 0), "2020-07-06T17:17:05+0000");
        assert_eq!(zoneless(at), "2020-07-06T17:17:05");
        assert_eq!(micros(at), "2020-07-06T17:17:05.701000Z");
        assert_eq!(rfc3339(at), "2020-07-06T17:17:05.701Z");
        assert_eq!(compact(at), "20200706T171705Z");
        assert_eq!(http_date(at), "Mon, 06 Jul 2020 17:17:05 GMT");
        let whole = at - 701;
        assert_eq!(read_spaced("2020-07-06 17:17:05"), Some(whole));
        assert_eq!(read_zoned("2020-07-07T01:17:05+0800"), Some(whole));
        assert_eq!(read_compact("20200706T171705Z"), Some(whole));
        for wrong in ["", "2020-07-07T01:17:05 0800", "2020-07-07T01:17:05", "2020-07-07 01:17:05+0800"] {
            assert_eq!(read_zoned(wrong), None, "{wrong}");
        }
        assert_eq!(read_spaced("2020-07-07T01:17:05"), None);
    }

    #[test]
    fn spans_are_bounded() {
        assert_eq!(millis(0.25), 250);
        assert_eq!(millis(-1.0), 0);
        assert_eq!((signed_millis(-1.5), signed_millis(1.5)), (-1500, 1500));
        assert_eq!(millis(f64::NAN), 0);
        assert_eq!(millis(1e12), 1000 * 60 * 60 * 24 * 365);
    }
}
