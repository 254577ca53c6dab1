//! Codes of refusals that a client has to tell apart, as the vendor's tables of errors list them.

use serde::Serialize;

/// What a code speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The backup does not exist.
    Backup,
    /// The instance does not exist, is not the caller's or has no valid id: no word about a backup.
    Instance,
    /// Another operation is under way: to be asked for again later.
    Busy,
}

/// A documented refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Code {
    /// The services whose tables list it.
    pub services: &'static [&'static str],
    /// The HTTP status it comes with.
    pub status: u16,
    /// The code.
    pub code: &'static str,
    /// What it speaks of.
    pub about: About,
    /// A text of the kind that comes with it.
    pub text: &'static str,
}

const NOSQL: &[&str] = &["dds", "geminidb"];
const SQL: &[&str] = &["taurusdb", "rds", "gaussdb"];

const NO_BACKUP: &str = "The backup file does not exist.";
const NO_INSTANCE: &str = "The DB instance does not exist.";
const STATE: &str = "The operation is not allowed in the current state.";
const BUSY: &str = "Another operation is being performed on the DB instance or the DB instance is faulty.";

const fn code(
    services: &'static [&'static str],
    status: u16,
    code: &'static str,
    about: About,
    text: &'static str,
) -> Code {
    Code { services, status, code, about, text }
}

/// The documented refusals, one a line.
pub const CODES: &[Code] = &[
    code(NOSQL, 400, "DBS.201214", About::Backup, NO_BACKUP),
    code(NOSQL, 400, "DBS.201204", About::Backup, NO_BACKUP),
    code(SQL, 404, "DBS.201010", About::Backup, "The backup information does not exist."),
    code(SQL, 400, "DBS.201203", About::Backup, NO_BACKUP),
    code(&["taurusdb", "rds"], 400, "DBS.280214", About::Backup, "The backup does not exist."),
    code(&["gaussdb"], 400, "DBS.200751", About::Backup, NO_BACKUP),
    code(NOSQL, 404, "DBS.200002", About::Instance, NO_INSTANCE),
    code(NOSQL, 400, "DBS.201501", About::Instance, NO_INSTANCE),
    code(NOSQL, 400, "DBS.201502", About::Instance, NO_INSTANCE),
    code(NOSQL, 400, "DBS.280110", About::Instance, NO_INSTANCE),
    code(NOSQL, 403, "DBS.201028", About::Instance, NO_INSTANCE),
    code(NOSQL, 400, "DBS.280404", About::Instance, "Invalid DB instance ID."),
    code(SQL, 404, "DBS.200002", About::Instance, NO_INSTANCE),
    code(SQL, 404, "DBS.200045", About::Instance, NO_INSTANCE),
    code(SQL, 404, "DBS.200408", About::Instance, "The DB instance does not exist or has no normal node."),
    code(SQL, 404, "DBS.200602", About::Instance, NO_INSTANCE),
    code(SQL, 404, "DBS.201028", About::Instance, NO_INSTANCE),
    code(SQL, 404, "DBS.290005", About::Instance, NO_INSTANCE),
    code(SQL, 404, "DBS.290011", About::Instance, NO_INSTANCE),
    code(SQL, 400, "DBS.280404", About::Instance, "Invalid DB instance ID."),
    code(SQL, 403, "DBS.200604", About::Instance, "The DB instance does not belong to you."),
    code(&["rds"], 404, "DBS.200013", About::Instance, NO_INSTANCE),
    code(NOSQL, 403, "DBS.200019", About::Busy, BUSY),
    code(NOSQL, 403, "DBS.201014", About::Busy, STATE),
    code(NOSQL, 403, "DBS.201015", About::Busy, BUSY),
    code(NOSQL, 400, "DBS.200047", About::Busy, STATE),
    code(SQL, 409, "DBS.200019", About::Busy, BUSY),
    code(SQL, 409, "DBS.200011", About::Busy, STATE),
    code(SQL, 409, "DBS.201205", About::Busy, "Backup is in progress, please wait."),
    code(SQL, 400, "DBS.201014", About::Busy, STATE),
    code(SQL, 400, "DBS.200086", About::Busy, STATE),
    code(&["gaussdb"], 400, "DBS.06020003", About::Busy, BUSY),
    code(&["gaussdb"], 409, "DBS.212033", About::Busy, BUSY),
    code(&["rds"], 409, "RDS.0011", About::Busy, BUSY),
];

/// The documented refusals of a service that speak of one thing.
pub fn codes(service: &str, about: About) -> impl Iterator<Item = &'static Code> {
    CODES.iter().filter(move |code| code.about == about && code.services.contains(&service))
}
