//! What nobody is to see, in whatever form a gateway may repeat it.
//!
//! Some gateways quote the request that they refuse: as it was, encoded, cut, or as a part of something else. There are too many
//! forms to make each of them and look for it. So a text is read as what it stands for: percent-encoding, `+` for a blank, the
//! escapes of JSON and base64 are undone. What then shares a piece with a secret goes, with the whole word that it is in.
//! Pure: text in, text out.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// So many bytes of a secret in a row are nothing else by chance, and shorter parts help nobody to guess the rest.
const PIECE: usize = 16;
/// A secret that is shorter than this is in the base64 of many a word.
const LEAST_IN_BASE64: usize = 6;
/// How often what was encoded may have been encoded again.
const LAYERS: usize = 4;
/// `\u0041`.
const LONGEST_ESCAPE: usize = 6;

/// Secrets that must not show up in a text.
pub(super) struct Hidden {
    /// As they are. The longest first, so that none leaves a part of another.
    secrets: Vec<String>,
    /// What the short ones stand for: they count as a whole only.
    short: Vec<Vec<u8>>,
    /// All pieces of what the others stand for.
    pieces: HashSet<[u8; PIECE]>,
}

/// A byte that something in the text stands for.
struct Meant {
    byte: u8,
    /// Where that begins and ends.
    from: usize,
    to: usize,
}

impl Hidden {
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a str>) -> Self {
        let mut secrets: Vec<String> = secrets.filter(|secret| !secret.is_empty()).map(str::to_owned).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let meant = secrets.iter().map(|secret| with_blanks(&decoded(secret.as_bytes())));
        let (short, long): (Vec<_>, Vec<_>) = meant.partition(|secret| secret.len() < PIECE);
        let pieces = long.iter().flat_map(|secret| pieces(secret).map(|(_, piece)| piece)).collect();
        Hidden { secrets, short, pieces }
    }

    /// The text without them.
    pub(super) fn scrub(&self, text: String) -> String {
        let text = self.secrets.iter().fold(text, |text, secret| text.replace(secret, "***"));
        let meant = decoded(text.as_bytes());
        let bytes = with_blanks(&meant);
        let mut hidden = vec![false; text.len()];
        let mut mark = |meant: &[Meant]| meant.iter().for_each(|one| hidden[one.from..one.to].fill(true));
        for (at, length) in self.wholes(&bytes, 1) {
            mark(&meant[at..at + length]);
        }
        let mut suspicious = vec![false; text.len()];
        let mut suspect = |meant: &[Meant]| meant.iter().for_each(|one| suspicious[one.from..one.to].fill(true));
        for (at, _) in pieces(&bytes).filter(|(_, piece)| self.pieces.contains(piece)) {
            suspect(&meant[at..at + PIECE]);
        }
        for run in meant.chunk_by(|one, next| sextet(one.byte).is_some() && sextet(next.byte).is_some()) {
            if self.is_in_base64(run) {
                suspect(run);
            }
        }
        for word in words(text.as_bytes()) {
            if suspicious[word.clone()].contains(&true) {
                suspicious[word].fill(true);
            }
        }
        hidden.iter_mut().zip(suspicious).for_each(|(hidden, suspicious)| *hidden |= suspicious);
        without(&text, &hidden)
    }

    /// Where a short secret is, and how long.
    fn wholes<'a>(&'a self, bytes: &'a [u8], least: usize) -> impl Iterator<Item = (usize, usize)> + 'a {
        let known = self.short.iter().filter(move |secret| secret.len() >= least);
        known.flat_map(move |secret| {
            let here = bytes.windows(secret.len()).enumerate().filter(move |(_, window)| window == secret);
            here.map(|(at, window)| (at, window.len()))
        })
    }

    /// Whether a run of base64 holds a secret. Where its groups of four begin is not known: anything may be before it.
    fn is_in_base64(&self, run: &[Meant]) -> bool {
        let signs: Vec<u8> = run.iter().filter_map(|one| sextet(one.byte)).collect();
        (0..4).any(|first| {
            // Without an end of its own the last group is filled up.
            let mut signs = [signs.get(first..).unwrap_or_default(), b"AAA"].concat();
            signs.truncate(signs.len() / 4 * 4);
            let bytes = with_blanks(&decoded(&STANDARD_NO_PAD.decode(signs).unwrap_or_default()));
            self.wholes(&bytes, LEAST_IN_BASE64).next().is_some()
                || pieces(&bytes).any(|(_, piece)| self.pieces.contains(&piece))
        })
    }
}

