//! What a resource and a data source implement, and what they may do while an operation runs.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::stop::StopRequest;
use super::value::Stored;
use super::{Diagnostic, Diagnostics, Model, Path, Schema};

/// A kind of managed object, over a configured client `C`.
///
/// The client is a parameter, so "used before configured" cannot be written. Defaults, unknown values, replacement,
/// kept computed values, the `timeouts` block, read-only and required arguments are handled from the [`Schema`]
/// before any of these is called.
pub trait Resource<C>: Send + Sync + 'static {
    /// All attributes and blocks of the schema, `timeouts` left out.
    type Model: Model;

    /// The schema. It must not depend on configuration, environment or time.
    fn schema(&self) -> Schema;

    /// Checks that span several arguments. Anything may be null or unknown.
    fn validate(&self, config: &Self::Model) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Adjusts a create or update plan after the schema's rules were applied. `client` is `None` while the provider's
    /// configuration is not known yet. Must give the same answer each time it is asked.
    fn plan(&self, client: Option<&C>, planning: &mut Planning<Self::Model>) -> impl Future<Output = ()> + Send {
        let _ = (client, planning);
        async {}
    }

    /// The state has this object, whatever comes of it. Told before anything else is asked about it.
    fn known(&self, client: &C, state: &Self::Model) {
        let _ = (client, state);
    }

    /// Why an object must not be deleted, if that can be told from its state. Where the CLI itself decides on a replacement, this
    /// is said in the plan of the new object.
    fn protects(&self, prior: &Self::Model) -> Option<Diagnostic> {
        let _ = prior;
        None
    }

    /// What to say about a planned delete; `private` is what is stored beside the object. An error refuses it.
    fn plan_delete(
        &self,
        client: Option<&C>,
        prior: &Self::Model,
        private: &Private,
    ) -> impl Future<Output = Diagnostics> + Send {
        let _ = (client, prior, private);
        async { Diagnostics::new() }
    }

    /// What to say about a planned replacement: by default what a delete of the old object has to say. Terraform then
    /// plans the new object like any create, but shows no warnings of that plan. What is noted here, that plan finds.
    fn plan_replace(
        &self,
        client: Option<&C>,
        (prior, private): (&Self::Model, &Private),
        planned: &Self::Model,
        notes: Option<&mut Private>,
    ) -> impl Future<Output = Diagnostics> + Send {
        let _ = (planned, notes);
        self.plan_delete(client, prior, private)
    }

    /// Creates the object. Whatever was given to [`Life::checkpoint`] is kept in the state even if this then fails.
    fn create(
        &self,
        client: &C,
        planned: Self::Model,
        life: &mut Life<Self::Model>,
    ) -> impl Future<Output = Result<Self::Model, Diagnostics>> + Send;

    /// Refreshes the object. `None` only on proof that it is gone; "could not tell" is an error.
    fn read(
        &self,
        client: &C,
        state: Self::Model,
        life: &mut Life<Self::Model>,
    ) -> impl Future<Output = Result<Option<Self::Model>, Diagnostics>> + Send;

    /// Updates the object in place; by default as it is created, which is right for what is written whole under its own name.
    /// Never called where every argument asks for a new object. On failure the state keeps `prior`, or the last checkpoint.
    fn update(
        &self,
        client: &C,
        prior: Self::Model,
        planned: Self::Model,
        life: &mut Life<Self::Model>,
    ) -> impl Future<Output = Result<Self::Model, Diagnostics>> + Send {
        let _ = prior;
        self.create(client, planned, life)
    }

    /// Deletes the object. "Already gone" is success; on failure the state keeps the object, or the last checkpoint.
    fn delete(
        &self,
        client: &C,
        state: Self::Model,
        life: &mut Life<Self::Model>,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send;

    /// Turns an import id into a stub that a read completes. No calls. Defaults of the schema are filled in where the
    /// stub has nothing.
    fn import(&self, id: &str) -> Result<Self::Model, Diagnostics>;

    /// Turns the attributes of an identity into a stub that a read completes; everything else is null. No calls.
    fn import_identity(&self, identity: Self::Model) -> Result<Self::Model, Diagnostics> {
        Ok(identity)
    }

    /// Completes the stub of an import by what only the client knows. No calls.
    fn imported(&self, client: &C, stub: Self::Model) -> Self::Model {
        let _ = client;
        stub
    }

    /// Takes over an object of another type, of this or another provider. No calls. Defaults of the schema are filled in
    /// where the result has nothing. Objects of this type never come here.
    fn move_from(&self, source: &Source<'_>) -> Result<Self::Model, Diagnostics> {
        Err(source.refused("this resource takes over no other types"))
    }

    /// What to write into a configuration for an object, once everything that cannot or need not be configured is null.
    fn configuration(&self, config: Self::Model) -> Self::Model {
        config
    }

    /// Rewrites attributes stored under an older schema version. No calls. What the current schema does not know is
    /// dropped afterwards, and what is missing becomes null; nothing else needs to be done here.
    fn upgrade(&self, version: i64, stored: Stored) -> Result<Stored, Diagnostics> {
        let _ = stored;
        Err(too_old(version).into())
    }
}

