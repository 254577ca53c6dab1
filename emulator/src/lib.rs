//! A stand-in for the database backup APIs of Huawei Cloud and Open Telekom Cloud, on loopback, for tests and the demo.
//!
//! It imitates what a client can observe: paths, bodies, codes, words, units, slowness and strictness about
//! signatures, after the published API references. It shares no code with the provider, so that
//! two readings of the same pages check each other.
//!
//! One port per service, because their paths overlap; one for IAM; one to control it all. The README beside this
//! crate describes the control port.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use huaweidb_emulator::{Emulator, Fault, Options};
//!
//! let emulator = Emulator::start(Options::default()).await?;
//! let dds = emulator.endpoint("dds");
//! emulator.fault(Fault::status(503).on("dds").method("GET").times(2));
//! // … let a client talk to `dds` …
//! assert!(emulator.journal().iter().all(|call| call.auth == "aksk"));
//! # Ok(()) }
//! ```

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

mod clock;
mod codes;
mod control;
mod directory;
mod faults;
mod gate;
mod journal;
mod ledger;
mod mint;
mod modes;
mod pace;
mod restores;
mod server;
mod service;
mod services;
mod throttle;
mod wire;
mod world;

pub use codes::{About, CODES, Code, codes};
pub use faults::{Fault, FaultKind, JobEnd};
pub use journal::Call;
pub use ledger::Totals;
pub use modes::{
    Description, ForeignProject, GoneInstance, Metadata, Modes, OpenEnd, RetryAfter, Throttle, TokenRefusal, Total,
};
pub use pace::Pace;
pub use world::{BackupRow, InstanceRow, NewBackups, NewInstance};

use directory::{DELEGATING, HOME, NEIGHBOUR};
use server::{CONTROL, Shared, locked};
use service::Service;
use world::World;

/// How to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on; has to be a loopback address.
    pub host: IpAddr,
    /// The region whose project is the default one.
    pub region: String,
    /// How fast things go.
    pub pace: Pace,
    /// What differs from the recommended behaviour.
    pub modes: Modes,
    /// Whether a few instances of every service are there from the start.
    pub furnished: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            region: "eu-de".to_owned(),
            pace: Pace::default(),
            modes: Modes::default(),
            furnished: true,
        }
    }
}

impl Options {
    /// The defaults, with backups that take this many seconds.
    pub fn with_backups_of(seconds: f64) -> Self {
        Self { pace: Pace::of_backups(seconds), ..Self::default() }
    }
}

/// A running emulator with threads of its own; dropping it stops it, and panics if one of its handlers did.
#[derive(Debug)]
pub struct Emulator {
    world: Shared,
    runtime: Option<Runtime>,
}

impl Emulator {
    /// Starts on free ports, from within a tokio runtime.
    pub async fn start(options: Options) -> io::Result<Self> {
        tokio::task::spawn_blocking(move || Self::start_now(&options)).await.map_err(io::Error::other)?
    }

