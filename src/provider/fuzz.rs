//! Files of the person who runs Terraform, as bytes from anywhere.

use serde_json::Value as Json;

use super::settings;

/// The shared configuration file.
pub fn shared_config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let shown = match settings::profile(text, None, "config.json") {
        Ok(kept) => format!("{:?}", kept.unusable),
        Err(diagnostic) => format!("{diagnostic:?}"),
    };
    // A secret that occurs nowhere else in the file must not occur in anything that people get to see.
    let file: Json = serde_json::from_str(text).unwrap_or_default();
    for profile in file.get("profiles").and_then(Json::as_array).into_iter().flatten() {
        for name in ["secretAccessKey", "securityToken"] {
            let secret = profile.get(name).and_then(Json::as_str).unwrap_or_default();
            let unique = secret.len() >= 12 && text.matches(secret).count() == 1;
            assert!(!unique || !shown.contains(secret), "{name} is shown");
        }
    }
}