/// That nobody can read so old a state any more.
pub(super) fn too_old(version: i64) -> Diagnostic {
    let detail = format!(
        "The state was written with version {version} of this resource's schema, which this version of the provider cannot \
         read. Nothing was changed. Apply once with an earlier version of the provider, then upgrade."
    );
    Diagnostic::error("Stored state is too old", detail)
}

/// An object of another type, as the state holds it.
#[derive(Debug)]
pub struct Source<'a> {
    /// The type it had.
    pub type_name: &'a str,
    /// The full address of the provider it had: `host/namespace/type`.
    pub address: &'a str,
    /// The version of the schema that it was stored with.
    pub version: i64,
    /// Its attributes.
    pub attributes: Stored,
    /// The type it shall have.
    pub(super) target: &'a str,
}

impl Source<'_> {
    /// The type of the provider it had, as in `terraform-provider-<type>`, whichever registry it came from.
    pub fn provider(&self) -> &str {
        self.address.rsplit('/').next().unwrap_or_default()
    }

    /// That it cannot be taken over, and why. `why` is a clause.
    pub fn refused(&self, why: &str) -> Diagnostics {
        let (from, to) = (self.type_name, self.target);
        let detail = format!(
            "A {from} of {} cannot become a {to}: {why}. To manage the object as a {to} all the same, remove it from the \
             state with a `removed` block and import it anew.",
            self.address
        );
        Diagnostic::error("Object cannot be moved to this type", detail).into()
    }
}

/// A kind of object that is only read, over a configured client `C`.
pub trait DataSource<C>: Send + Sync + 'static {
    /// All attributes and blocks of the schema.
    type Model: Model;

    /// The schema. It must not depend on configuration, environment or time.
    fn schema(&self) -> Schema;

    /// Checks that span several arguments. Anything may be null or unknown.
    fn validate(&self, config: &Self::Model) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Reads it. What is configured comes back unchanged.
    fn read(
        &self,
        client: &C,
        config: Self::Model,
        life: &mut Life<Self::Model>,
    ) -> impl Future<Output = Result<Self::Model, Diagnostics>> + Send;
}

/// What a running operation may do besides returning.
#[derive(Debug)]
pub struct Life<M> {
    stop: StopRequest,
    timeout: Duration,
    deadline: Instant,
    kept: Option<M>,
    warnings: Diagnostics,
    /// Bytes stored beside the object, by key. They are not secret.
    pub private: Private,
    /// What the plan noted for this operation; nothing with hosts that do not keep it. It ends here.
    pub notes: Private,
}

impl<M> Life<M> {
    /// For an operation that begins now.
    pub(super) fn new(stop: StopRequest, timeout: Duration, mut private: Private) -> Self {
        let notes = private.take_notes();
        let deadline = Instant::now() + timeout;
        Life { stop, timeout, deadline, kept: None, warnings: Diagnostics::new(), private, notes }
    }

    /// The object exists in this form: Terraform keeps it even if the operation then fails or panics.
    pub fn checkpoint(&mut self, state: M) {
        self.kept = Some(state);
    }

    /// The object does not exist after all: a checkpoint was premature.
    pub fn retract(&mut self) {
        self.kept = None;
    }

    /// Something to know beside the result.
    pub fn warn(&mut self, warning: impl Into<Diagnostics>) {
        self.warnings.extend(warning.into());
    }

    /// When the operation must be over, from the `timeouts` block or the schema's default.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How long the operation may take in all: what [`Self::deadline`] was computed from.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Cancelled when running operations are to stop.
    pub fn stop(&self) -> &CancellationToken {
        self.stop.signal()
    }

    /// Whether the host asked running operations to stop: only then an operation that is not complete may end well.
    pub fn is_stopped_by_host(&self) -> bool {
        self.stop.is_the_hosts()
    }

    /// The last checkpoint and the warnings so far.
    pub fn finish(self) -> (Option<M>, Diagnostics, Private) {
        (self.kept, self.warnings, self.private)
    }
}

/// The key that marks what was imported or moved.
const ADOPTED: &str = "adopted";

/// Small values stored beside an object in the state, by key. Not encrypted: no secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Private(pub BTreeMap<String, String>);

impl Private {
    /// What is stored beside an object that was imported or moved here, until its first update.
    pub(super) fn adopted() -> Self {
        Private([(ADOPTED.to_owned(), "1".to_owned())].into())
    }

