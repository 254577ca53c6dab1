//! Switches for what the API reference leaves open or what differs between the clouds.

use serde::{Deserialize, Serialize};

/// How the emulated cloud behaves where sources differ; the default is the likeliest reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, written as true or false in JSON")]
pub struct Modes {
    /// Open Telekom Cloud: what its reference does not publish is not offered, and answers carry less.
    pub otc: bool,
    /// Operations answered with 404 `APIGW.0101`, as `"service.operation"`, e.g. `"dds.stop"`.
    pub not_offered: Vec<String>,
    /// First part of gateway codes: `APIGW`, or `APIG` as older gateways say.
    pub gateway_prefix: String,
    /// A list by an unknown backup id answers 400 `DBS.201214` instead of an empty list (dds, geminidb).
    pub unknown_backup_refused: bool,
    /// An unknown instance answers 400 `DBS.280110` instead of 404 `DBS.200002` (dds, geminidb).
    pub unknown_instance_400: bool,
    /// What a list says whose `instance_id` names an instance that is not, or no more, in this project.
    pub gone_instance: GoneInstance,
    /// What a key or token gets that does not belong to the project in the path.
    pub foreign_project: ForeignProject,
    /// What becomes of a description.
    pub description: Description,
    /// A stopped backup disappears instead of ending as failed.
    pub stopped_backup_vanishes: bool,
    /// Errors of ddm have the legacy shape (`errCode`, `externalMessage`).
    pub legacy_errors: bool,
    /// How the end time of something that still runs is written.
    pub open_end: OpenEnd,
    /// What the lists say about the number of all items.
    pub total: Total,
    /// Lists ignore `offset`, so that each page repeats the first.
    pub ignore_offset: bool,
    /// Most calls per API in a window of time; off when absent.
    pub throttle: Option<Throttle>,
    /// Seconds a new IAM token lives.
    pub token_seconds: f64,
    /// Who refuses a bad token: the gateway (`APIGW.0301`) or the service (`DBS.280056`).
    pub token_refusal: TokenRefusal,
    /// `GET /v3/projects` is forbidden; the caller's own projects still are not.
    pub project_list_forbidden: bool,
    /// More than five failures in a row lock an access key for five minutes, or a user for fifteen.
    pub locking: bool,
    /// How the metadata endpoints of a virtual machine behave.
    pub metadata: Metadata,
    /// Seconds by which the cloud's clock is ahead of this machine's.
    pub clock_ahead_seconds: i64,
}

impl Default for Modes {
    fn default() -> Self {
        Self {
            otc: false,
            not_offered: Vec::new(),
            gateway_prefix: "APIGW".to_owned(),
            unknown_backup_refused: false,
            unknown_instance_400: false,
            gone_instance: GoneInstance::Listed,
            foreign_project: ForeignProject::Refused,
            description: Description::Kept,
            stopped_backup_vanishes: false,
            legacy_errors: false,
            open_end: OpenEnd::Empty,
            total: Total::Right,
            ignore_offset: false,
            throttle: None,
            token_seconds: 86_400.0,
            token_refusal: TokenRefusal::Gateway,
            project_list_forbidden: false,
            locking: true,
            metadata: Metadata::Open,
            clock_ahead_seconds: 0,
        }
    }
}

/// What a list says of an instance that is not in this project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoneInstance {
    /// The backups that are left of it.
    Listed,
    /// That it does not exist: 404 `DBS.200002`, or 400 `DBS.280110` with `unknown_instance_400`.
    Refused,
    /// Nothing.
    Empty,
}

/// What a caller gets who has nothing to do with the project in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignProject {
    /// `DBS.200010`.
    Refused,
    /// The answers of a project in which there is nothing.
    Empty,
}

/// What becomes of a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Description {
    /// It stays as it is.
    Kept,
    /// Blanks go at both ends, and of several in a row all but one.
    Trimmed,
    /// Everything but letters and digits of ASCII and blanks becomes a reference to a character: `&#228;`.
    Escaped,
    /// Something is put before it.
    Rewritten,
    /// Ten characters stay.
    Cut,
    /// Nothing stays.
    Dropped,
}

impl Description {
    /// What the service keeps of a description.
    pub(crate) fn kept(self, text: &str) -> String {
        match self {
            Self::Kept => text.to_owned(),
            Self::Trimmed => text.split_whitespace().collect::<Vec<_>>().join(" "),
            Self::Escaped => {
                let plain = |c: &char| c.is_ascii_alphanumeric() || *c == ' ';
                text.chars().map(|c| if plain(&c) { c.to_string() } else { format!("&#{};", u32::from(c)) }).collect()
            }
            Self::Rewritten => format!("[manual] {text}"),
            Self::Cut => text.chars().take(10).collect(),
            Self::Dropped => String::new(),
        }
    }
}

/// How an end time that is not known yet is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenEnd {
    /// `""`.
    Empty,
    /// `null`.
    Null,
    /// The key is left out.
    Missing,
}

/// What a list says about the number of all items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Total {
    /// The truth.
    Right,
    /// A thousand too many.
    TooHigh,
    /// Always 0.
    Zero,
    /// The key is left out.
    Missing,
}

/// Who refuses a bad token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRefusal {
    /// 401 `APIGW.0301`.
    Gateway,
    /// `DBS.280056`: 401 on dds, 403 elsewhere.
    Service,
}

/// How the metadata endpoints behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metadata {
    /// Metadata tokens are given out but not asked for.
    Open,
    /// Credentials are given out against a metadata token only.
    TokenRequired,
    /// An older host: asking for a metadata token answers 404.
    WithoutTokens,
    /// The machine has no agency: no credentials.
    NoAgency,
}

/// A limit of calls per API, as the gateway has it (429 `APIGW.0308`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Calls let through per window, counted per service and operation.
    pub calls: usize,
    /// Length of the window in seconds.
    #[serde(default = "one_minute")]
    pub per_seconds: f64,
    /// Whether and how `Retry-After` is sent.
    #[serde(default)]
    pub retry_after: RetryAfter,
}

fn one_minute() -> f64 {
    60.0
}

/// Whether and how `Retry-After` is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// No such header.
    #[default]
    None,
    /// Whole seconds.
    Seconds,
    /// An HTTP date.
    Date,
}

/// Operations that the published reference of Open Telekom Cloud does not have.
pub(crate) const NOT_ON_OTC: &[&str] = &[
    "dds.stop",
    "dds.batch_delete",
    "dds.tasks",
    "geminidb.stop",
    "geminidb.delete",
    "geminidb.batch_delete",
    "taurusdb.batch_delete",
    "taurusdb.unified_instances",
    "rds.stop",
    "rds.retained",
    "gaussdb.stop",
    "gaussdb.newer_list",
    "gaussdb.newer_instances",
];

impl Modes {
    /// Whether this cloud has the operation at all.
    pub(crate) fn offers(&self, service: &str, operation: &str) -> bool {
        let full = format!("{service}.{operation}");
        !(self.not_offered.contains(&full) || self.otc && NOT_ON_OTC.contains(&full.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_changed_as_the_mode_says() {
        for (mode, expected) in [
            (Description::Kept, " for  M\u{fc}ller "),
            (Description::Trimmed, "for M\u{fc}ller"),
            (Description::Escaped, " for  M&#252;ller "),
            (Description::Rewritten, "[manual]  for  M\u{fc}ller "),
            (Description::Cut, " for  M\u{fc}ll"),
            (Description::Dropped, ""),
        ] {
            assert_eq!(mode.kept(" for  M\u{fc}ller "), expected, "{mode:?}");
        }
    }
}
