//! What names and descriptions may look like that are sent with a create: the rule that every service accepts. What exists may
//! have been called otherwise.
//!
//! The services' pages agree on it (create requests of DDS, GeminiDB, TaurusDB, RDS and GaussDB); where a page allows
//! more, such as Chinese names in TaurusDB, the common rule is kept.

use std::fmt::Write as _;

use aws_lc_rs::{digest, rand};
use jiff::Timestamp;

/// A name has at least this many characters.
pub const NAME_MIN: usize = 4;
/// A name has at most this many characters.
pub const NAME_MAX: usize = 64;
/// A description has at most this many characters.
pub const DESCRIPTION_MAX: usize = 256;
/// A prefix has at most this many characters, because [`unique_name`] adds the rest.
pub const PREFIX_MAX: usize = NAME_MAX - ENDING;

/// `20260102030405` and eight hexadecimal digits.
const ENDING: usize = 14 + 8;

/// What is wrong with a name, if anything.
pub fn check_name(name: &str) -> Result<(), String> {
    check_letters(name)?;
    let length = name.chars().count();
    if (NAME_MIN..=NAME_MAX).contains(&length) {
        Ok(())
    } else {
        Err(format!("it has {length} characters; allowed are {NAME_MIN} to {NAME_MAX}"))
    }
}

/// What is wrong with the beginning of a name, if anything.
pub fn check_prefix(prefix: &str) -> Result<(), String> {
    check_letters(prefix)?;
    let length = prefix.chars().count();
    if (1..=PREFIX_MAX).contains(&length) {
        Ok(())
    } else {
        Err(format!("it has {length} characters; allowed are 1 to {PREFIX_MAX}, because a unique ending is added"))
    }
}

/// What is wrong with a description, if anything.
pub fn check_description(description: &str) -> Result<(), String> {
    let refused = |c: &char| c.is_control() || matches!(c, '>' | '!' | '<' | '"' | '&' | '\'' | '=');
    if let Some(bad) = description.chars().find(refused) {
        return Err(format!(
            "it contains {bad:?}; not allowed are > ! < \" & ' =, line breaks and other control characters"
        ));
    }
    let length = description.chars().count();
    if length <= DESCRIPTION_MAX {
        Ok(())
    } else {
        Err(format!("it has {length} characters; allowed are at most {DESCRIPTION_MAX}"))
    }
}

/// A valid name that begins with `prefix` and that no other call returns: the time in UTC and eight random digits.
/// Names of one prefix sort by age.
pub fn unique_name(prefix: &str, now: Timestamp) -> String {
    let mut random = [0_u8; 4];
    rand::fill(&mut random).expect("the operating system has random bytes");
    ended(prefix, now, u32::from_be_bytes(random))
}

/// Sixteen random digits, for names that are made long before they are used.
pub fn random_digits() -> String {
    let mut random = [0_u8; 8];
    rand::fill(&mut random).expect("the operating system has random bytes");
    format!("{:016x}", u64::from_be_bytes(random))
}

/// A valid name of that prefix and time: the same for the same, another for any other.
pub fn timed_name(prefix: &str, time: Timestamp) -> String {
    let digest = digest::digest(&digest::SHA256, format!("{prefix}\n{}", time.as_nanosecond()).as_bytes());
    let digits = digest.as_ref().iter().take(4).fold(0, |digits: u32, byte| digits << 8 | u32::from(*byte));
    ended(prefix, time, digits)
}

/// Whether a text is what [`unique_name`] adds to a prefix.
pub fn is_ending(text: &str) -> bool {
    text.len() == ENDING
        && text.bytes().enumerate().all(|(at, c)| c.is_ascii_digit() || (at >= 14 && matches!(c, b'a'..=b'f')))
}

fn ended(prefix: &str, now: Timestamp, random: u32) -> String {
    let mut name = String::with_capacity(prefix.len() + ENDING);
    name.push_str(prefix);
    write!(name, "{}{random:08x}", now.strftime("%Y%m%d%H%M%S")).expect("writing to a string cannot fail");
    name
}

fn check_letters(name: &str) -> Result<(), String> {
    match name.chars().next() {
        None => return Err("it is empty".to_owned()),
        Some(first) if !first.is_ascii_alphabetic() => {
            return Err(format!("it begins with {first:?}; it must begin with a letter (A-Z, a-z)"));
        }
        Some(_) => {}
    }
    match name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')) {
        Some(bad) => Err(format!("it contains {bad:?}; allowed are letters, digits, hyphens and underscores")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule_of_all_services() {
        for good in ["back", "Backup_1", "a-b-c", &"a".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", "empty"),
            ("abc", "3 characters"),
            (&"a".repeat(65) as &str, "65 characters"),
            ("1abc", "begin with a letter"),
            ("-abc", "begin with a letter"),
            ("ébcd", "begin with a letter"),
            ("ab cd", "contains ' '"),
            ("abcdé", "contains 'é'"),
            ("ab.cd", "contains '.'"),
        ] {
            let said = check_name(bad).unwrap_err();
            assert!(said.contains(why), "{bad}: {said}");
        }
    }

    #[test]
    fn a_prefix_leaves_room_for_the_ending() {
        assert_eq!(check_prefix("a"), Ok(()));
        assert_eq!(check_prefix(&"a".repeat(PREFIX_MAX)), Ok(()));
        assert!(check_prefix(&"a".repeat(PREFIX_MAX + 1)).unwrap_err().contains("43 characters"));
        assert!(check_prefix("_a").is_err());
    }

    #[test]
    fn descriptions_have_no_forbidden_signs() {
        assert_eq!(check_description(""), Ok(()));
        assert_eq!(check_description("before the migration (v2), äöü"), Ok(()));
        assert_eq!(check_description(&"ü".repeat(256)), Ok(()));
        assert!(check_description(&"ü".repeat(257)).unwrap_err().contains("257"));
        for bad in [">", "!", "<", "\"", "&", "'", "=", "\r", "\n"] {
            assert!(check_description(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_unique_name_is_valid_and_tells_its_time() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(ended("nightly-", now, 0xab), "nightly-20260102030405000000ab");
        let longest = "a".repeat(PREFIX_MAX);
        assert_eq!(check_name(&unique_name(&longest, now)), Ok(()));
        assert_eq!(check_name(&unique_name("a", now)), Ok(()));
        assert_ne!(unique_name("a", now), unique_name("a", now));
    }
}