    /// Whether the object was imported or moved here, and not updated since: then what its read does not tell is unknown.
    pub fn is_adopted(&self) -> bool {
        self.0.contains_key(ADOPTED)
    }

    /// From now on the object is like any other.
    pub fn forget_adoption(&mut self) {
        self.0.remove(ADOPTED);
    }

    /// Reads what Terraform stored. Bytes of another origin hold nothing we know.
    pub(super) fn read(stored: &[u8]) -> Self {
        Private(serde_json::from_slice(stored).unwrap_or_default())
    }

    /// What to store after an operation that was started with `stored`: the very same bytes unless something changed.
    pub(super) fn write(&self, stored: Vec<u8>) -> Vec<u8> {
        if *self == Self::read(&stored) {
            return stored;
        }
        if self.0.is_empty() {
            return Vec::new();
        }
        serde_json::to_vec(&self.0).expect("texts by text are always JSON")
    }
}

impl Private {
    /// What begins the keys of a plan's notes among the private bytes.
    const NOTE: &str = "plan: ";

    /// Takes out what a plan noted.
    pub(super) fn take_notes(&mut self) -> Private {
        let (notes, rest) = std::mem::take(&mut self.0).into_iter().partition(|(key, _)| key.starts_with(Self::NOTE));
        self.0 = rest;
        let notes: BTreeMap<String, String> = notes;
        Private(notes.into_iter().map(|(key, value)| (key[Self::NOTE.len()..].to_owned(), value)).collect())
    }

    /// Private bytes without what a plan noted.
    pub(super) fn without_notes(bytes: Vec<u8>) -> Vec<u8> {
        let mut private = Self::read(&bytes);
        private.take_notes();
        private.write(bytes)
    }

    /// With what a plan notes.
    pub(super) fn with_notes(mut self, notes: Private) -> Self {
        self.0.extend(notes.0.into_iter().map(|(key, value)| (format!("{}{key}", Self::NOTE), value)));
        self
    }
}

/// A create or update being planned.
#[derive(Debug)]
pub struct Planning<M> {
    /// What is configured, null where nothing is.
    pub config: M,
    /// The refreshed state; `None` for a create.
    pub prior: Option<M>,
    /// The plan so far.
    pub planned: M,
    /// Arguments whose change means a new object, beside those that the schema names.
    pub replace: Vec<Path>,
    /// Arguments that are taken from the configuration, without a new object, where the state has nothing.
    pub adopt: Vec<&'static str>,
    /// What to tell.
    pub diagnostics: Diagnostics,
    /// What to tell besides, unless the plan means a new object.
    pub unless_replaced: Diagnostics,
    /// What is stored beside the object in the state, or beside the one that this new one replaces. Not to be changed here.
    pub private: Private,
    /// What the plan notes for the apply, which finds it in [`Life::notes`]. The same plan is asked for once more right
    /// before that, and finds here what it noted, so that it can say the same. `None` with hosts that do not keep it:
    /// there, what is chosen at random must stay unknown.
    pub notes: Option<Private>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Life, Private, StopRequest};

    #[test]
    fn private_bytes_are_kept_unless_changed() {
        for stored in [&b""[..], b"{}", b"{ \"a\": \"1\" }", b"\xff somebody else's", b"{\"nested\":{}}"] {
            let private = Private::read(stored);
            assert_eq!(private.write(stored.to_vec()), stored);
        }
        let mut private = Private::read(b"{\"a\":\"1\"}");
        private.0.insert("b".to_owned(), "2".to_owned());
        assert_eq!(private.write(b"{\"a\":\"1\"}".to_vec()), br#"{"a":"1","b":"2"}"#);
    }

    #[test]
    fn notes_travel_among_the_private_bytes_and_end_with_the_operation() {
        let note = |text: &str| Private([("name".to_owned(), text.to_owned())].into());
        let kept = Private([("seen".to_owned(), "1".to_owned())].into());
        let stored = kept.clone().with_notes(note("n")).write(br#"{"seen":"1"}"#.to_vec());
        assert_eq!(stored, br#"{"plan: name":"n","seen":"1"}"#);
        let life = Life::<()>::new(StopRequest::default(), Duration::ZERO, Private::read(&stored));
        assert_eq!((&life.notes, &life.private), (&note("n"), &kept));
        assert_eq!(life.private.write(stored), br#"{"seen":"1"}"#);
        for (stored, left) in [
            (&br#"{"plan: name":"n","seen":"1"}"#[..], &br#"{"seen":"1"}"#[..]),
            (br#"{"plan: name":"n"}"#, b""),
            (b"anything", b"anything"),
        ] {
            assert_eq!(Private::without_notes(stored.to_vec()), left);
        }
    }
}
