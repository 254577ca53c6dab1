//! Whether to try again, and when. Pure: what happened and a roll of the dice in, a verdict out.
//!
//! What was not carried out for certain may be sent again whatever it is: the connection was never made, or the cloud
//! throttled us. What may have been carried out is sent again only if repeating does no harm.

use std::time::Duration;

use super::Refusal;

/// How patient we are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// How often a call is tried again.
    pub(super) max_retries: u32,
    /// The longest first wait; it doubles with every attempt.
    pub(super) first: Duration,
    /// No wait of our own is longer.
    pub(super) cap: Duration,
}

/// How an attempt ended, if not well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome<'a> {
    /// The connection could not be made: nothing was sent.
    NotSent,
    /// The same, and it stays so until somebody changes something.
    Barred,
    /// No answer, or half of one.
    Broken,
    /// The cloud said no.
    Refused(&'a Refusal),
    /// An answer that makes no sense. It would be the same again.
    Misread,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// This is how it ends.
    GiveUp,
    /// Send it again after this long.
    Wait(Duration),
}

/// After `made` attempts, the last of which ended so. `step` counts the waits in a row that a backoff grows with, from
/// 1; `dice` is a number from 0 to 1.
pub(super) fn next(
    policy: &Policy,
    made: u32,
    step: u32,
    outcome: Outcome<'_>,
    safe_to_repeat: bool,
    dice: f64,
) -> Retry {
    let again = match outcome {
        Outcome::NotSent => true,
        Outcome::Broken => safe_to_repeat,
        Outcome::Refused(refusal) => throttled(refusal) || (safe_to_repeat && passing(refusal)),
        Outcome::Barred | Outcome::Misread => false,
    };
    if !again || made > policy.max_retries {
        return Retry::GiveUp;
    }
    let asked = match outcome {
        Outcome::Refused(refusal) => refusal.retry_after,
        _ => None,
    };
    Retry::Wait(match asked {
        // Not before the moment that was named, and not all of us at that very moment.
        Some(asked) => asked.saturating_add(policy.first.mul_f64(dice / 4.0)),
        None => backoff(policy, step, dice),
    })
}

/// Exponential, with full jitter.
fn backoff(policy: &Policy, step: u32, dice: f64) -> Duration {
    let doubled = policy.first.saturating_mul(2_u32.saturating_pow(step.saturating_sub(1)));
    doubled.min(policy.cap).mul_f64(dice.clamp(0.0, 1.0))
}

/// Whether we were too fast. Such a request was not carried out.
pub(super) fn throttled(refusal: &Refusal) -> bool {
    refusal.status == 429 || refusal.code == "DBS.280443" || refusal.gateway_number() == Some("0308")
}

/// Whether the refusal may be over soon.
fn passing(refusal: &Refusal) -> bool {
    matches!(refusal.status, 500 | 502 | 503 | 504)
        || matches!(refusal.code.as_str(), "DBS.200998" | "DBS.280005" | "DBS.108000")
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { max_retries: 5, first: Duration::from_secs(1), cap: Duration::from_secs(30) };

    fn refusal(status: u16, code: &str) -> Refusal {
        Refusal { status, code: code.to_owned(), ..Refusal::default() }
    }

    #[track_caller]
    fn check(outcome: Outcome<'_>, safe_again: bool, unsafe_again: bool) {
        for (safe, expected) in [(true, safe_again), (false, unsafe_again)] {
            let verdict = next(&POLICY, 1, 1, outcome, safe, 0.5);
            assert_eq!(verdict != Retry::GiveUp, expected, "{outcome:?}, safe to repeat: {safe}");
        }
    }

    #[test]
    fn only_what_was_not_carried_out_is_repeated_blindly() {
        check(Outcome::NotSent, true, true);
        check(Outcome::Broken, true, false);
        check(Outcome::Barred, false, false);
        check(Outcome::Misread, false, false);
        for (status, code, safe, not_safe) in [
            (429, "", true, true),
            (429, "APIGW.0308", true, true),
            (429, "APIG.0308", true, true),
            (429, "DBS.280443", true, true),
            (400, "DBS.280443", true, true),
            (500, "", true, false),
            (500, "DBS.280005", true, false),
            (500, "DBS.108000", true, false),
            (502, "APIGW.0201", true, false),
            (503, "", true, false),
            (504, "APIGW.0201", true, false),
            (400, "DBS.200998", true, false),
            (500, "DBS.200998", true, false),
            (501, "", false, false),
            (505, "", false, false),
            (302, "", false, false),
            (400, "DBS.280001", false, false),
            (401, "APIGW.0301", false, false),
            (401, "", false, false),
            (403, "DBS.200019", false, false),
            (404, "APIGW.0101", false, false),
            (409, "DBS.201205", false, false),
            (413, "", false, false),
        ] {
            check(Outcome::Refused(&refusal(status, code)), safe, not_safe);
        }
    }

    #[test]
    fn waits_grow_with_full_jitter_up_to_the_cap() {
        for (step, most) in
            [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 16.0), (6, 30.0), (7, 30.0), (4_000_000_000, 30.0)]
        {
            for dice in [0.0, 0.25, 1.0] {
                let expected = Duration::from_secs_f64(most * dice);
                assert_eq!(
                    next(&POLICY, 1, step, Outcome::NotSent, false, dice),
                    Retry::Wait(expected),
                    "{step}, {dice}"
                );
            }
        }
    }

    #[test]
    fn the_cloud_names_the_moment() {
        for (status, code, seconds) in [(429, "APIGW.0308", 7), (429, "DBS.280443", 0), (503, "", 90)] {
            let retry_after = Some(Duration::from_secs(seconds));
            let refusal = Refusal { retry_after, ..refusal(status, code) };
            let wait = |dice| next(&POLICY, 1, 1, Outcome::Refused(&refusal), true, dice);
            assert_eq!(wait(0.0), Retry::Wait(Duration::from_secs(seconds)));
            assert_eq!(wait(1.0), Retry::Wait(Duration::from_secs(seconds) + Duration::from_millis(250)));
        }
    }

    #[test]
    fn patience_ends() {
        for (max_retries, made, expected) in [(5, 5, true), (5, 6, false), (0, 1, false), (1, 1, true), (1, 2, false)] {
            let policy = Policy { max_retries, ..POLICY };
            for outcome in [Outcome::NotSent, Outcome::Refused(&refusal(429, ""))] {
                let verdict = next(&policy, made, made, outcome, true, 0.5);
                assert_eq!(verdict != Retry::GiveUp, expected, "{max_retries}, {made}, {outcome:?}");
            }
        }
    }
}
