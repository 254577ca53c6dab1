//! What an error is about.

/// What we were doing when it went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Doing {
    /// Asking for a new backup.
    Create,
    /// Asking for a new backup that no state will track.
    Take,
    /// Waiting for a backup that exists.
    Wait,
    /// Looking at one backup.
    Read,
    /// Looking at one that no state has yet.
    Import,
    /// Looking for backups or instances.
    Search,
    /// Stopping and deleting a backup.
    Delete,
    /// Waiting for a backup that no state tracks.
    Follow,
    /// Deleting a backup that no state tracks.
    Prune,
    /// Deleting an older backup because a new one has completed; or looking for what is to be deleted.
    Rotate,
    /// Stopping a backup, and nothing else.
    Stop,
    /// Asking for download links.
    Download,
    /// Taking the final backup before an instance goes.
    Final,
}

/// The backup an error is about, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(in crate::provider) struct About<'a> {
    /// The service's key.
    pub(in crate::provider) service: &'a str,
    /// The backup's id.
    pub(in crate::provider) id: Option<&'a str>,
    /// The backup's name.
    pub(in crate::provider) name: Option<&'a str>,
    /// Its region, where that is known and matters; or nothing.
    pub(in crate::provider) region: &'a str,
}
