//! Where ids and secrets come from: a stream of digests over one seed, so that the ledger stays deterministic.

use sha2::{Digest, Sha256};

/// An endless source of ids; the same seed gives the same ids.
#[derive(Debug)]
pub(crate) struct Mint {
    seed: [u8; 16],
    count: u64,
}

impl Mint {
    /// A mint that starts from `seed`.
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self { seed, count: 0 }
    }

    /// A mint nobody can foresee.
    pub(crate) fn random() -> Self {
        Self::new(*uuid::Uuid::new_v4().as_bytes())
    }

    fn next(&mut self) -> [u8; 32] {
        self.count += 1;
        let mut digest = Sha256::new();
        digest.update(self.seed);
        digest.update(self.count.to_be_bytes());
        digest.finalize().into()
    }

    /// 32 lower-case hexadecimal digits.
    pub(crate) fn hex32(&mut self) -> String {
        hex(&self.next()[..16])
    }

    /// 32 hexadecimal digits and the four-character suffix that tells the kind of thing.
    pub(crate) fn id(&mut self, suffix: &str) -> String {
        self.hex32() + suffix
    }

    /// A dashed UUID, the form jobs have.
    pub(crate) fn uuid(&mut self) -> String {
        let bytes = self.next();
        let mut half = [0; 16];
        half.copy_from_slice(&bytes[..16]);
        uuid::Builder::from_random_bytes(half).into_uuid().to_string()
    }

    /// `length` letters and digits.
    pub(crate) fn secret(&mut self, length: usize) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut text = String::with_capacity(length);
        while text.len() < length {
            for byte in self.next() {
                if text.len() < length {
                    text.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
                }
            }
        }
        text
    }

    /// A number to vary sizes with.
    pub(crate) fn dice(&mut self) -> u32 {
        let bytes = self.next();
        u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }
}

/// 32 hexadecimal digits that depend on `parts` only, for ids that stay the same from start to start.
pub(crate) fn stable_hex(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    hex(&digest.finalize()[..16])
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_documented_forms() {
        let mut mint = Mint::new([7; 16]);
        let id = mint.id("br02");
        assert_eq!(id.len(), 36);
        assert!(id.ends_with("br02") && id[..32].bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
        assert_ne!(id, mint.id("br02"));
        assert_eq!(id, Mint::new([7; 16]).id("br02"));
        assert_eq!(mint.uuid().split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(mint.secret(40).len(), 40);
        assert_eq!(stable_hex(&["a", "b"]).len(), 32);
        assert_ne!(stable_hex(&["a", "b"]), stable_hex(&["ab"]));
    }
}
