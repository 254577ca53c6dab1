//! What a host can be called. Pure.

/// Why no host can have this name, if none can. Whoever asks a name server hears only that there is none.
pub fn impossible(name: &str) -> Option<&'static str> {
    let labels = || name.strip_suffix('.').unwrap_or(name).split('.');
    match name {
        _ if name.len() > 253 => Some("it is longer than 253 characters"),
        _ if labels().any(|label| label.len() > 63) => Some("a part of it is longer than 63 characters"),
        _ if labels().any(str::is_empty) => Some("a part of it is empty"),
        _ if labels().any(|label| label.starts_with('-') || label.ends_with('-')) => {
            Some("a part of it begins or ends with a hyphen")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_host_can_have_is_told_as_such() {
        let long = "x".repeat(63);
        for name in ["dds.eu-de.otc.t-systems.com", "localhost", "example.com.", "a_b.example.com", &long] {
            assert_eq!(impossible(name), None, "{name}");
        }
        for (name, why) in [
            (format!("{long}x"), "longer than 63"),
            (format!("dds.{long}x.example.com"), "longer than 63"),
            (["abc."; 64].concat() + "com", "longer than 253"),
            ("-a.example.com".to_owned(), "hyphen"),
            ("dds.eu-de-.example.com".to_owned(), "hyphen"),
            ("dds..example.com".to_owned(), "empty"),
            ("example.com..".to_owned(), "empty"),
        ] {
            assert!(impossible(&name).is_some_and(|said| said.contains(why)), "{name}");
        }
    }
}