    /// Starts on free ports, from anywhere.
    pub fn start_now(options: &Options) -> io::Result<Self> {
        if !options.host.is_loopback() {
            let text = format!("{} is not a loopback address: the emulator serves this machine only", options.host);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let mut world = World::new(&options.region, options.pace.clone(), options.modes.clone());
        let mut doors = Vec::new();
        let services = service::ALL.iter().map(|service| service.name());
        for door in std::iter::once("iam").chain(services).chain([CONTROL]) {
            let (listener, url) = server::bind(options.host)?;
            if door == CONTROL {
                world.control = url;
            } else {
                world.endpoints.push((door, url));
            }
            doors.push((door, listener));
        }
        if options.furnished {
            world.furnish(clock::now());
        }
        let world: Shared = Arc::new(Mutex::new(world));
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("emulator").enable_all().build()?;
        {
            let _inside = runtime.enter();
            for (door, listener) in doors {
                runtime.spawn(server::serve(TcpListener::from_std(listener)?, door, Arc::clone(&world)));
            }
        }
        Ok(Self { world, runtime: Some(runtime) })
    }

    /// What the binary prints when it is ready: endpoints, keys, project, region, instances.
    pub fn ready(&self) -> Value {
        control::ready(&locked(&self.world))
    }

    /// The URL of a service, of `iam` or of `control`, without a slash at the end.
    pub fn endpoint(&self, door: &str) -> String {
        let world = locked(&self.world);
        let found = world.endpoints.iter().find(|(name, _)| *name == door).map(|(_, url)| url.clone());
        found.unwrap_or_else(|| {
            assert_eq!(door, CONTROL, "the emulator has no such door");
            world.control.clone()
        })
    }

    // Who may come in.

    /// The permanent access key.
    pub fn access_key(&self) -> String {
        locked(&self.world).directory.access_key.clone()
    }

    /// Its secret.
    pub fn secret_key(&self) -> String {
        locked(&self.world).directory.secret_key.clone()
    }

    /// The IAM user.
    pub fn user_name(&self) -> String {
        locked(&self.world).directory.user_name.clone()
    }

    /// The password of the IAM user.
    pub fn password(&self) -> String {
        locked(&self.world).directory.password.clone()
    }

    /// The name of the user's account.
    pub fn domain_name(&self) -> String {
        locked(&self.world).directory.accounts[HOME].name.clone()
    }

    /// The id of the user's account.
    pub fn domain_id(&self) -> String {
        locked(&self.world).directory.accounts[HOME].id.clone()
    }

    /// The account that has delegated to the user's: domain name, domain id, agency name.
    pub fn delegation(&self) -> (String, String, String) {
        let world = locked(&self.world);
        let account = &world.directory.accounts[DELEGATING];
        (account.name.clone(), account.id.clone(), world.directory.agency_name.clone())
    }

    /// The region the emulator was started with.
    pub fn region(&self) -> String {
        locked(&self.world).region.clone()
    }

    /// The project of that region.
    pub fn project_id(&self) -> String {
        self.project_id_in(&self.region())
    }

    /// The project of a region: the start region, `eu-de`, `eu-nl` or `cn-north-4`.
    pub fn project_id_in(&self, region: &str) -> String {
        locked(&self.world).project_of(region).expect("the account has a project in that region").to_owned()
    }

    /// The project of a region in the delegating account.
    pub fn delegated_project_id(&self, region: &str) -> String {
        let world = locked(&self.world);
        let project = world.directory.accounts[DELEGATING].project_by_name(region);
        project.expect("the account has a project in that region").id.clone()
    }

    /// The name and the id of an account that has nothing to do with the user's.
    pub fn neighbour(&self) -> (String, String) {
        let world = locked(&self.world);
        let account = &world.directory.accounts[NEIGHBOUR];
        (account.name.clone(), account.id.clone())
    }

    /// The project of a region in an account, given by name or id.
    pub fn project_id_of(&self, account: &str, region: &str) -> String {
        let world = locked(&self.world);
        let found = world.directory.accounts.iter().find(|known| known.name == account || known.id == account);
        let project = found.and_then(|account| account.project_by_name(region));
        project.expect("the account has a project in that region").id.clone()
    }

    /// A new permanent key of an account, for all its projects or for one: access key and secret.
    pub fn issue_key(&self, account: &str, project_id: Option<&str>) -> (String, String) {
        locked(&self.world).issue_key(account, project_id).expect("an account with that project")
    }

    /// A token for the default project that lives this many seconds.
    pub fn issue_token(&self, seconds: f64) -> String {
        let project_id = self.project_id();
        let token = locked(&self.world).issue_token(&project_id, seconds, clock::now());
        token.expect("the default project exists")
    }

    /// A temporary key of the user that lives this many seconds: access key, secret and security token.
    pub fn issue_temporary_key(&self, seconds: f64) -> (String, String, String) {
        let expires = clock::now() + clock::millis(seconds);
        let key = locked(&self.world).directory.lend(HOME, expires);
        (key.access, key.secret, key.security_token)
    }

    /// Everything that is not for other eyes, as far as it is still good: secret keys, password, tokens.
    pub fn secrets(&self) -> Vec<String> {
        locked(&self.world).directory.secrets()
    }

    /// Ends every token and temporary key at once.
    pub fn revoke_sessions(&self) {
        locked(&self.world).directory.revoke_sessions();
    }

    // What is there.

    /// All instances.
    pub fn instances(&self) -> Vec<InstanceRow> {
        locked(&self.world).instance_rows(clock::now())
    }

    /// The id of the first instance of a service; it supports every operation the service has.
    pub fn instance(&self, service: &str) -> String {
        let found = self.instances().into_iter().find(|instance| instance.service == service);
        found.expect("the service has an instance").id
    }

    /// Puts an instance there.
    pub fn add_instance(&self, wanted: &NewInstance) -> InstanceRow {
        locked(&self.world).add_instance(wanted, clock::now()).expect("a valid instance")
    }

    /// Keeps an instance busy with something that is no backup, from now on.
    pub fn keep_busy(&self, instance_id: &str, seconds: f64) {
        let mut world = locked(&self.world);
        let instance = world.ledger.instance_by_id(instance_id).expect("the instance exists");
        instance.busy_until = clock::now() + clock::millis(seconds);
    }

    /// Sets the spans, in milliseconds since 1970, to which an instance can be brought back.
    pub fn set_restore_times(&self, instance_id: &str, spans: &[(i64, i64)]) {
        let mut world = locked(&self.world);
        let instance = world.ledger.instance_by_id(instance_id).expect("the instance exists");
        instance.data.spans = Some(spans.to_vec());
    }

    /// Takes an instance away; its backups stay.
    pub fn remove_instance(&self, instance_id: &str) -> bool {
        locked(&self.world).ledger.remove_instance(instance_id)
    }

    /// All backups, oldest first within each service and project.
    pub fn backups(&self) -> Vec<BackupRow> {
        locked(&self.world).backup_rows(clock::now())
    }

    /// One backup, unless it has gone.
    pub fn backup(&self, id: &str) -> Option<BackupRow> {
        locked(&self.world).backup_row(id, clock::now())
    }

    /// Puts backups there.
    pub fn add_backups(&self, wanted: &NewBackups) -> Vec<BackupRow> {
        locked(&self.world).add_backups(wanted, clock::now()).expect("valid backups")
    }

    /// Sets a backup's status: `BUILDING`, `COMPLETED`, `FAILED`, `DELETING`; another word is shown to clients as it is.
    /// False when there is no such backup.
    pub fn set_status(&self, id: &str, word: &str) -> bool {
        locked(&self.world).set_status(id, word, clock::now())
    }

    /// Takes a backup away at once, as if someone else had deleted it. False when there is no such backup.
    pub fn vanish(&self, id: &str) -> bool {
        locked(&self.world).vanish(id, clock::now())
    }

    /// Lets lists lack a backup for a while from now on. False when there is no such backup.
    pub fn hide(&self, id: &str, seconds: f64) -> bool {
        let now = clock::now();
        locked(&self.world).ledger.hide(id, now + clock::millis(seconds), now)
    }

    /// How many backups the API has started, stopped and deleted.
    pub fn totals(&self) -> Totals {
        locked(&self.world).ledger.totals
    }

    // What happens.

    /// The calls of services and IAM since the start or the last clearing.
    pub fn journal(&self) -> Vec<Call> {
        locked(&self.world).journal.0.iter().cloned().collect()
    }

    /// Forgets the calls so far.
    pub fn clear_journal(&self) {
        locked(&self.world).journal.0.clear();
    }

    /// Queues a fault.
    pub fn fault(&self, fault: Fault) {
        locked(&self.world).faults.0.push(fault);
    }

    /// The faults still to come.
    pub fn faults(&self) -> Vec<Fault> {
        locked(&self.world).faults.0.clone()
    }

    /// Forgets the faults still to come.
    pub fn clear_faults(&self) {
        locked(&self.world).faults.0.clear();
    }

    /// Changes the pace for whatever begins from now on.
    pub fn set_pace(&self, change: impl FnOnce(&mut Pace)) {
        change(&mut locked(&self.world).paces.all);
    }

    /// Changes the pace of one service for whatever begins from now on.
    pub fn set_pace_of(&self, service: &str, change: impl FnOnce(&mut Pace)) {
        let service = Service::from_name(service).expect("the emulator has that service");
        let mut world = locked(&self.world);
        let mut pace = world.paces.of(Some(service)).clone();
        change(&mut pace);
        world.paces.set(service, pace);
    }

    /// Changes the modes.
    pub fn set_modes(&self, change: impl FnOnce(&mut Modes)) {
        change(&mut locked(&self.world).modes);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let panics = std::mem::take(&mut locked(&self.world).panics);
        if !std::thread::panicking() {
            assert!(panics.is_empty(), "handlers of the emulator panicked: {panics:#?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_handler_surfaces_when_the_emulator_is_dropped() {
        let emulator = Emulator::start_now(&Options::default()).unwrap();
        locked(&emulator.world).panics.push("dds: GET /: on purpose".to_owned());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(emulator))).is_err());
    }

    #[test]
    fn the_first_instance_of_each_service_is_the_capable_one() {
        let emulator = Emulator::start_now(&Options::default()).unwrap();
        for (service, suffix) in [("dds", "in02"), ("geminidb", "in06"), ("taurusdb", "in07"), ("rds", "in03")] {
            assert!(emulator.instance(service).ends_with(suffix), "{service}");
        }
        let stable = emulator.instance("dds");
        assert_eq!(Emulator::start_now(&Options::default()).unwrap().instance("dds"), stable);
    }
}
