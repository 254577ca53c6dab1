//! What nobody is to see, in every form in which a gateway may repeat it.
//!
//! Some gateways quote the request that they refuse: as it was, percent-encoded, in base64, as a part of something else in
//! base64, or with the slashes escaped as JSON allows. Pure: text in, text out.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A form shorter than this may be a word like any other, unless it is the secret itself.
const SHORTEST_FORM: usize = 10;

/// Secrets that must not show up in a text.
pub(super) struct Hidden {
    /// The longest first, so that none leaves a part of another.
    forms: Vec<String>,
}

impl Hidden {
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a str>) -> Self {
        let mut forms: Vec<String> = secrets.filter(|secret| !secret.is_empty()).flat_map(forms).collect();
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        Hidden { forms }
    }

    /// The text without them.
    pub(super) fn scrub(&self, text: String) -> String {
        self.forms.iter().fold(text, |text, form| if text.contains(form) { text.replace(form, "***") } else { text })
    }
}

fn forms(secret: &str) -> Vec<String> {
    let percent = |lower: bool| -> String {
        let one = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ if lower => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        };
        secret.bytes().map(one).collect()
    };
    let mut all = vec![percent(false), percent(true), secret.replace('/', "\\/")];
    for shift in 0..3 {
        all.extend([encoded(&STANDARD_NO_PAD, secret, shift), encoded(&URL_SAFE_NO_PAD, secret, shift)]);
    }
    all.retain(|form| form.len() >= SHORTEST_FORM);
    all.push(secret.to_owned());
    all
}

/// The characters of base64 that are the secret's alone if so many bytes are before it in a group of three.
fn encoded(engine: &impl Engine, secret: &str, shift: usize) -> String {
    let before = vec![0; shift];
    let whole = engine.encode([&before, secret.as_bytes()].concat());
    // Six bits each: the first ones may be mixed with what is before, the last one with what is behind.
    let first = (shift * 8).div_ceil(6);
    let last = (shift + secret.len()) * 8 / 6;
    whole.get(first..last).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    const SECRET: &str = "wJalr/XUtn+FEMI=K7MDENG/bPxRfi~CYEXAMPLEKEY";

    fn scrub(text: &str) -> String {
        Hidden::new([SECRET, "pw", ""].into_iter()).scrub(text.to_owned())
    }

    #[test]
    fn no_form_gets_through() {
        let percent = "wJalr%2FXUtn%2BFEMI%3DK7MDENG%2FbPxRfi~CYEXAMPLEKEY";
        for text in [
            SECRET.to_owned(),
            percent.to_owned(),
            percent.replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"),
            SECRET.replace('/', "\\/"),
            STANDARD.encode(SECRET).trim_end_matches('=').to_owned(),
            URL_SAFE.encode(SECRET).trim_end_matches('=').to_owned(),
        ] {
            let said = scrub(&format!("refused: <{text}>, twice: {text}"));
            // What base64 mixes with its neighbours, one character at most, may stay.
            assert!(said.contains("***") && !said.contains(&text[..8]) && said.len() < 40, "{text}: {said}");
        }
        assert_eq!(scrub("the password is pw, not cHc="), "the password is ***, not cHc=");
        assert_eq!(scrub("request 5f2a-11"), "request 5f2a-11");
    }

    #[test]
    fn a_part_of_something_in_base64_is_found_wherever_it_begins() {
        for before in ["", "x", "xy", "xyz", "Authorization: "] {
            for after in ["", "x", "xy", "\n"] {
                let text = STANDARD.encode(format!("{before}{SECRET}{after}"));
                let said = scrub(&text);
                assert!(said.contains("***") && said.len() <= text.len() - 50, "{before}, {after}: {said}");
            }
        }
    }
}