/// What a text stands for, however often it was encoded.
fn decoded(text: &[u8]) -> Vec<Meant> {
    let mut meant: Vec<Meant> =
        text.iter().enumerate().map(|(at, byte)| Meant { byte: *byte, from: at, to: at + 1 }).collect();
    for _ in 0..LAYERS {
        let before = meant.len();
        meant = one_layer_less(&meant);
        if meant.len() == before {
            break;
        }
    }
    meant
}

fn one_layer_less(text: &[Meant]) -> Vec<Meant> {
    let mut less = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        let begins = matches!(first.byte, b'%' | b'\\');
        let next: Vec<u8> = rest.iter().take(if begins { LONGEST_ESCAPE } else { 0 }).map(|one| one.byte).collect();
        let (bytes, length) = escaped(&next).unwrap_or_else(|| (vec![first.byte], 1));
        let to = rest[length - 1].to;
        less.extend(bytes.into_iter().map(|byte| Meant { byte, from: first.from, to }));
        rest = &rest[length..];
    }
    less
}

/// What the escape with which a text begins stands for, and how long it is.
fn escaped(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let number = |digits: &[u8]| {
        let are_digits = digits.iter().all(u8::is_ascii_hexdigit);
        std::str::from_utf8(digits).ok().filter(|_| are_digits).and_then(|text| u32::from_str_radix(text, 16).ok())
    };
    match text {
        [b'%', first, second, ..] => Some((vec![u8::try_from(number(&[*first, *second])?).ok()?], 3)),
        [b'\\', b'u', digits @ ..] => {
            let letter = char::from_u32(number(digits.get(..4)?)?)?;
            Some((letter.to_string().into_bytes(), 6))
        }
        [b'\\', sign @ (b'"' | b'\\' | b'/'), ..] => Some((vec![*sign], 2)),
        _ => None,
    }
}

/// In the form in which texts are compared: some write `+` for a blank.
fn with_blanks(meant: &[Meant]) -> Vec<u8> {
    meant.iter().map(|one| if one.byte == b'+' { b' ' } else { one.byte }).collect()
}

fn pieces(bytes: &[u8]) -> impl Iterator<Item = (usize, [u8; PIECE])> + '_ {
    bytes.windows(PIECE).enumerate().filter_map(|(at, piece)| Some((at, piece.try_into().ok()?)))
}

/// A sign of base64, in its usual form if it is of the form for addresses.
fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'+' | b'/' => Some(byte),
        _ => byte.is_ascii_alphanumeric().then_some(byte),
    }
}

/// What stands between blanks and the signs that people and programs put around things.
fn words(text: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    // The escape of a quotation mark is one sign: half of it would spoil the text around it.
    let parts = |at: usize| {
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'<>()[]{},;:=&".contains(byte);
        ends(&text[at]) || (text[at] == b'\\' && text.get(at + 1).is_some_and(ends))
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() && parts(at) {
            at += 1;
        }
        let begun = at;
        while at < text.len() && !parts(at) {
            at += 1;
        }
        (begun < at).then_some(begun..at)
    })
}

/// The text with stars for each run of what is hidden.
fn without(text: &str, hidden: &[bool]) -> String {
    let mut shown = Vec::with_capacity(text.len());
    let mut before = false;
    for (byte, is_hidden) in text.bytes().zip(hidden) {
        match (is_hidden, before) {
            (false, _) => shown.push(byte),
            (true, false) => shown.extend(b"***"),
            (true, true) => {}
        }
        before = *is_hidden;
    }
    String::from_utf8_lossy(&shown).into_owned()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use serde_json::json;

    use super::*;

    const SECRET: &str = "wJalr/XUtn+FEMI=K7MDENG/bPxRfi~CYEXAMPLEKEY";
    /// As people make them up.
    const PASSWORD: &str = "Grüße \"an\" a+b/c & 100%!";

    fn scrub(text: &str) -> String {
        Hidden::new([SECRET, PASSWORD, "pw", "p@s+s w%41rd", ""].into_iter()).scrub(text.to_owned())
    }

    /// Percent-encoded: those bytes for which it is said.
    fn percent(text: &str, encode: impl Fn(usize, u8) -> bool) -> String {
        let one = |(at, byte)| if encode(at, byte) { format!("%{byte:02X}") } else { char::from(byte).to_string() };
        text.bytes().enumerate().map(one).collect()
    }

    #[test]
    fn no_form_gets_through() {
        for secret in [SECRET, PASSWORD] {
            let usual = |_, byte: u8| !byte.is_ascii_alphanumeric();
            let written = json!({ "password": secret }).to_string();
            for text in [
                secret.to_owned(),
                percent(secret, usual),
                percent(secret, usual).to_lowercase().replace('w', "%77"),
                percent(secret, usual).replace("%20", "+"),
                percent(secret, |_, _| true),
                percent(secret, |at, byte| at % 2 == 0 || !byte.is_ascii_alphanumeric()),
                percent(&percent(secret, usual), usual),
                secret.replace('/', "\\/").replace('"', "\\\""),
                written.clone(),
                written.replace('ü', "\\u00fc").replace('ß', "\\u00DF"),
                STANDARD.encode(secret),
                URL_SAFE.encode(secret),
                STANDARD.encode(&written),
                STANDARD.encode(percent(secret, usual)),
                percent(&STANDARD.encode(&written), usual),
            ] {
                let said = scrub(&format!("refused: <{text}>, twice: {text}"));
                let is_lower = text.contains("%77");
                let shown = said.replace("refused", "").replace("twice", "").replace("password", "");
                // Brackets and the like may stay.
                let left = shown.bytes().filter(u8::is_ascii_alphanumeric).count();
                assert!(is_lower || (said.contains("***") && left == 0), "{text}: {said}");
            }
        }
        assert_eq!(scrub("the password is pw, not cHc="), "the password is ***, not cHc=");
        for text in ["p@s+s w%41rd", "p%40s%2Bs+w%2541rd", "p@s%2bs w%41rd"] {
            assert_eq!(scrub(&format!("({text})")), "(***)");
        }
        assert_eq!(scrub(&STANDARD.encode("me:p@s+s w%41rd")), "***");
    }

    #[test]
    fn a_cut_or_inner_part_is_a_secret_too() {
        for text in [&SECRET[..16], &SECRET[1..], &SECRET[..SECRET.len() - 1], &SECRET[9..30], &PASSWORD[2..20]] {
            for text in [text.to_owned(), percent(text, |_, _| true), STANDARD.encode(text)] {
                let said = scrub(&format!("refused: \"{text}...\" (request 5f2a)"));
                let odd = said.replace(['.', '"', '='], "");
                assert_eq!(odd, "refused: *** (request 5f2a)", "{text}");
            }
        }
    }

    #[test]
    fn a_part_of_something_in_base64_is_found_wherever_it_begins() {
        for before in ["", "x", "xy", "xyz", "Authorization: "] {
            for after in ["", "x", "xy", "\n"] {
                let text = STANDARD.encode(format!("{before}{SECRET}{after}"));
                assert_eq!(scrub(&text).trim_end_matches('='), "***", "{before}, {after}");
            }
        }
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        for text in [
            "request 5f2a-11, 100% of \\\"it\\\", %zz, \\u12, a+b, Grüße",
            "3b1f0a6e-77c2-4c2a-9a0b-1f2e3d4c5b6a",
            &"x".repeat(100),
            "{\"error_code\":\"APIGW.0301\",\"error_msg\":\"Incorrect IAM authentication information\"}",
        ] {
            assert_eq!(scrub(text), text);
        }
        let quoted = json!({ "error_msg": format!("token \"{SECRET}\" and \"{}\"", &SECRET[..20]) }).to_string();
        let said: serde_json::Value = serde_json::from_str(&scrub(&quoted)).unwrap();
        assert_eq!(said["error_msg"], "token \"***\" and \"***\"");
    }

    #[test]
    fn a_large_text_and_a_large_secret_cost_little() {
        // What grows with the product of both would not come to its end here.
        let secret: String = (0..60_000_u32).map(|at| char::from(b'a' + u8::try_from(at * at % 23).unwrap())).collect();
        let hidden = Hidden::new([secret.as_str()].into_iter());
        let said = hidden.scrub(format!("{} {}", "y%41".repeat(160_000), &secret[100..200]));
        assert!(said.ends_with(" ***") && said.len() > 600_000, "{}", said.len());
    }
}
